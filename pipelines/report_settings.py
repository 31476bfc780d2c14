"""What a site's file says of its monthly report, and `bilan.yaml` of the server that sends it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from pipelines.source_settings import Strict
from reports.blocks import SECTIONS, USUAL, Block, BlockError, chosen
from warehouse.returned import Annotation

# One address, plain: no display name, no route, nothing that could start another header.
ADDRESS = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$"
Address = Annotated[str, Field(pattern=ADDRESS, max_length=254)]


class Report(Strict):
    """The monthly report as this site wants it; `blocks` are those of `reports.blocks`."""

    sections: tuple[str, ...] = SECTIONS
    blocks: Mapping[str, tuple[Block, ...]] = Field(default_factory=lambda: dict(USUAL))
    accent: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#0b6e75"
    # None: the language of the site.
    language: Literal["fr", "en"] | None = None
    logo: Path | None = None
    recipients: tuple[Address, ...] = ()
    # Events that explain a month, marked in the trends: {month: 2026-03, text: new X-ray room}.
    notes: Annotated[tuple[Annotation, ...], Field(max_length=200)] = ()

    @field_validator("sections")
    @classmethod
    def _known_sections(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or set(value) - set(SECTIONS) or len(set(value)) < len(value):
            raise ValueError(f"name one or more, each once, of {', '.join(SECTIONS)}")
        return value

    @field_validator("blocks", mode="before")
    @classmethod
    def _known_blocks(cls, value: Any) -> Any:
        try:
            return chosen(value)
        except BlockError as error:
            raise ValueError(str(error)) from None


class Smtp(Strict):
    """The mail server that takes the reports; the password is read from a file, never written here."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: Address
    user: str | None = None
    password_file: Path | None = None
    seconds: Annotated[float, Field(gt=0, le=600)] = 30.0

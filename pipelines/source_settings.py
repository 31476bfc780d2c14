"""What a site's file says of its sources: one class for each kind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SITE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]


class Strict(BaseModel):
    """Unknown keys are mistakes: a misspelt option must not be silently without effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FolderSource(Strict):
    """A folder where images or messages arrive, at any depth and with any extension."""

    name: SourceName
    type: Literal["folder"]
    path: Path
    content: Literal["dicom", "hl7"]
    stable_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0

"""The sections `export` and `hub` of `bilan.yaml`: where aggregates go, and what a hub asks of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Export(BaseModel):
    """Where a site's aggregates are taken. All of it is off by default: a file is made, to be carried by hand.

    `address` is the hub's, for the only connection that this product opens to the outside; `authorities`
    a file of the certificates to trust instead of the system's; `hub_key` the hub's public key, to which
    bundles are then sealed; `folder` a shared folder into which they are copied. `hub_signs` is the public key
    that must have signed what the hub gives back; `status` a daily sign of life beside the monthly bundles.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9./_\-]*)?$")] | None = None
    authorities: Path | None = None
    proxy: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    folder: Path | None = None
    hub_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    status: bool = False
    hub_signs: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class HubModel(BaseModel):
    """A version of the model, in the order of their release."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str


class Hub(BaseModel):
    """What a hub asks of bundles: the least threshold of small cells; and the model versions released, oldest first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    small_cell: Annotated[int, Field(ge=5, le=100)] = 11
    models: tuple[HubModel, ...] = ()


def signing_key(home: Path, site: str) -> Path:
    """Return the file of the key that signs a site's aggregates."""
    return home / "keys" / f"{site}.sign"


def opening_key(home: Path) -> Path:
    """Return the file of the hub's key, which opens sealed bundles."""
    return home / "keys" / "hub.open"


def hub_signing_key(home: Path) -> Path:
    """Return the file of the key that signs what the hub gives back to its sites."""
    return home / "keys" / "hub.return"


def hub_store(home: Path) -> Path:
    """Return the hub's own database of aggregates."""
    return home / "data" / "hub.duckdb"


def hub_published(home: Path) -> Path:
    """Return the copy of it that readers open."""
    return home / "data" / "hub_published.duckdb"


def export_folder(home: Path, site: str, month: str) -> Path:
    """Return the folder of a month's aggregates."""
    return home / "issued" / site / "exports" / month

"""The sites that a hub knows, and what is known of each month of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.connect import HUB, migrate, transaction, writer
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STAGES = ("set_up", "shadow", "live")


@dataclass(frozen=True, slots=True)
class PartnerSite:
    """One site of the hub, as the row of `partner_site`; `key` is the public key that signs its bundles."""

    site: str
    name: str
    country: str
    language: str
    sector: str
    site_group: str | None
    manager: str | None
    contract_studies_per_month: int | None
    since: date | None
    stage: str
    benchmark: bool
    key: str
    registered_at: datetime


def make(store: Path) -> int:
    """Make the hub's database, or bring it to this version; return how many steps that took."""
    return migrate(store, schema=HUB)


def register(store: Path, site: PartnerSite, wait_minutes: float = 30.0) -> None:
    """Write a site's row, in the place of the one before."""
    with writer(store, wait_minutes, HUB) as connection, transaction(connection):
        put(connection, site)


def put(connection: DuckDBPyConnection, site: PartnerSite) -> None:
    """Write a site's row within an open transaction."""
    connection.execute(statement("register", "hub_queries"), {name: getattr(site, name) for name in site.__slots__})


def sites(connection: DuckDBPyConnection) -> list[PartnerSite]:
    """Return every site, by name."""
    return [PartnerSite(**row) for row in _rows(connection, "sites", {})]


def months(connection: DuckDBPyConnection, since: str, only: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return the key figures of each site (or of some) and month from `since` (``YYYY-MM``) on, oldest first.

    `imported_at` is UTC, without saying so.
    """
    return _rows(connection, "months", {"since": since, "sites": None if only is None else list(only)})


def newest_month(connection: DuckDBPyConnection) -> str | None:
    """Return the last month that any site told, or None."""
    found = _rows(connection, "newest_month", {})
    return found[0]["month"] if found else None


def last_returns(connection: DuckDBPyConnection) -> dict[str, tuple[int, str]]:
    """Return the number and the text of what each site was given back last."""
    return {row["site"]: (row["seq"], row["payload"]) for row in _rows(connection, "returned_last", {})}


def put_return(connection: DuckDBPyConnection, site: str, seq: int, payload: str, now: datetime) -> None:
    """Keep what a site is given back, within an open transaction."""
    connection.execute(
        statement("returned_add", "hub_queries"), {"site": site, "seq": seq, "made_at": now, "payload": payload}
    )


def refusals(connection: DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return what was refused and why, the newest first, at most 500."""
    return _rows(connection, "refusals", {})


def _rows(connection: DuckDBPyConnection, name: str, given: Mapping[str, object]) -> list[dict[str, Any]]:
    cursor = connection.execute(statement(name, "hub_queries"), dict(given))
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

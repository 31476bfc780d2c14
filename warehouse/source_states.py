"""Whether each source could be read when a night last tried."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def note(connection: DuckDBPyConnection, site: str, read: Mapping[str, bool], now: datetime) -> None:
    """Note of each source whether it could be read at `now` (UTC)."""
    if read:
        given = {"site": site, "sources": list(read), "read": list(read.values()), "now": now}
        connection.execute(statement("note_source_states"), given)


def failing(connection: DuckDBPyConnection, site: str) -> dict[str, datetime]:
    """Return the sources that could not be read when last tried, and since when (UTC)."""
    rows = connection.execute(statement("failing_sources"), {"site": site}).fetchall()
    return {source: since.astimezone(UTC) for source, since in rows}

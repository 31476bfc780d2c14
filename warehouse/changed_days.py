"""Days whose studies changed since their list was issued; kept, so that a crash in between loses none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def note(connection: DuckDBPyConnection, site: str, days: Sequence[date], now: datetime) -> None:
    """Note that studies of these local days changed at `now` (UTC)."""
    if days:
        given = {"site": site, "days": list(days), "now": now}
        connection.execute(statement("note_changed_days"), given)


def waiting(connection: DuckDBPyConnection, site: str) -> dict[date, datetime]:
    """Return the days whose list waits to be issued again, oldest first, with the time of the change (UTC)."""
    rows = connection.execute(statement("changed_days"), {"site": site}).fetchall()
    return {day: changed_at.astimezone(UTC) for day, changed_at in rows}


def settle(connection: DuckDBPyConnection, site: str, issued: Mapping[date, datetime]) -> None:
    """Forget the changes that were issued; a day that changed again meanwhile stays."""
    if issued:
        given = {"site": site, "days": list(issued), "times": list(issued.values())}
        connection.execute(statement("settle_changed_days"), given)

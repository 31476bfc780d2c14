"""The data cut of a month: the time up to which events count."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FOLLOW_UP = timedelta(days=7)  # each month is followed so long after its end, then it is closed


def latest_commit(connection: DuckDBPyConnection, site: str) -> datetime | None:
    """Return when anything of `site` was last committed (our own clock, UTC), or None."""
    row = connection.execute(statement("data_cut"), {"site": site}).fetchone()
    if row is None or row[0] is None:
        return None
    committed: datetime = row[0]
    return committed.astimezone(UTC)


def local_midnight(day: date, time_zone: str) -> datetime:
    """Return the start of a local day in UTC."""
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)


def data_cut(latest: datetime | None, end: date, time_zone: str) -> datetime:
    """Return the data cut of the month that ends before the local day `end`, UTC.

    It is the latest commit, but not later than `FOLLOW_UP` after the end of the month: all months
    of a history are then followed equally long, and a closed month does not change when later
    months come in. Without any commit it is the end of the follow-up.
    """
    closed = local_midnight(end + FOLLOW_UP, time_zone)
    return closed if latest is None else min(latest, closed)

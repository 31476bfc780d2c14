"""The row of each site and night: opened when it starts, closed when its list can be issued."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


STEPS = ("study", "report_event", "finding", "report_label")


def begin(connection: DuckDBPyConnection, site: str, day: date, now: datetime) -> None:
    """Open a night, or open it again; `now` is our own clock (UTC)."""
    connection.execute(statement("open_night"), {"site": site, "day": day, "now": now})


def clear(connection: DuckDBPyConnection, site: str, day: date, steps: Sequence[str] = STEPS) -> None:
    """Forget the failures that an earlier run of these steps had, when they are run again."""
    connection.execute(statement("clear_night"), {"site": site, "day": day, "steps": list(steps)})


def fail(connection: DuckDBPyConnection, site: str, day: date, step: str, error: str) -> None:
    """Note that a step of a night failed; `error` is a code, never a message."""
    connection.execute(statement("mark_night_failed"), {"site": site, "day": day, "error": error})
    connection.execute(statement("fail_night"), {"site": site, "day": day, "step": step, "error": error})


def close(connection: DuckDBPyConnection, site: str, day: date, now: datetime, status: str) -> None:
    """Close a night as complete or late, unless something in it failed."""
    connection.execute(statement("close_night"), {"site": site, "day": day, "now": now, "status": status})


def states(connection: DuckDBPyConnection, site: str, days: Sequence[date]) -> dict[date, tuple[str, str | None]]:
    """Return (status, error code) of those of these nights that were ever run."""
    rows = connection.execute(statement("night_rows"), {"site": site, "days": list(days)}).fetchall()
    return {day: (status, error) for day, status, error in rows}


def since(connection: DuckDBPyConnection, site: str, start: date) -> tuple[date | None, dict[date, str]]:
    """Return the first night that a site ever had, and the states of its nights since `start`."""
    row = connection.execute(statement("night_span"), {"site": site, "start": start}).fetchone()
    first, found = row or (None, [])
    return first, {night["day"]: night["status"] for night in found}


def unissued_months(connection: DuckDBPyConnection, site: str, start: date, end: date) -> list[str]:
    """Return the months (``YYYY-MM``) of local days from `start` up to `end` with data and without an issue."""
    rows = connection.execute(statement("unissued_months"), {"site": site, "start": start, "end": end}).fetchall()
    return [month for (month,) in rows]

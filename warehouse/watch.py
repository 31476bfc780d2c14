"""What the alarms are judged by: counts of nights and weeks, from the published copy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Taken:
    """What a night took, None where it has not run, and what the same weekday takes as a rule."""

    images: int | None
    messages: int | None
    usual_images: float
    usual_messages: float


def taken(connection: DuckDBPyConnection, site: str, day: date) -> Taken:
    """Return what the night of a local day took."""
    row = connection.execute(statement("watch_night"), {"site": site, "day": day}).fetchone()
    return Taken(*row) if row else Taken(None, None, 0, 0)


def refused(connection: DuckDBPyConnection, site: str, day: date) -> list[tuple[str, int, int]]:
    """Return night, number refused and number offered of eight weeks up to `day`, oldest first."""
    rows = connection.execute(statement("watch_refused"), {"site": site, "day": day}).fetchall()
    return [(night.isoformat(), n, offered) for night, offered, n in rows]


def positive(connection: DuckDBPyConnection, site: str, day: date) -> list[tuple[str, int, int]]:
    """Return first day, number positive and number judged of each whole week of half a year, oldest first."""
    rows = connection.execute(statement("watch_positive"), {"site": site, "day": day}).fetchall()
    return [(week.isoformat(), n, judged) for week, n, judged in rows]

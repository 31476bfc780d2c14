"""What other thresholds would have meant at a site: counts over past studies, on the published copy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Period:
    """The studies that thresholds are judged on, and those left out, by reason.

    `scored` have a score by the model of the last result; `comparable` of them a report that says
    fracture or none. `model_sha256` is None where no study has a score.
    """

    model_sha256: str | None
    model_name: str | None
    model_version: str | None
    threshold_doubtful: float | None
    threshold_positive: float | None
    studies: int
    scored: int
    comparable: int
    simulated: int
    left_out: Mapping[str, int]
    not_comparable: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Counts:
    """What one threshold would have flagged: see `threshold_choices.sql`."""

    threshold: float
    days: int
    studies: int
    flagged: int
    flagged_mean: float
    flagged_spread: float | None
    present: int
    present_flagged: int
    absent: int
    absent_flagged: int


def period(connection: DuckDBPyConnection, site: str, start: date, end: date, cut: datetime) -> Period:
    """Return what the local days from `start` until before `end` offer; reports signed after `cut` are not there."""
    given = {"site": site, "start": start, "end": end, "cut": cut}
    found = connection.execute(statement("threshold_period"), given)
    row = dict(zip((column[0] for column in found.description), found.fetchall()[0], strict=True))
    reasons = {name: dict(row[name] or {}) for name in ("left_out", "not_comparable")}
    return Period(**(row | reasons))


def choices(
    connection: DuckDBPyConnection,
    site: str,
    start: date,
    end: date,
    cut: datetime,
    model_sha256: str,
    thresholds: Iterable[float],
) -> list[Counts]:
    """Return the counts of each threshold, the lowest first; none where no study has a score by this model."""
    given = {"site": site, "start": start, "end": end, "cut": cut, "model": model_sha256}
    found = connection.execute(statement("threshold_choices"), {**given, "thresholds": list(thresholds)}).fetchall()
    return [Counts(*row) for row in found]

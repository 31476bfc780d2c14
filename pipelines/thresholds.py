"""`bilan thresholds`: what other thresholds would have meant on a site's last months."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from pipelines.config import Config
from pipelines.errors import NothingToReportError
from reports import thresholds
from reports.thresholds import Comparison
from warehouse import cases, connect
from warehouse.data_cut import latest_commit


def compare(config: Config, site: str, months: int, doubtful: float | None, positive: float | None) -> Comparison:
    """Compare candidate thresholds, the current ones and those asked for, over the last months with studies.

    Raises
    ------
    NothingToReportError
        If no study of these months has a score.
    """
    config.site(site)
    asked = {"doubtful": doubtful, "positive": positive}
    with connect.reader(config.published) as connection:
        newest, cut = cases.newest_day(connection, site), latest_commit(connection, site)
        found = None
        if newest is not None and cut is not None:
            end = newest + timedelta(days=1)
            given = {point: value for point, value in asked.items() if value is not None}
            found = thresholds.compare(connection, site, months_before(end, months), end, cut, given)
    if found is None:
        raise NothingToReportError(f"site {site} has no study with a score in these months; run a night first")
    return found


def months_before(day: date, months: int) -> date:
    """Return the same day of an earlier month, its last one where that month is shorter."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))

"""The figures of one site and month, as shown in the report, in `figures.json` and by `bilan figures`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from reports.trend import Trend
from reports.value import Value
from warehouse.figure import Definition
from warehouse.site import SiteFacts

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

__all__ = ["MonthFigures", "SiteFacts", "Value", "month_figures", "to_json"]


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """All figures of one site and month.

    Attributes
    ----------
    start, end
        First local day of the month, and of the next.
    data_cut
        UTC; reports signed later count as not yet there.
    values
        By figure or measure name, in the order of the report, the strata of each in their own order.
    history
        Thirteen months ending with this one, oldest first; None where the site had no data.
    trends
        Control chart of each entry of `history`.
    frames
        Tables for charts, e.g. ``time_to_report`` (hours, share, low, high, at_risk).
    definitions
        Titles and definitions in both languages of every name in `values`.
    """

    site: SiteFacts
    month: str
    start: date
    end: date
    data_cut: datetime
    values: Mapping[str, list[Value]]
    history: Mapping[str, list[tuple[str, Value | None]]]
    trends: Mapping[str, Trend]
    frames: Mapping[str, pd.DataFrame]
    definitions: Mapping[str, Definition]

    def one(self, name: str, **stratum: str | int) -> Value | None:
        """Return the value of `name` whose stratum is exactly `stratum`, or None."""
        return next((value for value in self.values.get(name, []) if dict(value.stratum) == stratum), None)


def month_figures(
    connection: DuckDBPyConnection, site: str, month: str, data_cut: datetime | None = None
) -> MonthFigures:
    """Compute every figure of `month` (``YYYY-MM``) for `site`."""
    raise NotImplementedError


def to_json(figures: MonthFigures) -> dict[str, Any]:
    """Return the figures as plain data in a stable order, without NaN."""
    return {
        "site": figures.site.site,
        "month": figures.month,
        "start": figures.start.isoformat(),
        "end": figures.end.isoformat(),
        "data_cut": figures.data_cut.isoformat(),
        "figures": [value.as_dict() for values in figures.values.values() for value in values],
        "history": {
            name: [{"month": month, **(_brief(value))} for month, value in entries]
            for name, entries in figures.history.items()
        },
    }


def _brief(value: Value | None) -> dict[str, Any]:
    if value is None:
        return {"value": None}
    whole = value.as_dict()
    return {key: whole[key] for key in ("value", "low", "high", "numerator", "denominator", "suppressed")}

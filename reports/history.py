"""The key figures of thirteen months, and whether the last of them is unusual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from reports import concordance, protected, tabulate
from reports.suppression import small, withhold
from reports.trend import Kind, Point, Trend, signals
from reports.value import Value
from warehouse.data_cut import data_cut, local_midnight
from warehouse.figure import Period

if TYPE_CHECKING:
    from warehouse.site import SiteFacts

MONTHS = 13
KINDS: dict[str, Kind] = {
    "volume": "xmr",
    "positive_rate": "p",
    "doubtful_rate": "p",
    "report_turnaround_median": "xmr",
    "report_turnaround_p90": "xmr",
    "reported_within_24h": "p",
    "reported_within_target": "p",
    "agreement": "p",
    "positive_percent_agreement": "p",
    "negative_percent_agreement": "p",
    "agreement_positive_only": "p",
    "positive_percent_agreement_positive_only": "p",
    "negative_percent_agreement_positive_only": "p",
    "caught_by_safety_net": "xmr",
}
SINGLE = ("volume", "positive_rate", "doubtful_rate", "caught_by_safety_net")
# What the key figures are made from: each asked once, for all months.
QUERIES = (*SINGLE, "turnaround_durations", "agreement_cells")
History = dict[str, list[tuple[str, Value | None]]]


def bounds(month: str) -> tuple[date, date]:
    """Return the first local day of a month ``YYYY-MM`` and of the next.

    Raises
    ------
    ValueError
        If `month` is not a month in this form.
    """
    start = date.fromisoformat(f"{month}-01")
    return start, (start + timedelta(days=31)).replace(day=1)


def months_up_to(month: str) -> list[str]:
    """Return the `MONTHS` months that end with `month`, oldest first."""
    year, number = int(month[:4]), int(month[5:7])
    last = 12 * year + number - 1
    return [f"{index // 12:04d}-{index % 12 + 1:02d}" for index in range(last - MONTHS + 1, last + 1)]


def periods(facts: SiteFacts, month: str, latest: datetime | None) -> list[Period]:
    """Return the months up to `month`, oldest first, each with the data cut of its own report."""
    spans = map(bounds, months_up_to(month))
    return [Period(facts.site, start, end, data_cut(latest, end, facts.time_zone)) for start, end in spans]


def history(answers: Mapping[str, Sequence[Sequence[tabulate.Row]]], facts: SiteFacts, month: str) -> History:
    """Return each key figure over the months up to `month` from the answers of `QUERIES` for its `periods`.

    Months before the first study of the site are None.
    """
    entries: History = {name: [] for name in KINDS}
    started = False
    for index, each in enumerate(months_up_to(month)):
        values = _month({name: answers[name][index] for name in QUERIES}, facts)
        started = started or bool(values["volume"].value)
        for name in KINDS:
            entries[name].append((each, _shown(name, values[name], facts.small_cell) if started else None))
    return entries


def _shown(name: str, value: Value, threshold: int) -> Value:
    return protected.history(name, value, threshold) if threshold > 1 else value


def _month(answers: Mapping[str, Sequence[tabulate.Row]], facts: SiteFacts) -> Mapping[str, Value]:
    values = {name: tabulate.plain(name, answers[name])[0] for name in SINGLE}
    waits = answers["turnaround_durations"]
    median, p90 = tabulate.overall_turnaround(waits)
    within = {value.stratum["hours"]: value for value in tabulate.reported_within(waits, facts.turnaround_target_hours)}
    return {
        **values,
        "report_turnaround_median": median,
        "report_turnaround_p90": p90,
        "reported_within_24h": within[24],
        "reported_within_target": within["target"],
        **_agreement(answers["agreement_cells"], facts.small_cell),
    }


def _agreement(found: Sequence[tabulate.Row], threshold: int) -> dict[str, Value]:
    tables = concordance.agreeing([row for row in found if row["strata"] == "all"])
    values = {name: tables[name][0] for name in concordance.STRATIFIED}
    values |= {f"{name}_positive_only": tables[name][1] for name in concordance.STRATIFIED}
    if threshold > 1 and any(small(cell, threshold) for cell in tables["agreement_cells"]):
        # The two readings together would give the doubtful ones.
        return {name: withhold(value) for name, value in values.items()}
    return values


def trends(entries: History, facts: SiteFacts, cut: datetime) -> dict[str, Trend]:
    """Return the control chart of each key figure; a month not yet over has no volume to compare."""
    charts = {}
    for name, months in entries.items():
        points = [
            Point(month, value.value, value.denominator or 1.0)
            for month, value in months
            if value is not None and value.value is not None
            if name != "volume" or local_midnight(bounds(month)[1], facts.time_zone) <= cut
        ]
        charts[name] = signals(points, KINDS[name])
    return charts

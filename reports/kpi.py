"""The figures of one site and month, as shown in the report, in `figures.json` and by `bilan figures`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from reports import concordance, protected, shadow, tabulate
from reports.frames import frames
from reports.history import QUERIES as PAST
from reports.history import bounds, history, periods, trends
from reports.suppression import suppress
from reports.tabulate import Row
from reports.trend import Trend
from reports.value import Value
from warehouse.data_cut import latest_commit
from warehouse.figure import Definition, Period, answers, definitions
from warehouse.model_change import ModelChange, model_changes
from warehouse.site import SiteFacts, site_facts

if TYPE_CHECKING:
    import pandas as pd

    from warehouse.figure import Connection

__all__ = ["MonthFigures", "SiteFacts", "Value", "month_figures", "sha256", "sites_figures", "to_json"]

# Every query, in the order of the report.
QUERIES = (
    "volume",
    "images",
    "patients",
    "volume_by_day",
    "volume_by_region",
    "volume_by_patient_class",
    "volume_by_hour",
    "volume_by_device",
    "positive_rate",
    "doubtful_rate",
    "positive_rate_by_region",
    "doubtful_rate_by_region",
    "positive_rate_by_age_band",
    "doubtful_rate_by_age_band",
    "score_distribution",
    "turnaround_durations",
    "unreported",
    "unusable_times",
    "ai_delay",
    "order_to_exam",
    "agreement_cells",
    "labeller_audit",
    "discordances",
    "caught_by_safety_net",
    "offered",
    "quarantine_reasons",
    "nights",
    "unmatched_reports",
    "studies_without_report",
    "score_drift",
    "case_mix_drift",
    "models",
    "simulated_share",
    "outside_scope",
    "shadow_cells",
)
DURATIONS = frozenset({"ai_delay", "order_to_exam"})
DRIFTS = frozenset({"score_drift", "case_mix_drift"})


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
    model_changes
        The days among the thirteen months on which the model changed.
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
    model_changes: tuple[ModelChange, ...]
    frames: Mapping[str, pd.DataFrame]
    definitions: Mapping[str, Definition]

    def one(self, name: str, **stratum: str | int) -> Value | None:
        """Return the value of `name` whose stratum is exactly `stratum`, or None."""
        return next((value for value in self.values.get(name, []) if dict(value.stratum) == stratum), None)


def month_figures(connection: Connection, site: str, month: str, data_cut: datetime | None = None) -> MonthFigures:
    """Compute every figure of `month` (``YYYY-MM``) for `site`: see `sites_figures`."""
    return sites_figures(connection, [site], month, data_cut)[site]


def sites_figures(
    connection: Connection, sites: Sequence[str], month: str, data_cut: datetime | None = None
) -> dict[str, MonthFigures]:
    """Compute every figure of `month` (``YYYY-MM``) for these sites, each query once for all of them.

    `data_cut` (UTC) defaults to the latest commit in the warehouse; either is capped at a week after
    the end of the month (see `warehouse.data_cut`).

    Raises
    ------
    warehouse.site.UnknownSiteError
        If the warehouse does not know the site.
    ValueError
        If `month` is not a month.
    """
    _, end = bounds(month)
    known = [site_facts(connection, site, end) for site in sites]
    spans = [periods(facts, month, data_cut or latest_commit(connection, facts.site)) for facts in known]
    wanted = {
        name: [period for months in spans for period in (months if name in PAST else months[-1:])] for name in QUERIES
    }
    found = answers(connection, wanted)
    figures = {}
    for index, (facts, months) in enumerate(zip(known, spans, strict=True)):
        own = {
            name: found[name][index * len(months) :][: len(months)] if name in PAST else [found[name][index]]
            for name in QUERIES
        }
        changes = model_changes(connection, facts.site, months[0].start, end)
        figures[facts.site] = _site(facts, month, months[-1], own, changes)
    return figures


def _site(
    facts: SiteFacts,
    month: str,
    period: Period,
    found: Mapping[str, Sequence[Sequence[Row]]],
    changes: tuple[ModelChange, ...],
) -> MonthFigures:
    """Return a site's figures from the rows of each query: of the month alone, or of the months up to it."""
    asked = {name: rows[-1] for name, rows in found.items()}
    values = suppress(_values(asked, facts, month), facts.small_cell)
    drawn = frames(asked, facts.small_cell)
    if facts.small_cell > 1:
        told = protected.tables(asked, facts.small_cell)
        values = protected.values(values, told, facts.small_cell, facts.turnaround_target_hours)
        drawn = protected.frames(told)
    past = history(found, facts, month)
    if facts.small_cell > 1:
        # This month's own point is what this report says of it.
        past = {name: [*each[:-1], (month, protected.latest(name, values))] for name, each in past.items()}
    return MonthFigures(
        site=facts,
        month=month,
        start=period.start,
        end=period.end,
        data_cut=period.cut,
        values=values,
        history=past,
        trends=trends(past, facts, period.cut),
        model_changes=changes,
        frames=drawn,
        definitions=definitions(),
    )


def _values(answers: Mapping[str, Sequence[Row]], facts: SiteFacts, month: str) -> dict[str, list[Value]]:
    values: dict[str, list[Value]] = {}
    for name in QUERIES:
        answer = answers[name]
        if name in DURATIONS:
            values[name] = tabulate.durations(name, answer)
        elif name in DRIFTS:
            values |= tabulate.drifting(name, answer)
        elif name == "turnaround_durations":
            values |= tabulate.turnaround(answer)
            values["reported_within"] = tabulate.reported_within(answer, facts.turnaround_target_hours)
        elif name == "agreement_cells":
            values |= concordance.agreeing(answer)
        elif name == "labeller_audit":
            values |= concordance.audited(answer, answers["agreement_cells"], f"{facts.site}/{month}")
        elif name == "shadow_cells":
            values |= shadow.comparing(answer)
        elif name == "discordances":
            values |= concordance.discordances(answer)
        else:
            values[name] = tabulate.plain(name, answer)
    return values


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
        "signals": [
            {"figure": name, "month": signal.month, "rule": signal.rule, "direction": signal.direction}
            for name, trend in figures.trends.items()
            for signal in trend.signals
        ],
        "model_changes": [
            {"day": change.day.isoformat(), "model": change.model, "version": change.version}
            for change in figures.model_changes
        ],
    }


def sha256(figures: MonthFigures) -> str:
    """Return the hash of all figures, by which an issue tells whether they are still the same."""
    return hashlib.sha256(json.dumps(to_json(figures), sort_keys=True, default=str).encode()).hexdigest()


def _brief(value: Value | None) -> dict[str, Any]:
    if value is None:
        return {"value": None}
    whole = value.as_dict()
    return {key: whole[key] for key in ("value", "low", "high", "numerator", "denominator", "suppressed")}

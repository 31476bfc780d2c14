"""Rows of the figure queries to values: one function for each shape of result."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from reports import drift
from reports.intervals import Curve, kaplan_meier
from reports.value import Value, count, quantile, rate
from warehouse.figure import definitions

Row = Mapping[str, Any]
Table = list[Value]
QUANTILES = (("median", 0.5), ("p90", 0.9))
HOURS = (1, 4, 24, 48)
_OWN = frozenset({"numerator", "denominator", "excluded"})


def blank(name: str, stratum: Row | None = None, excluded: Mapping[str, int | None] | None = None) -> Value:
    """Return a value of figure or measure `name` that holds no number yet."""
    definition = definitions()[name]
    labels = {key: label.isoformat() if isinstance(label, date) else label for key, label in (stratum or {}).items()}
    return Value(name, labels, None, None, None, None, None, excluded or {}, definition.unit, definition.sql)


def plain(name: str, rows: Iterable[Row]) -> Table:
    """Return one value for each row of numerator, denominator and strata: a share where the unit is one."""
    values = []
    for row in rows:
        value = blank(name, {key: row[key] for key in row if key not in _OWN}, row.get("excluded"))
        if value.unit == "share":
            values.append(rate(value, row["numerator"], row["denominator"]))
        else:
            values.append(count(value, row["numerator"], row["denominator"]))
    return values


def durations(name: str, rows: Sequence[Row]) -> Table:
    """Return median and 90th percentile of the one row's list `hours`."""
    row = rows[0]
    return _quantiles(name, {}, list(row["hours"]), row["excluded"])


def _quantiles(name: str, stratum: Row, hours: list[float], excluded: Mapping[str, int | None]) -> Table:
    return [
        quantile(blank(name, {"quantile": label, **stratum}, excluded), hours, probability)
        for label, probability in QUANTILES
    ]


def waited(rows: Iterable[Row], *, observed: bool) -> list[float]:
    """Return the usable hours in rows of `turnaround_durations`: those until the report, or until the data cut."""
    return [hours for row in rows if row["unusable"] is None and row["observed"] is observed for hours in row["hours"]]


def unusable(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many studies cannot be used, by reason."""
    reasons: Counter[str] = Counter()
    for row in rows:
        if row["unusable"] is not None:
            reasons[row["unusable"]] += row["numerator"]
    return dict(sorted(reasons.items()))


def turnaround(rows: Sequence[Row]) -> dict[str, Table]:
    """Return report turnaround, whole and by AI result, opening hours and hour of the day."""
    return {
        "report_turnaround": overall_turnaround(rows),
        "report_turnaround_by_ai_result": [
            value
            for result in ("positive", "doubtful", "negative", "failed", "not_processed")
            if (part := [row for row in rows if row["ai_result"] == result])
            for value in _turnaround("report_turnaround_by_ai_result", {"ai_result": result}, part)
        ],
        "report_turnaround_by_opening": [
            value
            for label, closed in (("open", False), ("closed", True))
            if (part := [row for row in rows if row["out_of_hours"] is closed])
            for value in _turnaround("report_turnaround_by_opening", {"opening": label}, part)
        ],
        "report_turnaround_by_hour": [
            _turnaround("report_turnaround_by_hour", {"hour": hour}, part)[0]
            for hour in range(24)
            if (part := [row for row in rows if row["hour"] == hour])
        ],
    }


def overall_turnaround(rows: Sequence[Row]) -> Table:
    """Return median and 90th percentile of report turnaround over all studies."""
    return _turnaround("report_turnaround", {}, rows)


def _turnaround(name: str, stratum: Row, rows: Sequence[Row]) -> Table:
    excluded = {"unreported": len(waited(rows, observed=False)), **unusable(rows)}
    return _quantiles(name, stratum, waited(rows, observed=True), excluded)


def curve(rows: Sequence[Row]) -> Curve:
    """Return the Kaplan-Meier curve of the usable studies in rows of `turnaround_durations`."""
    reported, waiting = waited(rows, observed=True), waited(rows, observed=False)
    return kaplan_meier(reported + waiting, [True] * len(reported) + [False] * len(waiting))


def reported_within(rows: Sequence[Row], target: float) -> Table:
    """Return the share reported within 1, 4, 24 and 48 hours and within the site's target.

    The numerator counts the reports within the time, the denominator all usable studies. Where some
    were censored earlier, the Kaplan-Meier share is not their quotient.
    """
    reported, whole, excluded = waited(rows, observed=True), curve(rows), unusable(rows)
    limits: list[tuple[str | int, float]] = [*((hours, float(hours)) for hours in HOURS), ("target", target)]
    values = []
    for label, hours in limits:
        share, low, high = whole.at(hours)
        within = sum(1 for each in reported if each <= hours)
        value = blank("reported_within", {"hours": label}, excluded)
        values.append(
            replace(value, value=share, low=low, high=high, numerator=float(within), denominator=float(whole.n))
        )
    return values


def drifting(name: str, rows: Sequence[Row]) -> dict[str, Table]:
    """Return the stability index and its limit of chance, for each mix; no value within the baseline."""
    mixes: dict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        mixes[row.get("mix")].append(row)
    index: Table = []
    limit: Table = []
    for mix, part in (mixes or {None: []}).items():
        stratum = {"mix": mix} if mix is not None else {}
        month, baseline = [row["numerator"] for row in part], [row["denominator"] for row in part]
        judged = bool(part) and not part[0]["in_baseline"]
        for table, label, value in (
            (index, name, drift.psi(month, baseline) if judged else None),
            (limit, f"{name}_limit", drift.chance_limit(month, baseline) if judged else None),
        ):
            counted = count(blank(label, stratum), sum(month), float(sum(baseline)))
            table.append(replace(counted, value=value))
    return {name: index, f"{name}_limit": limit}

"""Rows of the figure queries to values: one function for each shape of result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from reports import agreement, drift
from reports.intervals import Curve, kaplan_meier
from reports.value import Value, count, quantile, rate
from warehouse.figure import definitions

Row = Mapping[str, Any]
Table = list[Value]
QUANTILES = (("median", 0.5), ("p90", 0.9))
HOURS = (1, 4, 24, 48)
READINGS = {"positive_or_doubtful": ("positive", "doubtful"), "positive_only": ("positive",)}
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


def usable(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of `turnaround_durations` whose times can be used."""
    return [row for row in rows if row["unusable"] is None]


def unusable(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many rows cannot be used, by reason."""
    reasons: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["unusable"] is not None:
            reasons[row["unusable"]] += 1
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
    kept = usable(rows)
    reported = [row["hours"] for row in kept if row["observed"]]
    return _quantiles(name, stratum, reported, {"unreported": len(kept) - len(reported), **unusable(rows)})


def curve(rows: Sequence[Row]) -> Curve:
    """Return the Kaplan-Meier curve of the usable rows of `turnaround_durations`."""
    kept = usable(rows)
    return kaplan_meier([row["hours"] for row in kept], [row["observed"] for row in kept])


def reported_within(rows: Sequence[Row], target: float) -> Table:
    """Return the share reported within 1, 4, 24 and 48 hours and within the site's target.

    The numerator counts the reports within the time, the denominator all usable studies. Where some
    were censored earlier, the Kaplan-Meier share is not their quotient.
    """
    kept, whole, excluded = usable(rows), curve(rows), unusable(rows)
    limits: list[tuple[str | int, float]] = [*((hours, float(hours)) for hours in HOURS), ("target", target)]
    values = []
    for label, hours in limits:
        share, low, high = whole.at(hours)
        within = sum(1 for row in kept if row["observed"] and row["hours"] <= hours)
        value = blank("reported_within", {"hours": label}, excluded)
        values.append(
            replace(value, value=share, low=low, high=high, numerator=float(within), denominator=float(len(kept)))
        )
    return values


def agreeing(rows: Sequence[Row]) -> dict[str, Table]:
    """Return the cells, what was left out of them, and every measure for both readings of doubtful."""
    found = {(row["ai"], row["label"]): row["numerator"] for row in rows if row["reason"] is None}
    reasons: dict[str, int | None] = {row["reason"]: row["numerator"] for row in rows if row["reason"] is not None}
    comparable, everything = (rows[0]["comparable"], rows[0]["denominator"]) if rows else (0, 0)
    tables: dict[str, Table] = {
        "agreement_cells": [
            count(blank("agreement_cells", {"ai": ai, "label": label}), found.get((ai, label), 0), comparable)
            for ai in ("positive", "doubtful", "negative")
            for label in ("present", "absent")
        ],
        "agreement_excluded": [
            count(blank("agreement_excluded", {"reason": reason}), number or 0, everything)
            for reason, number in reasons.items()
        ],
    }
    for reading, positive in READINGS.items():
        cells = _cells(found, positive)
        for name, estimate in agreement.measures(cells).items():
            value = blank(name, {"reading": reading}, reasons)
            tables.setdefault(name, []).append(
                replace(
                    value,
                    value=estimate.value,
                    low=estimate.low,
                    high=estimate.high,
                    numerator=estimate.numerator,
                    denominator=float(estimate.denominator),
                )
            )
    return tables


def _cells(found: Mapping[tuple[str, str], int], positive: Sequence[str]) -> agreement.Cells:
    def total(flagged: bool, label: str) -> int:
        return sum(n for (ai, said), n in found.items() if (ai in positive) is flagged and said == label)

    return agreement.Cells(
        total(True, "present"), total(True, "absent"), total(False, "present"), total(False, "absent")
    )


def discordances(rows: Sequence[Row]) -> dict[str, Table]:
    """Return discordances by direction: how many, reviewed, confirmed, and the time to review."""
    tables: dict[str, Table] = defaultdict(list)
    for row in rows:
        stratum = {"direction": row["direction"]}
        tables["discordances"].append(count(blank("discordances", stratum), row["numerator"], row["denominator"]))
        tables["discordances_reviewed"].append(
            rate(blank("discordances_reviewed", stratum), row["reviewed"], row["numerator"])
        )
        verdicts = {"fracture": row["confirmed"], "no_fracture": row["refuted"], "unsure": row["unsure"]}
        tables["discordances_confirmed"].append(
            rate(blank("discordances_confirmed", stratum), row["confirmed"], row["reviewed"])
        )
        tables["discordance_verdicts"] += [
            count(blank("discordance_verdicts", {**stratum, "verdict": verdict}), number, row["reviewed"])
            for verdict, number in verdicts.items()
        ]
        hours = list(row["hours"])
        excluded: dict[str, int | None] = {"unusable": row["reviewed"] - len(hours)}
        tables["discordance_review_hours"].append(
            quantile(blank("discordance_review_hours", stratum, excluded), hours, 0.5)
        )
    return dict(tables)


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

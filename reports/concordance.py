"""Rows of the queries on agreement to values: the cells and their measures, the audit of the labeller, discordances."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reports import agreement, correction
from reports.agreement import Cells
from reports.correction import Audited, Estimated
from reports.tabulate import Row, Table, blank
from reports.value import Value, count, quantile, rate

READINGS = {"positive_or_doubtful": ("positive", "doubtful"), "positive_only": ("positive",)}
LABELS = ("present", "absent")
SHARES = ("agreement", "positive_percent_agreement", "negative_percent_agreement", "ppv", "npv")
STRATIFIED = ("agreement", "positive_percent_agreement", "negative_percent_agreement")
STRATA = ("region", "independence")
# Reports that are there and say neither: whatever they truly say, it lies between two extremes.
UNDECIDED = ("not_read", "queued", "uncertain", "not_addressed")


def agreeing(rows: Sequence[Row]) -> dict[str, Table]:
    """Return the cells, what was left out of them, every measure for both readings of doubtful, strata and bounds."""
    whole = [row for row in rows if row["strata"] == "all"]
    found = {(row["ai"], row["label"]): row["numerator"] for row in whole if row["reason"] is None}
    reasons = _reasons(whole)
    comparable, everything = (whole[0]["comparable"], whole[0]["denominator"]) if whole else (0, 0)
    tables: dict[str, Table] = defaultdict(list)
    tables["agreement_cells"] = [
        count(blank("agreement_cells", {"ai": ai, "label": label}), found.get((ai, label), 0), comparable)
        for ai in ("positive", "doubtful", "negative")
        for label in LABELS
    ]
    tables["agreement_excluded"] = [
        count(blank("agreement_excluded", {"reason": reason}), number or 0, everything)
        for reason, number in reasons.items()
    ]
    for reading in READINGS:
        cells = four(whole, reading)
        for name, estimate in agreement.measures(cells).items():
            tables[name].append(
                replace(
                    blank(name, {"reading": reading}, reasons),
                    value=estimate.value,
                    low=estimate.low,
                    high=estimate.high,
                    numerator=estimate.numerator,
                    denominator=float(estimate.denominator),
                )
            )
        tables["agreement_bound"] += _bounds(whole, reading, cells)
    for kind in STRATA:
        tables.update(_stratified(rows, kind))
    return dict(tables)


def _reasons(rows: Sequence[Row]) -> dict[str, int | None]:
    sums: Counter[str] = Counter()
    for row in rows:
        if row["reason"] is not None:
            sums[row["reason"]] += row["numerator"]
    return dict(sums)


def four(rows: Sequence[Row], reading: str) -> Cells:
    """Return the four cells of these rows for one reading of doubtful."""

    def total(flagged: bool, label: str) -> int:
        return sum(
            int(row["numerator"])
            for row in rows
            if row["label"] == label and (row["ai"] in READINGS[reading]) is flagged
        )

    return Cells(*(total(flagged, label) for flagged in (True, False) for label in LABELS))


def _bounds(rows: Sequence[Row], reading: str, cells: Cells) -> Table:
    queue: Counter[str] = Counter()
    for row in rows:
        if row["reason"] in UNDECIDED:
            queue["flagged" if row["ai"] in READINGS[reading] else "negative"] += row["numerator"]
    values = []
    for measure, extremes in correction.bounds(cells, queue).items():
        for assumed, (numerator, denominator) in zip(("against", "for"), extremes, strict=True):
            value = blank("agreement_bound", {"measure": measure, "reading": reading, "undecided": assumed})
            share = numerator / denominator if denominator else None
            values.append(replace(value, value=share, numerator=float(numerator), denominator=float(denominator)))
    return values


def _stratified(rows: Sequence[Row], kind: str) -> dict[str, Table]:
    """Return the measures by region, or by independence of the report, the largest first; strata to compare only."""
    part = [row for row in rows if row["strata"] == kind]
    tables: dict[str, Table] = {f"{name}_by_{kind}": [] for name in STRATIFIED}
    for stratum in dict.fromkeys(row["stratum"] for row in part):
        mine = [row for row in part if row["stratum"] == stratum]
        if not mine[0]["comparable"]:
            continue
        for reading in READINGS:
            fractions = agreement.fractions(four(mine, reading))
            for name in STRATIFIED:
                value = blank(f"{name}_by_{kind}", {kind: stratum, "reading": reading}, _reasons(mine))
                tables[f"{name}_by_{kind}"].append(rate(value, *fractions[name]))
    return tables


def audited(rows: Sequence[Row], cells: Sequence[Row], seed: str) -> dict[str, Table]:
    """Return the audit of the labeller, what its error costs, and the measures of the month corrected for it.

    Parameters
    ----------
    rows, cells
        Of `labeller_audit.sql` and of `agreement_cells.sql`.
    seed
        Site and month.
    """
    tables: dict[str, Table] = defaultdict(list)
    for row in rows:
        stratum = {"ai": row["ai"], "label": row["label"]}
        tables["labeller_audit"].append(
            count(blank("labeller_audit", stratum, row["excluded"]), row["numerator"], row["denominator"])
        )
    left_out: Counter[str] = Counter({"changed": rows[0]["changed"]})
    for row in rows:
        left_out.update(row["excluded"])
    tables["labeller_audit_excluded"] = [
        count(blank("labeller_audit_excluded", {"reason": reason}), left_out[reason], rows[0]["drawn"])
        for reason in ("not_read", "undecided", "changed")
    ]
    wide = correction.of_rows(rows, READINGS["positive_or_doubtful"])
    read = correction.classes_read(wide)
    said = {label: sum(getattr(cell, label) for cell in wide.values()) for label in LABELS}
    recognised = correction.recognition(wide, seed)
    for name, found, numbers in (
        ("labeller_predictive_value", correction.predictive_values(wide, seed), read),
        ("labeller_recognition", recognised, said),
    ):
        tables[name] = [_estimate(blank(name, {"label": label}), found.get(label), numbers[label]) for label in LABELS]
    whole = [row for row in cells if row["strata"] == "all"]
    for reading, flagged in READINGS.items():
        month = four(whole, reading)
        audit = correction.of_rows(rows, flagged)
        tables["labeller_cost"] += _costs(month, reading, recognised)
        _corrected(tables, month, reading, audit, f"{seed}/{reading}")
    return dict(tables)


def _costs(month: Cells, reading: str, recognised: Mapping[str, Estimated]) -> Table:
    labellers = {"reference": correction.REFERENCE}
    if len(recognised) == len(LABELS):
        labellers["audited"] = (recognised["present"].value, recognised["absent"].value)
    return [
        replace(
            blank("labeller_cost", {"reading": reading, "labeller": labeller}),
            value=correction.cost(month, *quality),
            denominator=float(month.n),
        )
        for labeller, quality in labellers.items()
    ]


def _corrected(
    tables: dict[str, Table], month: Cells, reading: str, audit: Mapping[tuple[str, str], Audited], seed: str
) -> None:
    found = correction.correct(month, audit, seed)
    for measure in (*SHARES, "kappa", "gwet_ac1"):
        name = "corrected_agreement" if measure in SHARES else "corrected_coefficient"
        stratum = {"measure": measure, "reading": reading}
        tables[name].append(_estimate(blank(name, stratum), found.measures.get(measure), month.n))


def _estimate(value: Value, found: Estimated | None, number: float) -> Value:
    known = replace(value, denominator=float(number))
    return known if found is None else replace(known, value=found.value, low=found.low, high=found.high)


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

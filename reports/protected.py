"""A report with a threshold of small counts: it says what the month's aggregates say, and nothing that adds to it.

What may leave a site as aggregates is protected as a whole (`warehouse.disclosure`). A report that may be passed
on must not give away, beside such a bundle or by itself, what was withheld there: by the number of studies
analysed next to that of all, by a region in two tables, by shares within four hours less those within one. So
where the site's file sets `small_cell`, each number of the report is taken from the same protected tables, or
stands in a table that shares nothing with them but the number of studies; all others are withheld. Rates are then
of all studies, the few without a result included.

`tests/drills/test_disclosure.py` attacks reports and bundles together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from reports.frames import CURVE, WAITS
from reports.suppression import TECHNICAL, small, withhold
from reports.value import Value, rate
from warehouse import disclosure
from warehouse.aggregates import LAYOUT, REGIONS
from warehouse.disclosure import Published
from warehouse.export import PATIENT_CLASSES, Usage, count

Row = Mapping[str, Any]
Values = Sequence[Value]
# Tables that share nothing with the aggregates but the number of studies: `reports.suppression.table` protects them.
APART = frozenset({"volume_by_day", "volume_by_device", "simulated_share"})
# Values of which no count is shown.
BARE = frozenset({"report_turnaround", "ai_delay", "order_to_exam", "score_drift", "case_mix_drift"})
OF_FOUR = frozenset(
    {"agreement", "positive_percent_agreement", "negative_percent_agreement", "ppv", "npv", "kappa", "gwet_ac1"}
)
FOUR = (("flagged_by_report", "fracture"), ("flagged_by_report", "no_fracture"),
        ("not_flagged_by_report", "fracture"), ("not_flagged_by_report", "no_fracture"))  # fmt: skip
_KEY: dict[str, tuple[str, dict[str, Any]]] = {
    "report_turnaround_median": ("report_turnaround", {"quantile": "median"}),
    "report_turnaround_p90": ("report_turnaround", {"quantile": "p90"}),
    "reported_within_24h": ("reported_within", {"hours": 24}),
    "reported_within_target": ("reported_within", {"hours": "target"}),
}
CUMULATIVE = (
    (1.0, "within_24_hours", "up_to_1"),
    (4.0, "within_24_hours", "up_to_4"),
    (12.0, "within_24_hours", "up_to_12"),
    (24.0, "within_24_hours", "up_to_24"),
    (48.0, "later", "up_to_48"),
    (168.0, "later", "up_to_168"),
)


def tables(answers: Mapping[str, Sequence[Row]], threshold: int) -> Published:
    """Return the month's protected tables, from the rows of the report's own queries."""
    counts = count(lambda name: [dict(row) for row in answers[name]], Usage(0, 0), ())
    return disclosure.protect(LAYOUT, counts, threshold)


def values(found: Mapping[str, Values], told: Published, threshold: int, target_hours: float) -> dict[str, list[Value]]:
    """Return the values with everything withheld that the protected tables do not tell.

    The share reported within the site's own target is told where the target is an edge of the tables' bins.
    """
    made: dict[str, list[Value]] = {}
    for name, each in found.items():
        rule = _RULES.get(name)
        if rule is not None:
            made[name] = rule(each, told)
        elif name == "reported_within":
            made[name] = [_within(value, told, target_hours) for value in each]
        elif name in APART and told["studies"]["all"] is not None:
            made[name] = [_bare_reasons(value) for value in each]
        elif name in BARE and told["studies"]["all"] is not None:
            made[name] = [_bare(value) for value in each]
        elif name in OF_FOUR:
            made[name] = [_of_four(value, told) for value in each]
        else:
            made[name] = [value if value.unit == "nights" else withhold(value) for value in each]
    return {
        name: [withhold(value) if value.unit not in TECHNICAL and small(value, threshold) else value for value in each]
        for name, each in made.items()
    }


def frames(told: Published) -> dict[str, pd.DataFrame]:
    """Return the tables behind the charts: the curve of report times at the edges that the aggregates know."""
    studies, points = told["studies"]["all"], [(0.0, 0.0, float("nan"), float("nan"), told["studies"]["all"] or 0)]
    for hours, _, _ in CUMULATIVE:
        reported = _reported(told, hours)
        if reported is None or not studies:
            continue
        points.append((hours, reported / studies, float("nan"), float("nan"), studies - reported))
    curve = pd.DataFrame(points if len(points) > 1 else [], columns=CURVE)
    curve = curve.astype({"hours": float, "share": float, "low": float, "high": float, "at_risk": int})
    scores = ["bin", "low", "high", "n", "baseline", "share", "baseline_share"]
    return {
        "turnaround": pd.DataFrame([], columns=WAITS),
        "time_to_report": curve,
        "time_to_report_by_ai_result": curve.iloc[:0].assign(ai_result=pd.Series(dtype=str)),
        "score_distribution": pd.DataFrame({name: pd.Series(dtype=float) for name in scores}),
    }


def history(name: str, value: Value, threshold: int) -> Value:
    """Return an earlier month's value as a report may tell it again: late data must not show by the difference.

    Volumes are rounded to twice the threshold, report times go without their number of studies; all others are
    withheld.
    """
    if value.suppressed or value.numerator is None or value.numerator < threshold:
        bare = value.unit == "hours" and not value.suppressed and (value.denominator or 0) >= threshold
        return _bare(value) if bare else withhold(value)
    if name != "volume":
        return withhold(value)
    rounded = float(2 * threshold * max(1, round(value.numerator / (2 * threshold))))
    return replace(value, value=rounded, numerator=rounded, excluded=dict.fromkeys(value.excluded))


def latest(name: str, found: Mapping[str, Values]) -> Value | None:
    """Return a month's own value of a key figure of the history, as its report shows it; None: none of its values."""
    figure, stratum = _KEY.get(name, (name, {}))
    if name.endswith("_positive_only"):
        figure, stratum = name.removesuffix("_positive_only"), {"reading": "positive_only"}
    elif figure in OF_FOUR:
        stratum = {"reading": "positive_or_doubtful"}
    return next((value for value in found.get(figure, []) if dict(value.stratum) == stratum), None)


def _bare(value: Value) -> Value:
    return replace(value, numerator=None, denominator=None, excluded=dict.fromkeys(value.excluded))


def _bare_reasons(value: Value) -> Value:
    return replace(value, excluded=dict.fromkeys(value.excluded))


def _counted(value: Value, n: int | None, total: int | None) -> Value:
    if n is None:
        return withhold(value)
    denominator = None if value.denominator is None or total is None else float(total)
    return replace(
        value, value=float(n), numerator=float(n), denominator=denominator, excluded=dict.fromkeys(value.excluded)
    )


def _share(value: Value, n: int | None, told: Published) -> Value:
    studies = told["studies"]["all"]
    if n is None or not studies:
        return withhold(value)
    return replace(rate(value, n, studies), excluded=dict.fromkeys(value.excluded))


def _volume(found: Values, told: Published) -> list[Value]:
    return [_counted(value, told["studies"]["all"], None) for value in found]


def _images(found: Values, told: Published) -> list[Value]:
    return [withhold(value) if told["studies"]["all"] is None else _bare_reasons(value) for value in found]


def _positive(found: Values, told: Published) -> list[Value]:
    return [_share(value, told["flagged_by_result"]["positive"], told) for value in found]


def _doubtful(found: Values, told: Published) -> list[Value]:
    return [_share(value, told["flagged_by_result"]["doubtful"], told) for value in found]


def _cells(table: str, of: Callable[[Value], str]) -> Callable[[Values, Published], list[Value]]:
    """Return the rule for rows that split cells of a table: all rows of a cell are shown, or none."""

    def rule(found: Values, told: Published) -> list[Value]:
        gone = {cell for cell, n in told[table].items() if n is None}
        gone |= {of(value) for value in found if value.suppressed}
        return [withhold(value) if of(value) in gone else value for value in found]

    return rule


def _region(value: Value) -> str:
    region = str(value.stratum["region"])
    return region if region in REGIONS else "other"


def _class(value: Value) -> str:
    return PATIENT_CLASSES.get(str(value.stratum["patient_class"]), "other")


def _offered(found: Values, told: Published) -> list[Value]:
    made = []
    for value in found:
        root = "files" if value.stratum["kind"] == "dicom" else "messages"
        total = told[root]["all"]
        counted = _counted(value, told[f"{root}_by_outcome"].get(str(value.stratum["outcome"])), total)
        # What was offered in all is told beside each outcome, be it withheld or not.
        made.append(replace(counted, denominator=None if total is None else float(total)))
    return made


def _within(value: Value, told: Published, target_hours: float) -> Value:
    hours = value.stratum["hours"]
    edge = target_hours if hours == "target" else float(hours)
    known = edge in {each for each, _, _ in CUMULATIVE}
    return _share(value, _reported(told, edge) if known else None, told)


def _reported(told: Published, hours: float) -> int | None:
    """Return how many had a report after so many hours, where the tables tell it."""
    day = told["studies_by_turnaround"]["within_24_hours"]
    bins = [told[table][cell] for edge, table, cell in CUMULATIVE if (edge > 24 or hours < 24) and edge <= hours]
    if hours >= 24:
        bins.append(day)
    return None if None in bins else sum(n for n in bins if n is not None)


def _unreported(found: Values, told: Published) -> list[Value]:
    return [
        _counted(value, told["not_within_24_hours"]["unreported"], told["studies"]["all"])
        if value.stratum["waiting"] == "any"
        else withhold(value)
        for value in found
    ]


def _agreement_cells(found: Values, told: Published) -> list[Value]:
    """Keep what is not flagged; of what is, the tables tell positive and doubtful together."""
    names = {"present": "fracture", "absent": "no_fracture"}
    made = []
    for value in found:
        if value.stratum["ai"] != "negative":
            made.append(withhold(value))
            continue
        shown = _counted(value, told["not_flagged_by_report"][names[str(value.stratum["label"])]], None)
        made.append(shown)
    return made


def _of_four(value: Value, told: Published) -> Value:
    shown = all(told[table][cell] is not None for table, cell in FOUR)
    if not shown or value.stratum.get("reading") != "positive_or_doubtful":
        return withhold(value)
    return _bare_reasons(value)


_RULES: dict[str, Callable[[Values, Published], list[Value]]] = {
    "volume": _volume,
    "images": _images,
    "volume_by_region": _cells("studies_by_region", _region),
    "volume_by_patient_class": _cells("studies_by_patient_class", _class),
    "positive_rate": _positive,
    "doubtful_rate": _doubtful,
    "offered": _offered,
    "unreported": _unreported,
    "agreement_cells": _agreement_cells,
}

"""Tables behind charts that show more than the single values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from reports.intervals import Curve
from reports.tabulate import Row, curve

LONGEST = 168.0  # hours of the curve that are drawn: a week
WAITS = ["hours", "observed", "ai_result", "out_of_hours", "hour"]
CURVE = ["hours", "share", "low", "high", "at_risk"]
Point = tuple[float, float, float | None, float | None, int]


def frames(answers: Mapping[str, Sequence[Row]], threshold: int) -> dict[str, pd.DataFrame]:
    """Return the tables by name; those of fewer studies than `threshold` are empty.

    ``turnaround`` has one row per usable study (hours; observed or censored; ai_result;
    out_of_hours; local hour of the examination). ``time_to_report`` is the Kaplan-Meier curve up to a
    week (share reported by `hours`, with its interval, and how many were still waiting), from
    (0, 0) on; ``time_to_report_by_ai_result`` has one such curve per AI result.
    ``score_distribution`` gives count and share of each bin from `low` to `high`, and the share in
    the baseline (NaN in the site's first three months).
    """
    waits = answers["turnaround_durations"]
    by_result = {
        result: [row for row in waits if row["ai_result"] == result] for result in ("positive", "doubtful", "negative")
    }
    return {
        "turnaround": _waits(waits, threshold),
        "time_to_report": _curve(waits, threshold),
        "time_to_report_by_ai_result": pd.concat(
            [_curve(part, threshold).assign(ai_result=result) for result, part in by_result.items()],
            ignore_index=True,
        ),
        "score_distribution": _scores(answers["score_drift"], threshold),
    }


def _enough(rows: Sequence[Row], threshold: int) -> list[Row]:
    kept = [row for row in rows if row["unusable"] is None]
    return kept if sum(row["numerator"] for row in kept) >= threshold else []


def _waits(rows: Sequence[Row], threshold: int) -> pd.DataFrame:
    studies = [{**row, "hours": hours} for row in _enough(rows, threshold) for hours in row["hours"]]
    return pd.DataFrame(studies, columns=WAITS).sort_values(WAITS, ignore_index=True)


def _curve(rows: Sequence[Row], threshold: int) -> pd.DataFrame:
    drawn: Curve = curve(_enough(rows, threshold))
    points: list[Point] = [(0.0, 0.0, None, None, drawn.n)] if drawn.n else []
    points += [
        (hours, share, *drawn.interval(step), at_risk)
        for step, (hours, share, at_risk) in enumerate(zip(drawn.hours, drawn.share, drawn.at_risk, strict=True))
        if hours <= LONGEST
    ]
    frame = pd.DataFrame(_coarse(points, threshold), columns=CURVE)
    return frame.astype({"hours": float, "share": float, "low": float, "high": float, "at_risk": int})


def _coarse(points: Sequence[Point], threshold: int) -> list[Point]:
    """Return the points of a curve between which at least `threshold` studies left it: a step names no single one."""
    if threshold <= 1 or not points:
        return list(points)
    kept = [points[0]]
    for point in points[1:]:
        if kept[-1][4] - point[4] >= threshold:
            kept.append(point)
    return kept


def _scores(rows: Sequence[Row], threshold: int) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(row["bin"], row["bin"] / 20, (row["bin"] + 1) / 20, row["numerator"], row["denominator"]) for row in rows],
        columns=["bin", "low", "high", "n", "baseline"],
    )
    total, baseline = frame["n"].sum(), frame["baseline"].sum()
    usable_baseline = baseline > 0 and bool(rows) and not rows[0]["in_baseline"]
    if total < threshold:
        return frame.iloc[:0].assign(share=pd.Series(dtype=float), baseline_share=pd.Series(dtype=float))
    frame["share"] = frame["n"] / total if total else 0.0
    frame["baseline_share"] = frame["baseline"] / baseline if usable_baseline else float("nan")
    return frame

"""One month of one site as the hub knows it: shares and times from counts of which some are withheld.

A count that is withheld makes no figure up: a share whose numerator is withheld is not given, one of which the
denominator is not certain is given as the range that it must lie in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.intervals import wilson

EDGES = (0.0, 1.0, 4.0, 12.0, 24.0, 48.0, 168.0, 720.0)  # hours; the last bin has no end


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval; `exact` is False where the denominator is the nearest count that is told."""

    value: float
    low: float
    high: float
    numerator: int
    denominator: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class HubMonth:
    """A row of `site_month` with what is worked out of it; None: withheld, or nothing to count.

    `agreement` is the range in which the agreement of AI and report must lie; `median_hours` is interpolated
    within the bin that holds the median.
    """

    month: str
    studies: int | None
    positive: Share | None
    within_24: Share | None
    confirmed: Share | None
    agreement: tuple[float, float] | None
    median_hours: float | None
    target_hours: float
    complete: float | None
    sign_ins: int | None
    cases_opened: int | None
    judged: int | None
    nights_bad: int
    nights_due: int
    missed_at_end: int
    alarms: int
    model: str
    version: str
    regions: tuple[int | None, ...]
    row: Mapping[str, Any]


def hub_month(row: Mapping[str, Any]) -> HubMonth:
    """Return a month from a row of `site_month`."""
    analysed = None if row["negative"] is None or row["flagged"] is None else row["flagged"] + row["negative"]
    bad = row["nights_failed"] + row["nights_missed"]
    return HubMonth(
        month=row["month"],
        studies=row["studies"],
        positive=share(row["positive"], analysed if analysed is not None else row["studies"], analysed is not None),
        within_24=share(row["within_24"], row["studies"]),
        confirmed=share(row["flagged_fracture"], _sum(row["flagged_fracture"], row["flagged_no_fracture"])),
        agreement=agreement(row),
        median_hours=median_hours(row),
        target_hours=row["turnaround_target_hours"],
        complete=_complete(row),
        sign_ins=row["sign_ins"],
        cases_opened=row["cases_opened"],
        judged=row["judged"],
        nights_bad=bad,
        nights_due=bad + row["nights_complete"] + row["nights_late"],
        missed_at_end=row["missed_at_end"],
        alarms=row["failed_steps"] + row["restored"],
        model=row["model"] or "",
        version=row["model_version"] or "",
        regions=tuple(row["regions"]),
        row=row,
    )


def share(numerator: int | None, denominator: int | None, exact: bool = True) -> Share | None:
    """Return a share with Wilson's interval, or None where a count is withheld or there is nothing to count."""
    if numerator is None or not denominator:
        return None
    low, high = wilson(numerator, denominator)
    return Share(numerator / denominator, low or 0.0, high or 0.0, numerator, denominator, exact)


def agreement(row: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the least and the greatest agreement that the counts allow; None where they allow more than 20 points."""
    sides = []
    for side, agrees, differs in (
        ("flagged", "fracture", "no_fracture"),
        ("not_flagged", "no_fracture", "fracture"),
    ):
        whole = row[side]
        right, wrong, left = (row[f"{side}_{cell}"] for cell in (agrees, differs, "not_compared"))
        if whole is None or right is None:
            return None
        rest = whole - right - sum(count for count in (wrong, left) if count is not None)
        sides.append((right, wrong if wrong is not None else 0, wrong if wrong is not None else rest))
    right = sum(each[0] for each in sides)
    least, most = sum(each[1] for each in sides), sum(each[2] for each in sides)
    if not right + least:
        return None
    low, high = right / (right + most), right / (right + least)
    return (low, high) if high - low <= 0.2 else None


def median_hours(row: Mapping[str, Any]) -> float | None:
    """Return the median report turnaround from the histogram; None where too much of it is withheld."""
    early = _filled(row["within_hours"], row["within_24"])
    late = _filled(row["later_hours"], row["later"])
    if early is None:
        return None
    # Where the later ones are withheld, those not reported within a day are their most.
    bins = [*early, *(late or [])]
    whole = sum(bins) if late is not None else sum(bins) + (row["not_within_24"] or 0)
    return quantile(bins, whole, 0.5)


def quantile(bins: Sequence[float], whole: float, probability: float) -> float | None:
    """Return a quantile of a histogram over `EDGES`, linear within its bin; None beyond the bins that are known."""
    if not whole:
        return None
    wanted, below = probability * whole, 0.0
    for place, count in enumerate(bins):
        if count and below + count >= wanted:
            return EDGES[place] + (EDGES[place + 1] - EDGES[place]) * (wanted - below) / count
        below += count
    return None


def _filled(bins: Sequence[int | None], whole: int | None) -> list[float] | None:
    """Return the bins with what is withheld dealt out evenly: their sum is known."""
    if whole is None:
        return None
    gone = sum(count is None for count in bins)
    rest = whole - sum(count for count in bins if count is not None)
    return [rest / gone if count is None else float(count) for count in bins]


def _complete(row: Mapping[str, Any]) -> float | None:
    if not row["files"] or row["files_accepted"] is None:
        return None
    taken = row["files_accepted"] + (row["files_flagged"] or 0) + (row["files_out_of_scope"] or 0)
    return float(taken / row["files"])


def _sum(*counts: int | None) -> int | None:
    return None if None in counts else sum(count for count in counts if count is not None)

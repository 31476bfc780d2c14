"""One month of one site as the hub knows it: shares and times from counts of which some are withheld.

A count that is withheld makes no figure up: a share whose numerator is withheld is not given, one of which the
denominator is not certain is given as the range that it must lie in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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


@dataclass(frozen=True)
class HubMonth:
    """A row of `site_month` with what is worked out of it; None: withheld, or nothing to count.

    What takes time is worked out when it is asked for, once: a portfolio of ten thousand sites shows the last month of
    each, and knows twenty-four.
    """

    row: Mapping[str, Any]

    @property
    def month(self) -> str:
        """``YYYY-MM``."""
        return str(self.row["month"])

    @property
    def studies(self) -> int | None:
        """Studies in scope."""
        return self._count("studies")

    @cached_property
    def positive(self) -> Share | None:
        """Studies with a positive result, of those analysed; of all where that number is withheld."""
        numerator, denominator, exact = self.positive_counts
        return share(numerator, denominator, exact)

    @property
    def positive_counts(self) -> tuple[int | None, int | None, bool]:
        """Numerator and denominator of the positive rate, and whether the denominator is certain."""
        flagged, negative = self.row["flagged"], self.row["negative"]
        if negative is None or flagged is None:
            return self.row["positive"], self.row["studies"], False
        return self.row["positive"], flagged + negative, True

    @cached_property
    def within_24(self) -> Share | None:
        """Studies with a final report within 24 hours, of all."""
        return share(self.row["within_24"], self.row["studies"])

    @cached_property
    def confirmed(self) -> Share | None:
        """Flagged studies whose report says fracture, of those whose report decides."""
        fracture = self.row["flagged_fracture"]
        return share(fracture, _sum(fracture, self.row["flagged_no_fracture"]))

    @cached_property
    def agreement(self) -> tuple[float, float] | None:
        """The range in which the agreement of AI and report must lie."""
        return agreement(self.row)

    @cached_property
    def median_hours(self) -> float | None:
        """Median report turnaround, interpolated within the bin that holds it."""
        return median_hours(self.row)

    @property
    def target_hours(self) -> float:
        """The site's own target."""
        return float(self.row["turnaround_target_hours"])

    @property
    def complete(self) -> float | None:
        """Files that were taken, of those offered."""
        return _complete(self.row)

    @property
    def sign_ins(self) -> int | None:
        """Sign-ins to the web application."""
        return self._count("sign_ins")

    @property
    def cases_opened(self) -> int | None:
        """Cases opened in it."""
        return self._count("cases_opened")

    @property
    def judged(self) -> int | None:
        """Verdicts given in it."""
        return self._count("judged")

    @property
    def nights_bad(self) -> int:
        """Nights that failed or were missed."""
        return int(self.row["nights_failed"] + self.row["nights_missed"])

    @property
    def nights_due(self) -> int:
        """All nights that were due."""
        return int(self.nights_bad + self.row["nights_complete"] + self.row["nights_late"])

    @property
    def missed_at_end(self) -> int:
        """Nights missed in a row at the end of the month."""
        return int(self.row["missed_at_end"])

    @property
    def alarms(self) -> int:
        """Steps of nights that failed, and stores that were restored."""
        return int(self.row["failed_steps"] + self.row["restored"])

    @property
    def model(self) -> str:
        """Name of the model in use at the end of the month."""
        return self.row["model"] or ""

    @property
    def version(self) -> str:
        """Version of it."""
        return self.row["model_version"] or ""

    @property
    def regions(self) -> tuple[int | None, ...]:
        """Studies of each region."""
        return tuple(self.row["regions"])

    def _count(self, name: str) -> int | None:
        found: int | None = self.row[name]
        return found


def hub_month(row: Mapping[str, Any]) -> HubMonth:
    """Return a month from a row of `site_month`."""
    return HubMonth(row)


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

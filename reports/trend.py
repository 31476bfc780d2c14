"""Whether a month is unusual: control limits and the four rules of NHS "Making Data Count".

References
----------
NHS England. Making Data Count: Strengthening your decisions, 2019.
Wheeler DJ. Understanding variation, 1993 (XmR chart: mean +- 2.66 mean moving ranges).
Montgomery DC. Introduction to statistical quality control, 7th ed., section 7.2 (p-chart).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Kind = Literal["xmr", "p"]
RULES = ("outside_limits", "shift", "trend", "two_of_three")
FEWEST_POINTS = 12
RUN = 7  # points on one side of the mean, or in one direction
XMR_LIMIT = 2.66  # 3 / d2 with d2 = 1.128 for ranges of two
XMR_SCREEN = 3.267  # D4 for ranges of two: larger moving ranges do not enter their mean


@dataclass(frozen=True, slots=True)
class Point:
    """One month: its value, and for a share the number of studies that it is a share of."""

    month: str
    value: float
    denominator: float = 1.0


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule broken by the point at `month`; `direction` is 1 for high or rising, -1 for low or falling."""

    month: str
    rule: str
    direction: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A control chart: the months with a value, mean, limits in parallel with the months, and signals.

    `reason` says why there is no chart (``not enough months``); mean, limits and signals are then empty.
    """

    kind: Kind
    months: tuple[str, ...]
    values: tuple[float, ...]
    mean: float | None
    low: tuple[float, ...]
    high: tuple[float, ...]
    signals: tuple[Signal, ...]
    reason: str | None = None

    def of(self, month: str) -> tuple[Signal, ...]:
        """Return the signals at one month."""
        return tuple(signal for signal in self.signals if signal.month == month)


def signals(points: Sequence[Point], kind: Kind) -> Trend:
    """Draw the control chart of `points`, in order of time, and apply the four rules.

    The rules: a point outside the limits; 7 or more consecutive points on one side of the mean;
    7 or more consecutive points rising or falling; 2 of 3 consecutive points in the outer third on
    one side. Each point that belongs to such a run carries the signal. All points enter the mean
    and the limits. Months without a value are left out by the caller, and their neighbours count
    as consecutive.

    Parameters
    ----------
    kind
        ``xmr`` for volumes and times, ``p`` for shares (limits widen where few studies were counted).
    """
    months = tuple(point.month for point in points)
    values = tuple(point.value for point in points)
    if len(points) < FEWEST_POINTS:
        return Trend(kind, months, values, None, (), (), (), "not enough months")
    mean, sigmas = _xmr(values) if kind == "xmr" else _p(points)
    low = tuple(mean - 3 * sigma for sigma in sigmas)
    high = tuple(mean + 3 * sigma for sigma in sigmas)
    if kind == "p":
        high = tuple(min(1.0, limit) for limit in high)
    found = [
        Signal(months[index], rule, direction)
        for rule, marks in _rules(values, mean, sigmas).items()
        for index, direction in sorted(marks.items())
    ]
    return Trend(kind, months, values, mean, tuple(max(0.0, limit) for limit in low), high, tuple(found))


def _xmr(values: Sequence[float]) -> tuple[float, list[float]]:
    mean = sum(values) / len(values)
    ranges = [abs(after - before) for before, after in pairwise(values)]
    average = sum(ranges) / len(ranges)
    kept = [size for size in ranges if size <= XMR_SCREEN * average]
    sigma = XMR_LIMIT * sum(kept) / len(kept) / 3
    return mean, [sigma] * len(values)


def _p(points: Sequence[Point]) -> tuple[float, list[float]]:
    total = sum(point.denominator for point in points)
    mean = sum(point.value * point.denominator for point in points) / total if total else 0.0
    mean = min(1.0, max(0.0, mean))
    return mean, [math.sqrt(mean * (1 - mean) / max(point.denominator, 1.0)) for point in points]


def _rules(values: Sequence[float], mean: float, sigmas: Sequence[float]) -> dict[str, dict[int, int]]:
    offsets = [value - mean for value in values]
    # A relative tolerance: rounding of the mean must not put equal values on one side of it.
    tolerance = 1e-9 * max(1.0, abs(mean))
    sides = [0 if abs(offset) <= tolerance else _sign(offset) for offset in offsets]
    steps = [_sign(after - before) for before, after in pairwise(values)]
    outside = {
        index: sides[index]
        for index, (offset, sigma) in enumerate(zip(offsets, sigmas, strict=True))
        if abs(offset) > 3 * sigma + tolerance
    }
    outer = [
        side if abs(offset) > 2 * sigma + tolerance else 0
        for side, offset, sigma in zip(sides, offsets, sigmas, strict=True)
    ]
    return {
        "outside_limits": outside,
        "shift": _runs(sides, RUN),
        # Seven points in one direction are six steps; the first point of the run belongs to it.
        "trend": {point: direction for step, direction in _runs(steps, RUN - 1).items() for point in (step, step + 1)},
        "two_of_three": _two_of_three(outer),
    }


def _runs(signs: Sequence[int], length: int) -> dict[int, int]:
    marks: dict[int, int] = {}
    start = 0
    for index in range(1, len(signs) + 1):
        if index == len(signs) or signs[index] != signs[start]:
            if signs[start] != 0 and index - start >= length:
                marks.update(dict.fromkeys(range(start, index), signs[start]))
            start = index
    return marks


def _two_of_three(outer: Sequence[int]) -> dict[int, int]:
    marks: dict[int, int] = {}
    for first in range(len(outer) - 2):
        window = range(first, first + 3)
        for direction in (1, -1):
            hits = [index for index in window if outer[index] == direction]
            if len(hits) >= 2:
                marks.update(dict.fromkeys(hits, direction))
    return marks


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)

"""One figure's value, with its interval and all that it was computed from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reports.intervals import quantile_interval, wilson


@dataclass(frozen=True, slots=True)
class Value:
    """A value of one figure or measure, for one stratum of it.

    Attributes
    ----------
    name
        The figure or measure, as in `warehouse.figure.definitions()`.
    stratum
        What distinguishes this value from the others of the same name, e.g. ``{"region": "wrist"}``.
    value, low, high
        The value and its 95 % interval; None where it cannot be said (nothing to count, or suppressed).
    numerator, denominator
        What it was computed from; for a quantile the denominator is the number of durations.
    excluded
        Studies left out, by reason; None as a count means that the count is suppressed.
    unit
        ``studies``, ``share``, ``hours``, ``kappa``, ``psi`` ...
    sql
        Name of the file that gave it.
    suppressed
        Whether it is withheld because it would show a small number of studies.
    """

    name: str
    stratum: Mapping[str, str | int]
    value: float | None
    low: float | None
    high: float | None
    numerator: float | None
    denominator: float | None
    excluded: Mapping[str, int | None] = field(default_factory=dict)
    unit: str = "studies"
    sql: str = ""
    suppressed: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the value as plain data for JSON: no NaN, no infinity, whole numbers as integers."""
        return {
            "name": self.name,
            "stratum": dict(self.stratum),
            "value": _plain(self.value),
            "low": _plain(self.low),
            "high": _plain(self.high),
            "numerator": _plain(self.numerator),
            "denominator": _plain(self.denominator),
            "excluded": {key: self.excluded[key] for key in sorted(self.excluded)},
            "unit": self.unit,
            "sql": self.sql,
            "suppressed": self.suppressed,
        }


def count(value: Value, number: float, denominator: float | None = None) -> Value:
    """Return `value` as a plain count: the count itself is the numerator, without interval."""
    return replace(value, value=float(number), numerator=float(number), denominator=denominator)


def rate(value: Value, numerator: float, denominator: float) -> Value:
    """Return `value` as a share with its Wilson interval; a denominator of 0 gives no value."""
    low, high = wilson(numerator, denominator)
    share = numerator / denominator if denominator else None
    return replace(value, value=share, low=low, high=high, numerator=float(numerator), denominator=float(denominator))


def quantile(value: Value, sample: list[float], probability: float) -> Value:
    """Return `value` as a quantile of `sample` with its order-statistic interval."""
    middle, low, high = quantile_interval(sample, probability)
    return replace(value, value=middle, low=low, high=high, denominator=float(len(sample)))


def _plain(number: float | None) -> float | int | None:
    if number is None or not math.isfinite(number):
        return None
    return int(number) if float(number).is_integer() and abs(number) < 2**53 else round(float(number), 12)

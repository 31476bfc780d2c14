"""Ninety-five per cent intervals: shares, quantiles, and the share reported within a time.

References
----------
Wilson EB. Probable inference, the law of succession, and statistical inference. JASA 1927;22:209-212.
Conover WJ. Practical nonparametric statistics, 3rd ed. 1999, section 3.2 (interval for a quantile).
Spiegelhalter DJ. Funnel plots for comparing institutional performance. Stat Med 2005;24:1185-1202.
Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. JASA 1958;53:457-481.
Kalbfleisch JD, Prentice RL. The statistical analysis of failure time data, 2nd ed. 2002, section 1.4
(interval on the scale of log(-log S) with Greenwood's variance).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special

CONFIDENCE = 0.95
FUNNEL = 0.001  # in each tail: limits of 99.8 %, as wide as three standard deviations
Z = float(special.ndtri(0.5 + CONFIDENCE / 2))


def wilson(numerator: float, denominator: float) -> tuple[float | None, float | None]:
    """Return Wilson's interval of a share, or (None, None) when the denominator is 0."""
    if denominator <= 0:
        return None, None
    share = numerator / denominator
    scale = 1 + Z**2 / denominator
    centre = (share + Z**2 / (2 * denominator)) / scale
    half = Z / scale * math.sqrt(share * (1 - share) / denominator + Z**2 / (4 * denominator**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def funnel(whole: float, denominator: int) -> tuple[float, float]:
    """Return the shares between which chance keeps a part of `denominator` studies, 998 times in 1000.

    The whole has the share `whole`. The limits are binomial quantiles, so both can be observed; a
    share beyond one of them differs from the whole by more than chance.
    """
    if denominator <= 0:
        return 0.0, 1.0
    below = special.bdtr(np.arange(0.0, denominator + 1), denominator, whole)
    low = int(np.searchsorted(below, FUNNEL, side="right"))
    high = int(np.searchsorted(below, 1 - FUNNEL, side="left"))
    return low / denominator, min(high, denominator) / denominator


def quantile_interval(sample: Sequence[float], probability: float) -> tuple[float | None, float | None, float | None]:
    """Return a quantile (linear interpolation) and its distribution-free interval.

    The limits are the order statistics r and s for which Binomial(n, `probability`) puts at most
    2.5 % below r and at most 2.5 % from s on. A limit that the sample is too small to give
    (fewer than 6 values for a median, 36 for the upper limit of a 90th percentile) is None.
    """
    n = len(sample)
    if n == 0:
        return None, None, None
    ordered = np.sort(np.asarray(sample, dtype=float))
    tail = (1 - CONFIDENCE) / 2
    lower, upper = order_statistics(n, probability, tail)
    return (
        float(np.quantile(ordered, probability)),
        float(ordered[lower - 1]) if lower >= 1 else None,
        float(ordered[upper - 1]) if upper <= n else None,
    )


@cache
def order_statistics(n: int, probability: float, tail: float) -> tuple[int, int]:
    """Return the ranks (from 1) of the two limits; 0 or n + 1 where there is none.

    With B ~ Binomial(n, p), P(quantile < X(r)) = P(B <= r - 1) and P(quantile > X(s)) = P(B >= s).
    """
    below = special.bdtr(np.arange(0.0, n + 1), n, probability)  # distribution function; quicker than stats.binom
    lower = int(np.searchsorted(below, tail, side="right"))  # the largest r with P(B <= r - 1) <= tail
    upper = int(np.searchsorted(below, 1 - tail, side="left")) + 1  # the smallest s with P(B <= s - 1) >= 1 - tail
    return lower, upper


@dataclass(frozen=True, slots=True)
class Curve:
    """Kaplan-Meier curve of the share reported (1 - S) at each time at which a report came.

    `hours`, `share`, `variance` (Greenwood's, of log S) and `at_risk` (studies still waiting just before) run in
    parallel. `n` counts all studies, `observed` those reported.
    """

    hours: tuple[float, ...]
    share: tuple[float, ...]
    variance: tuple[float, ...]
    at_risk: tuple[int, ...]
    n: int
    observed: int
    last: float

    def at(self, hours: float) -> tuple[float | None, float | None, float | None]:
        """Return the share reported within `hours` with its interval.

        None where nobody was followed for so long: after the last time known, unless all are reported.
        """
        if self.n == 0:
            return None, None, None
        step = bisect_right(self.hours, hours) - 1
        if hours > self.last and not (self.share and self.share[-1] >= 1.0):
            return None, None, None
        if step < 0:
            return 0.0, None, None
        return self.share[step], *self.interval(step)

    def interval(self, step: int) -> tuple[float | None, float | None]:
        """Return the interval of `share` at a step: symmetric on the scale of log(-log S), none where S is 0 or 1."""
        survival = 1 - self.share[step]
        if survival <= 0.0 or survival >= 1.0:
            return None, None
        width = math.exp(Z * math.sqrt(self.variance[step]) / abs(math.log(survival)))
        return 1 - survival ** (1 / width), 1 - survival**width


def kaplan_meier(hours: Sequence[float], observed: Sequence[bool]) -> Curve:
    """Estimate the share reported by time since the examination, the unreported being censored.

    A report and a censoring at the same time: the report came first (the usual convention).
    """
    times = np.asarray(hours, dtype=float)
    events = np.asarray(observed, dtype=bool)
    if times.size == 0:
        return Curve((), (), (), (), 0, 0, 0.0)
    points, reports = np.unique(times[events], return_counts=True)
    at_risk = times.size - np.searchsorted(np.sort(times), points, side="left")
    survival = np.cumprod(1 - reports / at_risk)
    with np.errstate(divide="ignore"):
        greenwood = np.cumsum(np.where(at_risk > reports, reports / (at_risk * (at_risk - reports).clip(1)), np.inf))
    return Curve(
        tuple(points.tolist()),
        tuple((1 - survival).tolist()),
        tuple(greenwood.tolist()),
        tuple(at_risk.tolist()),
        int(times.size),
        int(events.sum()),
        float(times.max()),
    )

"""Population stability index: how far a distribution has moved from the site's own baseline.

References
----------
Siddiqi N. Credit risk scorecards, 2006 (the index and the usual 0.1 and 0.2).
Yurdakul B, Naranjo J. Statistical properties of the population stability index.
Journal of Risk Model Validation 2020;14(4):89-100 (its distribution without drift).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import stats


def psi(month: Sequence[int], baseline: Sequence[int]) -> float | None:
    """Return the index between two sets of counts over the same categories; None when one is empty.

    Half a study is added to each category that either has, so that an empty one does not make it infinite.
    """
    pairs = _used(month, baseline)
    if not sum(month) or not sum(baseline):
        return None
    size = 0.5 * len(pairs)
    here, there = sum(month) + size, sum(baseline) + size
    shares = [((m + 0.5) / here, (b + 0.5) / there) for m, b in pairs]
    return sum((p - q) * math.log(p / q) for p, q in shares)


def chance_limit(month: Sequence[int], baseline: Sequence[int]) -> float | None:
    """Return what the index exceeds one time in twenty without any drift, given the two sizes.

    Without drift it is distributed as (1/n + 1/m) times chi-square with one degree of freedom
    fewer than there are categories.
    """
    categories = len(_used(month, baseline))
    if not sum(month) or not sum(baseline) or categories < 2:
        return None
    return float((1 / sum(month) + 1 / sum(baseline)) * stats.chi2.ppf(0.95, categories - 1))


def _used(month: Sequence[int], baseline: Sequence[int]) -> list[tuple[int, int]]:
    return [(m, b) for m, b in zip(month, baseline, strict=True) if m or b]

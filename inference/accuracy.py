"""Figures of a classifier against a reference: area under the curve, rates, calibration.

Each comes with its 95 % interval where one is defined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_AT_ONCE = 200
_Z = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Rate:
    """A proportion with its Wilson 95 % interval; NaN when the denominator is 0."""

    value: float
    low: float
    high: float
    numerator: int
    denominator: int


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


def auroc(labels: Labels, scores: npt.ArrayLike) -> float:
    """Area under the ROC curve, ties counted one half; NaN when a class is absent.

    References
    ----------
    Hanley J. A., McNeil B. J., Radiology 143(1):29-36, 1982 (the rank form).
    """
    present = int((labels == 1).sum())
    absent = len(labels) - present
    if present == 0 or absent == 0:
        return math.nan
    ranks = rankdata(np.asarray(scores, dtype=np.float64))[labels == 1].sum()
    return float((ranks - present * (present + 1) / 2) / (present * absent))


def auroc_interval(
    labels: Labels,
    scores: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """AUROC with a percentile bootstrap interval that draws whole groups.

    Parameters
    ----------
    groups
        One value per image; images that share it (a patient) are drawn together.
        ``None``: each image on its own.
    """
    scores = np.asarray(scores, dtype=np.float64)
    value = auroc(labels, scores)
    if math.isnan(value):
        return Interval(value, math.nan, math.nan)
    codes = np.arange(len(labels)) if groups is None else _numbered(groups)
    count = int(codes.max()) + 1
    random = np.random.default_rng(seed)
    drawn = []
    for start in range(0, resamples, _AT_ONCE):
        # Drawing groups with replacement is giving each a multinomial number of copies.
        times = random.multinomial(count, np.full(count, 1 / count), min(_AT_ONCE, resamples - start))
        drawn.append(_weighted_auroc(labels, scores, times[:, codes]))
    low, high = np.nanpercentile(np.concatenate(drawn), (2.5, 97.5))
    return Interval(value, float(low), float(high))


def _numbered(groups: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Number groups in the order met, so that their names cannot change what is drawn."""
    _, first, codes = np.unique(groups, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[codes], dtype=np.int64)


def _weighted_auroc(labels: Labels, scores: Floats, times: npt.NDArray[np.int64]) -> Floats:
    """AUROC [k] with each image counted ``times`` [k, n] times; NaN when a class is absent."""
    order = np.argsort(scores, kind="stable")
    first_of_ties = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    present = np.add.reduceat((times * (labels == 1))[:, order], first_of_ties, axis=1)
    absent = np.add.reduceat((times * (labels == 0))[:, order], first_of_ties, axis=1)
    below = np.cumsum(absent, axis=1) - absent / 2
    pairs = present.sum(axis=1) * absent.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray((present * below).sum(axis=1) / pairs, dtype=np.float64)


def wilson(numerator: int, denominator: int) -> Rate:
    """Proportion with the Wilson score interval.

    References
    ----------
    Wilson E. B., J. Am. Stat. Assoc. 22:209-212, 1927.
    """
    if denominator == 0:
        return Rate(math.nan, math.nan, math.nan, numerator, denominator)
    share, z2 = numerator / denominator, _Z * _Z / denominator
    centre = share + z2 / 2
    half = _Z * math.sqrt(share * (1 - share) / denominator + z2 / (4 * denominator))
    low, high = (centre - half) / (1 + z2), (centre + half) / (1 + z2)
    return Rate(share, max(0.0, low), min(1.0, high), numerator, denominator)


def sensitivity(labels: Labels, scores: npt.ArrayLike, threshold: float) -> Rate:
    """Share of the images with a fracture that score at least ``threshold``."""
    flagged = np.asarray(scores) >= threshold
    return wilson(int((flagged & (labels == 1)).sum()), int((labels == 1).sum()))


def specificity(labels: Labels, scores: npt.ArrayLike, threshold: float) -> Rate:
    """Share of the images without fracture that score less than ``threshold``."""
    flagged = np.asarray(scores) >= threshold
    return wilson(int((~flagged & (labels == 0)).sum()), int((labels == 0).sum()))


def calibration_error(labels: Labels, scores: npt.ArrayLike, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width; NaN without images.

    References
    ----------
    Guo C. et al., "On Calibration of Modern Neural Networks", ICML 2017, eq. 3.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if len(scores) == 0:
        return math.nan
    bin_of = np.minimum((scores * bins).astype(int), bins - 1)
    total = 0.0
    for index in range(bins):
        inside = bin_of == index
        if inside.any():
            total += inside.sum() * abs(labels[inside].mean() - scores[inside].mean())
    return float(total / len(scores))


def platt(labels: Labels, logits: npt.ArrayLike) -> tuple[float, float]:
    """Slope and intercept of Platt scaling; see :func:`logistic`."""
    weights = logistic(labels, np.asarray(logits, dtype=np.float64)[:, np.newaxis])
    return float(weights[0]), float(weights[1])


def logistic(labels: Labels, features: Floats, iterations: int = 100) -> Floats:
    """Logistic regression by Newton's method: weights [k] of features [n, k], then the intercept.

    Targets are drawn in a little, as Platt proposes, so separable data cannot give
    infinite weights.

    References
    ----------
    Platt J., "Probabilistic Outputs for Support Vector Machines", 1999.
    """
    present = int((labels == 1).sum())
    absent = len(labels) - present
    target = np.where(labels == 1, (present + 1) / (present + 2), 1 / (absent + 2))
    design = np.column_stack([features, np.ones(len(labels))])
    beta = np.zeros(design.shape[1])
    for _ in range(iterations):
        p = 0.5 * (1 + np.tanh(0.5 * (design @ beta)))
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(len(beta))
        step = np.linalg.solve(hessian, design.T @ (target - p))
        beta += np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
    return beta

"""Agreement of the AI result with the radiologist's report, from the four cells.

References
----------
Cohen J. A coefficient of agreement for nominal scales. Educ Psychol Meas 1960;20:37-46.
Fleiss JL, Cohen J, Everitt BS. Large sample standard errors of kappa. Psychol Bull 1969;72:323-327.
Gwet KL. Computing inter-rater reliability and its variance in the presence of high agreement.
Br J Math Stat Psychol 2008;61:29-48.
Cicchetti DV, Feinstein AR. High agreement but low kappa: II. J Clin Epidemiol 1990;43:551-558.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.intervals import Z, wilson


@dataclass(frozen=True, slots=True)
class Cells:
    """The 2 x 2 table: AI and report both positive, the AI alone, the report alone, neither."""

    both: int
    ai_only: int
    report_only: int
    neither: int

    @property
    def n(self) -> int:
        """All comparable studies."""
        return self.both + self.ai_only + self.report_only + self.neither


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure with its 95 % interval, and the fraction that it is, where it is one."""

    value: float | None
    low: float | None
    high: float | None
    numerator: float | None
    denominator: float


def measures(cells: Cells) -> dict[str, Estimate]:
    """Return every measure of agreement by name, as defined in `agreement_cells.sql`."""
    both, neither = cells.both, cells.neither
    ai, report = both + cells.ai_only, both + cells.report_only
    return {
        "agreement": share(both + neither, cells.n),
        "positive_agreement": specific(both, cells),
        "negative_agreement": specific(neither, cells),
        "kappa": cohen_kappa(cells),
        "gwet_ac1": gwet_ac1(cells),
        "ppv": share(both, ai),
        "npv": share(neither, cells.n - ai),
        "sensitivity_to_report": share(both, report),
        "specificity_to_report": share(neither, cells.n - report),
    }


def share(numerator: int, denominator: int) -> Estimate:
    """Return a share with Wilson's interval; nothing when the denominator is 0."""
    low, high = wilson(numerator, denominator)
    return Estimate(numerator / denominator if denominator else None, low, high, numerator, denominator)


def specific(concordant: int, cells: Cells) -> Estimate:
    """Return positive (or negative) agreement, 2a / (2a + b + c).

    It is 2q / (1 + q) with q = a / (a + b + c), a binomial share: Wilson's limits of q are carried over.
    """
    joint = concordant + cells.ai_only + cells.report_only
    numerator, denominator = 2 * concordant, joint + concordant
    if joint == 0:
        return Estimate(None, None, None, numerator, denominator)
    low, high = (None if limit is None else 2 * limit / (1 + limit) for limit in wilson(concordant, joint))
    return Estimate(numerator / denominator, low, high, numerator, denominator)


def cohen_kappa(cells: Cells) -> Estimate:
    """Return Cohen's kappa with the asymptotic interval of Fleiss, Cohen and Everitt (1969, eq. 13).

    None when either side has only one category, since chance then explains everything.
    """
    n = cells.n
    if n == 0:
        return Estimate(None, None, None, None, 0)
    table = _shares(cells)
    ai = (table[0][0] + table[0][1], table[1][0] + table[1][1])
    report = (table[0][0] + table[1][0], table[0][1] + table[1][1])
    observed = table[0][0] + table[1][1]
    chance = ai[0] * report[0] + ai[1] * report[1]
    if math.isclose(chance, 1.0):
        return Estimate(None, None, None, None, n)
    kappa = (observed - chance) / (1 - chance)
    agreeing = sum(table[k][k] * (1 - (ai[k] + report[k]) * (1 - kappa)) ** 2 for k in (0, 1))
    differing = (1 - kappa) ** 2 * sum(table[k][m] * (report[k] + ai[m]) ** 2 for k, m in ((0, 1), (1, 0)))
    rest = (kappa - chance * (1 - kappa)) ** 2
    return _normal(kappa, max(0.0, agreeing + differing - rest) / (n * (1 - chance) ** 2), n)


def gwet_ac1(cells: Cells) -> Estimate:
    """Return Gwet's AC1 with the interval from its unconditional variance (2008, section 4, f = 0)."""
    n = cells.n
    if n == 0:
        return Estimate(None, None, None, None, 0)
    table = _shares(cells)
    positive = (2 * table[0][0] + table[0][1] + table[1][0]) / 2
    mean = (positive, 1 - positive)
    observed = table[0][0] + table[1][1]
    chance = 2 * mean[0] * mean[1]
    gamma = (observed - chance) / (1 - chance)
    first = sum(table[k][k] * (1 - mean[k]) for k in (0, 1)) - observed * chance
    second = sum(table[k][m] * (1 - (mean[k] + mean[m]) / 2) ** 2 for k in (0, 1) for m in (0, 1)) - chance**2
    spread = observed * (1 - observed) - 4 * (1 - gamma) * first + 4 * (1 - gamma) ** 2 * second
    return _normal(gamma, max(0.0, spread) / (n * (1 - chance) ** 2), n)


def _shares(cells: Cells) -> tuple[tuple[float, float], tuple[float, float]]:
    n = cells.n
    return (cells.both / n, cells.ai_only / n), (cells.report_only / n, cells.neither / n)


def _normal(value: float, variance: float, n: int) -> Estimate:
    # Perfect agreement has no estimated spread: an interval of width 0 would claim certainty.
    if variance <= 1e-15:
        return Estimate(value, None, None, None, n)
    half = Z * math.sqrt(variance)
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), None, n)

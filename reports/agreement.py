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
from collections.abc import Sequence
from dataclasses import dataclass

from reports.intervals import Z, wilson

Table = Sequence[Sequence[int]]


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

    @property
    def table(self) -> Table:
        """The cells with the AI in rows and the report in columns, positive first."""
        return ((self.both, self.ai_only), (self.report_only, self.neither))


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
        "kappa": cohen_kappa(cells.table),
        "gwet_ac1": gwet_ac1(cells.table),
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


def cohen_kappa(table: Table) -> Estimate:
    """Return Cohen's kappa of a square table (AI in rows, report in columns) with its 95 % interval.

    The variance is that of Fleiss, Cohen and Everitt (1969, eq. 13). None when both sides have one
    and the same single category, since chance then explains everything.
    """
    n = sum(map(sum, table))
    if n == 0:
        return Estimate(None, None, None, None, 0)
    shares, rows, columns = _shares(table, n)
    categories = range(len(table))
    observed = sum(shares[k][k] for k in categories)
    chance = sum(rows[k] * columns[k] for k in categories)
    if math.isclose(chance, 1.0):
        return Estimate(None, None, None, None, n)
    kappa = (observed - chance) / (1 - chance)
    agreeing = sum(shares[k][k] * (1 - (rows[k] + columns[k]) * (1 - kappa)) ** 2 for k in categories)
    differing = sum(shares[k][m] * (columns[k] + rows[m]) ** 2 for k in categories for m in categories if k != m)
    spread = agreeing + (1 - kappa) ** 2 * differing - (kappa - chance * (1 - kappa)) ** 2
    return _normal(kappa, spread / (n * (1 - chance) ** 2), n)


def gwet_ac1(table: Table) -> Estimate:
    """Return Gwet's AC1 of a square table (AI in rows, report in columns) with its 95 % interval.

    The variance is the unconditional one for two raters (Gwet 2008), for an infinite population.
    """
    n = sum(map(sum, table))
    if n == 0:
        return Estimate(None, None, None, None, 0)
    shares, rows, columns = _shares(table, n)
    categories = range(len(table))
    others = len(table) - 1
    mean = [(rows[k] + columns[k]) / 2 for k in categories]
    observed = sum(shares[k][k] for k in categories)
    chance = sum(share * (1 - share) for share in mean) / others
    gamma = (observed - chance) / (1 - chance)
    first = sum(shares[k][k] * (1 - mean[k]) for k in categories) / others - observed * chance
    second = (
        sum(shares[k][m] * (1 - (mean[k] + mean[m]) / 2) ** 2 for k in categories for m in categories) / others**2
        - chance**2
    )
    spread = observed * (1 - observed) - 4 * (1 - gamma) * first + 4 * (1 - gamma) ** 2 * second
    return _normal(gamma, spread / (n * (1 - chance) ** 2), n)


def _shares(table: Table, n: int) -> tuple[list[list[float]], list[float], list[float]]:
    shares = [[count / n for count in row] for row in table]
    return shares, [sum(row) for row in shares], [sum(column) for column in zip(*shares, strict=True)]


def _normal(value: float, variance: float, n: int) -> Estimate:
    # Perfect agreement has no estimated spread: an interval of width 0 would claim certainty.
    if variance <= 1e-15:
        return Estimate(value, None, None, None, n)
    half = Z * math.sqrt(variance)
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), None, n)

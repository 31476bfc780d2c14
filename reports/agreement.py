"""Agreement of the AI result with the radiologist's report, from the four cells.

The report is the comparator, not the truth, so nothing here is called a sensitivity or a specificity:
positive and negative percent agreement are the names of the FDA's guidance for that case.

References
----------
FDA. Statistical guidance on reporting results from studies evaluating diagnostic tests. 2007, section 4.
Cohen J. A coefficient of agreement for nominal scales. Educ Psychol Meas 1960;20:37-46.
Fleiss JL, Cohen J, Everitt BS. Large sample standard errors of kappa. Psychol Bull 1969;72:323-327.
Gwet KL. Computing inter-rater reliability and its variance in the presence of high agreement.
Br J Math Stat Psychol 2008;61:29-48.
Feinstein AR, Cicchetti DV. High agreement but low kappa: I. J Clin Epidemiol 1990;43:543-549.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.intervals import Z, wilson

Table = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Cells:
    """The 2 x 2 table: AI and report both positive, the AI alone, the report alone, neither."""

    both: float
    ai_only: float
    report_only: float
    neither: float

    @property
    def n(self) -> float:
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
    shares = {name: share(*fraction) for name, fraction in fractions(cells).items()}
    return {**shares, "kappa": cohen_kappa(cells.table), "gwet_ac1": gwet_ac1(cells.table)}


def fractions(cells: Cells) -> dict[str, tuple[float, float]]:
    """Return numerator and denominator of the measures that are shares."""
    both, neither = cells.both, cells.neither
    ai, report = both + cells.ai_only, both + cells.report_only
    return {
        "agreement": (both + neither, cells.n),
        "positive_percent_agreement": (both, report),
        "negative_percent_agreement": (neither, cells.n - report),
        "ppv": (both, ai),
        "npv": (neither, cells.n - ai),
    }


def share(numerator: float, denominator: float) -> Estimate:
    """Return a share with Wilson's interval; nothing when the denominator is 0."""
    low, high = wilson(numerator, denominator)
    return Estimate(numerator / denominator if denominator else None, low, high, numerator, denominator)


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


def _shares(table: Table, n: float) -> tuple[list[list[float]], list[float], list[float]]:
    shares = [[count / n for count in row] for row in table]
    return shares, [sum(row) for row in shares], [sum(column) for column in zip(*shares, strict=True)]


def _normal(value: float, variance: float, n: float) -> Estimate:
    # Perfect agreement has no estimated spread: an interval of width 0 would claim certainty.
    if variance <= 1e-15:
        return Estimate(value, None, None, None, n)
    half = Z * math.sqrt(variance)
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), None, n)

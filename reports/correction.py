"""The labeller's error carried into the agreement: what it costs, its correction, and bounds without assumptions.

A person, blind to the AI, reads a sample of the reports that the labeller has read, drawn by the four
cells of AI x label. From it follow the labeller's predictive values at this site and, within each result
of the AI, the share of reported fractures that it recognises (q1) and of fracture-free reports that it
recognises (q0). The share of a row whose reports truly say fracture is then, in the form of Rogan and
Gladen, (share labelled + q0 - 1) / (q0 + q1 - 1). Each row has its own q0 and q1: a labeller that stumbles
over hedged reports stumbles more often where the AI doubts, and nothing here assumes otherwise.

References
----------
Rogan WJ, Gladen B. Estimating prevalence from the results of a screening test. Am J Epidemiol 1978;107:71-76.
Lang Z, Reiczigel J. Confidence limits for prevalence of disease adjusted for estimated sensitivity and
specificity. Prev Vet Med 2014;113:13-22.
Brown LD, Cai TT, DasGupta A. Interval estimation for a binomial proportion. Stat Sci 2001;16:101-133
(Jeffreys' interval).
Kish L. Survey sampling. 1965, section 11.7 (effective size of a sample with unequal weights).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reports.agreement import Cells, cohen_kappa, fractions, gwet_ac1

FEWEST_AUDITED = 100  # of each class of the label, below which nothing is corrected
FEWEST_IN_CELL = 5  # of each of the four cells
# Recognised fractures plus recognised absences less 1: below, the correction multiplies errors too much.
LOWEST_YOUDEN = {"estimate": 0.5, "draw": 0.1}
WIDEST = 0.4  # points of an interval that tells the reader nothing any more
DRAWS = 4000
REFERENCE = (0.95, 0.98)  # a good labeller: the least that this project asks of its own
ROWS: tuple[str, ...] = ("flagged", "negative")
LABELS: tuple[str, ...] = ("present", "absent")

Refusal = Literal["too_few_audited", "unstable"]
Array = NDArray[np.float64]
Fraction = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Audited:
    """What persons read in the audited reports of one cell.

    Attributes
    ----------
    present, absent
        Reports read, by what they say.
    weight_present, weight_absent
        The same, each report standing for as many of its stratum as were there for one that was read.
    weight_squares
        Sum of the squared weights.
    """

    present: int = 0
    absent: int = 0
    weight_present: float = 0.0
    weight_absent: float = 0.0
    weight_squares: float = 0.0

    @property
    def n(self) -> int:
        """Reports read that say one or the other."""
        return self.present + self.absent

    @property
    def weight(self) -> float:
        """Studies that they stand for."""
        return self.weight_present + self.weight_absent

    @property
    def share(self) -> float:
        """Weighted share that says fracture."""
        return self.weight_present / self.weight if self.weight else 0.0

    @property
    def effective(self) -> float:
        """Size of an unweighted sample as informative as this one (Kish)."""
        return self.weight**2 / self.weight_squares if self.weight_squares else 0.0

    def __add__(self, other: Audited) -> Audited:
        """Return both together."""
        return Audited(
            self.present + other.present,
            self.absent + other.absent,
            self.weight_present + other.weight_present,
            self.weight_absent + other.weight_absent,
            self.weight_squares + other.weight_squares,
        )


Audit = Mapping[tuple[str, str], Audited]


@dataclass(frozen=True, slots=True)
class Estimated:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Correction:
    """Corrected measures by name; or none of them, and the reason why they are withheld."""

    measures: Mapping[str, Estimated]
    refusal: Refusal | None


def rogan_gladen(apparent: Array, sensitivity: Array, specificity: Array) -> Array:
    """Return the true share behind an apparent one, not cut off at 0 and 1 (Rogan and Gladen 1978)."""
    return (apparent + specificity - 1) / (sensitivity + specificity - 1)


def predictive_values(audit: Audit, seed: str) -> dict[str, Estimated]:
    """Return, for each class of the label, the share of audited reports that truly say so, weighted by the strata."""
    rng = _generator(f"{seed}/predictive")
    found = {}
    for label in LABELS:
        cells = [audit.get((row, label), Audited()) for row in ROWS]
        if not sum(cell.n for cell in cells):
            continue
        weights = np.array([cell.weight for cell in cells])
        point = sum(cell.weight_present for cell in cells) / weights.sum()
        drawn = sum(weight * _share(rng, cell) for weight, cell in zip(weights, cells, strict=True)) / weights.sum()
        found[label] = _estimated(point, drawn) if label == "present" else _estimated(1 - point, 1 - drawn)
    return found


def recognition(audit: Audit, seed: str) -> dict[str, Estimated]:
    """Return, for reports that say fracture and that say none, the share that the labeller reads so.

    Weighted by the strata. A class of which no report was read is left out.
    """
    rng = _generator(f"{seed}/recognition")
    drawn = {key: _share(rng, cell) for key, cell in audit.items()}
    points = {key: cell.share for key, cell in audit.items()}
    return {
        label: _estimated(float(_recognised(audit, points, label)), _recognised(audit, drawn, label))
        for label in LABELS
        if sum(cell.present if label == "present" else cell.absent for cell in audit.values())
    }


def _recognised(audit: Audit, shares: Mapping[tuple[str, str], Any], label: str) -> Any:
    stand_for = {
        key: cell.weight * (shares[key] if label == "present" else 1 - shares[key]) for key, cell in audit.items()
    }
    return sum(number for key, number in stand_for.items() if key[1] == label) / sum(stand_for.values())


def correct(cells: Cells, audit: Audit, seed: str) -> Correction:
    """Return the measures of agreement with the labeller's error taken out.

    The interval is a parametric bootstrap: the month's cells are drawn anew from a multinomial, the share
    of fractures in each audited cell from Jeffreys' Beta distribution of what was read there, so that a
    cell without an error found is not taken for one without errors.

    Parameters
    ----------
    audit
        By AI result (``flagged``, ``negative``) and label (``present``, ``absent``).
    seed
        Site, month and reading: the same give the same intervals.
    """
    for label in LABELS:
        read = [audit.get((row, label), Audited()).n for row in ROWS]
        if sum(read) < FEWEST_AUDITED or min(read) < FEWEST_IN_CELL:
            return Correction({}, "too_few_audited")
    counts = np.array([cells.both, cells.ai_only, cells.report_only, cells.neither], dtype=float)
    if min(counts[:2].sum(), counts[2:].sum()) == 0:
        return Correction({}, "unstable")
    rng = _generator(seed)
    month = rng.multinomial(int(counts.sum()), counts / counts.sum(), size=DRAWS).astype(float)
    point, trusted = _corrected(counts[None, :], {key: np.array([cell.share]) for key, cell in audit.items()}, audit)
    drawn, usual = _corrected(month, {key: _share(rng, cell) for key, cell in audit.items()}, audit)
    if not trusted.min() >= LOWEST_YOUDEN["estimate"] or (usual >= LOWEST_YOUDEN["draw"]).mean() < 0.975:
        return Correction({}, "unstable")
    table = Cells(*(float(number) for number in point[0]))
    values = {name: part / whole for name, (part, whole) in fractions(table).items() if whole > 0}
    for name, coefficient in (("kappa", cohen_kappa(table.table)), ("gwet_ac1", gwet_ac1(table.table))):
        if coefficient.value is not None:
            values[name] = coefficient.value
    spread = _measures(drawn)
    found = {name: _estimated(value, spread[name]) for name, value in values.items()}
    if any(item.high - item.low > WIDEST for item in found.values()):
        return Correction({}, "unstable")
    return Correction(found, None)


def _corrected(counts: Array, shares: Mapping[tuple[str, str], Array], audit: Audit) -> tuple[Array, Array]:
    """Return the corrected cells of each draw, and Youden's index of the row where the labeller is worse."""
    parts: list[Array] = []
    youdens: list[Array] = []
    for index, row in enumerate(ROWS):
        whole = counts[:, 2 * index] + counts[:, 2 * index + 1]
        named, missed = (audit[row, label].weight * shares[row, label] for label in LABELS)
        invented, cleared = (audit[row, label].weight * (1 - shares[row, label]) for label in LABELS)
        with np.errstate(divide="ignore", invalid="ignore"):
            sensitivity, specificity = named / (named + missed), cleared / (cleared + invented)
            true = rogan_gladen(counts[:, 2 * index] / whole, sensitivity, specificity)
        true = np.clip(np.nan_to_num(true), 0.0, 1.0)
        parts += [whole * true, whole * (1 - true)]
        youdens.append(np.nan_to_num(sensitivity + specificity - 1, nan=-1.0))
    return np.stack(parts, axis=1), np.min(youdens, axis=0)


def _measures(cells: Array) -> dict[str, Array]:
    both, ai_only, report_only, neither = cells.T
    n = cells.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = (both + neither) / n
        ai, report = (both + ai_only) / n, (both + report_only) / n
        by_chance = ai * report + (1 - ai) * (1 - report)
        mean = (ai + report) / 2
        chance = 2 * mean * (1 - mean)
        return {
            "agreement": observed,
            "positive_percent_agreement": both / (both + report_only),
            "negative_percent_agreement": neither / (neither + ai_only),
            "ppv": both / (both + ai_only),
            "npv": neither / (neither + report_only),
            "kappa": (observed - by_chance) / (1 - by_chance),
            "gwet_ac1": (observed - chance) / (1 - chance),
        }


def bounds(cells: Cells, queued: Mapping[str, int]) -> dict[str, tuple[Fraction, Fraction]]:
    """Return each share, as a fraction, if all reports that are not decided contradicted the AI, and if all agreed.

    Parameters
    ----------
    queued
        Studies with a report that is not decided, by AI result (``flagged``, ``negative``).
    """
    flagged, negative = queued.get("flagged", 0), queued.get("negative", 0)
    worst = Cells(cells.both, cells.ai_only + flagged, cells.report_only + negative, cells.neither)
    best = Cells(cells.both + flagged, cells.ai_only, cells.report_only, cells.neither + negative)
    low, high = fractions(worst), fractions(best)
    return {name: (low[name], high[name]) for name in low}


def cost(cells: Cells, sensitivity: float, specificity: float) -> float | None:
    """Return how much a labeller of this quality would lower the positive percent agreement of this table.

    The table is taken for the truth, and the reports are labelled anew with that error, alike for all
    results of the AI.
    """
    report = cells.both + cells.report_only
    if not report:
        return None
    both = cells.both * sensitivity + cells.ai_only * (1 - specificity)
    report_only = cells.report_only * sensitivity + cells.neither * (1 - specificity)
    return cells.both / report - both / (both + report_only) if both + report_only else None


def _share(rng: np.random.Generator, cell: Audited) -> Array:
    """Draw the share of reports of a cell that say fracture, given what was read there."""
    positive, size = cell.share * cell.effective, cell.effective
    return rng.beta(positive + 0.5, size - positive + 0.5, size=DRAWS)


def _estimated(value: float, drawn: Array) -> Estimated:
    usable = drawn[np.isfinite(drawn)]
    low, high = np.quantile(usable, [0.025, 0.975]) if usable.size else (value, value)
    # Rounded so that the last bits of another machine's arithmetic do not change a report.
    low, high = (round(float(limit), 4) for limit in (low, high))
    value = round(value, 6)
    return Estimated(value, min(low, value), max(high, value))


def _generator(seed: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]))


def classes_read(audit: Audit) -> dict[str, int]:
    """Return how many audited reports there are of each class of the label."""
    return {label: sum(audit.get((row, label), Audited()).n for row in ROWS) for label in LABELS}


def of_rows(rows: Sequence[Mapping[str, Any]], flagged: Sequence[str]) -> dict[tuple[str, str], Audited]:
    """Return the audit by the four cells from the rows of `labeller_audit.sql`, for one reading of doubtful."""
    audit: dict[tuple[str, str], Audited] = {}
    for row in rows:
        key = ("flagged" if row["ai"] in flagged else "negative", row["label"])
        cell = Audited(
            row["present"], row["absent"], row["weight_present"], row["weight_absent"], row["weight_squares"]
        )
        audit[key] = audit.get(key, Audited()) + cell
    return audit

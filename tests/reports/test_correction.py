"""The labeller's error: published examples, the same by another way, coverage by simulation, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.agreement import Cells, measures
from reports.correction import (
    FEWEST_AUDITED,
    Audited,
    bounds,
    classes_read,
    correct,
    cost,
    of_rows,
    predictive_values,
    recognition,
    rogan_gladen,
)

CELLS = Cells(both=150, ai_only=70, report_only=30, neither=650)


def audited(present: int, absent: int, population: float) -> Audited:
    """A simple random sample of a stratum of `population` studies."""
    weight = population / (present + absent)
    squares = (present + absent) * weight**2
    return Audited(present, absent, present * weight, absent * weight, squares)


# 4 of 100 "present" and 3 of 100 "absent" of the flagged are wrong, and so on; the strata are those of CELLS.
AUDIT = {
    ("flagged", "present"): audited(96, 4, 150),
    ("flagged", "absent"): audited(3, 57, 70),
    ("negative", "present"): audited(22, 8, 30),
    ("negative", "absent"): audited(1, 199, 650),
}


def test_rogan_and_gladen() -> None:
    # 23 of 150 cows positive to a test of sensitivity 96 % and specificity 89 %: 5.1 true cases per 100 cows, the
    # worked example of epi.prev (Stevenson M et al., R package epiR, after Rogan and Gladen 1978).
    assert 100 * rogan_gladen(23 / 150, 0.96, 0.89) == pytest.approx(5.1, abs=0.05)
    # As many positives as false ones: nobody is ill.
    assert rogan_gladen(0.11, 0.96, 0.89) == pytest.approx(0)


@given(st.floats(0, 1), st.floats(0.7, 1), st.floats(0.7, 1))
def test_rogan_and_gladen_undo_the_error(share: float, sensitivity: float, specificity: float) -> None:
    apparent = share * sensitivity + (1 - share) * (1 - specificity)
    assert rogan_gladen(apparent, sensitivity, specificity) == pytest.approx(share, abs=1e-9)


def test_correction_by_another_way() -> None:
    # Where the audit is of the month itself, Rogan and Gladen's form is the plain redistribution of each cell by
    # the predictive values read in it.
    found = correct(CELLS, AUDIT, "seed")
    assert found.refusal is None
    both = 150 * 96 / 100 + 70 * 3 / 60
    report_only = 30 * 22 / 30 + 650 * 1 / 200
    table = Cells(both, 220 - both, report_only, 680 - report_only)
    truth = measures(table)
    for name, value in found.measures.items():
        assert value.value == pytest.approx(truth[name].value, abs=1e-6), name
        assert value.low < value.value < value.high
    assert set(found.measures) == set(truth)


def test_a_perfect_labeller_changes_nothing_but_the_interval() -> None:
    perfect = {
        ("flagged", "present"): audited(100, 0, 150),
        ("flagged", "absent"): audited(0, 70, 70),
        ("negative", "present"): audited(30, 0, 30),
        ("negative", "absent"): audited(0, 200, 650),
    }
    found = correct(CELLS, perfect, "seed")
    raw = measures(CELLS)
    for name, value in found.measures.items():
        assert value.value == pytest.approx(raw[name].value, abs=1e-6)
    ppa = found.measures["positive_percent_agreement"]
    # 200 reports without an error do not prove that there is none among 650.
    assert ppa.low < raw["positive_percent_agreement"].low


def test_the_interval_covers_the_truth() -> None:
    """Months and audits drawn from a known truth: 95 of 100 intervals hold it (400 draws: 92 to 98)."""
    rng = np.random.default_rng(5)
    rows = {"flagged": (0.62, 0.95, 0.97), "negative": (0.04, 0.9, 0.985)}  # fractures, q1, q0
    share = 0.25
    truth = {
        "positive_percent_agreement": share * 0.62 / (share * 0.62 + (1 - share) * 0.04),
        "negative_percent_agreement": (1 - share) * 0.96 / ((1 - share) * 0.96 + share * 0.38),
        "ppv": 0.62,
    }
    held = dict.fromkeys(truth, 0)
    tries = 400
    for number in range(tries):
        flagged = rng.binomial(900, share)
        counts, audit = [], {}
        for row, n in (("flagged", flagged), ("negative", 900 - flagged)):
            fractures, named, cleared = rows[row]
            true = rng.binomial(n, fractures)
            labelled = rng.binomial(true, named) + rng.binomial(n - true, 1 - cleared)
            counts += [labelled, n - labelled]
            # The audit is of earlier months, four times as many studies.
            true = rng.binomial(4 * n, fractures)
            hits, false = rng.binomial(true, named), rng.binomial(4 * n - true, 1 - cleared)
            for label, inside, size in (
                ("present", hits, hits + false),
                ("absent", true - hits, 4 * n - hits - false),
            ):
                read = min(100, size)
                fracture = rng.hypergeometric(inside, size - inside, read)
                audit[row, label] = audited(int(fracture), int(read - fracture), float(size))
        found = correct(Cells(*counts), audit, str(number))
        assert found.refusal is None
        for name, value in truth.items():
            held[name] += found.measures[name].low <= value <= found.measures[name].high
    for name, times in held.items():
        assert 0.92 <= times / tries <= 0.985, name


def test_too_few_audited_is_refused() -> None:
    few = AUDIT | {("flagged", "present"): audited(60, 9, 150)}
    assert classes_read(few) == {"present": 99, "absent": 260}
    assert correct(CELLS, few, "seed").refusal == "too_few_audited"
    assert correct(CELLS, few, "seed").measures == {}
    enough = AUDIT | {("flagged", "present"): audited(61, 9, 150)}
    assert min(classes_read(enough).values()) == FEWEST_AUDITED
    assert correct(CELLS, enough, "seed").refusal is None
    assert correct(CELLS, {}, "seed").refusal == "too_few_audited"
    lopsided = AUDIT | {("negative", "present"): audited(4, 0, 30), ("flagged", "present"): audited(96, 4, 150)}
    assert correct(CELLS, lopsided, "seed").refusal == "too_few_audited"


@pytest.mark.parametrize(
    "changes",
    [
        # As many fractures behind "absent" as behind "present": the label tells nothing.
        {("flagged", "present"): audited(50, 50, 150), ("flagged", "absent"): audited(30, 30, 70)},
        {("negative", "present"): audited(5, 25, 30), ("negative", "absent"): audited(30, 170, 650)},
    ],
)
def test_an_unstable_correction_is_refused(changes: dict[tuple[str, str], Audited]) -> None:
    found = correct(CELLS, AUDIT | changes, "seed")
    assert (found.refusal, found.measures) == ("unstable", {})


def test_a_row_without_studies_is_not_corrected() -> None:
    assert correct(Cells(0, 0, 30, 650), AUDIT, "seed").refusal == "unstable"


def test_the_same_seed_gives_the_same_interval() -> None:
    assert correct(CELLS, AUDIT, "a") == correct(CELLS, AUDIT, "a")
    assert correct(CELLS, AUDIT, "a") != correct(CELLS, AUDIT, "b")


def test_predictive_values_are_weighted_by_the_strata() -> None:
    found = predictive_values(AUDIT, "seed")
    assert found["present"].value == pytest.approx((150 * 0.96 + 30 * 22 / 30) / 180, abs=1e-6)
    assert found["absent"].value == pytest.approx((70 * 57 / 60 + 650 * 199 / 200) / 720, abs=1e-6)
    assert all(value.low < value.value < value.high for value in found.values())
    assert predictive_values({}, "seed") == {}


def test_recognition_is_weighted_by_the_strata() -> None:
    found = recognition(AUDIT, "seed")
    named, missed = 150 * 0.96 + 22, 70 * 3 / 60 + 650 / 200
    invented, cleared = 150 * 0.04 + 8, 70 * 57 / 60 + 650 * 199 / 200
    assert found["present"].value == pytest.approx(named / (named + missed), abs=1e-6)
    assert found["absent"].value == pytest.approx(cleared / (cleared + invented), abs=1e-6)
    assert recognition({("flagged", "absent"): audited(0, 5, 9)}, "seed").keys() == {"absent"}


def test_unequal_weights_make_a_smaller_sample() -> None:
    # Kish: 10 of weight 1 and 10 of weight 9 are worth 12.2.
    mixed = Audited(10, 10, 10.0, 90.0, 10 + 10 * 81.0)
    assert mixed.effective == pytest.approx(100**2 / 820)
    assert mixed.share == pytest.approx(0.1)
    assert audited(5, 5, 90).effective == pytest.approx(10)
    assert Audited().effective == Audited().share == 0.0


def test_rows_of_the_query_become_the_four_cells() -> None:
    numbers = {"present": 3, "absent": 1, "weight_present": 6.0, "weight_absent": 2.0, "weight_squares": 16.0}
    rows = [{"ai": ai, "label": "present", **numbers} for ai in ("positive", "doubtful", "negative")]
    wide = of_rows(rows, ("positive", "doubtful"))
    assert wide["flagged", "present"] == Audited(6, 2, 12.0, 4.0, 32.0)
    assert wide["negative", "present"].n == 4
    assert of_rows(rows, ("positive",))["negative", "present"].n == 8


def test_bounds_by_every_assignment() -> None:
    # Every way to decide the queue lies within the bounds of each share, and the bounds are reached.
    cells, flagged, negative = Cells(9, 4, 3, 40), 3, 2
    found = bounds(cells, {"flagged": flagged, "negative": negative})
    seen: dict[str, list[float]] = {name: [] for name in found}
    for up in range(flagged + 1):
        for down in range(negative + 1):
            table = Cells(9 + up, 4 + flagged - up, 3 + negative - down, 40 + down)
            for name, value in measures(table).items():
                if name in seen and value.value is not None:
                    seen[name].append(value.value)
    for name, (low, high) in found.items():
        assert (low[0] / low[1], high[0] / high[1]) == pytest.approx((min(seen[name]), max(seen[name]))), name


def test_an_empty_queue_leaves_the_measure() -> None:
    for name, (low, high) in bounds(CELLS, {}).items():
        assert low == high
        assert low[0] / low[1] == pytest.approx(measures(CELLS)[name].value)


def test_a_labeller_of_95_and_98_costs_about_six_points() -> None:
    # By counting reports one by one: of 180 that say fracture, 9 are lost; of 720 others, 14.4 are invented.
    named = 150 * 0.95 + 70 * 0.02
    in_report = 180 * 0.95 + 720 * 0.02
    assert cost(CELLS, 0.95, 0.98) == pytest.approx(150 / 180 - named / in_report)
    assert cost(CELLS, 0.95, 0.98) == pytest.approx(0.06, abs=0.012)
    assert cost(CELLS, 1, 1) == 0
    assert cost(Cells(0, 3, 0, 9), 0.95, 0.98) is None
    assert not math.isnan(cost(Cells(1, 0, 0, 0), 0.0, 1.0) or 0.0)

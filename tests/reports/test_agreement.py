"""Agreement against published tables and statsmodels."""

from __future__ import annotations

import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from reports.agreement import Cells, cohen_kappa, gwet_ac1, measures

Z = 1.959963985
# Two abstractors of 100 charts of pregnant women in emergency departments: Gwet KL, Handbook of inter-rater
# reliability, 4th ed. 2014; coefficients and standard errors as printed in the manual of his R package irrCAC.
ABSTRACTORS = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]


def standard_error(estimate):
    return (estimate.high - estimate.low) / (2 * Z)


def test_abstractors():
    kappa, ac1 = cohen_kappa(ABSTRACTORS), gwet_ac1(ABSTRACTORS)
    assert kappa.value == pytest.approx(0.7964094, abs=5e-8)
    assert standard_error(kappa) == pytest.approx(0.05891072, abs=5e-8)
    assert ac1.value == pytest.approx(0.8493305, abs=5e-8)
    assert standard_error(ac1) == pytest.approx(0.04321747, abs=5e-8)


def test_paradox_of_kappa():
    # 125 subjects, 118 positive for both raters (Gwet KL. Kappa statistic is not satisfactory for assessing the
    # extent of agreement between raters. Statistical Methods for Inter-Rater Reliability Assessment 2002;1:1-5):
    # 94 % agree, kappa is negative, AC1 is 0.94.
    found = measures(Cells(118, 5, 2, 0))
    assert found["agreement"].value == pytest.approx(0.944)
    assert found["kappa"].value == pytest.approx(-0.0234, abs=5e-5)
    assert found["gwet_ac1"].value == pytest.approx(0.9408, abs=5e-5)


def test_grant_applications():
    # 50 applications, 20 and 15 agreed (the example of Cohen's kappa in many textbooks): kappa is 0.4.
    found = measures(Cells(20, 5, 10, 15))
    assert found["kappa"].value == pytest.approx(0.4)
    assert found["agreement"].value == pytest.approx(0.7)


@given(st.lists(st.integers(0, 200), min_size=4, max_size=4))
def test_kappa_is_that_of_statsmodels(counts):
    cells = Cells(*counts)
    found = measures(cells)["kappa"]
    rows = (cells.both + cells.ai_only, cells.report_only + cells.neither)
    columns = (cells.both + cells.report_only, cells.ai_only + cells.neither)
    degenerate = cells.n == 0 or any(rows[k] == columns[k] == cells.n for k in (0, 1))
    if degenerate:
        assert found.value is None
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        truth = cohens_kappa([list(row) for row in cells.table])
    assert found.value == pytest.approx(truth.kappa, abs=1e-9)
    if found.low is not None and found.low > -1 and found.high < 1:
        assert standard_error(found) == pytest.approx(truth.std_kappa, abs=1e-6)


@given(st.lists(st.integers(0, 60), min_size=4, max_size=4).filter(lambda counts: sum(counts) > 1))
def test_variance_of_ac1_by_influence_of_each_study(counts):
    # An independent way to the variance: the jackknife, which agrees with the linearised one as n grows.
    base = gwet_ac1(Cells(*counts).table)
    assert base.value is not None
    assert -1 <= base.value <= 1
    if base.low is None or base.low == -1 or base.high == 1 or sum(counts) < 100:
        return
    n, spread = sum(counts), []
    left_out = [
        gwet_ac1(Cells(*(c - (k == index) for k, c in enumerate(counts))).table).value if number else 0.0
        for index, number in enumerate(counts)
    ]
    mean = sum(number * value for number, value in zip(counts, left_out, strict=True)) / n
    spread = [number * (value - mean) ** 2 for number, value in zip(counts, left_out, strict=True)]
    jackknife = math.sqrt((n - 1) / n * sum(spread))
    assert standard_error(base) == pytest.approx(jackknife, rel=0.05)


def test_measures_of_one_table():
    found = measures(Cells(both=40, ai_only=30, report_only=10, neither=220))
    expected = {
        "agreement": (260, 300),
        "ppv": (40, 70),
        "npv": (220, 230),
        "positive_percent_agreement": (40, 50),
        "negative_percent_agreement": (220, 250),
    }
    for name, (numerator, denominator) in expected.items():
        estimate = found[name]
        assert (estimate.numerator, estimate.denominator) == (numerator, denominator)
        assert estimate.value == pytest.approx(numerator / denominator)
        assert (estimate.low, estimate.high) == pytest.approx(
            proportion_confint(numerator, denominator, method="wilson")
        )


def test_cohen_1960():
    # Cohen 1960, table 2: two clinicians, 200 patients, three diagnoses; kappa is 0.492 there.
    clinicians = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
    kappa = cohen_kappa(clinicians)
    assert kappa.value == pytest.approx(0.492, abs=5e-4)
    truth = cohens_kappa(clinicians)
    assert (kappa.low, kappa.high) == pytest.approx((truth.kappa_low, truth.kappa_upp))


def test_percent_agreement_of_the_guidance():
    # FDA 2007, section 4 and appendix: 220 subjects, a new test against a comparator that is not the truth.
    found = measures(Cells(both=40, ai_only=5, report_only=4, neither=171))
    assert found["positive_percent_agreement"].value == pytest.approx(0.909, abs=5e-4)
    assert found["negative_percent_agreement"].value == pytest.approx(0.972, abs=5e-4)
    overall = found["agreement"]
    assert (overall.value, overall.low, overall.high) == pytest.approx((0.959, 0.924, 0.978), abs=5e-4)


def test_nothing_to_compare():
    for name, estimate in measures(Cells(0, 0, 0, 0)).items():
        assert (estimate.value, estimate.low, estimate.high) == (None, None, None), name


def test_perfect_agreement_claims_no_certainty():
    found = measures(Cells(10, 0, 0, 90))
    assert found["kappa"].value == 1.0
    assert found["kappa"].low is None
    assert found["agreement"].low == pytest.approx(proportion_confint(100, 100, method="wilson")[0])


def test_one_category_only():
    found = measures(Cells(0, 0, 0, 50))
    assert found["kappa"].value is None
    assert found["gwet_ac1"].value == 1.0
    assert found["ppv"].value is None
    assert found["positive_percent_agreement"].value is None
    assert found["negative_percent_agreement"].value == 1.0

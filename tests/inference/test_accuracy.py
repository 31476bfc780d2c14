"""Figures of a classifier against hand counts, brute force and statsmodels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from inference import accuracy


def pairs_auroc(labels, scores):
    """Share of (fracture, none) pairs in the right order, counted one by one."""
    wins = [
        1.0 if p > n else 0.5 if p == n else 0.0
        for p, i in zip(scores, labels, strict=True)
        if i == 1
        for n, j in zip(scores, labels, strict=True)
        if j == 0
    ]
    return sum(wins) / len(wins)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=2, max_size=30))
def test_auroc_counts_pairs(rows):
    labels = np.array([label for label, _ in rows])
    scores = [float(score) for _, score in rows]
    if labels.min() == labels.max():
        assert math.isnan(accuracy.auroc(labels, scores))
    else:
        assert accuracy.auroc(labels, scores) == pytest.approx(pairs_auroc(labels, scores))


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (7, 7), (3, 10), (450, 500)])
def test_wilson_agrees_with_statsmodels(hits, n):
    rate = accuracy.wilson(hits, n)
    low, high = proportion_confint(hits, n, method="wilson")
    assert (rate.value, rate.low, rate.high) == pytest.approx((hits / n, low, high), abs=1e-9)


def test_wilson_of_nothing_is_not_a_number():
    assert math.isnan(accuracy.wilson(0, 0).value)


def test_rates_at_a_threshold_by_hand():
    labels = np.array([1, 1, 1, 0, 0])
    scores = [0.9, 0.5, 0.1, 0.5, 0.2]
    assert accuracy.sensitivity(labels, scores, 0.5).numerator == 2
    assert accuracy.specificity(labels, scores, 0.5).numerator == 1


def test_interval_by_group_is_wider_than_by_image():
    random = np.random.default_rng(3)
    patients = np.repeat(np.arange(30), 6)
    labels = np.repeat(random.integers(0, 2, 30), 6)
    scores = np.repeat(random.normal(size=30), 6) + labels
    by_group = accuracy.auroc_interval(labels, scores, patients, resamples=300)
    by_image = accuracy.auroc_interval(labels, scores, None, resamples=300)
    assert by_group.low < by_group.value < by_group.high
    assert by_group.high - by_group.low > 1.5 * (by_image.high - by_image.low)


def test_interval_is_that_of_drawing_groups_one_by_one():
    random = np.random.default_rng(8)
    groups = np.repeat(np.arange(40), 3)
    labels = random.integers(0, 2, 120)
    scores = np.round(random.normal(size=120) + labels, 1)  # with ties
    drawn = []
    for _ in range(1500):
        index = np.concatenate([np.flatnonzero(groups == g) for g in random.integers(0, 40, 40)])
        drawn.append(accuracy.auroc(labels[index], scores[index]))
    found = accuracy.auroc_interval(labels, scores, groups)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(drawn, (2.5, 97.5))), abs=0.015)


def test_names_of_groups_do_not_change_the_interval():
    random = np.random.default_rng(9)
    groups = np.repeat(np.arange(5, 25), 4)
    labels = random.integers(0, 2, 80)
    scores = random.normal(size=80) + labels
    numbers = accuracy.auroc_interval(labels, scores, groups)
    assert accuracy.auroc_interval(labels, scores, [str(group) for group in groups]) == numbers


def test_resamples_without_a_class_are_left_out():
    found = accuracy.auroc_interval(np.array([1, 0, 0]), [0.9, 0.1, 0.2], resamples=50)
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_calibration_error_by_hand():
    labels = np.array([1, 0, 1, 1])
    # bin 0.2..0.3: mean label 0.5, mean score 0.25; bin 0.9..1.0: 1.0 against 0.95
    error = accuracy.calibration_error(labels, [0.25, 0.25, 0.95, 0.95])
    assert error == pytest.approx(0.5 * 0.25 + 0.5 * 0.05)


def test_platt_recovers_the_slope_that_made_the_labels():
    random = np.random.default_rng(5)
    logits = random.normal(0, 2, 20000)
    labels = (random.random(20000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))).astype(np.int64)
    slope, intercept = accuracy.platt(labels, logits)
    assert (slope, intercept) == pytest.approx((0.5, -1.0), abs=0.06)


def test_platt_stays_finite_on_separable_labels():
    slope, intercept = accuracy.platt(np.array([0, 0, 1, 1]), [-2.0, -1.0, 1.0, 2.0])
    assert 0 < slope < 20
    assert abs(intercept) < 1

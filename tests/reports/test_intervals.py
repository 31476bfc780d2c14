"""Intervals against published examples, statsmodels and exact sums of binomial probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.proportion import proportion_confint

from reports.intervals import kaplan_meier, order_statistics, quantile_interval, wilson

# Remission of 21 children with leukaemia on 6-mercaptopurine, weeks (Freireich et al., Blood 1963;
# Klein and Moeschberger, Survival analysis, 2nd ed. 2003, table 1.1): 1 = relapse, 0 = censored.
WEEKS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSE = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
# Survival and its log(-log) interval as printed for these data by Stata's `sts list` and by
# R's survfit(conf.type = "log-log").
PUBLISHED = {
    6: (0.8571, 0.6197, 0.9516),
    7: (0.8067, 0.5631, 0.9228),
    10: (0.7529, 0.5032, 0.8894),
    13: (0.6902, 0.4316, 0.8491),
    16: (0.6275, 0.3675, 0.8049),
    22: (0.5378, 0.2678, 0.7468),
    23: (0.4482, 0.1881, 0.6801),
}


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 10), (10, 10), (1, 3), (81, 263), (15, 148), (1, 29)])
def test_wilson_is_that_of_statsmodels(numerator, denominator):
    assert wilson(numerator, denominator) == pytest.approx(
        proportion_confint(numerator, denominator, method="wilson"), abs=1e-12
    )


@pytest.mark.parametrize(
    ("numerator", "denominator", "low", "high"),
    # Newcombe RG. Two-sided confidence intervals for the single proportion. Stat Med 1998;17:857-872,
    # table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_published(numerator, denominator, low, high):
    assert wilson(numerator, denominator) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_nothing():
    assert wilson(0, 0) == (None, None)


@pytest.mark.parametrize("probability", [0.5, 0.9])
@pytest.mark.parametrize("n", [1, 5, 6, 20, 29, 36, 100, 611])
def test_order_statistics_leave_at_most_the_tail(n, probability):
    def below(k):
        return math.fsum(math.comb(n, i) * probability**i * (1 - probability) ** (n - i) for i in range(k + 1))

    lower, upper = order_statistics(n, probability, 0.025)
    # P(quantile < X(lower)) = P(B <= lower - 1), and the next rank would leave too much.
    assert lower == 0 or below(lower - 1) <= 0.025
    assert below(lower) > 0.025
    # P(quantile > X(upper)) = P(B >= upper) = 1 - P(B <= upper - 1), and the rank before would leave too much.
    assert upper == n + 1 or 1 - below(upper - 1) <= 0.025 + 1e-12
    assert upper == 1 or 1 - below(upper - 2) > 0.025 - 1e-12


def test_order_statistics_published():
    # Conover, Practical nonparametric statistics, 3rd ed., table A3: for n = 20 and the median, ranks 6 and 15.
    assert order_statistics(20, 0.5, 0.025) == (6, 15)


def test_quantile_of_few():
    assert quantile_interval([], 0.5) == (None, None, None)
    assert quantile_interval([3.0], 0.5) == (3.0, None, None)
    assert quantile_interval([5, 4, 3, 2, 1, 6], 0.5) == (3.5, 1.0, 6.0)


def test_quantile_does_not_depend_on_the_order():
    sample = [float(number * 37 % 101) for number in range(101)]
    assert quantile_interval(sample, 0.9) == quantile_interval(sorted(sample), 0.9)
    assert quantile_interval(sample, 0.5)[0] == 50.0


def test_kaplan_meier_published():
    curve = kaplan_meier(WEEKS, [bool(event) for event in RELAPSE])
    assert curve.hours == tuple(PUBLISHED)
    for index, (survival, low, high) in enumerate(PUBLISHED.values()):
        assert 1 - curve.share[index] == pytest.approx(survival, abs=5e-5)
        assert curve.interval(index) == pytest.approx((1 - high, 1 - low), abs=5e-5)
    assert curve.at_risk == (21, 17, 15, 12, 11, 7, 6)
    assert (curve.n, curve.observed) == (21, 9)


def test_share_at_a_time():
    curve = kaplan_meier(WEEKS, [bool(event) for event in RELAPSE])
    assert curve.at(5.99) == (0.0, None, None)
    assert curve.at(6)[0] == pytest.approx(3 / 21)
    assert curve.at(9.99)[0] == curve.at(7)[0]
    assert curve.at(35)[0] == curve.at(23)[0]
    # Nobody was followed beyond 35 weeks.
    assert curve.at(35.01) == (None, None, None)


def test_everything_reported():
    curve = kaplan_meier([1.0, 2.0, 2.0], [True, True, True])
    assert curve.share == pytest.approx((1 / 3, 1.0))
    assert curve.interval(1) == (None, None)
    assert curve.at(1000)[0] == 1.0


def test_nothing_reported_and_nobody():
    assert kaplan_meier([5.0, 7.0], [False, False]).at(6) == (0.0, None, None)
    assert kaplan_meier([], []).at(1) == (None, None, None)


def test_censoring_at_the_time_of_a_report_comes_after_it():
    curve = kaplan_meier([4.0, 4.0], [True, False])
    assert curve.at_risk == (2,)
    assert curve.share == (0.5,)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=2, max_size=80))
def test_kaplan_meier_is_that_of_statsmodels(pairs):
    times, events = zip(*pairs, strict=True)
    curve = kaplan_meier([float(time) for time in times], list(events))
    if not any(events):
        assert curve.hours == ()
        return
    with np.errstate(all="ignore"):
        truth = SurvfuncRight(np.array(times, float), np.array(events, int))
    survival = dict(zip(truth.surv_times, truth.surv_prob, strict=True))
    error = dict(zip(truth.surv_times, truth.surv_prob_se, strict=True))
    for index, time in enumerate(curve.hours):
        share = curve.share[index]
        assert 1 - share == pytest.approx(survival[time], abs=1e-9)
        low, high = curve.interval(index)
        if low is not None:
            assert low <= share <= high
            # The log(-log) interval rebuilt from Greenwood's standard error of statsmodels.
            half = 1.959963985 * error[time] / (survival[time] * abs(math.log(survival[time])))
            assert 1 - low == pytest.approx(survival[time] ** math.exp(-half), abs=1e-6)

"""Control limits and rules, on series made to break exactly one rule."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.trend import RULES, Point, signals

CALM = [10.0, 11.0, 9.0, 10.0, 11.0, 9.0, 10.0, 11.0, 9.0, 10.0, 11.0, 9.0, 10.0]


def points(values, denominator=1.0):
    return [
        Point(f"{2024 + index // 12}-{index % 12 + 1:02d}", value, denominator) for index, value in enumerate(values)
    ]


def broken(trend, rule):
    return [(trend.months.index(signal.month), signal.direction) for signal in trend.signals if signal.rule == rule]


def test_calm_series_has_no_signal():
    trend = signals(points(CALM), "xmr")
    assert trend.signals == ()
    assert trend.reason is None


def test_too_few_months():
    trend = signals(points(CALM[:11]), "xmr")
    assert trend.reason == "not enough months"
    assert (trend.mean, trend.low, trend.high, trend.signals) == (None, (), (), ())
    assert signals(points(CALM[:12]), "xmr").reason is None


def test_xmr_limits_published():
    # Wheeler DJ, Understanding variation, 1993: mean +- 2.66 mean moving ranges, here by hand:
    # mean 10, moving ranges 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1 with mean 16/12.
    trend = signals(points(CALM), "xmr")
    assert trend.mean == pytest.approx(10)
    assert trend.high[0] == pytest.approx(10 + 2.66 * 16 / 12)
    assert trend.low[0] == pytest.approx(10 - 2.66 * 16 / 12)
    assert len(trend.low) == len(trend.high) == 13


def test_outside_limits():
    trend = signals(points([*CALM[:-1], 40.0]), "xmr")
    assert broken(trend, "outside_limits") == [(12, 1)]
    trend = signals(points([*CALM[:-1], 0.0]), "xmr")
    assert broken(trend, "outside_limits") == [(12, -1)]


def test_outlying_range_does_not_widen_the_limits():
    ranges = [abs(b - a) for a, b in zip([*CALM[:-1], 40.0], [*CALM[1:-1], 40.0], strict=False)]
    kept = [size for size in ranges if size <= 3.267 * sum(ranges) / len(ranges)]
    trend = signals(points([*CALM[:-1], 40.0]), "xmr")
    assert len(kept) == len(ranges) - 1
    assert trend.high[0] - trend.mean == pytest.approx(2.66 * sum(kept) / len(kept))


def test_shift_of_seven_and_not_of_six():
    # Alternating around two levels, so that only the side of the mean runs.
    seven = [10, 12] * 3 + [20, 22] * 3 + [20]
    trend = signals(points([float(value) for value in seven]), "xmr")
    assert broken(trend, "shift") == [(index, 1) for index in range(6, 13)]
    six = [12.0, 8.0] * 3 + [12.0, 13, 12, 13, 12, 13, 8.0]
    trend = signals(points(six), "xmr")
    assert broken(trend, "shift") == []


def test_trend_of_seven_points_and_not_of_six():
    rising = [10, 11, 10, 11, 9, 7, 8, 9, 10, 11, 12, 13, 10]  # 7 to 13: seven points
    trend = signals(points([float(value) for value in rising]), "xmr")
    assert broken(trend, "trend") == [(index, 1) for index in range(5, 12)]
    rising[11] = 11.0  # 7 to 12, then the same again: six points
    assert broken(signals(points([float(value) for value in rising]), "xmr"), "trend") == []
    falling = [float(-value + 30) for value in [10, 11, 10, 11, 9, 7, 8, 9, 10, 11, 12, 13, 10]]
    assert broken(signals(points(falling), "xmr"), "trend") == [(index, -1) for index in range(5, 12)]


def test_two_of_three():
    values = [10.0, 11, 9, 10, 11, 9, 10, 11, 9, 10, 13.6, 10, 13.6, 9, 10, 11, 9, 10, 11, 9, 10, 11]
    trend = signals(points(values), "xmr")
    sigma = (trend.high[0] - trend.mean) / 3
    assert trend.mean + 2 * sigma < 13.6 < trend.mean + 3 * sigma
    assert broken(trend, "two_of_three") == [(10, 1), (12, 1)]
    values[12] = 10.0
    assert broken(signals(points(values), "xmr"), "two_of_three") == []


def test_two_of_three_on_one_side_only():
    values = [10.0, 11, 9, 10, 11, 9, 10, 11, 9, 10, 13.4, 10, 6.6, 9, 10, 11, 9, 10, 11, 9, 10, 11]
    trend = signals(points(values), "xmr")
    sigma = (trend.high[0] - trend.mean) / 3
    assert trend.mean + 2 * sigma < 13.4
    assert trend.mean - 2 * sigma > 6.6
    assert broken(trend, "two_of_three") == []


def test_p_chart_limits():
    # Montgomery, Introduction to statistical quality control, 7th ed., eq. 7.8, limits by sample size.
    sizes = [100, 400] * 6 + [100]
    series = [Point(f"m{index:02d}", 0.2 if index % 2 else 0.1, size) for index, size in enumerate(sizes)]
    trend = signals(series, "p")
    mean = (0.1 * 700 + 0.2 * 2400) / 3100
    assert trend.mean == pytest.approx(mean)
    assert trend.high[0] == pytest.approx(mean + 3 * math.sqrt(mean * (1 - mean) / 100))
    assert trend.low[1] == pytest.approx(mean - 3 * math.sqrt(mean * (1 - mean) / 400))
    assert trend.high[0] > trend.high[1]


def test_p_chart_limits_stay_between_0_and_1():
    trend = signals(points([0.99, 0.98] * 6, 20.0), "p")
    assert all(limit <= 1.0 for limit in trend.high)
    assert all(limit >= 0.0 for limit in signals(points([0.01, 0.02] * 6, 20.0), "p").low)


def test_a_share_at_one_all_the_time_is_calm():
    assert signals(points([1.0] * 13, 50.0), "p").signals == ()
    assert signals(points([0.1 + 0.2] * 13), "xmr").signals == ()


def test_of_one_month():
    trend = signals(points([*CALM[:-1], 40.0]), "xmr")
    assert [signal.rule for signal in trend.of("2025-01")] == ["outside_limits"]
    # The outlier pulls the mean above all the others.
    assert [(signal.rule, signal.direction) for signal in trend.of("2024-01")] == [("shift", -1)]
    assert trend.of("2030-01") == ()


@given(st.lists(st.floats(0, 1e6), min_size=12, max_size=40))
def test_rules_do_not_depend_on_scale_and_mirror(values):
    # Every high signal of a series is a low one of its mirror image.
    plain = signals(points(values), "xmr")
    mirror = signals(points([-value for value in values]), "xmr")
    assert {(s.month, s.rule, s.direction) for s in plain.signals} == {
        (s.month, s.rule, -s.direction) for s in mirror.signals
    }
    assert all(signal.rule in RULES for signal in plain.signals)
    if all(value == values[0] for value in values):
        assert plain.signals == ()

"""Addenda in words: no number is told twice as if it had changed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reports.language import language
from reports.later import told
from warehouse.addenda import Addendum, Amount, Change
from warehouse.figure import definitions


def shown(figure: str, old: Amount, new: Amount, code: str = "en", threshold: int = 1) -> tuple[str, str]:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    addendum = Addendum("2026-05", 1, at, (Change(figure, old, new),), {"late_study": 2})
    (month,) = told(language(code), [addendum], definitions(), threshold)
    (change,) = month.changes
    return change.old, change.new


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((11, 26), (14, 33), ("42% (11/26)", "42% (14/33)")),
        ((11, 26), (13, 26), ("42%", "50%")),
        # One decimal is for a hundred studies or more: both or neither.
        ((42, 99), (43, 101), ("42%", "43%")),
        ((300, 1000), (301, 1003), ("30.0% (300/1,000)", "30.0% (301/1,003)")),
    ],
)
def test_a_share_that_rounds_to_the_same_is_told_with_its_counts(
    old: tuple[float, float], new: tuple[float, float], expected: tuple[str, str]
) -> None:
    found = shown("positive_rate", Amount(*old), Amount(*new))
    assert found == expected


def test_a_count_that_stays_is_told_with_what_it_is_out_of() -> None:
    assert shown("unreported", Amount(29, 812), Amount(29, 815)) == ("29 of 812", "29 of 815")
    assert shown("unreported", Amount(29, 812), Amount(27, 812)) == ("29", "27")
    assert shown("unreported", Amount(29, 812), Amount(29, 815), "fr") == ("29 sur 812", "29 sur 815")


def test_a_time_that_moved_by_seconds_is_said_to_be_the_same() -> None:
    assert shown("report_turnaround", Amount(3.4667), Amount(3.4669)) == ("3\u00a0h\u00a028", "the same, rounded")


def test_where_small_numbers_are_withheld_no_count_is_added() -> None:
    assert shown("positive_rate", Amount(300, 1000), Amount(301, 1003), threshold=11) == ("30.0%", "the same, rounded")
    assert shown("unreported", Amount(2, 812), Amount(3, 812), threshold=11) == ("*", "*")


def test_a_figure_that_cannot_be_said_stays_a_dash() -> None:
    assert shown("report_turnaround", Amount(None), Amount(None)) == ("—", "—")

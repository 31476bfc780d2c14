"""Sentences written by rules: their numbers are those of the rows, and nothing is said of nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import pytest

from reports.blocks import TILES
from reports.kpi import MonthFigures
from reports.language import language
from reports.text import change, sentences, verdict
from reports.trend import Signal
from reports.value import Value
from warehouse.figure import definitions

SITES = ["saint-aubin", "westbrook", "tiny", "silent", "young", "empty"]
Month = Callable[[str], MonthFigures]


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("code", ["fr", "en"])
def test_a_few_sentences_each_traceable(month: Month, site: str, code: str) -> None:
    written = sentences(month(site), language(code))
    assert 1 <= len(written) <= 5
    for sentence in written:
        assert sentence.refs
        assert set(sentence.refs) <= set(definitions())
        assert sentence.text[0].isupper() or sentence.text[0].isdigit()
        assert sentence.text.endswith(".")
        assert "%(" not in sentence.text
        assert "None" not in sentence.text


@pytest.mark.parametrize("site", ["saint-aubin", "westbrook", "young"])
def test_volume_and_positives_are_those_of_the_rows(month: Month, simulated: ModuleType, site: str) -> None:
    plan = next(plan for plan in simulated.PLANS if plan.site == site)
    rows = [row for row in simulated.studies(plan) if f"{row.day:%Y-%m}" == simulated.MONTH]
    judged = [row for row in rows if row.ai_result in ("positive", "doubtful", "negative")]
    positive = sum(row.ai_result == "positive" for row in rows)
    said = " ".join(sentence.text for sentence in sentences(month(site), language("en")))
    assert f"performed {len(rows)} studies" in said
    assert f"({positive} of {len(judged)})" in said


def test_no_comparison_without_a_month_before(month: Month) -> None:
    first = sentences(month("young"), language("en"))[0].text
    assert "month before" not in first
    assert "last year" not in first


def test_a_silent_site_is_told_that_nothing_was_reported(month: Month) -> None:
    said = [sentence.text for sentence in sentences(month("silent"), language("en"))]
    assert not any("agree" in text for text in said)
    assert not any("Half of the reports" in text for text in said)


def test_an_empty_month_says_so(month: Month) -> None:
    assert sentences(month("empty"), language("en"))[0].text == "No study in scope was received for June 2026."


def value(number: float, unit: str) -> Value:
    return Value("x", {}, number, None, None, None, None, {}, unit)


@pytest.mark.parametrize(
    ("now", "before", "unit", "said"),
    [
        (110, 100, "studies", "+10%"),
        (90, 100, "studies", "−10%"),
        (100, 100, "studies", "±0%"),
        (2, 4, "studies", "−2"),
        (3, 0, "studies", "+3"),
        (0.125, 0.1, "share", "+2.5 points"),
        (0.1, 0.11, "share", "−1.0 points"),
        (0.1, 0.1, "share", "±0.0 points"),
        (2.5, 3.0, "hours", "−30 min"),
    ],
)
def test_changes(now: float, before: float, unit: str, said: str) -> None:
    shown = change(language("en"), value(now, unit), value(before, unit))
    assert shown is not None
    assert shown.replace("\u00a0", " ") == said


def test_no_change_from_or_to_nothing() -> None:
    assert change(language("en"), None, value(1, "studies")) is None
    assert change(language("en"), value(1, "studies"), replace(value(1, "studies"), value=None)) is None


@pytest.mark.parametrize(
    ("rule", "direction", "said"),
    [
        ("outside_limits", 1, "unusually high"),
        ("outside_limits", -1, "unusually low"),
        ("shift", -1, "lastingly lower"),
        ("trend", 1, "rising month after month"),
        ("two_of_three", 1, "close to the upper limit"),
    ],
)
def test_signals_are_worded_and_make_a_sentence(month: Month, rule: str, direction: int, said: str) -> None:
    figures = month("saint-aubin")
    control = replace(figures.trends["volume"], signals=(Signal(figures.month, rule, direction),))
    changed = replace(figures, trends={**figures.trends, "volume": control})
    assert verdict(changed, "volume", language("en")) == ("odd", said)
    assert any(said in sentence.text for sentence in sentences(changed, language("en")))


def test_a_first_month_is_not_judged(month: Month) -> None:
    assert {verdict(month("young"), name, language("en"))[0] for name in TILES} == {"early"}

"""What the month asks to be done, against the figures: no more than they say, and nothing withheld told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import pytest

from reports.actions import actions
from reports.kpi import MonthFigures
from reports.language import language
from reports.trend import Signal

Month = Callable[[str], MonthFigures]
EN = language("en")


def texts(figures: MonthFigures, most: int = 9) -> list[str]:
    return [action.text for action in actions(figures, EN, most)]


def discordant(simulated: ModuleType, site: str) -> tuple[int, int]:
    (plan,) = [plan for plan in simulated.PLANS if plan.site == site]
    rows = [row for row in simulated.studies(plan) if f"{row.day:%Y-%m}" == simulated.MONTH]
    found = [
        row
        for row in rows
        if row.report_final is not None
        and row.report_acuity != "followup"
        and {"positive": "absent", "doubtful": "absent", "negative": "present"}.get(row.ai_result) == row.report_label
    ]
    return len(found), sum(row.verdict is not None for row in found)


def test_it_asks_for_what_is_left_to_review(month: Month, simulated: ModuleType) -> None:
    all_of_them, reviewed = discordant(simulated, "saint-aubin")
    figures = month("saint-aubin")
    told = figures.values["discordances"]
    # Reports and verdicts after the data cut do not count: what the report says, the action says.
    assert sum(value.value or 0 for value in told) <= all_of_them
    left = int(sum(v.value or 0 for v in told) - sum(v.numerator or 0 for v in figures.values["discordances_reviewed"]))
    assert left >= all_of_them - reviewed - 5
    assert f"Have the {left} discordant studies that nobody has looked at yet read again." in texts(figures)


def test_each_action_names_its_figures_and_the_place_to_look(month: Month) -> None:
    for site in ("saint-aubin", "tiny", "silent", "young", "empty"):
        for action in actions(month(site), EN, 9):
            assert set(action.refs) <= set(month(site).definitions)
            assert action.section in ("activity", "findings", "turnaround", "agreement", "completeness")


def test_without_any_report_it_asks_for_the_connection(month: Month) -> None:
    assert any("why no report arrives" in text for text in texts(month("silent")))
    assert not any("waited" in text for text in texts(month("silent")))


def test_an_unusual_figure_is_to_be_looked_into(month: Month) -> None:
    figures = month("saint-aubin")
    odd = replace(figures.trends["volume"], signals=(Signal(figures.month, "outside_limits", 1),))
    assert "Look into: studies in scope (unusually high)." in texts(
        replace(figures, trends={**figures.trends, "volume": odd})
    )


@pytest.mark.parametrize("most", [1, 2])
def test_the_most_pressing_come_first(month: Month, most: int) -> None:
    assert texts(month("saint-aubin"), most) == texts(month("saint-aubin"))[:most]


def test_a_month_without_anything_asks_for_nothing(month: Month) -> None:
    figures = month("empty")
    offered = month("saint-aubin").values["offered"]
    quiet = replace(figures, values={**figures.values, "nights": [], "offered": offered})
    assert texts(quiet) == []


def test_without_any_image_it_asks_for_the_connection(month: Month) -> None:
    first = texts(month("empty"))[0]
    assert first == "No image arrived: ask whoever runs the connection to the PACS whether that is right."
    assert not any("No image" in text for site in ("tiny", "saint-aubin") for text in texts(month(site)))


def test_withheld_numbers_are_not_told(month: Month) -> None:
    figures = month("saint-aubin")
    hidden = {
        name: [replace(value, value=None, numerator=None, suppressed=True) for value in figures.values[name]]
        for name in ("discordances", "discordances_reviewed", "unreported")
    }
    told = texts(replace(figures, values={**figures.values, **hidden}))
    assert not any("discordant" in text or "waited" in text for text in told)

"""Charts: drawn or a reason, the numbers of the figures, safe labels, the same SVG every time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import pairwise
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import drawing, notes
from reports.canvas import plain, spread
from reports.charts import charts, public_holidays
from reports.drawing import BrowserMissingError, browser, draw
from reports.kpi import MonthFigures
from reports.language import language
from warehouse.figure import definitions
from warehouse.returned import Annotation

SITES = ["saint-aubin", "westbrook", "tiny", "silent", "young", "empty"]
ACCENT = "#0b6e75"
Month = Callable[[str], MonthFigures]


def chromium() -> bool:
    try:
        browser()
    except BrowserMissingError:
        return False
    return True


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("code", ["fr", "en"])
def test_each_chart_is_drawn_or_says_why_not(month: Month, site: str, code: str) -> None:
    made = charts(month(site), language(code), ACCENT)
    assert len(made) == 15
    for name, chart in made.items():
        assert chart.name == name
        assert set(chart.refs) <= set(definitions())
        if chart.figure is None:
            assert chart.reason and chart.reason.endswith(".")
        else:
            assert chart.reason is None
            assert len(chart.alt) > 20
            assert "%(" not in chart.alt
            assert chart.figure.layout.width == chart.width


def test_a_large_site_has_every_chart_and_an_empty_one_none(month: Month) -> None:
    assert all(chart.figure is not None for chart in charts(month("saint-aubin"), language("fr"), ACCENT).values())
    assert all(chart.figure is None for chart in charts(month("empty"), language("fr"), ACCENT).values())


def test_a_silent_site_has_no_chart_of_reports(month: Month) -> None:
    made = charts(month("silent"), language("en"), ACCENT)
    for name in ("time_to_report", "report_turnaround_by_hour", "measures", "agreement_by_region"):
        assert made[name].reason == "No report was received for the studies of this month."
    assert made["volume_by_day"].figure is not None


def test_bars_are_the_studies_of_each_day(month: Month, simulated: ModuleType) -> None:
    rows = [row for row in simulated.studies(simulated.PLANS[0]) if f"{row.day:%Y-%m}" == simulated.MONTH]
    (bars,) = charts(month("saint-aubin"), language("fr"), ACCENT)["volume_by_day"].figure.data
    assert list(bars.y) == [sum(row.day.day == day for row in rows) for day in range(1, 31)]
    colors = dict(zip(bars.x, bars.marker.color, strict=True))
    # 6 and 7 June 2026 are a weekend.
    assert colors[6] == colors[7] != colors[5] == ACCENT


def test_public_holidays_are_those_of_the_country() -> None:
    assert list(public_holidays("FR", date(2026, 7, 1), date(2026, 8, 1))) == [date(2026, 7, 14)]
    assert public_holidays("ZZ", date(2026, 7, 1), date(2026, 8, 1)) == {}


def test_labels_from_data_are_not_markup(month: Month) -> None:
    hostile = '<a href="https://evil.example">x</a><b>y</b>&amp;'
    figures = month("saint-aubin")
    values = {
        name: [
            replace(value, stratum={**value.stratum, "region": hostile}) if "region" in value.stratum else value
            for value in found
        ]
        for name, found in figures.values.items()
    }
    made = charts(replace(figures, values=values), language("en"), ACCENT)
    for chart in made.values():
        assert "<a" not in chart.figure.to_json().replace("\\u003c", "<")
    assert plain(hostile) in str(made["volume_by_region"].figure.layout.yaxis.ticktext)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0.01, 0.2))
def test_labels_are_moved_apart_and_keep_their_order(places: list[float], gap: float) -> None:
    moved = spread(places, gap)
    order = sorted(range(len(places)), key=lambda index: places[index])
    for lower, upper in pairwise(order):
        assert moved[upper] - moved[lower] >= 0.9 * gap
    if all(abs(a - b) >= gap for i, a in enumerate(places) for b in places[:i]):
        assert moved == places


@pytest.mark.real
@pytest.mark.skipif(not chromium(), reason="Chromium is not installed")
def test_drawing_gives_the_same_vectors_each_time(month: Month) -> None:
    made = charts(month("westbrook"), language("en"), ACCENT)
    chosen = {name: made[name].figure for name in ("volume_by_hour", "time_to_report", "rates_by_region")}
    once, again = draw(chosen), draw(dict(reversed(chosen.items())))
    assert {name: drawn.svg for name, drawn in once.items()} == {name: drawn.svg for name, drawn in again.items()}
    for name, drawn in once.items():
        root = ET.fromstring(drawn.svg)
        assert (drawn.width, drawn.height) == (made[name].figure.layout.width, made[name].figure.layout.height)
        assert not list(root.iter("{http://www.w3.org/2000/svg}image")), "a chart is a picture of pixels"
        texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
        assert texts
        assert all("Inter" in element.get("font-family", "") for element in texts)


@pytest.mark.real
@pytest.mark.skipif(not chromium(), reason="Chromium is not installed")
def test_no_text_can_end_the_script_of_the_page(month: Month) -> None:
    figure = charts(month("young"), language("en"), ACCENT)["volume_by_day"].figure
    figure.add_annotation(text=plain("</script><script>document.title='x'</script>"), x=3, y=1, showarrow=False)
    svg = draw({"a": figure})["a"].svg
    assert "&lt;/script&gt;" in svg


def test_without_chromium_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, month: Month) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BrowserMissingError, match="apt install chromium"):
        drawing.draw({"a": charts(month("young"), language("en"), ACCENT)["volume_by_day"].figure})


def test_nothing_to_draw_needs_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert draw({}) == {}


def test_annotations_stand_in_each_panel_of_the_agreement(month: Month) -> None:
    figures, words = month("saint-aubin"), language("en")
    months = [each for each, _ in figures.history["agreement"]]
    noted = notes.marks(
        [Annotation(month=months[4], text="new X-ray room"), Annotation(month=months[9], text="strike")], months
    )
    drawn = charts(figures, words, ACCENT, noted=noted)["agreement_over_time"]
    letters = [item for item in drawn.figure["layout"]["annotations"] if item["text"] in ("<b>a</b>", "<b>b</b>")]
    assert sorted((item["xref"], item["x"], item["text"]) for item in letters) == [
        (axis, place, text) for axis in ("x", "x2", "x3") for place, text in ((4, "<b>a</b>"), (9, "<b>b</b>"))
    ]
    assert "new X-ray room" in drawn.alt and "strike" in drawn.alt
    assert "new X-ray room" not in charts(figures, words, ACCENT)["agreement_over_time"].alt

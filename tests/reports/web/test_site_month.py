"""My site: the page shows the figures of the report, recounted here from the rows and from the PDF itself."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import pikepdf
import pytest
from starlette.testclient import TestClient

from reports import kpi, monthly
from reports.definition import Provenance, ReportDefinition
from reports.language import language
from reports.screen import screen
from reports.web.settings import Services, WebSettings
from warehouse import connect
from warehouse.app_store import AppStore

Sign = Callable[[str], TestClient]
JUNE = (date(2026, 6, 1), date(2026, 7, 1))


@pytest.fixture(scope="session")
def plan(simulated: ModuleType) -> Any:
    return simulated.Plan("north", "Hôpital <b>Nord</b>", "fr", "FR", "Europe/Paris", 9, date(2026, 4, 1))


@pytest.fixture(scope="session")
def published(simulated: ModuleType, plan: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with one site, north, of three months."""
    path = tmp_path_factory.mktemp("my-site") / "warehouse.duckdb"
    simulated.fill(path, (plan,))
    return path


@pytest.fixture(scope="session")
def june(simulated: ModuleType, plan: Any) -> list[Any]:
    return [row for row in simulated.studies(plan) if JUNE[0] <= row.day < JUNE[1]]


@pytest.fixture
def settings(settings: WebSettings, published: Path) -> WebSettings:
    return replace(settings, published=published)


@pytest.fixture(scope="session")
def composed(published: Path) -> Callable[..., monthly.Composition]:
    """Compose a month once."""

    @cache
    def of(site: str, month: str, code: str, cut: datetime | None) -> monthly.Composition:
        given = (site, month, ReportDefinition(), Provenance(), cut)
        with connect.reader(published) as connection:
            return monthly.compose(connection, *given, words=language(code))

    return of


@pytest.fixture
def data_cut() -> datetime | None:
    """The latest commit, unless a test says otherwise."""
    return None


@pytest.fixture
def services(clock: Any, composed: Callable[..., monthly.Composition], data_cut: datetime | None) -> Services:
    return Services(now=clock, month=lambda site, month, code: composed(site, month, code, data_cut))


@pytest.fixture
def page(persona: Sign) -> str:
    return persona("department_head").get("/site/north/month?month=2026-06").text


def plotted(page: str) -> list[dict[str, Any]]:
    return [json.loads(unescape(text)) for text in re.findall(r'data-figure="([^"]+)"', page)]


def tile(page: str, title: str) -> str:
    found = re.search(rf'<p class="name">{title}</p>(.*?)</li>', page, re.DOTALL)
    assert found, title
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[1]))


def test_tiles_are_recounted_from_the_rows(page: str, june: list[Any]) -> None:
    results = Counter(row.ai_result for row in june)
    analysed = results["positive"] + results["doubtful"] + results["negative"]
    assert f" {len(june)} " in tile(page, "Studies in scope")
    assert f"{results['positive']} of {analysed}" in tile(page, "Positive rate")
    assert "95% interval" in tile(page, "Positive rate")


def test_bars_of_the_days_are_recounted_from_the_rows(page: str, june: list[Any]) -> None:
    days = Counter(row.day.day for row in june)
    bars = next(figure["data"][0] for figure in plotted(page) if len(figure["data"][0].get("x", [])) == 30)
    assert dict(zip(bars["x"], bars["y"], strict=True)) == {day: days[day] for day in range(1, 31)}
    assert all(str(days[day]) in said for day, said in zip(bars["x"], bars["hovertext"], strict=True))


def test_completeness_is_said(page: str) -> None:
    assert "28 of 30 nights complete." in page  # one failed, one missed
    assert "DICOM files received: 446" in page


def test_the_file_is_that_which_the_pdf_has_attached(persona: Sign, published: Path, tmp_path: Path) -> None:
    with connect.reader(published) as connection:
        made = monthly.render(connection, "north", "2026-06", ReportDefinition(sections=("method",)), tmp_path)
    with pikepdf.open(made.pdf) as pdf:
        attached = {name: pdf.attachments[name].get_file().read_bytes() for name in ("figures.json", "figures.csv")}
    browser = persona("department_head")
    for kind in ("json", "csv"):
        answer = browser.get(f"/site/north/month/2026-06/{kind}")
        assert answer.content == attached[f"figures.{kind}"]
        assert answer.headers["content-disposition"] == f'attachment; filename="bilan-north-2026-06.{kind}"'
        assert answer.headers["cache-control"] == "no-store"


def test_each_number_of_the_tiles_is_in_the_file(persona: Sign, page: str) -> None:
    sheet = persona("department_head").get("/site/north/month/2026-06/csv").text.removeprefix("\ufeff")
    rows = {(row["figure"], row["stratum"]): row for row in csv.DictReader(io.StringIO(sheet))}
    target = rows["reported_within", "hours=target"]
    said = tile(page, "Share reported within the target")
    assert f"{target['numerator']} of {target['denominator']}" in said.replace(",", "")


def test_months_are_chosen_and_what_is_no_month_is_the_newest(persona: Sign) -> None:
    browser = persona("department_head")
    assert "<h1>April 2026</h1>" in browser.get("/site/north/month?month=2026-04").text
    for asked in ("", "?month=2026-13", "?month=2030-01", "?month=%3Cscript%3E", "?month=2026-06'--"):
        assert "<h1>June 2026</h1>" in browser.get(f"/site/north/month{asked}").text
    middle = browser.get("/site/north/month?month=2026-05").text
    assert 'rel="prev" href="?month=2026-04"' in middle
    assert 'rel="next" href="?month=2026-06"' in middle


@pytest.mark.parametrize("place", ["2026-13/csv", "2026-06/pdf", "2026-06/exe", "..%2f..%2f/csv", "2026-6/json"])
def test_other_files_are_not_found(persona: Sign, place: str) -> None:
    assert persona("department_head").get(f"/site/north/month/{place}").status_code == 404


def test_names_of_the_site_are_text_and_nothing_is_refused_by_the_policy(page: str) -> None:
    assert "<b>Nord</b>" not in page
    bare = re.sub(r'data-figure="[^"]+"', "", page)
    assert re.findall(r"<[^>]+\s(?:style|on\w+)=", bare) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|javascript:", bare) == []


def test_small_counts_are_withheld_on_the_page_as_in_the_file(
    simulated: ModuleType, plan: Any, june: list[Any], tmp_path: Path
) -> None:
    path = tmp_path / "small.duckdb"
    simulated.fill(path, (plan,), small_cell=11)
    with connect.reader(path) as connection:
        made = monthly.compose(connection, "north", "2026-06", ReportDefinition(), Provenance(), words=language("en"))
    shown = screen(made)
    hidden = {value.name for values in made.figures.values.values() for value in values if value.suppressed}
    assert "volume_by_hour" in hidden
    everything = "".join(
        str(markup) for part in shown.sections for band in part.bands for column in band.columns for markup in column
    )
    # A withheld cell has neither a bar nor a word where one points.
    for figure in plotted(everything):
        for trace in figure["data"]:
            for said in trace.get("hovertext", []):
                assert not re.search(r"<br>[1-9] stud|<br>10 stud|<br>[1-9] of |<br>10 of ", said), said
    steps = made.figures.frames["time_to_report"]["at_risk"].tolist()
    assert len(steps) > 2
    assert all(before - after >= 11 for before, after in itertools.pairwise(steps))
    bins = Counter(min(19, int(20 * row.score)) for row in june if row.score is not None)
    drawn = [figure["data"][0] for figure in plotted(everything) if figure["data"][0].get("width") == 0.044]
    shown_bins = [round(20 * (x - 0.025)) for bars in drawn for x in bars["x"]]
    assert any(0 < n < 11 for n in bins.values())
    assert all(bins[each] == 0 or bins[each] >= 11 for each in shown_bins)


@pytest.mark.parametrize("data_cut", [datetime(2026, 6, 15, 10, tzinfo=UTC)])
def test_a_month_that_is_not_over_is_told(page: str) -> None:
    assert "The month is not over" in page
    assert re.search(r"state of the data: 15\sJun 12:00", page)


def test_a_month_that_is_over_is_not_told_to_be_running(persona: Sign) -> None:
    assert "The month is not over" not in persona("department_head").get("/site/north/month?month=2026-05").text


def test_what_was_seen_and_taken_is_in_the_trail(persona: Sign, store: AppStore) -> None:
    browser = persona("department_head")
    browser.get("/site/north/month")
    browser.get("/site/north/month/2026-06/csv")
    with store.reading() as app:
        rows = app.execute(
            "select event, site, object, detail from audit_event where event in ('site_viewed', 'report_exported')"
        ).fetchall()
    assert [tuple(row) for row in rows] == [
        ("site_viewed", "north", "2026-06", "{}"),
        ("report_exported", "north", "2026-06", '{"kind": "csv"}'),
    ]


def test_a_site_without_a_night_has_a_calm_page(persona: Sign) -> None:
    page = persona("department_head_south").get("/site/south/month")
    assert page.status_code == 200
    assert "No night has been run for this site yet." in page.text


def test_the_hash_of_the_figures_is_that_of_their_plain_form(published: Path) -> None:
    with connect.reader(published) as connection:
        one = kpi.month_figures(connection, "north", "2026-06")
        other = kpi.month_figures(connection, "north", "2026-05")
    assert kpi.sha256(one) != kpi.sha256(other)
    assert len(kpi.sha256(one)) == 64


def test_a_head_of_department_begins_with_the_month_and_a_clinician_with_the_list(persona: Sign) -> None:
    assert persona("department_head").get("/").headers["location"] == "/site/north/month"
    assert persona("clinician").get("/").headers["location"] == "/site/north/cases"

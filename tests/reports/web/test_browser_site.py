"""A head of department in a real Chromium: the month, its charts, the archive, discordances, parameters and preview."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette

from pipelines import report_choice as choices
from pipelines.config import Site
from reports import monthly
from reports.definition import Provenance, ReportDefinition
from reports.language import language
from reports.web.app import create
from reports.web.settings import Services, WebSettings
from warehouse import connect, freeze, publish, report_choice
from warehouse.app_store import AppStore

pytestmark = pytest.mark.real
SITE = Site.model_validate(
    {
        "site": "north",
        "name": "Nord",
        "country": "FR",
        "language": "fr",
        "time_zone": "Europe/Paris",
        "sector": "public",
        "sources": [{"name": "pacs", "type": "folder", "path": "/srv/inbox", "content": "dicom"}],
    }
)
PASSWORD = "Tibia-plateau-1847!"


@pytest.fixture(scope="module")
def plan(simulated: ModuleType) -> Any:
    return simulated.Plan("north", "Hôpital Nord", "fr", "FR", "Europe/Paris", 5, date(2026, 4, 1))


@pytest.fixture(scope="module")
def home(simulated: ModuleType, plan: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of three months, with one issue of one report."""
    home = tmp_path_factory.mktemp("browser-site")
    warehouse = home / "warehouse.duckdb"
    simulated.fill(warehouse, (plan,))
    at = datetime(2026, 6, 1, 4, tzinfo=UTC)
    freeze.issue(
        warehouse,
        site="north",
        month="2026-05",
        data_cut=at,
        data_sha256="a" * 64,
        figures_sha256="b" * 64,
        definition="{}",
        now=at,
    )
    publish.publish(warehouse, home / "published.duckdb")
    report = home / "issued" / "north" / "reports" / "2026-05" / "report.pdf"
    report.parent.mkdir(parents=True)
    report.write_bytes(b"%PDF-1.7 canary")
    return home


@pytest.fixture
def address(
    home: Path,
    settings: WebSettings,
    store: AppStore,
    serving: Callable[[Starlette], AbstractContextManager[str]],
) -> Iterator[str]:
    published = home / "published.duckdb"

    def in_force() -> Site:
        with store.reading() as app:
            last = report_choice.last(app, "north")
        return SITE if last is None or last.content is None else choices.applied(SITE, last.content) or SITE

    made: dict[str, monthly.Composition] = {}

    def composed(month: str, code: str, settings: Site) -> monthly.Composition:
        key = json.dumps([month, code, choices.plain(settings)])
        if key not in made:
            made[key] = compose(month, code, settings)
        return made[key]

    def compose(month: str, code: str, settings: Site) -> monthly.Composition:
        told = settings.report
        with connect.reader(published) as connection:
            return monthly.compose(
                connection,
                "north",
                month,
                ReportDefinition(told.sections, told.blocks, told.accent),
                Provenance(),
                words=language(code),
            )

    def preview(site: str, month: str, content: Mapping[str, Any]) -> monthly.Composition | None:
        chosen = choices.applied(SITE, content)
        assert chosen
        return composed(month, chosen.report.language or "fr", chosen)

    lent = Services(
        month=lambda site, month, code: composed(month, code, in_force()),
        report_chosen=lambda site: choices.plain(in_force()),
        report_problems=lambda site, content: choices.problems(SITE, content),
        report_preview=preview,
    )
    told = replace(settings, hosts=("127.0.0.1",), published=published, issued=home / "issued")
    with serving(create(told, lent)) as found:
        yield found


def drawn(page: Page) -> int:
    """Scroll through the page and return how many charts it has, all of them drawn."""
    count = page.locator(".plot").count()
    for index in range(count):
        page.locator(".plot").nth(index).scroll_into_view_if_needed()
    page.wait_for_function("document.querySelectorAll('[data-figure]').length === 0")
    page.wait_for_function("[...document.querySelectorAll('.plot')].every(place => place.dataset.drawn === 'yes')")
    page.evaluate("scrollTo(0, 0)")
    return count


def test_a_head_of_department_through_the_screens_of_the_site(
    simulated: ModuleType,
    plan: Any,
    address: str,
    chromium: Browser,
    console: Callable[[Page], None],
    examine: Callable[[Page, str], None],
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 1024}, locale="en-GB", reduced_motion="reduce")
    page = context.new_page()
    console(page)
    page.goto(address)
    page.fill("#login", "department_head")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/site/north/month")

    # The month: every chart is drawn under the policy, and tells the number of the rows where one points.
    assert page.locator("h1").inner_text() == "June 2026"
    examine(page, "month-en")
    assert drawn(page) > 8
    days = Counter(row.day.day for row in simulated.studies(plan) if row.day >= date(2026, 6, 1))
    bars = page.locator(".plot.wide").first.locator(".barlayer .point path")
    assert bars.count() == 30
    bars.nth(9).hover(force=True)  # the layer above takes the pointer, and tells plotly.js
    page.locator(".hovertext", has_text=f"{days[10]} stud").wait_for()
    page.get_by_role("link", name="Month before: May 2026").click()
    assert page.locator("h1").inner_text() == "May 2026"

    for code, tabs in (("en", ("Reports", "Parameters of my report", "Discordances")),
                       ("fr", ("Rapports", "Paramètres de mon rapport", "Discordances"))):  # fmt: skip
        if code == "fr":
            page.get_by_role("button", name="Français").click()
            page.goto(f"{address}/site/north/month?month=2026-06")
            examine(page, "month-fr")
        reports, parameters, discordances = tabs
        page.locator(".tabs").get_by_role("link", name=reports, exact=True).click()
        with page.expect_download() as downloading:
            page.get_by_role("link", name=re.compile("^PDF")).click()
        assert downloading.value.suggested_filename == "bilan-north-2026-05-1.pdf"
        examine(page, f"archive-{code}")
        page.locator(".tabs").get_by_role("link", name=parameters).click()
        examine(page, f"parameters-{code}")
        page.locator(".menu").get_by_role("link", name=discordances).click()
        assert page.locator("table.worklist tbody tr").count() > 1
        examine(page, f"discordances-{code}")

    # The parameters by keyboard: the activity first, without its hours; a preview in a new tab; then kept.
    page.goto(f"{address}/site/north/report-settings")
    page.get_by_role("button", name="Monter : Activité", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("checkbox", name="Examens par heure et jour de semaine").uncheck()
    with context.expect_page() as opening:
        page.get_by_role("button", name="Aperçu dans un nouvel onglet").click()
    preview = opening.value
    console(preview)
    preview.wait_for_load_state()
    assert preview.locator("main > section").first.get_attribute("id") == "s-activity"
    assert preview.get_by_text("Examens par heure et jour de semaine").count() == 0
    accent = "getComputedStyle(document.documentElement).getPropertyValue('--accent')"
    assert preview.evaluate(accent) == "#0b6e75"
    examine(preview, "preview-fr")
    assert drawn(preview) > 5
    preview.close()
    page.get_by_role("button", name="Enregistrer").click()
    page.wait_for_url("**/report-settings?done=saved")
    assert page.locator(".parts > li > .line label").first.inner_text() == "Activité"
    page.goto(f"{address}/site/north/month")
    assert page.locator(".part h2").first.inner_text() == "Activité"
    assert page.get_by_text("Examens par heure et jour de semaine").count() == 0
    context.close()

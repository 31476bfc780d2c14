"""Discordances of a month: as many as the rows say, with the verdict of this minute, each leading to its case."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

from reports.web.settings import WebSettings
from warehouse import verdicts
from warehouse.app_store import AppStore
from warehouse.verdicts import Answer, Request

Sign = Callable[[str], TestClient]
AT = "/site/north/discordances?month=2026-06"


@pytest.fixture(scope="session")
def rows(simulated: ModuleType) -> list[Any]:
    return simulated.studies(simulated.Plan("north", "Nord", "fr", "FR", "Europe/Paris", 25, date(2026, 6, 1)))


@pytest.fixture(scope="session")
def published(simulated: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("discordances") / "warehouse.duckdb"
    simulated.fill(path, (simulated.Plan("north", "Nord", "fr", "FR", "Europe/Paris", 25, date(2026, 6, 1)),))
    return path


@pytest.fixture
def settings(settings: WebSettings, published: Path) -> WebSettings:
    return replace(settings, published=published)


def parted(rows: list[Any]) -> dict[str, list[Any]]:
    """What is discordant by the definition in docs/agreement.md, told apart from the rows themselves."""
    told = [
        row
        for row in rows
        if row.report_state == "final" and row.report_acuity not in ("followup", "old") and row.ai_result != "failed"
    ]
    return {
        "ai": [row for row in told if row.ai_result != "negative" and row.report_label == "absent"],
        "report": [row for row in told if row.ai_result == "negative" and row.report_label == "present"],
    }


def shown(page: str) -> list[str]:
    body = re.findall(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    return [re.sub(r"<[^>]+>|\s+", " ", row) for part in body for row in re.findall(r"<tr>(.*?)</tr>", part, re.DOTALL)]


def test_there_are_as_many_as_the_rows_say_in_each_direction(persona: Sign, rows: list[Any]) -> None:
    page = persona("department_head").get(AT).text
    found = parted(rows)
    assert len(found["ai"]) > 5
    assert len(found["report"]) > 0
    assert len(shown(page)) == len(found["ai"]) + len(found["report"])
    sums = [int(n) for n in re.findall(r'<b class="big">(\d+)</b>', page)]
    assert sums == [len(found["ai"]), len(found["report"])]
    given = Counter(row.verdict for row in found["ai"] if row.verdict)
    assert re.search(rf"{sum(given.values())} reviewed: fracture {given['fracture']}", page)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("&state=open", lambda row: row.verdict is None),
        ("&state=closed", lambda row: row.verdict is not None),
        ("&direction=ai_negative_report_present", lambda row: row.ai_result == "negative"),
        ("&direction=ai_positive_report_absent&state=closed", lambda row: row.ai_result != "negative" and row.verdict),
        ("&state=%27%3B--&direction=<script>", lambda row: True),
    ],
)
def test_filters_leave_what_they_say(persona: Sign, rows: list[Any], asked: str, kept: Callable[[Any], bool]) -> None:
    found = [row for part in parted(rows).values() for row in part if kept(row)]
    assert len(shown(persona("clinician").get(AT + asked).text)) == len(found)


def test_a_verdict_of_this_minute_counts_and_so_does_taking_it_back(
    persona: Sign, rows: list[Any], store: AppStore, clock: Any
) -> None:
    study = next(row for row in parted(rows)["ai"] if row.verdict is None)
    before = len(shown(persona("clinician").get(f"{AT}&state=open").text))
    with store.writing() as app:
        asked = Request("north", study.study_uid, "someone", "Dr <i>Ada</i>", "k" * 32)
        event = verdicts.record(app, asked, Answer("fracture"), clock())
    page = persona("clinician").get(AT).text
    assert "Dr &lt;i&gt;Ada&lt;/i&gt;" in page
    assert len(shown(persona("clinician").get(f"{AT}&state=open").text)) == before - 1
    with store.writing() as app:
        verdicts.undo(app, replace(asked, key="l" * 32), event.event_id, clock())
    assert len(shown(persona("clinician").get(f"{AT}&state=open").text)) == before


def test_each_row_leads_to_its_case_by_an_address_of_this_session(persona: Sign) -> None:
    browser = persona("department_head")
    page = browser.get(AT).text
    links = re.findall(r'href="(/site/north/cases/[^"]+)"', page)
    assert links
    assert browser.get(links[0].replace("&amp;", "&")).status_code == 200
    assert persona("clinician").get(links[0].replace("&amp;", "&")).status_code == 404
    assert not re.search(r"[0-9a-f]{32}", re.sub(r'(content|value)="[0-9a-f]{64}"', "", page))


def test_the_list_is_in_the_trail_and_a_site_without_data_is_calm(persona: Sign, store: AppStore) -> None:
    persona("department_head").get(AT)
    with store.reading() as app:
        (row,) = app.execute("select site, object from audit_event where event = 'list_viewed'").fetchall()
    assert tuple(row) == ("north", "2026-06")
    assert "No night has been run" in persona("clinician_south").get("/site/south/discordances").text

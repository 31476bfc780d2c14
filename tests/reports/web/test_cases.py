"""The flagged list and the case: who sees what, and that no verdict is lost or made twice."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

from reports.web.settings import Pixels, ReportText, Services, SiteInfo, WebSettings
from warehouse import cases, verdicts
from warehouse.app_store import AppStore
from warehouse.connect import reader

NORTH = "saint-aubin"
TEXT = "Pas de fracture.\nConclusion : CANARY examen normal."
Sign = Callable[[str], TestClient]


@pytest.fixture
def settings(tmp_path: Path, warehouse_file: Path) -> WebSettings:
    """Two sites of the simulated warehouse under the names that the personae know."""
    return WebSettings(
        app_store=tmp_path / "app.sqlite",
        published=warehouse_file,
        identified=tmp_path / "identified.sqlite",
        issued=tmp_path / "issued",
        sites=(
            SiteInfo("saint-aubin", "Hôpital Saint-Aubin", "fr", "Europe/Paris"),
            SiteInfo("westbrook", "Westbrook", "en", "Europe/London"),
        ),
        hosts=("testserver",),
    )


@pytest.fixture
def services(clock: Any) -> Services:
    head = {"rows": 1, "columns": 2, "bits": 8, "low": 0, "high": 255}
    return Services(
        now=clock,
        thumbnail=lambda site, image: b"\x89PNG",
        pixels=lambda site, study, image: Pixels(head, b"\x1f\x8b"),
        report_text=lambda site, message: ReportText(TEXT, 0, 16),
        links=lambda site, studies: dict.fromkeys(studies, "https://pacs.example.org/?s=1"),
    )


@pytest.fixture
def store(store: AppStore) -> AppStore:
    """Everybody's roles, at the simulated sites."""
    with store.writing() as connection:
        connection.execute("update user_role set site = 'saint-aubin' where site = 'north'")
        connection.execute("update user_role set site = 'westbrook' where site = 'south'")
    return store


@pytest.fixture
def day(simulated: ModuleType) -> str:
    return simulated.END.fromordinal(simulated.END.toordinal() - 1).isoformat()


def listed(browser: TestClient, query: str = "") -> list[str]:
    page = browser.get(f"/site/{NORTH}/cases?{query}")
    assert page.status_code == 200, page.text
    return re.findall(r'href="(/site/saint-aubin/cases/[^"?]+)(?:\?[^"]*)?" data-row', page.text)


@pytest.mark.parametrize("path", ["cases", "cases/rows", "cases/list.csv", "cases/x", "images/x/pixels"])
@pytest.mark.parametrize(
    ("who", "status"), [("clinician_south", 404), ("auditor", 404), ("partnership_manager", 404), ("nobody", 404)]
)
def test_nobody_else_sees_anything(persona: Sign, path: str, who: str, status: int) -> None:
    assert persona(who).get(f"/site/{NORTH}/{path}").status_code == status


def test_the_list_holds_the_cases_in_their_order(persona: Sign, warehouse_file: Path, simulated: ModuleType) -> None:
    with reader(warehouse_file) as connection:
        last = simulated.END.fromordinal(simulated.END.toordinal() - 1)
        expected = [case.region for case in cases.flagged(connection, NORTH, last)]
    browser = persona("clinician")
    assert len(expected) > 3
    assert len(listed(browser, f"day={last}")) == len(expected)
    assert browser.get(f"/site/{NORTH}/cases").headers["cache-control"] == "no-store"


def test_unchanged_rows_are_not_sent_again(persona: Sign, day: str) -> None:
    browser = persona("clinician")
    first = browser.get(f"/site/{NORTH}/cases/rows?day={day}")
    again = browser.get(f"/site/{NORTH}/cases/rows?day={day}", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    other = browser.get(
        f"/site/{NORTH}/cases/rows?day={day}&nights=3", headers={"if-none-match": first.headers["etag"]}
    )
    assert other.status_code == 200


@pytest.mark.parametrize("kind", ["csv", "xlsx", "pdf", "exe"])
def test_exports(persona: Sign, day: str, kind: str) -> None:
    browser = persona("clinician")
    found = browser.get(f"/site/{NORTH}/cases/list.{kind}?day={day}")
    assert found.status_code == (404 if kind == "exe" else 200)
    if kind == "csv":
        rows = list(csv.reader(io.StringIO(found.content.decode("utf-8-sig"))))
        assert len(rows) == 1 + len(listed(browser, f"day={day}"))
    if kind == "xlsx":
        with zipfile.ZipFile(io.BytesIO(found.content)) as book:
            assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
    if kind == "pdf":
        assert found.content.startswith(b"%PDF")


def test_a_case_shows_its_report_with_the_deciding_sentence(persona: Sign, day: str) -> None:
    browser = persona("clinician")
    (first, *_) = listed(browser, f"day={day}")
    page = browser.get(first).text
    assert "<mark>" in page
    assert re.search(r"data-pixels=\"/site/saint-aubin/images/[^\"]+/pixels\"", page)
    pixels = re.findall(r'data-pixels="([^"]+)"', page)[0]
    assert browser.get(pixels).status_code == 200
    assert persona("department_head").get(pixels).status_code == 404  # another session
    with_study = re.findall(r"[0-9a-f]{32}", page.replace(re.findall(r'name="csrf" content="(\w+)"', page)[0], ""))
    assert all(len(word) == 32 for word in with_study)


def answer(browser: TestClient, page: str, **fields: str) -> Any:
    text = browser.get(page).text
    csrf = re.findall(r'name="csrf" content="([0-9a-f]{64})"', text)[0]
    return browser.post(f"{page}/{fields.pop('to', 'verdict')}", data={"csrf": csrf, **fields})


def events(store: AppStore) -> list[verdicts.VerdictEvent]:
    with store.reading() as app:
        found = verdicts.judged(app, NORTH)
        return [event for study in found for event in verdicts.of_study(app, NORTH, study)]


def test_a_double_click_is_one_verdict_and_colleagues_see_it(persona: Sign, store: AppStore, day: str) -> None:
    clinician, head = persona("clinician"), persona("department_head")
    (case, *_), (same, *_) = listed(clinician, f"day={day}"), listed(head, f"day={day}")
    for _ in range(2):
        made = answer(clinician, case, verdict="fracture", comment="<b>CANARY</b>", recall="yes", key="k" * 20)
        assert made.status_code == 303
    assert [(event.verdict, event.recall) for event in events(store)] == [("fracture", True)]
    seen = head.get(f"{same}/verdicts").text
    assert "Clinician" in seen and "&lt;b&gt;CANARY" in seen and "<b>CANARY" not in seen
    # It is settled at once in the list, and what was done is in the trail once.
    assert case.split("/")[-1] != listed(clinician, f"day={day}")[0].split("/")[-1]
    with store.reading() as app:
        kinds = [row[0] for row in app.execute("select event from audit_event").fetchall()]
    assert kinds.count("verdict_given") == 1


def test_the_trail_tells_whether_a_case_showed_an_ai_result(
    persona: Sign, store: AppStore, day: str, warehouse_file: Path
) -> None:
    browser = persona("clinician")
    for case in listed(browser, f"day={day}&nights=30")[:40]:
        browser.get(case)
    with store.reading() as app:
        opened = app.execute(
            "select object, json_extract(detail, '$.ai_shown') from audit_event where event = 'case_viewed'"
        ).fetchall()
    with reader(warehouse_file) as connection:
        results = dict(
            connection.execute("select study_uid, ai_result from study where site = 'saint-aubin'").fetchall()
        )
    assert len(opened) >= 10
    assert [bool(shown) for _, shown in opened] == [results[uid] != "failed" for uid, _ in opened]


def test_undo_and_what_is_refused(persona: Sign, store: AppStore, day: str) -> None:
    clinician, head = persona("clinician"), persona("department_head")
    (case, *_), (same, *_) = listed(clinician, f"day={day}"), listed(head, f"day={day}")
    answer(clinician, case, verdict="unsure", key="a" * 20)
    number = str(events(store)[0].event_id)
    assert answer(head, same, to="undo", event=number, key="b" * 20).status_code == 409
    assert answer(clinician, case, verdict="perhaps", key="c" * 20).status_code == 400
    assert answer(clinician, case, verdict="fracture", key="short").status_code == 400
    assert answer(clinician, case, verdict="fracture", key="a" * 20).status_code == 409
    assert clinician.post(f"{case}/verdict", data={"verdict": "fracture", "key": "d" * 20}).status_code == 403
    assert answer(clinician, case, to="undo", event=number, key="e" * 20).status_code == 303
    assert [event.kind for event in events(store)] == ["verdict", "undo"]


def test_the_pages_in_french(persona: Sign, store: AppStore, day: str) -> None:
    with store.writing() as connection:
        connection.execute("update user_account set language = 'fr'")
    browser = persona("clinician")
    page = browser.get(f"/site/{NORTH}/cases?day={day}")
    assert "Cas signalés" in page.text or "signalés" in page.text
    (case, *_) = listed(browser, f"day={day}")
    assert "Pas de fracture" in browser.get(case).text


def test_filters_leave_what_they_say(persona: Sign, day: str) -> None:
    browser = persona("clinician")
    whole = listed(browser, f"day={day}")
    regions = [len(listed(browser, f"day={day}&region={region}")) for region in ("wrist", "ankle", "nowhere")]
    assert regions[2] == 0 and regions[0] + regions[1] <= len(whole)
    parts = [len(listed(browser, f"day={day}&status={action}")) for action in cases.ACTIONS]
    assert sum(parts) == len(whole)


def test_a_case_can_be_reloaded_as_long_as_the_session_its_images_for_a_short_time(
    persona: Sign, clock: Any, day: str
) -> None:
    browser = persona("clinician")
    case = listed(browser, f"day={day}")[0]
    (pixels, *_) = re.findall(r'data-pixels="([^"]+)"', browser.get(case).text)
    for _ in range(3):
        clock.advance(minutes=29)
        assert browser.get(case).status_code == 200
    assert browser.get(pixels).status_code == 404
    clock.advance(minutes=31)  # idle for too long
    assert browser.get(case).status_code == 303


def test_the_form_says_what_i_said_before(persona: Sign, day: str) -> None:
    clinician, head = persona("clinician"), persona("department_head")
    (case, *_), (same, *_) = listed(clinician, f"day={day}"), listed(head, f"day={day}")
    answer(clinician, case, verdict="unsure", comment="</textarea><b>CANARY", recall="yes", key="k" * 20)
    page = clinician.get(case).text
    assert 'value="unsure" class="choice unsure" aria-pressed="true"' in page
    assert 'name="recall" value="yes" checked' in page
    assert 'maxlength="2000">&lt;/textarea&gt;&lt;b&gt;CANARY</textarea>' in page
    other = head.get(same).text
    assert 'maxlength="2000"></textarea>' in other and 'value="yes" checked' not in other


def test_a_verdict_that_waited_is_kept_after_signing_in_again(
    persona: Sign, store: AppStore, clock: Any, day: str
) -> None:
    before = persona("clinician")
    (case, *_) = listed(before, f"day={day}")
    page = before.get(case).text
    ticket = re.findall(r'name="ticket" value="([^"]+)"', page)[0]
    clock.advance(hours=1)

    def send(who: str, given: str, key: str) -> int:
        browser = persona(who)
        csrf = re.findall(r'name="csrf" content="([0-9a-f]{64})"', browser.get("/account").text)[0]
        data = {"csrf": csrf, "ticket": given, "verdict": "fracture", "key": key * 20}
        return int(browser.post(f"{case}/verdict", data=data).status_code)

    # Not in a colleague's name, not with another page's part, not without a ticket.
    assert [send("department_head", ticket, "a"), send("clinician", ticket[:-4], "b"), send("clinician", "", "c")] == [
        404
    ] * 3
    assert [send("clinician", ticket, "d"), send("clinician", ticket, "d")] == [303, 303]
    (kept,) = events(store)
    assert (kept.author_name, kept.verdict) == ("Clinician", "fracture")

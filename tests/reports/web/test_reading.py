"""Reports that a person reads: corrections are kept once, the blind sample shows nothing that would sway a reader."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from reports.web.settings import ReportText, Services, WebSettings
from warehouse import audit, audit_sample, corrections
from warehouse.app_store import AppStore
from warehouse.corrections import Queued

Sign = Callable[[str], TestClient]
TEXT = "CANARI. Doute sur une fracture du scaphoïde."
WAITING = [
    Queued("a" * 32, "b" * 32, date(2026, 11, 2), "uncertain", ("hedge",), "Doute sur une fracture."),
    Queued("c" * 32, "d" * 32, date(2026, 11, 3), "not_addressed", (), None),
]


@pytest.fixture
def settings(settings: WebSettings, warehouse_file: Path) -> WebSettings:
    return replace(settings, published=warehouse_file)


@pytest.fixture
def services(clock: Any) -> Services:
    return Services(now=clock, report_text=lambda site, message: ReportText(TEXT, 8, len(TEXT)))


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two reports wait at the site north; the query itself is tested with the warehouse."""
    monkeypatch.setattr(corrections, "queue", lambda connection, site: list(WAITING) if site == "north" else [])


def addresses(page: str) -> list[str]:
    return re.findall(r'href="(/site/north/reports/[^"]+)"', page)


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found, name
    return found[1]


def test_a_correction_takes_the_report_off_the_list_and_is_kept(persona: Sign, store: AppStore) -> None:
    browser = persona("department_head")
    first, _ = addresses(browser.get("/site/north/reports").text)
    page = browser.get(first).text
    assert "<mark>Doute sur une fracture du scapho" in page
    form = {"csrf": field(page, "csrf"), "report": field(page, "report"), "answer": "present/acute"}
    assert browser.post("/site/north/reports", data=form).headers["location"] == "/site/north/reports?done=kept"
    assert len(addresses(browser.get("/site/north/reports?done=kept").text)) == 1
    # A double click is one correction.
    assert browser.post("/site/north/reports", data=form).headers["location"] == "/site/north/reports?done=kept"
    with store.reading() as app:
        (kept,) = corrections.corrections(app, "north")
        trail = app.execute("select count(*) from audit_event where event = 'label_corrected'").fetchone()[0]
    assert (kept.message_id, kept.label, kept.acuity) == ("a" * 32, "present", "acute")
    assert trail == 1


def trail(store: AppStore) -> list[str]:
    with store.reading() as app:
        found = app.execute("select event from audit_event where code in ('110110', '110112', '110103') order by seq")
        return [row[0] for row in found]


def test_of_two_corrections_at_once_one_is_kept_and_the_other_told(persona: Sign, store: AppStore) -> None:
    pages = []
    for who in ("clinician", "department_head"):
        browser = persona(who)
        page = browser.get(addresses(browser.get("/site/north/reports").text)[0]).text
        pages.append((browser, {"csrf": field(page, "csrf"), "report": field(page, "report")}))
    start = threading.Barrier(2)

    def send(place: int) -> str:
        browser, form = pages[place]
        start.wait()
        answer = ("present/acute", "absent/none")[place]
        return str(browser.post("/site/north/reports", data={**form, "answer": answer}).headers["location"])

    with ThreadPoolExecutor() as pool:
        told = [location.rpartition("=")[2] for location in pool.map(send, (0, 1))]
    assert sorted(told) == ["kept", "meanwhile"]
    with store.reading() as app:
        (kept,) = corrections.corrections(app, "north")
    assert kept.label == ("present", "absent")[told.index("kept")]
    assert trail(store).count("label_corrected") == 1
    loser = pages[told.index("meanwhile")][0]
    assert "yours was not kept" in loser.get("/site/north/reports?done=meanwhile").text


def test_each_screen_leaves_its_own_event(
    persona: Sign, store: AppStore, post: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(store)
    browser = persona("clinician")
    page = browser.get("/site/north/sample").text
    form = {"csrf": field(page, "csrf"), "report": field(page, "report"), "answer": "absent/none"}
    for _ in range(2):
        assert browser.post("/site/north/sample", data=form).headers["location"] == "/site/north/sample?done=kept"
    monkeypatch.setattr(audit_sample, "draw", lambda *_: 2)
    post(browser, "/site/north/sample/draw", seen="/site/north/sample")
    # Nobody has seen an AI result, so no case was seen.
    assert trail(store) == ["report_viewed", "report_read_blind", "report_viewed", "sample_drawn"]
    assert audit.verify(store).problems == ()


def test_a_drawn_report_that_a_colleague_read_is_not_read_over(persona: Sign, store: AppStore) -> None:
    drawn(store)
    told = []
    browsers = [persona("clinician"), persona("department_head")]
    pages = [browser.get("/site/north/sample").text for browser in browsers]
    for browser, page, answer in zip(browsers, pages, ("absent/none", "present/acute"), strict=True):
        form = {"csrf": field(page, "csrf"), "report": field(page, "report"), "answer": answer}
        told.append(browser.post("/site/north/sample", data=form).headers["location"].rpartition("=")[2])
    assert told == ["kept", "meanwhile"]
    with store.reading() as app:
        labels = [row[0] for row in app.execute("select label from report_reading").fetchall()]
    assert labels == ["absent"]


@pytest.mark.parametrize("answer", ["", "present/none", "present", "absent/acute", "<script>"])
def test_an_answer_that_is_none_of_the_choices_is_refused(persona: Sign, store: AppStore, answer: str) -> None:
    browser = persona("clinician")
    page = browser.get(addresses(browser.get("/site/north/reports").text)[0]).text
    form = {"csrf": field(page, "csrf"), "report": field(page, "report"), "answer": answer}
    assert browser.post("/site/north/reports", data=form).status_code == 400
    with store.reading() as app:
        assert corrections.corrections(app, "north") == []


def test_a_report_that_does_not_wait_cannot_be_opened_nor_corrected(persona: Sign) -> None:
    browser, other = persona("clinician"), persona("department_head")
    mine = addresses(browser.get("/site/north/reports").text)[0]
    # Another session's address opens nothing.
    assert other.get(mine).status_code == 404
    page = browser.get("/site/north/reports").text
    form = {"csrf": field(page, "csrf"), "report": mine.rsplit("/", 1)[1][:-2] + "xx", "answer": "absent/none"}
    assert browser.post("/site/north/reports", data=form).status_code == 404


def drawn(store: AppStore) -> None:
    """Two reports drawn for October, one the AI flagged."""
    given = [("e" * 32, "f" * 32, "flagged", "present", "1"), ("0" * 32, "1" * 32, "negative", "absent", "2")]
    with store.writing() as app:
        app.executemany(
            "insert into audit_sample values ('north', '2026-10', ?, ?, ?, ?, 1, 9, ?, '2026-11-01T00:00:00+00:00')",
            given,
        )


def test_the_sample_is_read_one_by_one_and_blind(persona: Sign, store: AppStore) -> None:
    drawn(store)
    browser = persona("clinician")
    for left in (2, 1):
        with store.reading() as app:
            assert len(audit_sample.pending(app, "north")) == left
        page = browser.get("/site/north/sample").text
        assert "Doute sur une fracture du scapho" in page
        assert "<mark>" not in page
        assert not re.search(
            r"flagged|positive|negative|score", page.split("<main")[1].split("<footer")[0], re.IGNORECASE
        )
        form = {"csrf": field(page, "csrf"), "report": field(page, "report"), "answer": "absent/old"}
        assert browser.post("/site/north/sample", data=form).status_code == 303
    assert 'name="answer"' not in browser.get("/site/north/sample").text
    with store.reading() as app:
        read = [item for item in audit_sample.progress(app, "north") if item.month == "2026-10"]
    assert [(item.drawn, item.read) for item in read] == [(2, 2)]

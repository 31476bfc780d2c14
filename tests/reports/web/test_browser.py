"""The journeys of an administrator in a real Chromium, in both languages, each page examined by axe-core."""

from __future__ import annotations

import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
import uvicorn
from playwright.sync_api import Page, sync_playwright

from reports.web import passwords
from reports.web.app import create
from reports.web.settings import Services, WebSettings
from warehouse import accounts, connect, ledger, nights, publish
from warehouse.app_store import AppStore
from warehouse.audit import Actor
from warehouse.rows import LedgerRow

pytestmark = pytest.mark.real
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
# WCAG 2.2 at level AA, and what axe calls good practice.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CHROMIUM = os.environ.get("BROWSER_PATH") or shutil.which("chromium") or shutil.which("chromium-browser")
ONE_TIME, OWN = "abcde-fghjk-mnpqr-stuvw", "xK9$mwQ2vb7!"
NIGHT = date(2026, 11, 23)
SHOTS = os.environ.get("BILAN_SHOTS")  # a folder for screenshots, to look at


def keep_night(settings: WebSettings) -> None:
    """Publish one night with a refused file."""
    warehouse = settings.published.with_name("warehouse.duckdb")
    connect.migrate(warehouse)
    at = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    rows = [
        LedgerRow(
            site="north",
            offer_id=f"{n:032x}",
            kind="dicom",
            source="pacs-drop",
            night=NIGHT,
            received_at=at,
            place_id=f"{n:032x}",
            stamp="1-1",
            content_id=f"{n:032x}",
            outcome="quarantined" if n else "not_dicom",
            reasons=("TRUNCATED",) if n else ("NOT_DICOM",),
            study_uid=None,
            instance_uid=None,
            message_id=None,
            key_id="k",
        )
        for n in range(3)
    ]
    with connect.writer(warehouse) as connection:
        nights.begin(connection, "north", NIGHT, at)
        ledger.record(connection, rows)
        nights.close(connection, "north", NIGHT, at + timedelta(minutes=12), "complete")
    publish.publish(warehouse, settings.published)


@pytest.fixture
def address(settings: WebSettings, store: AppStore) -> Iterator[str]:
    """The application, served as it is to people; a second factor is due for administrators."""
    keep_night(settings)
    account = accounts.by_login(store, "administrator")
    assert account
    by = Actor("", "test", datetime.now(UTC))
    until = by.now + timedelta(days=7)
    accounts.set_password(store, account.user_id, passwords.hashed(ONE_TIME), one_time_until=until, by=by)
    told = replace(settings, hosts=("127.0.0.1",), second_factor=frozenset({"administrator"}), demonstration=True)
    lent = Services(
        reason=lambda code, language: {"fr": "Fichier coupé.", "en": "The file ends too early."}[language],
        doctor=lambda: [{"name": "disk", "ok": False, "found": "1 GB free", "remedy": "free at least 5 GB"}],
        runs=lambda: [{"job": "night", "partition": "2026-11-23|north", "status": "success", "started": by.now}],
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        server = uvicorn.Server(uvicorn.Config(create(told, lent), access_log=False, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.02)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of the reading room's size; whatever the console or the policy complains of fails the test."""
    assert CHROMIUM, "install Chromium: apt-get install chromium"
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        made = browser.new_page(viewport={"width": 1280, "height": 1024}, locale="en-GB", reduced_motion="reduce")
        made.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        made.on("pageerror", lambda error: complaints.append(str(error)))
        yield made
        browser.close()
    # The console notes the refusals that the journey provokes.
    assert [text for text in complaints if not re.search("status of (401|404)", text)] == []


def examine(page: Page, name: str) -> None:
    """Fail on whatever axe-core finds, on a wide page and on a phone's, in both colours."""
    # Colours are the same in both languages, so the dark ones are examined once.
    for scheme in ("light",) if name.endswith("-fr") else ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(AXE)
        found: dict[str, Any] = page.evaluate("rules => axe.run(document, rules)", RULES)
        wrong = [(each["id"], [node["target"] for node in each["nodes"]]) for each in found["violations"]]
        assert wrong == [], f"{name}, {scheme}"
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{name}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 844})
    width = page.evaluate("document.documentElement.scrollWidth")
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}-phone.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 1024})
    assert width <= 390, f"{name} is wider than a phone"


def test_an_administrator_from_the_one_time_password_to_the_trail(page: Page, address: str) -> None:
    page.goto(address)
    examine(page, "sign-in")
    assert page.evaluate("document.activeElement.id") == "login"
    page.keyboard.type("administrator")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    assert page.get_by_role("alert").inner_text() == "Login or password is wrong."
    page.fill("#password", ONE_TIME)
    page.keyboard.press("Enter")
    page.wait_for_selector("#again")
    examine(page, "new-password")
    page.fill("#new", OWN)
    page.fill("#again", OWN)
    page.keyboard.press("Enter")
    page.wait_for_selector(".qr")
    examine(page, "second-factor")
    key = page.inner_text(".key").replace(" ", "")
    page.fill("#code", pyotp.TOTP(key).now())
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/admin/users")

    for language, words in (
        ("en", ("Users", "Quarantine", "Audit trail")),
        ("fr", ("Utilisateurs", "Quarantaine", "Journal d’audit")),
    ):
        users, quarantine, trail = words
        assert page.locator("h1").inner_text() == users
        examine(page, f"users-{language}")
        page.get_by_role("link", name=quarantine).click()
        assert page.get_by_role("button", name=re.compile("Try again|Réessayer")).count() == 3
        examine(page, f"quarantine-{language}")
        page.get_by_role("link", name=re.compile("^(Nights|Nuits)$")).click()
        examine(page, f"nights-{language}")
        page.get_by_role("link", name="Machine").click()
        page.wait_for_selector("text=free at least 5 GB")
        examine(page, f"machine-{language}")
        page.get_by_role("link", name="Sessions").click()
        examine(page, f"sessions-{language}")
        page.get_by_role("link", name=trail).click()
        page.get_by_role("button", name=re.compile("chain|chaîne")).click()
        page.wait_for_selector("#verdict .notice")
        examine(page, f"trail-{language}")
        page.goto(f"{address}/account")
        examine(page, f"account-{language}")
        page.goto(f"{address}/admin/users")
        if language == "en":
            page.get_by_role("button", name="Français").click()
            page.wait_for_selector("html[lang=fr]")

    page.locator("td a", has_text="Clinician").first.click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Nouveau mot de passe à usage unique").click()
    page.wait_for_selector(".once")
    examine(page, "user")
    page.locator("summary", has_text="Administrator").click()
    page.keyboard.press("Escape")
    assert not page.locator("details.person").get_attribute("open")
    page.locator("summary", has_text="Administrator").click()
    page.get_by_role("button", name="Se déconnecter").click()
    page.wait_for_url(f"{address}/sign-in")
    page.goto(f"{address}/nowhere")
    examine(page, "not-found")

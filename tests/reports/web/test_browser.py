"""The journeys of an administrator in a real Chromium, in both languages, each page examined by axe-core."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyotp
import pytest
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette

from reports.web import passwords
from reports.web.app import create
from reports.web.settings import Services, WebSettings
from warehouse import accounts, connect, ledger, nights, publish
from warehouse.app_store import AppStore
from warehouse.audit import Actor
from warehouse.rows import LedgerRow

pytestmark = pytest.mark.real
ONE_TIME, OWN = "abcde-fghjk-mnpqr-stuvw", "xK9$mwQ2vb7!"
Serving = Callable[[Starlette], AbstractContextManager[str]]
NIGHT = date(2026, 11, 23)


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
def address(settings: WebSettings, store: AppStore, serving: Serving) -> Iterator[str]:
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
    with serving(create(told, lent)) as found:
        yield found


@pytest.fixture
def page(chromium: Browser, console: Callable[[Page], None]) -> Iterator[Page]:
    """A page of the reading room's size; whatever the console or the policy complains of fails the test."""
    made = chromium.new_page(viewport={"width": 1280, "height": 1024}, locale="en-GB", reduced_motion="reduce")
    console(made)
    yield made
    made.close()


def test_an_administrator_from_the_one_time_password_to_the_trail(
    page: Page, address: str, examine: Callable[[Page, str], None]
) -> None:
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
    page.wait_for_url(f"{address}/account/recovery")
    page.fill("#present", OWN)
    page.keyboard.press("Enter")
    page.wait_for_selector(".codes")
    examine(page, "recovery")
    assert page.locator(".codes li").count() == 10
    page.get_by_role("link", name="Continue").click()
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

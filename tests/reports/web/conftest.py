"""Personae who sign in to the web application through its own pages."""

from __future__ import annotations

import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from argon2 import PasswordHasher
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette
from starlette.testclient import TestClient

from reports.web.app import create
from reports.web.settings import Services, SiteInfo, WebSettings
from warehouse import accounts
from warehouse.app_store import AppStore
from warehouse.audit import Actor

SITES = (
    SiteInfo("north", "Hôpital Nord", "fr", "Europe/Paris"),
    SiteInfo("south", "South Hospital", "en", "Europe/London"),
)
PASSWORD = "Tibia-plateau-1847!"
# A quick hash of PASSWORD: what a real one costs is tested where passwords are.
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
PERSONAE = {
    "clinician": [("clinician", "north")],
    "department_head": [("department_head", "north")],
    "partnership_manager": [("partnership_manager", "*")],
    "administrator": [("administrator", "*")],
    "auditor": [("auditor", "*")],
    "clinician_south": [("clinician", "south")],
    "department_head_south": [("department_head", "south")],
    "nobody": [],
}
AXE = Path(__file__).parent / "axe" / "axe.min.js"
# WCAG 2.2 at level AA, and what axe calls good practice.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CHROMIUM = os.environ.get("BROWSER_PATH") or shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = os.environ.get("BILAN_SHOTS")  # a folder for screenshots, to look at
CSRF = re.compile(r'name="csrf" (?:value|content)="([0-9a-f]{64})"')


class Clock:
    """The application's clock, which tests move."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **amount: float) -> None:
        self.time += timedelta(**amount)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    return WebSettings(
        app_store=tmp_path / "app.sqlite",
        published=tmp_path / "published.duckdb",
        identified=tmp_path / "identified.sqlite",
        issued=tmp_path / "issued",
        sites=SITES,
        hosts=("testserver",),
    )


@pytest.fixture
def store(settings: WebSettings, clock: Clock) -> AppStore:
    """The database with one account for each persona: login = persona, one password."""
    store = AppStore(settings.app_store)
    store.migrate()
    for login, roles in PERSONAE.items():
        accounts.add(
            store,
            login=login,
            name=login.replace("_", " ").title(),
            language="en",
            password_hash=HASH,
            one_time_until=None,
            roles=roles,
            by=Actor("", "test", clock()),
        )
    return store


@pytest.fixture
def services(clock: Clock) -> Services:
    return Services(now=clock)


@pytest.fixture
def application(settings: WebSettings, services: Services, store: AppStore) -> Starlette:
    return create(settings, services)


@pytest.fixture
def visitor(application: Starlette) -> TestClient:
    """A browser that has not signed in; it follows no redirect."""
    return TestClient(application, follow_redirects=False, headers={"accept-language": "en"})


@pytest.fixture
def persona(application: Starlette) -> Callable[[str], TestClient]:
    """Sign in as one of the personae: ``persona("clinician").get(...)``; its `csrf` goes into forms."""

    def signed_in(login: str) -> TestClient:
        browser = TestClient(application, follow_redirects=False, headers={"accept-language": "en"})
        form = {"csrf": csrf_of(browser, "/sign-in"), "login": login, "password": PASSWORD}
        assert browser.post("/sign-in", data=form).status_code == 303
        return browser

    return signed_in


def csrf_of(browser: TestClient, path: str) -> str:
    """Return the anti-forgery value of a page."""
    found = CSRF.search(browser.get(path).text)
    assert found, path
    return found[1]


@pytest.fixture
def post(application: Starlette) -> Callable[..., object]:
    """Post a form with the anti-forgery value of a page that the browser can see."""

    def send(browser: TestClient, path: str, seen: str = "/account", **fields: str) -> object:
        page = browser.get(seen, follow_redirects=True)
        found = CSRF.search(page.text)
        assert found, seen
        return browser.post(path, data={"csrf": found[1], **fields})

    return send


@pytest.fixture(scope="module")
def serving() -> Callable[[Starlette], AbstractContextManager[str]]:
    """Serve an application as it is served to people, and give its address."""

    @contextmanager
    def served(application: Starlette) -> Iterator[str]:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(64)
            server = uvicorn.Server(uvicorn.Config(application, access_log=False, log_level="error"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()
            try:
                while not server.started:
                    time.sleep(0.02)
                yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            finally:
                server.should_exit = True
                thread.join(timeout=10)

    return served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium."""
    assert CHROMIUM, "install Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def console() -> Iterator[Callable[[Page], None]]:
    """Whatever the console or the policy complains of on these pages fails the test."""
    complaints: list[str] = []

    def listen(page: Page) -> None:
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))

    yield listen
    # The console notes the refusals and the lost connections that the journeys provoke.
    expected = "status of (401|403|404)|net::ERR_(INTERNET_DISCONNECTED|FAILED)"
    assert [text for text in complaints if not re.search(expected, text)] == []


@pytest.fixture(scope="module")
def examine() -> Callable[[Page, str], None]:
    """Fail on whatever axe-core finds, on a wide page and on a phone's, in both colours."""
    axe = AXE.read_text(encoding="utf-8")

    def examined(page: Page, name: str) -> None:
        # Colours are the same in both languages, so the dark ones are examined once.
        for scheme in ("light",) if name.endswith("-fr") else ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.evaluate(axe)
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

    return examined

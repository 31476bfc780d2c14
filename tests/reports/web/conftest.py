"""Personae who sign in to the web application through its own pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
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

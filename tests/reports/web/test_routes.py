"""Routes x roles x {own site, other site, anonymous, expired} x methods; and what every answer carries."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.testclient import TestClient

from reports.web import routes, static, traffic
from reports.web.app import create
from reports.web.headers import ALWAYS
from reports.web.row import Row
from reports.web.settings import Services, WebSettings
from warehouse.app_store import AppStore

Persona = Callable[[str], TestClient]
EVERYBODY = {
    "clinician",
    "department_head",
    "partnership_manager",
    "administrator",
    "auditor",
    "clinician_south",
    "department_head_south",
    "nobody",
}
READERS = {"clinician", "department_head"}
MANAGERS = {"partnership_manager"}
HEADS = {"department_head"}
EDITORS = {"department_head", "administrator"}
# Who may use each route: the personae, at the site north; "anyone" also without signing in.
ALLOWED: dict[str, set[str] | str] = {
    "home": EVERYBODY,
    "sign_in": "anyone",
    "sign_in_take": "anyone",
    "sign_in_step": set(),  # only half signed in
    "sign_in_step_take": set(),
    "single_sign_on": "anyone",
    "single_sign_on_back": "anyone",
    "sign_out": "anyone",
    "language": "anyone",
    "account": EVERYBODY,
    "account_password": EVERYBODY,
    "account_second_factor": EVERYBODY,
    "account_enrol": EVERYBODY,
    "account_session": EVERYBODY,
    "account_theme": EVERYBODY,
    "account_recovery": EVERYBODY,
    "account_recovery_make": EVERYBODY,
    "cases": READERS,
    "case_rows": READERS,
    "cases_export": READERS,
    "case": READERS,
    "verdicts": READERS,
    "verdict": READERS,
    "verdict_undo": READERS,
    "thumbnail": READERS,
    "heat": READERS,
    "pixels": READERS,
    "reports": READERS,
    "report_correct": READERS,
    "report": READERS,
    "sample": READERS,
    "sample_read": READERS,
    "sample_draw": READERS,
    "month": HEADS,
    "month_figures": HEADS,
    "report_settings": EDITORS,
    "report_settings_save": EDITORS,
    "report_settings_preview": EDITORS,
    "report_settings_reset": EDITORS,
    "archive": HEADS,
    "archive_file": HEADS,
    "discordances": READERS,
    "portfolio": MANAGERS,
    "portfolio_attention": MANAGERS,
    "portfolio_export": MANAGERS,
    "portfolio_review": MANAGERS,
    "portfolio_site": MANAGERS,
    "portfolio_note": MANAGERS,
    "portfolio_unnote": MANAGERS,
    "portfolio_snooze": MANAGERS,
    "admin_users": {"administrator"},
    "admin_users_add": {"administrator"},
    "admin_user": {"administrator"},
    "admin_user_change": {"administrator"},
    "admin_sessions": {"administrator"},
    "admin_sessions_end": {"administrator"},
    "admin_nights": {"administrator"},
    "admin_quarantine": {"administrator"},
    "admin_quarantine_retry": {"administrator"},
    "admin_machine": {"administrator"},
    "admin_doctor": {"administrator"},
    "admin_trail": {"administrator", "auditor"},
    "admin_trail_verify": {"administrator", "auditor"},
    "admin_trail_export": {"administrator", "auditor"},
}
# Personae of one site only, by what they are at the other one.
MIRROR = {
    "clinician": "clinician_south",
    "department_head": "department_head_south",
    "clinician_south": "clinician",
    "department_head_south": "department_head",
}
ROWS = routes.rows()
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.fixture
def guard_alone(
    application: Starlette, settings: WebSettings, services: Services, store: AppStore, monkeypatch: Any
) -> Starlette:
    """The application with every page replaced by one word: what answers it was let through by the guard."""
    stubbed = tuple(replace(row, answer=lambda _: Response("answered")) for row in ROWS)
    monkeypatch.setattr(routes, "rows", lambda: stubbed)
    return create(settings, services)


def at(row: Row, site: str = "north") -> str:
    return re.sub(r"\{\w+\}", "x", row.path.replace("{site}", site))


def ask(browser: TestClient, row: Row, path: str) -> bool:
    """Tell whether a request of this row, with the right anti-forgery value, reaches the page."""
    headers = {"x-csrf-token": browser.csrf}  # type: ignore[attr-defined]
    return browser.request(row.methods[0], path, headers=headers).text == "answered"


@pytest.fixture
def browsers(application: Starlette, guard_alone: Starlette, persona: Persona) -> dict[str, TestClient]:
    """One browser for each persona, signed in through the real pages, then turned on the guard alone."""
    found = {}
    for name in EVERYBODY:
        real = persona(name)
        browser = TestClient(guard_alone, follow_redirects=False, cookies=dict(real.cookies))
        page = real.get("/account").text
        browser.csrf = re.search(r'name="csrf" content="([0-9a-f]+)"', page)[1]  # type: ignore[attr-defined, index]
        found[name] = browser
    return found


def test_every_route_has_a_row_here_and_one_method() -> None:
    assert {row.name for row in ROWS} == set(ALLOWED)
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(len(row.methods) == 1 for row in ROWS)


def test_every_route_of_the_application_is_a_row(application: Starlette) -> None:
    assert {route.name for route in application.routes} == set(ALLOWED) | {"static"}  # type: ignore[attr-defined]


def test_each_route_answers_those_it_is_for_and_nobody_else(browsers: dict[str, TestClient]) -> None:
    wrong = []
    for row in ROWS:
        allowed = ALLOWED[row.name]
        for name, browser in browsers.items():
            if ask(browser, row, at(row)) != (allowed == "anyone" or name in allowed):
                wrong.append((row.name, name))
    assert wrong == []


def test_at_the_other_site_each_route_answers_the_people_of_that_site(browsers: dict[str, TestClient]) -> None:
    wrong = []
    for row in ROWS:
        if "{site}" not in row.path:
            continue
        for name, browser in browsers.items():
            allowed = MIRROR.get(name, name) in ALLOWED[row.name]
            response = browser.request(row.methods[0], at(row, "south"), headers={"x-csrf-token": browser.csrf})  # type: ignore[attr-defined]
            if (response.text == "answered") != allowed or (not allowed and response.status_code != 404):
                wrong.append((row.name, name, response.status_code))
            if ask(browser, row, at(row, "elsewhere")):
                wrong.append((row.name, name, "a site that does not exist"))
    assert wrong == []


def test_without_a_session_or_after_its_end_nothing_answers_but_signing_in(
    guard_alone: Starlette, browsers: dict[str, TestClient], clock: Any
) -> None:
    clock.advance(hours=13)
    anonymous = TestClient(guard_alone, follow_redirects=False)
    forged = TestClient(guard_alone, follow_redirects=False, cookies={"bilan": "x" * 43})
    for row in ROWS:
        if ALLOWED[row.name] == "anyone":
            continue
        for browser in (anonymous, forged, *browsers.values()):
            response = browser.request(row.methods[0], at(row), headers={"x-csrf-token": "0" * 64})
            assert response.status_code == 303, row.name
            assert response.headers["location"].startswith("/sign-in"), row.name
        asked = anonymous.request(row.methods[0], at(row), headers={"hx-request": "true"})
        assert (asked.status_code, asked.headers["hx-redirect"]) == (401, "/sign-in")


def test_other_methods_are_refused(browsers: dict[str, TestClient]) -> None:
    for path in {at(row) for row in ROWS}:
        known = {method for row in ROWS if at(row) == path for method in row.methods}
        for method in set(METHODS) - known:
            response = browsers["administrator"].request(method, path)
            assert response.status_code == 405, (method, path)
            assert response.text != "answered"


def test_nothing_is_changed_without_the_anti_forgery_value(browsers: dict[str, TestClient]) -> None:
    foreign = browsers["auditor"].csrf  # type: ignore[attr-defined]
    for row in ROWS:
        if row.methods == ("GET",) or not ALLOWED[row.name]:
            continue
        browser = browsers[
            {frozenset(READERS): "clinician", frozenset(MANAGERS): "partnership_manager"}.get(
                frozenset(ALLOWED[row.name]), "administrator"
            )
        ]
        right = browser.csrf  # type: ignore[attr-defined]
        for headers in (
            {},
            {"x-csrf-token": ""},
            {"x-csrf-token": foreign},
            {"x-csrf-token": right, "sec-fetch-site": "cross-site"},
            {"x-csrf-token": right, "sec-fetch-site": "same-site"},
        ):
            assert browser.post(at(row), headers=headers).status_code == 403, (row.name, headers)


def test_every_answer_carries_the_headers_and_is_not_kept(application: Starlette, persona: Persona) -> None:
    browser = persona("administrator")
    for path in (*{at(row) for row in ROWS}, "/nowhere", "/static/nothing", "/static/../app.sqlite"):
        response = browser.get(path)
        assert {name: response.headers.get(name) for name in ALWAYS} == ALWAYS, path
        assert response.headers["cache-control"] == "no-store", path
        assert "server" not in response.headers
    policy = ALWAYS["Content-Security-Policy"]
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy and "default-src 'none'" in policy


def test_pages_hold_nothing_that_their_policy_refuses(persona: Persona, visitor: TestClient) -> None:
    pages = [visitor.get("/sign-in").text]
    admin = persona("administrator")
    seen = [row for row in ROWS if row.methods == ("GET",) and "administrator" in ALLOWED[row.name]]
    pages += [admin.get(at(row)).text for row in seen]
    for page in pages:
        assert re.findall(r"<[^>]+\s(?:style|on\w+)=", page) == []
        assert re.findall(r"<script(?![^>]*\ssrc=)|<style|javascript:|(?:src|href)=\"(?:https?:)?//", page) == []


def test_over_tls_cookies_and_transport_are_held_to_it(
    settings: WebSettings, services: Services, store: AppStore, post: Any
) -> None:
    app = create(replace(settings, secure=True), services)
    browser = TestClient(app, base_url="https://testserver", follow_redirects=False)
    done = post(browser, "/sign-in", seen="/sign-in", login="nobody", password="Tibia-plateau-1847!")
    (cookie,) = [line for line in done.headers.get_list("set-cookie") if line.startswith("__Host-bilan=")]
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; ")) and "Domain" not in cookie
    assert done.headers["strict-transport-security"].startswith("max-age=")


def test_only_our_own_host_names_are_answered(application: Starlette) -> None:
    assert TestClient(application, base_url="http://evil.example").get("/sign-in").status_code == 400


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"--x\r\n", "multipart/form-data; boundary=x", 415),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 1001, "application/x-www-form-urlencoded", 400),
    ],
)
def test_bodies_that_no_form_of_ours_sends_are_refused(
    visitor: TestClient, content: bytes, kind: str, status: int
) -> None:
    response = visitor.post("/language", content=content, headers={"content-type": kind})
    assert response.status_code == status


def test_a_body_that_lies_about_its_size_is_refused(visitor: TestClient) -> None:
    def pieces() -> Any:
        for _ in range(100):
            yield b"x" * 1000

    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert visitor.post("/language", content=pieces(), headers=kind).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pyproject.toml",
        "/static/..%2f..%2fapp.sqlite",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static//etc/passwd",
        "/static/app.css",
        "/static/mark.svg%00",
    ],
)
def test_static_addresses_never_reach_the_disk(visitor: TestClient, path: str) -> None:
    assert visitor.get(path).status_code == 404


def test_static_files_are_kept_for_good_under_names_of_their_content(visitor: TestClient) -> None:
    for name, file in static.files().items():
        if name.endswith((".otf", "plotly.min.js")):
            continue
        response = visitor.get(file.address)
        assert response.content == file.content == gzip.decompress(file.compressed)
        assert "immutable" in response.headers["cache-control"]
    assert "url(/static/Inter-Regular." in static.files()["app.css"].content.decode()


def test_a_failure_says_nothing_of_what_it_was_about(
    settings: WebSettings, services: Services, store: AppStore, persona: Persona, monkeypatch: Any, caplog: Any
) -> None:
    def fail(_: object) -> Response:
        raise ValueError("CANARY^JEAN")

    monkeypatch.setattr(
        routes, "rows", lambda: tuple(replace(row, answer=fail) if row.name == "home" else row for row in ROWS)
    )
    failing = create(settings, services)
    browser = TestClient(failing, headers={"accept-language": "en"}, cookies=dict(persona("nobody").cookies))
    response = browser.get("/")
    assert response.status_code == 500
    assert "Something went wrong" in response.text
    assert "CANARY" not in response.text + caplog.text
    assert "home: ValueError at test_routes.py" in caplog.text


def test_the_access_log_names_routes_and_nobody(persona: Persona, caplog: Any) -> None:
    browser = persona("clinician")
    with caplog.at_level("INFO", logger="bilan.access"):
        browser.get(
            "/site/north/quarantine?patient=CANARY", headers={"user-agent": "CANARY", "referer": "http://x/CANARY"}
        )
        browser.get("/CANARY")
    lines = [record.getMessage() for record in caplog.records if record.name == "bilan.access"]
    assert [re.sub(r"\d+ B \d+ ms", "n", line) for line in lines] == ["GET admin_quarantine 404 n", "GET - 404 n"]


def test_one_address_cannot_ask_for_ever(visitor: TestClient, monkeypatch: Any) -> None:
    monkeypatch.setattr(traffic, "BURST", 3.0)
    monkeypatch.setattr(traffic, "PER_SECOND", 0.0)
    assert [visitor.get("/nowhere").status_code for _ in range(5)] == [404, 404, 404, 429, 429]


def test_each_address_has_its_own_measure_which_fills_again() -> None:
    now = [0.0]
    buckets = traffic.Buckets(clock=lambda: now[0])
    assert all(buckets.take("a") for _ in range(int(traffic.BURST)))
    assert not buckets.take("a") and buckets.take("b")
    now[0] += 1.0
    assert sum(buckets.take("a") for _ in range(500)) == traffic.PER_SECOND

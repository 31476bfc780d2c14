"""Single sign-on against a real provider that runs beside the test."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from starlette.testclient import TestClient

from reports.web.app import create
from reports.web.settings import Provider, Services, WebSettings
from warehouse import accounts, audit
from warehouse.app_store import AppStore
from warehouse.audit import Actor, Filter

pytestmark = pytest.mark.real
BACK = "https://testserver/sign-in/single/back"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(200):
            with contextlib.suppress(requests.ConnectionError):
                requests.get(f"http://localhost:{port}/", timeout=5)
                break
            time.sleep(0.1)
        yield f"http://localhost:{port}"
        process.terminate()


@pytest.fixture
def provider(issuer: str, services: Services, settings: WebSettings, store: AppStore) -> Provider:
    return Provider(issuer, "bilan", "a secret", "https://testserver", label="Hospital account")


@pytest.fixture
def open_app(settings: WebSettings, store: AppStore, clock: Any) -> Callable[[Provider], TestClient]:
    # The provider's tokens are dated by the real clock.
    def opened(provider: Provider) -> TestClient:
        app = create(replace(settings, provider=provider, secure=True), Services())
        return TestClient(app, base_url="https://testserver", follow_redirects=False, headers={"accept-language": "en"})

    return opened


def at_the_provider(address: str, sub: str, **claims: Any) -> str:
    """Sign in at the provider as `sub`; return where it sends the browser."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    requests.put(f"{origin}/users/{sub}", json=claims, timeout=5).raise_for_status()
    return requests.post(address, data={"sub": sub}, allow_redirects=False, timeout=5).headers["location"]


def sign_in(browser: TestClient, sub: str, **claims: Any) -> Any:
    sent = browser.get("/sign-in/single?next=/account")
    assert sent.status_code == 303
    return browser.get(at_the_provider(sent.headers["location"], sub, **claims))


def test_the_provider_is_asked_with_state_nonce_and_pkce(provider: Provider, open_app: Any) -> None:
    browser = open_app(provider)
    assert "Sign in with Hospital account" in browser.get("/sign-in").text
    asked = parse_qs(urlsplit(browser.get("/sign-in/single").headers["location"]).query)
    again = parse_qs(urlsplit(browser.get("/sign-in/single").headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"] and asked["redirect_uri"] == [BACK]
    assert asked["response_type"] == ["code"] and "openid" in asked["scope"][0]
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name][0]) >= 32 and asked[name] != again[name]


def test_a_known_person_comes_in_and_is_bound(provider: Provider, open_app: Any, store: AppStore) -> None:
    browser = open_app(provider)
    done = sign_in(browser, "s-1", email="clinician")
    assert (done.status_code, done.headers["location"]) == (303, "/account")
    assert "Clinician" in browser.get("/account").text
    account = accounts.by_login(store, "clinician")
    assert account and account.oidc_subject == f"{provider.issuer}|s-1"
    assert audit.latest(store, Filter(event="signed_in"), 1)[0]["detail"] == '{"method": "oidc"}'
    # The same person under another address; then somebody else under the first one.
    assert sign_in(open_app(provider), "s-1", email="renamed@x").status_code == 303
    assert sign_in(open_app(provider), "s-2", email="clinician").status_code == 403


@pytest.mark.parametrize("claims", [{"email": "stranger@x"}, {}, {"email": "auditor", "email_verified": False}])
def test_nobody_comes_in_without_an_account(provider: Provider, open_app: Any, claims: dict[str, Any]) -> None:
    browser = open_app(provider)
    done = sign_in(browser, "s-3", **claims)
    assert done.status_code == 403 and "no access to Bilan" in done.text
    assert browser.get("/account").status_code == 303


def test_a_closed_account_stays_closed(provider: Provider, open_app: Any, store: AppStore, clock: Any) -> None:
    account = accounts.by_login(store, "auditor")
    assert account
    accounts.set_disabled(store, account.user_id, disabled=True, by=Actor("", "test", clock()))
    assert sign_in(open_app(provider), "s-4", email="auditor").status_code == 403


def test_groups_decide_the_roles_at_each_sign_in(provider: Provider, open_app: Any, store: AppStore) -> None:
    roles = {
        "radiology": frozenset({("clinician", "north")}),
        "heads": frozenset({("department_head", "north"), ("clinician", "north")}),
    }
    mapped = replace(provider, roles=roles)

    def held() -> frozenset[tuple[str, str]]:
        account = accounts.by_login(store, "nobody")
        assert account
        return account.roles

    assert sign_in(open_app(mapped), "s-5", email="nobody", groups=["heads", "canteen"]).status_code == 303
    assert held() == roles["heads"]
    assert sign_in(open_app(mapped), "s-5", email="nobody", groups=["radiology"]).status_code == 303
    assert held() == roles["radiology"]
    assert sign_in(open_app(mapped), "s-5", email="nobody", groups=["canteen"]).status_code == 403
    assert held() == frozenset()


def test_an_answer_counts_once_and_for_the_browser_that_asked(provider: Provider, open_app: Any) -> None:
    browser, thief = open_app(provider), open_app(provider)
    back = at_the_provider(browser.get("/sign-in/single").headers["location"], "s-6", email="clinician")
    thief.get("/sign-in")
    assert thief.get(back).status_code == 403
    assert browser.get(back).status_code == 403  # used up by the attempt
    for query in ("", "?code=x&state=y", "?error=access_denied&state=y"):
        refused = browser.get(f"/sign-in/single/back{query}")
        assert refused.status_code == 403 and "Try again." in refused.text


def test_a_token_for_another_request_or_client_or_issuer_is_refused(
    provider: Provider, open_app: Any, monkeypatch: Any
) -> None:
    browser = open_app(provider)
    real = "reports.web.single_sign_on.oidc_flows.take"
    take = __import__("warehouse.oidc_flows", fromlist=["take"]).take
    monkeypatch.setattr(real, lambda *given: replace(take(*given), nonce="another"))
    assert sign_in(browser, "s-7", email="clinician").status_code == 403
    monkeypatch.setattr(real, take)
    lies = replace(provider, issuer=provider.issuer + "/")
    assert open_app(lies).get("/sign-in/single").status_code == 503


def test_a_silent_provider_is_said_and_other_ways_stay(provider: Provider, open_app: Any) -> None:
    browser = open_app(replace(provider, issuer="http://127.0.0.1:9"))
    page = browser.get("/sign-in/single")
    assert page.status_code == 503 and "cannot be reached" in page.text
    assert re.search(r'name="password"', page.text)


def test_without_a_provider_there_is_no_such_page(visitor: TestClient) -> None:
    assert visitor.get("/sign-in/single").status_code == 404
    assert "Hospital" not in visitor.get("/sign-in").text

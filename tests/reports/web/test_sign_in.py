from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from starlette.testclient import TestClient

from reports.web import passwords, second_factor
from reports.web.app import create
from reports.web.settings import Services, WebSettings
from warehouse import accounts, audit, sign_in_failures
from warehouse.app_store import AppStore
from warehouse.audit import Actor, Filter

PASSWORD = "Tibia-plateau-1847!"
OWN = "xK9$mwQ2vb7!"
Persona = Callable[[str], TestClient]
Post = Callable[..., Any]


def sign_in(browser: TestClient, post: Post, login: str, password: str = PASSWORD, **fields: str) -> Any:
    return post(browser, "/sign-in", seen="/sign-in", login=login, password=password, **fields)


def by(clock: Any) -> Actor:
    return Actor("", "test", clock())


def test_a_visitor_is_sent_to_the_sign_in_page_and_back(visitor: TestClient, post: Post) -> None:
    assert visitor.get("/account").headers["location"] == "/sign-in?next=%2Faccount"
    done = sign_in(visitor, post, "nobody", next="/account")
    assert (done.status_code, done.headers["location"]) == (303, "/account")
    assert "Your account has no role" in visitor.get("/").text


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/nowhere",
        "/sign-out",
        "javascript:alert(1)",
        "/account?x=1",
        "/account\r\nSet-Cookie: a=b",
        "/%0d%0aSet-Cookie: a=b",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(visitor: TestClient, post: Post, target: str) -> None:
    done = sign_in(visitor, post, "nobody", next=target)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert "a" not in done.cookies


@pytest.mark.parametrize(("login", "password"), [("clinician", "wrong"), ("stranger", PASSWORD), ("", "")])
def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(
    visitor: TestClient, post: Post, store: AppStore, login: str, password: str
) -> None:
    done = sign_in(visitor, post, login, password)
    assert done.status_code == 401
    assert "Login or password is wrong." in done.text
    assert "bilan" not in done.cookies
    assert audit.latest(store, Filter(), 1)[0]["outcome"] == 4


def test_the_login_is_the_same_in_capitals(visitor: TestClient, post: Post) -> None:
    assert sign_in(visitor, post, "CLINICIAN").status_code == 303


def test_the_cookie_changes_at_sign_in_and_opens_nothing_after_sign_out(visitor: TestClient, post: Post) -> None:
    sign_in(visitor, post, "nobody")
    first = visitor.cookies["bilan"]
    post(visitor, "/sign-in", seen="/", login="nobody", password=PASSWORD)
    second = visitor.cookies["bilan"]
    assert first != second
    assert post(visitor, "/sign-out").status_code == 303
    for token in (first, second):
        visitor.cookies.clear()
        visitor.cookies.set("bilan", token)
        assert visitor.get("/").headers["location"] == "/sign-in"


def test_a_cookie_that_somebody_planted_is_never_taken_over(visitor: TestClient, post: Post) -> None:
    planted = "A" * 43
    visitor.cookies.set("bilan", planted)
    sign_in(visitor, post, "nobody")
    assert planted not in [
        cookie.value for cookie in visitor.cookies.jar if cookie.name == "bilan" and cookie.domain != ""
    ]
    fresh = TestClient(visitor.app, follow_redirects=False, cookies={"bilan": planted})
    assert fresh.get("/").headers["location"] == "/sign-in"


def test_guessing_is_slowed_for_the_guesser_but_not_for_the_owners_browser(
    application: Any, visitor: TestClient, persona: Persona, post: Post, clock: Any
) -> None:
    owner = persona("clinician")
    post(owner, "/sign-out")
    for _ in range(10):
        assert sign_in(visitor, post, "clinician", "guess").status_code == 401
    slowed = sign_in(visitor, post, "clinician")
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) <= 900
    assert "Try again in 15 minutes." in slowed.text
    assert sign_in(owner, post, "clinician").status_code == 303
    clock.advance(minutes=15, seconds=1)
    assert sign_in(visitor, post, "clinician").status_code == 303


def test_guessing_at_many_accounts_from_one_address_is_slowed(
    visitor: TestClient, post: Post, monkeypatch: Any
) -> None:
    assert sign_in_failures.ADDRESS_LIMIT == 50
    monkeypatch.setattr(sign_in_failures, "ADDRESS_LIMIT", 3)
    for number in range(3):
        assert sign_in(visitor, post, f"login {number}", "guess").status_code == 401
    assert sign_in(visitor, post, "another").status_code == 429


def test_sessions_end_when_idle_and_at_their_limit(persona: Persona, clock: Any) -> None:
    browser = persona("nobody")
    clock.advance(minutes=29)
    assert browser.get("/").status_code == 200
    clock.advance(minutes=29)
    assert browser.get("/").status_code == 200
    clock.advance(minutes=30)
    assert browser.get("/").headers["location"] == "/sign-in"
    again = persona("nobody")
    for _ in range(29):
        clock.advance(minutes=25)
        if again.get("/").status_code != 200:
            break
    else:
        pytest.fail("the session had no absolute limit")


def test_a_disabled_account_is_out_at_once(
    persona: Persona, store: AppStore, clock: Any, visitor: TestClient, post: Post
) -> None:
    browser = persona("nobody")
    account = accounts.by_login(store, "nobody")
    accounts.set_disabled(store, account.user_id, disabled=True, by=by(clock))
    assert browser.get("/").headers["location"] == "/sign-in"
    assert sign_in(visitor, post, "nobody").status_code == 401
    accounts.set_disabled(store, account.user_id, disabled=False, by=by(clock))
    assert sign_in(visitor, post, "nobody").status_code == 303


def test_a_one_time_password_opens_nothing_but_the_choice_of_ones_own(
    visitor: TestClient, post: Post, store: AppStore, clock: Any
) -> None:
    account = accounts.by_login(store, "nobody")
    given, until = "abcde-fghij", clock() + timedelta(days=7)
    accounts.set_password(store, account.user_id, passwords.hashed(given), one_time_until=until, by=by(clock))
    assert sign_in(visitor, post, "nobody", given, next="/account").headers["location"] == "/sign-in/step?next=/account"
    half = visitor.cookies["bilan"]
    assert visitor.get("/account").headers["location"].startswith("/sign-in/step")
    step = "/sign-in/step"
    for new, again, said in (
        ("short", "short", "Choose at least 12"),
        (OWN, OWN + "x", "differ"),
        (given, given, "other than the present"),
    ):
        refused = post(visitor, step, seen=step, new=new, again=again)
        assert refused.status_code == 422 and said in refused.text
    done = post(visitor, step, seen=step, new=OWN, again=OWN, next="/account")
    assert (done.status_code, done.headers["location"]) == (303, "/account")
    assert visitor.cookies["bilan"] != half
    assert visitor.get("/account").status_code == 200


def test_a_one_time_password_ends(visitor: TestClient, post: Post, store: AppStore, clock: Any) -> None:
    account = accounts.by_login(store, "nobody")
    hashed, until = passwords.hashed("abcde-fghij"), clock() + timedelta(days=7)
    accounts.set_password(store, account.user_id, hashed, one_time_until=until, by=by(clock))
    clock.advance(days=7)
    assert sign_in(visitor, post, "nobody", "abcde-fghij").status_code == 401


def test_a_required_second_factor_is_set_up_then_asked_for_and_each_code_counts_once(
    settings: WebSettings, services: Services, store: AppStore, post: Post, clock: Any
) -> None:
    app = create(replace(settings, second_factor=frozenset({"administrator"})), services)
    browser = TestClient(app, follow_redirects=False, headers={"accept-language": "en"})
    assert sign_in(browser, post, "clinician").headers["location"] == "/"
    post(browser, "/sign-out", seen="/account")
    assert sign_in(browser, post, "administrator").headers["location"] == "/sign-in/step"
    page = browser.get("/sign-in/step").text
    key = re.search(r'<code class="key">([A-Z2-7 ]+)</code>', page)[1].replace(" ", "")
    sealed = re.search(r'name="secret" value="([^"]+)"', page)[1]
    assert "<svg" in page and "style=" not in page
    code = pyotp.TOTP(key)
    wrong = post(browser, "/sign-in/step", seen="/sign-in/step", secret=sealed, code="000000")
    assert wrong.status_code == 422 and key[:4] in wrong.text
    assert post(browser, "/sign-in/step", seen="/sign-in/step", secret=sealed, code=code.at(clock())).status_code == 303
    assert browser.get("/account").status_code == 200

    other = TestClient(app, follow_redirects=False, headers={"accept-language": "en"})
    assert sign_in(other, post, "administrator").headers["location"] == "/sign-in/step"
    assert other.get("/account").status_code == 303
    used = post(other, "/sign-in/step", seen="/sign-in/step", code=code.at(clock()))
    assert used.status_code == 401
    clock.advance(seconds=30)
    assert post(other, "/sign-in/step", seen="/sign-in/step", code=code.at(clock())).status_code == 303
    assert other.get("/account").status_code == 200


def test_guessing_codes_ends_the_attempt(
    persona: Persona, store: AppStore, post: Post, visitor: TestClient, clock: Any, settings: WebSettings
) -> None:
    account = accounts.by_login(store, "nobody")
    secret = second_factor.locked(settings.key, account.user_id, pyotp.random_base32())
    accounts.set_totp(store, account.user_id, secret, step=None, by=by(clock))
    sign_in(visitor, post, "nobody")
    for _ in range(10):
        assert post(visitor, "/sign-in/step", seen="/sign-in/step", code="12345x").status_code == 401
    assert post(visitor, "/sign-in/step", seen="/sign-in/step", code="12345x").headers["location"] == "/sign-in"
    assert visitor.get("/sign-in/step").headers["location"] == "/sign-in?next=%2Fsign-in%2Fstep"


def test_half_a_sign_in_does_not_last(visitor: TestClient, post: Post, store: AppStore, clock: Any) -> None:
    account = accounts.by_login(store, "nobody")
    accounts.set_totp(store, account.user_id, pyotp.random_base32(), step=None, by=by(clock))
    sign_in(visitor, post, "nobody")
    clock.advance(minutes=10)
    assert visitor.get("/sign-in/step").headers["location"].startswith("/sign-in?")


def test_every_sign_in_leaves_its_trace(persona: Persona, store: AppStore, post: Post) -> None:
    browser = persona("clinician")
    post(browser, "/sign-out", seen="/account")
    latest = audit.latest(store, Filter(), 2)
    assert [(row["event"], row["login"]) for row in latest] == [("signed_out", "clinician"), ("signed_in", "clinician")]
    assert audit.verify(store).problems == ()

"""Recovery codes: shown once, hashed, each good once; and what a copy of the database gives away."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyotp
import pytest
from starlette.testclient import TestClient

from reports.web import second_factor, sign_in_steps
from reports.web.app import create
from reports.web.settings import Services, WebSettings
from warehouse import accounts, audit
from warehouse.app_store import AppStore
from warehouse.audit import Actor
from warehouse.errors import KeyFileError

PASSWORD = "Tibia-plateau-1847!"
Persona = Callable[[str], TestClient]
Post = Callable[..., Any]
assert sign_in_steps  # its page is what these codes open


@pytest.fixture
def enrolled(persona: Persona, post: Post, store: AppStore, settings: WebSettings, clock: Any) -> TestClient:
    """A clinician with a second factor, signed in."""
    browser = persona("clinician")
    account = accounts.by_login(store, "clinician")
    assert account
    secret = second_factor.locked(settings.key, account.user_id, pyotp.random_base32())
    accounts.set_totp(store, account.user_id, secret, step=1, by=Actor("", "test", clock()))
    return browser


def codes_of(browser: TestClient, post: Post) -> list[str]:
    page = post(browser, "/account/recovery", seen="/account/recovery", present=PASSWORD)
    return re.findall(r"<li><code>([^<]+)</code></li>", page.text)


def try_code(visitor: TestClient, post: Post, code: str) -> int:
    visitor.cookies.clear()
    asked = post(visitor, "/sign-in", seen="/sign-in", login="clinician", password=PASSWORD)
    assert asked.headers["location"] == "/sign-in/step"
    return int(post(visitor, "/sign-in/step", seen="/sign-in/step", recovery=code).status_code)


def test_each_code_opens_once_and_none_is_kept_in_the_clear(
    enrolled: TestClient, visitor: TestClient, post: Post, store: AppStore
) -> None:
    codes = codes_of(enrolled, post)
    assert len(set(codes)) == 10
    assert [code.split("-")[0] for code in codes] == [str(place) for place in range(1, 11)]
    assert not any(code in enrolled.get("/account/recovery").text for code in codes)
    for file in store.path.parent.glob("app.sqlite*"):
        assert not any(code[2:].encode() in file.read_bytes() for code in codes)
    with store.reading() as app:
        hashes = [row[0] for row in app.execute("select code_hash from recovery_code").fetchall()]
    assert all(each.startswith("$argon2id$") for each in hashes)

    assert try_code(visitor, post, "3-" + codes[3][2:]) == 401  # another's number
    assert try_code(visitor, post, codes[2]) == 303
    assert visitor.get("/account").status_code == 200
    assert "9 codes are left." in visitor.get("/account/recovery").text
    assert try_code(visitor, post, codes[2]) == 401
    assert try_code(visitor, post, codes[9]) == 303
    events = [row["event"] for row in audit.export(store)]
    assert (events.count("recovery_codes_made"), events.count("recovery_code_used")) == (1, 2)
    assert audit.verify(store).problems == ()


@pytest.mark.parametrize("code", ["", "-", "0-aaaaa-bbbbb", "11-aaaaa-bbbbb", "x", "1", "³-aaaaa-bbbbb"])
def test_what_is_no_code_opens_nothing(enrolled: TestClient, visitor: TestClient, post: Post, code: str) -> None:
    codes_of(enrolled, post)
    assert try_code(visitor, post, code) == 401


def test_new_codes_and_a_new_factor_make_the_old_codes_worthless(
    enrolled: TestClient, visitor: TestClient, post: Post, store: AppStore, settings: WebSettings, clock: Any
) -> None:
    first, second = codes_of(enrolled, post), codes_of(enrolled, post)
    assert try_code(visitor, post, first[0]) == 401
    assert try_code(visitor, post, second[0]) == 303
    account = accounts.by_login(store, "clinician")
    assert account
    secret = second_factor.locked(settings.key, account.user_id, pyotp.random_base32())
    accounts.set_totp(store, account.user_id, secret, step=1, by=Actor("", "test", clock()))
    assert try_code(visitor, post, second[1]) == 401


def test_codes_are_made_with_the_password_and_for_a_second_factor_alone(
    enrolled: TestClient, persona: Persona, post: Post
) -> None:
    wrong = post(enrolled, "/account/recovery", seen="/account/recovery", present="x")
    assert wrong.status_code == 422 and "<li><code>" not in wrong.text
    without = persona("auditor")
    assert "Set up a second factor first." in without.get("/account/recovery").text
    assert post(without, "/account/recovery", seen="/account/recovery", present=PASSWORD).status_code == 404


def test_guessing_codes_is_slowed_as_guessing_passwords_is(
    enrolled: TestClient, visitor: TestClient, post: Post
) -> None:
    codes = codes_of(enrolled, post)
    asked = post(visitor, "/sign-in", seen="/sign-in", login="clinician", password=PASSWORD)
    assert asked.status_code == 303
    answers = [
        post(visitor, "/sign-in/step", seen="/sign-in/step", recovery="1-aaaaa-bbbbb").status_code for _ in range(10)
    ]
    assert answers == [401] * 10
    assert post(visitor, "/sign-in/step", seen="/sign-in/step", recovery=codes[0]).headers["location"] == "/sign-in"


def test_plain_secrets_of_earlier_versions_are_encrypted_at_the_start(
    settings: WebSettings, services: Services, store: AppStore, clock: Any, visitor: TestClient, post: Post
) -> None:
    secret = pyotp.random_base32()
    account = accounts.by_login(store, "clinician")
    assert account
    accounts.set_totp(store, account.user_id, secret, step=None, by=Actor("", "test", clock()))
    create(settings, services)
    stored = accounts.by_id(store, account.user_id)
    assert stored and stored.totp_secret and secret not in stored.totp_secret
    assert second_factor.unlocked(settings.key, account.user_id, stored.totp_secret) == secret
    for file in store.path.parent.glob("app.sqlite*"):
        assert secret.encode() not in file.read_bytes()
    assert second_factor.lock_all(store, settings.key) == 0
    post(visitor, "/sign-in", seen="/sign-in", login="clinician", password=PASSWORD)
    code = pyotp.TOTP(secret).at(clock())
    assert post(visitor, "/sign-in/step", seen="/sign-in/step", code=code).status_code == 303


def test_under_another_key_nothing_starts_and_no_secret_fits_another_account(
    enrolled: TestClient, settings: WebSettings, services: Services, store: AppStore
) -> None:
    with pytest.raises(KeyFileError, match=r"restore keys/_app\.key"):
        create(replace(settings, key=bytes(32)), services)
    account, other = accounts.by_login(store, "clinician"), accounts.by_login(store, "auditor")
    assert account and account.totp_secret and other
    with pytest.raises(KeyFileError):
        second_factor.unlocked(settings.key, other.user_id, account.totp_secret)

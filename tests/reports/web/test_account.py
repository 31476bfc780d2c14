from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pyotp
from starlette.testclient import TestClient

from reports.web import second_factor
from reports.web.settings import WebSettings
from warehouse import accounts
from warehouse.app_store import AppStore

PASSWORD = "Tibia-plateau-1847!"
OWN = "xK9$mwQ2vb7!"
Persona = Callable[[str], TestClient]
Post = Callable[..., Any]


def test_a_new_password_ends_the_other_sessions(persona: Persona, post: Post) -> None:
    here, elsewhere = persona("clinician"), persona("clinician")
    wrong = post(here, "/account/password", seen="/account", present="x", new=OWN, again=OWN)
    assert wrong.status_code == 422 and "The present password is wrong." in wrong.text
    done = post(here, "/account/password", seen="/account", present=PASSWORD, new=OWN, again=OWN)
    assert done.headers["location"] == "/account?done=password"
    assert "Your password was changed." in here.get("/account?done=password").text
    assert elsewhere.get("/account").headers["location"].startswith("/sign-in")


def test_a_second_factor_is_set_up_with_the_password(
    persona: Persona, post: Post, store: AppStore, clock: Any, settings: WebSettings
) -> None:
    browser = persona("clinician")
    page = browser.get("/account/second-factor").text
    key = re.search(r'<code class="key">([A-Z2-7 ]+)</code>', page)[1].replace(" ", "")
    sealed = re.search(r'name="secret" value="([^"]+)"', page)[1]
    form = {"seen": "/account/second-factor", "secret": sealed, "code": pyotp.TOTP(key).at(clock())}
    assert post(browser, "/account/second-factor", **form, present="x").status_code == 422
    assert post(browser, "/account/second-factor", **form, present=PASSWORD).headers["location"] == "/account/recovery"
    account = accounts.by_login(store, "clinician")
    assert second_factor.unlocked(settings.key, account.user_id, account.totp_secret) == key
    # A copy of the database, its log included, gives the secret away in no form.
    for file in store.path.parent.glob("app.sqlite*"):
        assert key.encode() not in file.read_bytes()
    # A secret that we did not hand out is not taken.
    assert post(browser, "/account/second-factor", **{**form, "secret": "AAAA"}, present=PASSWORD).status_code == 404


def test_ones_own_sessions_can_be_ended_and_nobody_elses(persona: Persona, post: Post) -> None:
    here, there, stranger = persona("clinician"), persona("clinician"), persona("auditor")
    page = here.get("/account").text
    (other,) = re.findall(r'name="session" value="([0-9a-f]+)"', page)
    assert there.cookies["bilan"] not in page
    assert post(stranger, "/account/session", seen="/account", session=other).status_code == 404
    assert there.get("/account").status_code == 200
    assert post(here, "/account/session", seen="/account", session=other).status_code == 303
    assert there.get("/account").status_code == 303


def test_language_and_colours_are_kept(persona: Persona, post: Post, visitor: TestClient) -> None:
    browser = persona("clinician")
    assert '<html lang="en" data-theme="auto">' in browser.get("/account").text
    post(browser, "/language", seen="/account", language="fr", next="/account")
    post(browser, "/account/theme", seen="/account", theme="dark")
    assert '<html lang="fr" data-theme="dark">' in browser.get("/account").text
    post(browser, "/language", seen="/account", language="xx")
    post(browser, "/account/theme", seen="/account", theme="pink")
    assert '<html lang="fr" data-theme="dark">' in browser.get("/account").text
    assert post(visitor, "/language", seen="/sign-in", language="fr", next="/sign-in").headers["location"] == "/sign-in"
    assert '<html lang="fr"' in visitor.get("/sign-in").text

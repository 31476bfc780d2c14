from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

PASSWORD = "Tibia-plateau-1847!"
Persona = Callable[[str], TestClient]
Post = Callable[..., Any]


def test_a_visitor_is_sent_to_the_sign_in_page_and_back(visitor: TestClient, post: Post) -> None:
    assert visitor.get("/").headers["location"] == "/sign-in"
    done = post(visitor, "/sign-in", seen="/sign-in", login="nobody", password=PASSWORD)
    assert done.status_code == 303
    assert done.headers["location"] == "/"
    assert "Your account has no role" in visitor.get("/").text


@pytest.mark.parametrize(("login", "password"), [("clinician", "wrong"), ("stranger", PASSWORD), ("", "")])
def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(
    visitor: TestClient, post: Post, login: str, password: str
) -> None:
    done = post(visitor, "/sign-in", seen="/sign-in", login=login, password=password)
    assert done.status_code == 401
    assert "Login or password is wrong." in done.text
    assert "bilan" not in done.cookies


def test_the_cookie_changes_at_sign_in_and_opens_nothing_after_sign_out(visitor: TestClient, post: Post) -> None:
    post(visitor, "/sign-in", seen="/sign-in", login="nobody", password=PASSWORD)
    first = visitor.cookies["bilan"]
    post(visitor, "/sign-in", seen="/", login="nobody", password=PASSWORD)
    second = visitor.cookies["bilan"]
    assert first != second
    assert post(visitor, "/sign-out").status_code == 303
    for token in (first, second):
        visitor.cookies.clear()
        visitor.cookies.set("bilan", token)
        assert visitor.get("/").headers["location"] == "/sign-in"

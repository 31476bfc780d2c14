from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from reports.web.settings import WebSettings
from warehouse import accounts, alarms, audit, connect
from warehouse.app_store import AppStore
from warehouse.audit import Actor, Filter

Persona = Callable[[str], TestClient]
Post = Callable[..., Any]
USERS = "/admin/users"


@pytest.fixture
def admin_of_south(store: AppStore, clock: Any) -> None:
    account = accounts.by_login(store, "nobody")
    assert account
    accounts.grant(store, account.user_id, "administrator", "south", Actor("", "test", clock()))


def page_of(store: AppStore, login: str) -> str:
    account = accounts.by_login(store, login)
    assert account
    return f"{USERS}/{account.user_id}"


def test_an_account_is_made_with_a_password_shown_once(
    persona: Persona, post: Post, visitor: TestClient, store: AppStore
) -> None:
    admin = persona("administrator")
    made = post(admin, USERS, seen=USERS, login="new@x", name="<b>New</b>", language="fr", role="clinician@north")
    password = re.search(r'<code class="once">([\w-]+)</code>', made.text)[1]  # type: ignore[index]
    assert "&lt;b&gt;New" in made.text
    assert password not in admin.get(page_of(store, "new@x")).text
    done = post(visitor, "/sign-in", seen="/sign-in", login="new@x", password=password)
    assert done.headers["location"] == "/sign-in/step"
    again = post(admin, USERS, seen=USERS, login="NEW@X", language="fr", role="clinician@north")
    assert again.status_code == 422 and "already" in again.text
    assert post(admin, USERS, seen=USERS, login=" ", language="fr", role="clinician@north").status_code == 422
    for role in ("clinician@nowhere", "king@north", "clinician"):
        assert post(admin, USERS, seen=USERS, login="other", language="fr", role=role).status_code == 400
    assert [row["event"] for row in audit.latest(store, Filter(event="user_added"), 1)] == ["user_added"]


def test_roles_work_from_the_next_request_on(persona: Persona, post: Post, store: AppStore) -> None:
    admin, user, page = persona("administrator"), persona("nobody"), page_of(store, "nobody")
    assert user.get("/admin/trail").status_code == 403
    post(admin, page, seen=page, action="grant", role="auditor@*")
    assert user.get("/admin/trail").status_code == 200
    post(admin, page, seen=page, action="revoke", role="auditor@*")
    assert user.get("/admin/trail").status_code == 403


def test_closing_and_new_passwords_end_sessions(persona: Persona, post: Post, store: AppStore) -> None:
    admin, page = persona("administrator"), page_of(store, "clinician")
    for action in ("password", "disable"):
        user = persona("clinician") if action == "password" else persona("auditor")
        target = page if action == "password" else page_of(store, "auditor")
        assert user.get("/account").status_code == 200
        post(admin, target, seen=target, action=action)
        assert user.get("/account").status_code == 303
    assert post(admin, page, seen=page, action="explode").status_code == 400


def test_nobody_closes_the_door_behind_himself(persona: Persona, post: Post, store: AppStore) -> None:
    admin, page = persona("administrator"), page_of(store, "administrator")
    assert post(admin, page, seen=page, action="disable").status_code == 422
    assert post(admin, page, seen=page, action="revoke", role="administrator@*").status_code == 422
    assert admin.get(USERS).status_code == 200


def test_an_administrator_of_one_site_stays_there(
    admin_of_south: None, persona: Persona, post: Post, store: AppStore
) -> None:
    admin = persona("nobody")
    listed = admin.get(USERS).text
    assert "clinician_south" in listed and "department_head_south" in listed
    assert not re.search(r">(clinician|auditor|administrator)<", listed)
    for login in ("clinician", "administrator"):
        assert admin.get(page_of(store, login)).status_code == 404
        assert post(admin, page_of(store, login), seen=USERS, action="disable").status_code == 404
    own = page_of(store, "clinician_south")
    for role in ("clinician@north", "administrator@*"):
        assert post(admin, own, seen=own, action="grant", role=role).status_code == 400
        assert post(admin, USERS, seen=USERS, login="x", language="fr", role=role).status_code == 400
    assert post(admin, own, seen=own, action="grant", role="department_head@south").status_code == 303
    assert admin.get("/site/north/nights").status_code == 404


def test_sessions_within_reach_are_seen_and_ended(admin_of_south: None, persona: Persona, post: Post) -> None:
    north, south = persona("clinician"), persona("clinician_south")
    admin = persona("nobody")
    page = admin.get("/admin/sessions").text
    assert "Clinician South" in page and "Clinician<" not in page
    (session,) = re.findall(r'name="session" value="(\w+)"', page)
    assert post(admin, "/admin/sessions", seen="/admin/sessions", session=session).status_code == 303
    assert south.get("/account").status_code == 303
    assert north.get("/account").status_code == 200
    assert post(admin, "/admin/sessions", seen="/admin/sessions", session="0" * 16).status_code == 404


def test_the_trail_is_shown_checked_and_exported(persona: Persona, store: AppStore) -> None:
    persona("clinician")
    auditor = persona("auditor")
    page = auditor.get("/admin/trail").text
    assert "signed in" in page and "110114 · 110122" in page
    assert "signed in" not in auditor.get("/admin/trail?event=user_added").text.split("<tbody>")[1]
    assert "No event." in auditor.get("/admin/trail?since=2099-01-01&until=x&before=xx").text
    assert "The trail is whole" in auditor.get("/admin/trail/verify").text
    rows = [json.loads(line) for line in auditor.get("/admin/trail/export").text.splitlines()]
    assert rows == list(audit.export(store))
    assert rows[-1]["event"] == "audit_exported"


def test_screens_of_a_machine_without_data_say_so(persona: Persona) -> None:
    admin = persona("administrator")
    assert admin.get("/site/north/nights").status_code == 503
    assert "No image was analysed yet." in admin.get("/admin/machine").text


def test_the_alarms_of_the_site_stand_above_its_nights(
    persona: Persona, store: AppStore, settings: WebSettings, clock: Any
) -> None:
    connect.migrate(settings.published)
    admin = persona("administrator")
    assert "Alarms" not in admin.get("/site/north/nights").text
    gone = alarms.Cause("ris_silent", figures={"usual": 12})
    there = alarms.Cause("source_unreachable", "<b>pacs</b>")
    alarms.settle(store, "north", [gone], clock())
    alarms.settle(store, "north", [there], clock())
    page = admin.get("/site/north/nights").text
    assert page.index("The source &lt;b&gt;pacs&lt;/b&gt; could not be read.") < page.index(
        "12 on this weekday as a rule"
    )
    assert page.index("still there") < page.index("over</span>")
    assert "Alarms" not in admin.get("/site/south/nights").text

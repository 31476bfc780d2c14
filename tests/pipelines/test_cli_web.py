"""Accounts and the audit trail from the shell, as an administrator types it."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines import cli, config, demo, users
from reports.web import passwords
from warehouse import accounts, audit, web_sessions
from warehouse.app_store import AppStore
from warehouse.audit import Actor
from warehouse.web_sessions import Limits

LOGIN = "m.diallo@example.org"
LIMITS = Limits(timedelta(minutes=30), timedelta(hours=12))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    demo.create(tmp_path / "home", lambda _: None)
    return tmp_path / "home"


def bilan(home: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, [*words, "--home", str(home)])
    return done.exit_code, done.output


def added(home: Path) -> tuple[AppStore, accounts.Account, str]:
    code, said = bilan(home, "user", "add", LOGIN, "--role", "clinician@saint-aubin", "--name", "Dr Diallo")
    assert code == 0
    found = re.fullmatch(rf"{LOGIN}: one-time password (\S+) \(valid 7 days\)\n", said)
    assert found, said
    store, account = users.find(config.load(home), LOGIN)
    return store, account, found[1]


def session(store: AppStore, account: accounts.Account) -> str:
    now = datetime.now(UTC)
    return web_sessions.start(
        store,
        user_id=account.user_id,
        stage="full",
        method="password",
        lifetime=LIMITS.absolute,
        limits=LIMITS,
        address="192.0.2.7",
        device="x",
        now=now,
    ).token


def alive(store: AppStore, token: str) -> bool:
    return web_sessions.find(store, token, LIMITS, datetime.now(UTC)) is not None


def test_an_account_is_made_with_a_one_time_password_that_is_kept_as_a_hash(home: Path) -> None:
    store, account, password = added(home)
    assert passwords.matches(account.password_hash, password) and not passwords.matches(account.password_hash, "x")
    assert account.one_time_until and account.one_time_until > datetime.now(UTC) + timedelta(days=6)
    assert account.roles == {("clinician", "saint-aubin")}
    assert password.encode() not in store.path.read_bytes()
    assert bilan(home, "user", "add", LOGIN.upper(), "--role", "auditor")[0] != 0
    assert bilan(home, "user", "add", "x", "--role", "clinician@nowhere")[0] != 0
    assert bilan(home, "user", "add", "x", "--role", "king")[0] != 0
    assert [each.login for each in accounts.every(store)] == [LOGIN]


def test_a_closed_account_loses_its_sessions_and_can_be_opened_again(home: Path) -> None:
    store, account, _ = added(home)
    token = session(store, account)
    assert alive(store, token)
    assert bilan(home, "user", "disable", LOGIN) == (0, f"{LOGIN}: disabled\n")
    assert not alive(store, token)
    assert "disabled" in bilan(home, "user", "list")[1]
    (listed,) = json.loads(bilan(home, "user", "list", "--json")[1])
    assert (listed["login"], listed["disabled"], listed["roles"]) == (LOGIN, True, ["clinician@saint-aubin"])
    assert bilan(home, "user", "disable", LOGIN, "--undo") == (0, f"{LOGIN}: open\n")
    assert not json.loads(bilan(home, "user", "list", "--json")[1])[0]["disabled"]
    assert bilan(home, "user", "disable", "nobody@example.org")[0] != 0


def test_a_new_password_ends_sessions_and_on_request_the_second_factor(home: Path) -> None:
    store, account, first = added(home)
    accounts.set_totp(store, account.user_id, "aes256gcm.x", step=1, by=users.actor())
    token = session(store, account)
    code, said = bilan(home, "user", "password", LOGIN)
    second = said.split("password ")[1].split(" ")[0]
    changed = accounts.by_login(store, LOGIN)
    assert code == 0 and changed and second != first
    assert passwords.matches(changed.password_hash, second) and not passwords.matches(changed.password_hash, first)
    assert not alive(store, token) and changed.totp_secret is not None
    assert bilan(home, "user", "password", LOGIN, "--reset-second-factor")[0] == 0
    reset = accounts.by_login(store, LOGIN)
    assert reset and reset.totp_secret is None
    events = [row["event"] for row in audit.export(store)]
    assert events.count("password_changed") == 2 and events[-1] == "second_factor_changed"


def test_the_trail_is_verified_and_exported(home: Path) -> None:
    store, _, _ = added(home)
    bilan(home, "user", "disable", LOGIN)
    code, said = bilan(home, "audit", "verify", "--json")
    told: dict[str, Any] = json.loads(said)
    last = list(audit.export(store))[-1]
    assert (code, told["rows"], told["head"], told["problems"]) == (
        0,
        3,
        {"seq": 3, "hash": last["hash"]},
        [],
    )
    code, said = bilan(home, "audit", "export")
    lines = [json.loads(line) for line in said.splitlines()]
    assert code == 0
    assert [line["event"] for line in lines] == ["user_added", "role_granted", "user_disabled", "audit_exported"]
    assert all(audit.digest(line) == line["hash"] for line in lines)
    assert {line["address"] for line in lines} == {"command line"}

    connection = sqlite3.connect(store.path)
    with connection:
        connection.execute("drop trigger audit_event_is_never_changed")
        connection.execute("update audit_event set object = 'another' where seq = 2")
    connection.close()
    code, said = bilan(home, "audit", "verify")
    assert code == 1 and "BROKEN  row 2 was changed" in said


def test_old_rows_are_counted_then_removed_and_the_rest_verifies(home: Path) -> None:
    store, _, _ = added(home)
    long_ago = datetime.now(UTC) - timedelta(days=400)
    connection = sqlite3.connect(store.path)
    connection.execute("drop trigger audit_event_is_never_deleted")
    connection.execute("drop trigger audit_event_is_never_changed")
    connection.execute("delete from audit_event")
    connection.commit()
    connection.close()
    (home / "audit-head.json").unlink()
    for event in ("user_added", "signed_in", "case_viewed"):
        audit.record(store, event, Actor("u", "192.0.2.7", long_ago))
    audit.record(store, "signed_in", Actor("u", "192.0.2.7", datetime.now(UTC) - timedelta(days=300)))
    assert json.loads(bilan(home, "audit", "prune", "--dry-run", "--json")[1]) == {
        "rows": 3,
        "through": 3,
        "dry_run": True,
    }
    assert len(list(audit.export(store))) == 4
    assert bilan(home, "audit", "prune") == (0, "Rows past their retention: 3; they were removed.\n")
    assert [row["event"] for row in audit.export(store)] == ["signed_in", "audit_trimmed"]
    assert bilan(home, "audit", "verify")[0] == 0
    # Sealed with the application's key: with another one it is told.
    (home / "keys" / "_app.key").write_text("00" * 32 + "\n")
    code, said = bilan(home, "audit", "verify")
    assert code == 1 and "no row with a right seal" in said

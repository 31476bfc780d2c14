"""Accounts of the web application: who may sign in, and in which role at which site."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from warehouse.app_store import AppStore, as_text, as_time, change, rows
from warehouse.errors import WarehouseError

ROLES = ("clinician", "department_head", "partnership_manager", "administrator", "auditor")
EVERY_SITE = "*"


class LoginTakenError(WarehouseError):
    """There is an account of this login already: choose another login."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account, with its roles as pairs of role and site (``*``: every site).

    `one_time_until` is set while the password is a one-time one; `password_hash` is None for those
    who sign in through the identity provider alone.
    """

    user_id: str
    login: str
    name: str
    language: str
    theme: str
    password_hash: str | None
    one_time_until: datetime | None
    totp_secret: str | None
    totp_step: int | None
    oidc_subject: str | None
    disabled_at: datetime | None
    created_at: datetime
    roles: frozenset[tuple[str, str]]


def add(
    store: AppStore,
    *,
    login: str,
    name: str,
    language: str,
    password_hash: str | None,
    one_time_until: datetime | None,
    roles: Iterable[tuple[str, str]],
    now: datetime,
) -> Account:
    """Make an account and return it.

    Raises
    ------
    LoginTakenError
        If the login, in capitals or not, is in use.
    """
    user_id = secrets.token_hex(8)
    values = {
        "user_id": user_id,
        "login": login,
        "name": name,
        "language": language,
        "password_hash": password_hash,
        "one_time_until": as_text(one_time_until) if one_time_until else None,
        "now": as_text(now),
    }
    with store.writing() as connection:
        if rows(connection, "user_by_login", {"login": login}):
            raise LoginTakenError("there is an account of this login already; choose another one")
        change(connection, "user_add", values)
        for role, site in roles:
            change(connection, "role_grant", {"user_id": user_id, "role": role, "site": site})
        return _one(connection, "user_by_id", {"user_id": user_id}) or _lost()


def by_login(store: AppStore, login: str) -> Account | None:
    """Return the account of a login, in capitals or not."""
    with store.reading() as connection:
        return _one(connection, "user_by_login", {"login": login})


def by_id(store: AppStore, user_id: str) -> Account | None:
    """Return the account of an identifier."""
    with store.reading() as connection:
        return _one(connection, "user_by_id", {"user_id": user_id})


def every(store: AppStore) -> list[Account]:
    """Return all accounts, by login."""
    with store.reading() as connection:
        return [_account(connection, row) for row in rows(connection, "users")]


def set_password(
    store: AppStore, user_id: str, password_hash: str, *, one_time_until: datetime | None, now: datetime
) -> None:
    """Replace the password; with `one_time_until` it is a one-time one."""
    until = as_text(one_time_until) if one_time_until else None
    values = {"user_id": user_id, "password_hash": password_hash, "one_time_until": until, "now": as_text(now)}
    with store.writing() as connection:
        change(connection, "user_set_password", values)


def set_language(store: AppStore, user_id: str, language: str) -> None:
    """Keep the language in which a user reads."""
    with store.writing() as connection:
        change(connection, "user_set_language", {"user_id": user_id, "language": language})


def _one(connection: sqlite3.Connection, name: str, parameters: dict[str, str]) -> Account | None:
    found = rows(connection, name, parameters)
    return _account(connection, found[0]) if found else None


def _account(connection: sqlite3.Connection, row: sqlite3.Row) -> Account:
    granted = rows(connection, "user_roles", {"user_id": row["user_id"]})
    return Account(
        user_id=row["user_id"],
        login=row["login"],
        name=row["name"],
        language=row["language"],
        theme=row["theme"],
        password_hash=row["password_hash"],
        one_time_until=as_time(row["one_time_until"]) if row["one_time_until"] else None,
        totp_secret=row["totp_secret"],
        totp_step=row["totp_step"],
        oidc_subject=row["oidc_subject"],
        disabled_at=as_time(row["disabled_at"]) if row["disabled_at"] else None,
        created_at=as_time(row["created_at"]),
        roles=frozenset((each["role"], each["site"]) for each in granted),
    )


def _lost() -> Account:
    raise AssertionError("a row that was just written is there")

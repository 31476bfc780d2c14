"""Accounts of the web application: who may sign in, and in which role at which site."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Row

from warehouse import audit
from warehouse.app_store import AppConnection, AppStore, as_text, as_time, change, rows
from warehouse.audit import Actor
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
    by: Actor,
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
        "now": as_text(by.now),
    }
    with store.writing() as connection:
        if rows(connection, "user_by_login", {"login": login}):
            raise LoginTakenError("there is an account of this login already; choose another one")
        change(connection, "user_add", values)
        audit.append(connection, "user_added", by, about=user_id)
        for role, site in sorted(roles):
            _grant(connection, user_id, role, site, by)
        (row,) = rows(connection, "user_by_id", {"user_id": user_id})
        return _account(connection, row)


def by_login(store: AppStore, login: str) -> Account | None:
    """Return the account of a login, in capitals or not."""
    with store.reading() as connection:
        return _one(connection, "user_by_login", {"login": login})


def by_id(store: AppStore, user_id: str) -> Account | None:
    """Return the account of an identifier."""
    with store.reading() as connection:
        return _one(connection, "user_by_id", {"user_id": user_id})


def by_subject(store: AppStore, subject: str) -> Account | None:
    """Return the account bound to a person of the identity provider (issuer and subject)."""
    with store.reading() as connection:
        return _one(connection, "user_by_subject", {"oidc_subject": subject})


def every(store: AppStore) -> list[Account]:
    """Return all accounts, by login."""
    with store.reading() as connection:
        return [_account(connection, row) for row in rows(connection, "users")]


def set_password(
    store: AppStore, user_id: str, password_hash: str, *, one_time_until: datetime | None, by: Actor, kept: str = ""
) -> None:
    """Replace the password and end the user's sessions, but for `kept`; with `one_time_until` it is a one-time one."""
    until = as_text(one_time_until) if one_time_until else None
    values = {"user_id": user_id, "password_hash": password_hash, "one_time_until": until, "now": as_text(by.now)}
    with store.writing() as connection:
        change(connection, "user_set_password", values)
        change(connection, "sessions_end_of_user", {"user_id": user_id, "kept": kept})
        change(connection, "known_devices_forget", {"user_id": user_id})
        audit.append(connection, "password_changed", by, about=user_id, detail={"one_time": until is not None})


def set_totp(store: AppStore, user_id: str, secret: str | None, *, step: int | None, by: Actor) -> None:
    """Enrol a second factor (`step`: the time step of the code that confirmed it), or remove it with None.

    `secret` is encrypted (`reports.web.second_factor.locked`). Recovery codes of the one before are forgotten.
    """
    with store.writing() as connection:
        change(connection, "user_set_totp", {"user_id": user_id, "secret": secret, "step": step})
        change(connection, "recovery_codes_forget", {"user_id": user_id})
        audit.append(connection, "second_factor_changed", by, about=user_id, detail={"enrolled": secret is not None})


def lock_totp(store: AppStore, user_id: str, before: str, after: str) -> None:
    """Put the encrypted form of a second factor's secret in place of the plain one, unless it was changed meanwhile."""
    with store.writing() as connection:
        change(connection, "user_lock_totp", {"user_id": user_id, "before": before, "after": after})


def accept_totp(store: AppStore, user_id: str, step: int) -> bool:
    """Take a code's time step, once: False if it, or a later one, was taken before."""
    with store.writing() as connection:
        return change(connection, "user_accept_totp", {"user_id": user_id, "step": step}) > 0


def set_disabled(store: AppStore, user_id: str, *, disabled: bool, by: Actor) -> None:
    """Close an account, which ends its sessions, or open it again."""
    with store.writing() as connection:
        given = {"user_id": user_id, "disabled_at": as_text(by.now) if disabled else None}
        change(connection, "user_set_disabled", given)
        if disabled:
            change(connection, "sessions_end_of_user", {"user_id": user_id, "kept": ""})
        audit.append(connection, "user_disabled" if disabled else "user_enabled", by, about=user_id)


def grant(store: AppStore, user_id: str, role: str, site: str, by: Actor) -> None:
    """Give a role at a site (``*``: at every site)."""
    with store.writing() as connection:
        _grant(connection, user_id, role, site, by)


def revoke(store: AppStore, user_id: str, role: str, site: str, by: Actor) -> None:
    """Take a role away; the next request of the user is without it."""
    with store.writing() as connection:
        if change(connection, "role_revoke", {"user_id": user_id, "role": role, "site": site}):
            audit.append(connection, "role_revoked", by, about=user_id, detail={"role": role, "site": site})


def set_roles(store: AppStore, user_id: str, roles: frozenset[tuple[str, str]], by: Actor) -> None:
    """Give an account these roles and no other."""
    with store.writing() as connection:
        had = {(row["role"], row["site"]) for row in rows(connection, "user_roles", {"user_id": user_id})}
        for role, site in sorted(had - roles):
            change(connection, "role_revoke", {"user_id": user_id, "role": role, "site": site})
            audit.append(connection, "role_revoked", by, about=user_id, detail={"role": role, "site": site})
        for role, site in sorted(roles - had):
            _grant(connection, user_id, role, site, by)


def bind_subject(store: AppStore, user_id: str, subject: str, by: Actor) -> None:
    """Bind an account to a person of the identity provider, for good."""
    with store.writing() as connection:
        change(connection, "user_bind_subject", {"user_id": user_id, "oidc_subject": subject})
        audit.append(connection, "identity_bound", by, about=user_id)


def set_language(store: AppStore, user_id: str, language: str) -> None:
    """Keep the language in which a user reads."""
    with store.writing() as connection:
        change(connection, "user_set_language", {"user_id": user_id, "language": language})


def set_theme(store: AppStore, user_id: str, theme: str) -> None:
    """Keep the colours that a user reads in: auto, light or dark."""
    with store.writing() as connection:
        change(connection, "user_set_theme", {"user_id": user_id, "theme": theme})


def _grant(connection: AppConnection, user_id: str, role: str, site: str, by: Actor) -> None:
    if change(connection, "role_grant", {"user_id": user_id, "role": role, "site": site}):
        audit.append(connection, "role_granted", by, about=user_id, detail={"role": role, "site": site})


def _one(connection: AppConnection, name: str, parameters: dict[str, str]) -> Account | None:
    found = rows(connection, name, parameters)
    return _account(connection, found[0]) if found else None


def _account(connection: AppConnection, row: Row) -> Account:
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

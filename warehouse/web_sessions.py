"""Sessions of the web application, kept on the server: a cookie's hash, whose it is, until when.

A session ends when it is idle too long, at its absolute limit, when its user or an administrator
ends it, and when its user's password changes.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse.app_store import AppStore, as_text, as_time, change, rows

_SEEN_EVERY = timedelta(seconds=60)  # a page with many parts writes once


@dataclass(frozen=True, slots=True)
class WebSession:
    """One session. `session_id` names it on pages; it opens nothing. `token` is the cookie's value."""

    session_id: str
    token: str
    user_id: str
    stage: str
    method: str
    started_at: datetime
    seen_at: datetime
    ends_at: datetime
    address: str
    device: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session lasts: without use, and at most."""

    idle: timedelta
    absolute: timedelta


def start(
    store: AppStore,
    *,
    user_id: str,
    stage: str,
    method: str,
    lifetime: timedelta,
    limits: Limits,
    address: str,
    device: str,
    now: datetime,
    replaced: str | None = None,
) -> WebSession:
    """Start a session with a token of its own, for at most `lifetime`, and sweep out those beyond `limits`.

    `replaced` is the session that ends with this one's start: the cookie changes at each step of signing in.
    """
    token, session_id = secrets.token_urlsafe(32), secrets.token_hex(8)
    session = WebSession(session_id, token, user_id, stage, method, now, now, now + lifetime, address, device[:120])
    values = {
        "session_id": session_id,
        "token_hash": _hash(token),
        "user_id": user_id,
        "stage": stage,
        "method": method,
        "now": as_text(now),
        "ends_at": as_text(session.ends_at),
        "address": address,
        "device": session.device,
    }
    with store.writing() as connection:
        change(connection, "sessions_sweep", {"now": as_text(now), "idle_before": as_text(now - limits.idle)})
        if replaced:
            change(connection, "session_end", {"session_id": replaced})
        change(connection, "session_add", values)
    return session


def find(store: AppStore, token: str, limits: Limits, now: datetime, *, used: bool = True) -> WebSession | None:
    """Return the session of a cookie, if it has not ended, and note that it was `used`."""
    with store.reading() as connection:
        found = rows(connection, "session_by_token", {"token_hash": _hash(token)})
    if not found:
        return None
    row = found[0]
    session = WebSession(
        session_id=row["session_id"],
        token=token,
        user_id=row["user_id"],
        stage=row["stage"],
        method=row["method"],
        started_at=as_time(row["started_at"]),
        seen_at=as_time(row["seen_at"]),
        ends_at=as_time(row["ends_at"]),
        address=row["address"],
        device=row["device"],
    )
    if now >= session.ends_at or now - session.seen_at >= limits.idle:
        end(store, session.session_id)
        return None
    if used and now - session.seen_at >= _SEEN_EVERY:
        with store.writing() as connection:
            change(connection, "session_seen", {"session_id": session.session_id, "now": as_text(now)})
    return session


@dataclass(frozen=True, slots=True)
class ListedSession:
    """One session as pages show it: without its token."""

    session_id: str
    user_id: str
    login: str
    name: str
    stage: str
    method: str
    started_at: datetime
    seen_at: datetime
    ends_at: datetime
    address: str
    device: str


def listed(store: AppStore, limits: Limits, now: datetime, user_id: str | None = None) -> list[ListedSession]:
    """Return the sessions that have not ended, of one user or of all, the last used first."""
    given = {"user_id": user_id, "now": as_text(now), "idle_before": as_text(now - limits.idle)}
    with store.reading() as connection:
        found = [dict(row) for row in rows(connection, "sessions", given)]
    times = ("started_at", "seen_at", "ends_at")
    return [ListedSession(**{**row, **{name: as_time(row[name]) for name in times}}) for row in found]


def end(store: AppStore, session_id: str) -> bool:
    """End a session; return whether there was one."""
    with store.writing() as connection:
        return change(connection, "session_end", {"session_id": session_id}) > 0


def end_all(store: AppStore, user_id: str, kept: str = "") -> int:
    """End the sessions of a user, but for `kept`; return how many."""
    with store.writing() as connection:
        return change(connection, "sessions_end_of_user", {"user_id": user_id, "kept": kept})


def _hash(token: str) -> str:
    # 256 random bits need no salt and no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()

"""Sign-ins under way at the identity provider: what the answer must match, each good for one answer."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse.app_store import AppStore, as_text, as_time, change, rows

LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Flow:
    """What was sent with one sign-in: nonce, PKCE verifier, the page to go on to."""

    nonce: str
    verifier: str
    onward: str


def begin(store: AppStore, state: str, visitor: str, flow: Flow, now: datetime) -> None:
    """Keep a flow under its state, for the browser that holds the cookie `visitor`."""
    given = {
        "state_hash": _hash(state),
        "visitor_hash": _hash(visitor),
        "nonce": flow.nonce,
        "verifier": flow.verifier,
        "onward": flow.onward,
        "ends_at": as_text(now + LIFETIME),
    }
    with store.writing() as connection:
        change(connection, "oidc_flows_sweep", {"now": as_text(now)})
        change(connection, "oidc_flow_add", given)


def take(store: AppStore, state: str, visitor: str, now: datetime) -> Flow | None:
    """Take a flow, once; None for a state that is unknown, used, too old or another browser's."""
    with store.writing() as connection:
        found = rows(connection, "oidc_flow_take", {"state_hash": _hash(state)})
    if not found or as_time(found[0]["ends_at"]) <= now:
        return None
    row = found[0]
    if not hmac.compare_digest(row["visitor_hash"], _hash(visitor)):
        return None
    return Flow(row["nonce"], row["verifier"], row["onward"])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

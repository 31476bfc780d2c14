"""Failed sign-ins, counted for each account and each address over a quarter of an hour, and known browsers.

Nobody is locked out: whoever guesses at an account from elsewhere uses up the attempts of unknown
browsers, while a browser that the account has signed in from before has a count of its own (OWASP:
device cookies).
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from warehouse.app_store import AppStore, as_text, as_time, change, rows

WINDOW = timedelta(minutes=15)
ACCOUNT_LIMIT = 10
ADDRESS_LIMIT = 50
DEVICE_KNOWN = timedelta(days=180)


def wait(store: AppStore, account: str, address: str, now: datetime) -> timedelta | None:
    """Return how long to wait before the next attempt on this account or from this address, or None."""
    waits = []
    with store.reading() as connection:
        for scope, subject, limit in (("account", account, ACCOUNT_LIMIT), ("address", address, ADDRESS_LIMIT)):
            since = as_text(now - WINDOW)
            given = {"scope": scope, "subject_hash": _hash(subject), "since": since}
            found = rows(connection, "sign_in_failures", given)[0]
            if found["n"] >= limit:
                waits.append(as_time(found["first_at"]) + WINDOW - now)
    return max(waits) if waits else None


def note(store: AppStore, account: str, address: str, now: datetime) -> None:
    """Count a failure."""
    with store.writing() as connection:
        change(connection, "sign_in_failures_sweep", {"since": as_text(now - WINDOW)})
        for scope, subject in (("account", account), ("address", address)):
            given = {"scope": scope, "subject_hash": _hash(subject), "now": as_text(now)}
            change(connection, "sign_in_failure_add", given)


def clear(store: AppStore, account: str) -> None:
    """Forget the failures of an account, once its owner is in; those of the address stay."""
    with store.writing() as connection:
        change(connection, "sign_in_failures_clear", {"scope": "account", "subject_hash": _hash(account)})


def remember_device(store: AppStore, user_id: str, token: str, now: datetime) -> None:
    """Note that an account has signed in from the browser that holds this cookie."""
    with store.writing() as connection:
        given = {"token_hash": _hash(token), "user_id": user_id, "now": as_text(now)}
        change(connection, "known_device_put", given)


def knows_device(store: AppStore, user_id: str, token: str, now: datetime) -> bool:
    """Tell whether an account has signed in from this browser in the last months."""
    with store.reading() as connection:
        given = {"token_hash": _hash(token), "user_id": user_id, "since": as_text(now - DEVICE_KNOWN)}
        return bool(token) and rows(connection, "known_device", given)[0]["n"] > 0


def _hash(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()

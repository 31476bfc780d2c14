"""The end of the audit trail's retention: old rows go, and what is left can still be verified.

The rows are removed together with the appending of one that says so: up to which row, its hash, how many,
signed with a key that is not in the database. The trail then goes on from that hash.

References
----------
CNIL, délibération 2021-122 of 14 October 2021 (recommandation relative à la journalisation): traces are
kept for six months to a year, longer only for a reason of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warehouse import audit
from warehouse.app_store import AppStore, as_text, change, rows
from warehouse.audit import Actor, seal


@dataclass(frozen=True, slots=True)
class Expired:
    """Rows at the trail's beginning that are all older than a time: how many, up to which number."""

    rows: int
    through: int


def expired(store: AppStore, before: datetime) -> Expired:
    """Return what `cut` would remove."""
    with store.reading() as connection:
        found = rows(connection, "audit_expired", {"before": as_text(before)})
    return Expired(found[0]["n"], found[0]["seq"]) if found else Expired(0, 0)


def cut(store: AppStore, before: datetime, by: Actor, key: bytes) -> Expired:
    """Remove the rows at the trail's beginning that are all older than `before`; return what was removed.

    A row behind a younger one stays, whatever its time: a clock that was set back removes nothing.
    """
    with store.writing() as connection:
        found = rows(connection, "audit_expired", {"before": as_text(before)})
        if not found:
            return Expired(0, 0)
        through, last, n = found[0]["seq"], found[0]["hash"], found[0]["n"]
        detail = {"through": through, "hash": last, "rows": n, "before": as_text(before)}
        audit.append(connection, "audit_trimmed", by, about=str(through), detail={**detail, "seal": seal(detail, key)})
        change(connection, "audit_checkpoint_add", {"through": through, "hash": last, "now": as_text(by.now)})
        change(connection, "audit_cut", {"through": through})
        return Expired(n, through)

"""The audit trail: who saw, exported, judged or changed what and when; append-only, each row chained to the last.

Events are named after DICOM PS3.15 A.5 and IHE ITI ATNA: an EventID, where there is one an
EventTypeCode, an action (Create, Read, Update, Delete, Execute) and an outcome (0 success, 4 minor
failure, 8 serious failure, 12 major failure).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from warehouse import audit_head
from warehouse.app_store import AppConnection, AppStore, as_text, as_time, change, rows
from warehouse.audit_head import Head

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Kind:
    """What DICOM calls one of our events: EventID, EventTypeCode (or empty), EventActionCode."""

    code: str
    type_code: str
    action: str


KINDS: Mapping[str, Kind] = {
    # 110112 Query, 110103 DICOM Instances Accessed, 110106 Export, 110110 Patient Record
    "list_viewed": Kind("110112", "", "E"),
    "case_viewed": Kind("110103", "", "R"),
    "site_viewed": Kind("110112", "", "E"),
    "list_exported": Kind("110106", "", "R"),
    "report_exported": Kind("110106", "", "R"),
    "aggregates_exported": Kind("110106", "", "R"),
    "export_approved": Kind("110106", "", "E"),
    "portfolio_viewed": Kind("110112", "", "E"),
    "portfolio_exported": Kind("110106", "", "R"),
    "peers_returned": Kind("110106", "", "R"),
    "peers_imported": Kind("110107", "", "C"),
    "portfolio_noted": Kind("110100", "", "U"),
    "portfolio_snoozed": Kind("110100", "", "U"),
    "verdict_given": Kind("110110", "", "C"),
    "verdict_undone": Kind("110110", "", "U"),
    "report_viewed": Kind("110110", "", "R"),  # the report alone, without images or AI result
    "label_corrected": Kind("110110", "", "U"),
    "sample_drawn": Kind("110112", "", "E"),
    "report_read_blind": Kind("110110", "", "C"),
    "patient_erased": Kind("110110", "", "D"),
    "key_rotated": Kind("110113", "", "U"),
    "data_retired": Kind("110110", "", "D"),
    "study_withdrawn": Kind("110110", "", "U"),
    "study_restored": Kind("110110", "", "U"),
    "alarm_raised": Kind("110100", "", "E"),
    "alarm_ended": Kind("110100", "", "E"),
    # 110114 User Authentication: 110122 Login, 110123 Logout
    "signed_in": Kind("110114", "110122", "E"),
    "signed_out": Kind("110114", "110123", "E"),
    # 110113 Security Alert: 110136 Security Roles Changed, 110137 User Security Attributes Changed
    "user_added": Kind("110113", "110137", "C"),
    "user_disabled": Kind("110113", "110137", "U"),
    "user_enabled": Kind("110113", "110137", "U"),
    "password_changed": Kind("110113", "110137", "U"),
    "second_factor_changed": Kind("110113", "110137", "U"),
    "recovery_codes_made": Kind("110113", "110137", "C"),
    "recovery_code_used": Kind("110113", "110137", "U"),
    "identity_bound": Kind("110113", "110137", "U"),
    "session_ended": Kind("110113", "110137", "D"),
    "role_granted": Kind("110113", "110136", "C"),
    "role_revoked": Kind("110113", "110136", "D"),
    # 110101 Audit Log Used; 110100 Application Activity: 110120 start, 110121 stop
    "audit_viewed": Kind("110101", "", "R"),
    "audit_exported": Kind("110101", "", "R"),
    "audit_trimmed": Kind("110101", "", "D"),
    "application_started": Kind("110100", "110120", "E"),
    # 110113 Security Alert, 110131 Software Configuration
    "report_settings_changed": Kind("110113", "110131", "U"),
    "studies_explained": Kind("110112", "", "E"),  # the pseudonyms behind a figure
    "quarantine_retried": Kind("110100", "", "E"),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, from where, and when. `user_id` is empty where nobody has signed in."""

    user_id: str
    address: str
    now: datetime
    site: str = ""


def record(
    store: AppStore,
    event: str,
    by: Actor,
    *,
    about: str = "",
    outcome: int = 0,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append one event of `KINDS`, in a transaction of its own (see `append`)."""
    with store.writing() as connection:
        append(connection, event, by, about=about, outcome=outcome, detail=detail)


def append(
    connection: AppConnection,
    event: str,
    by: Actor,
    *,
    about: str = "",
    outcome: int = 0,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append one event within an open transaction, so that a change and its trace stand or fall together.

    `about` is a pseudonym or a name, never a patient's identifier; `detail` holds codes, no free text.
    """
    kind = KINDS[event]
    head = rows(connection, "audit_head")
    row: dict[str, Any] = {
        "seq": head[0]["seq"] + 1 if head else 1,
        "at": as_text(by.now),
        "event": event,
        "code": kind.code,
        "type_code": kind.type_code,
        "action": kind.action,
        "outcome": outcome,
        "user_id": by.user_id,
        "site": by.site,
        "object": about,
        "detail": json.dumps(detail or {}, ensure_ascii=False, sort_keys=True),
        "address": by.address,
        "previous": head[0]["hash"] if head else GENESIS,
    }
    made = digest(row)
    change(connection, "audit_add", {**row, "hash": made})
    connection.head = Head(row["seq"], made)


def is_told(connection: AppConnection, event: str, about: str) -> bool:
    """Return whether the trail has such an event on this object."""
    return bool(rows(connection, "audit_of_object", {"event": event, "object": about})[0]["n"])


def digest(row: Mapping[str, Any]) -> str:
    """Return the hash of a row: SHA-256 over all its fields (but `hash`), by name, as JSON."""
    content = {name: row[name] for name in sorted(row) if name != "hash"}
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def seal(detail: Mapping[str, Any], key: bytes) -> str:
    """Return what only the holder of a key kept outside the database can write under a detail: HMAC-SHA-256."""
    return hmac.new(key, json.dumps(detail, sort_keys=True).encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: rows read, the last row's number and hash, and what is wrong in words."""

    rows: int
    head: Head | None
    problems: tuple[str, ...]


def verify(store: AppStore, key: bytes | None = None) -> Verdict:
    """Read the whole trail and check that no row was changed, inserted, removed or cut off its end.

    Rows removed at the end of their retention are attested by a row of the trail; with `key`, that of the
    application, its seal is checked too.
    """
    problems: list[str] = []
    expected, n, head, read = GENESIS, 0, None, 0
    anchor = audit_head.read(audit_head.place(store.path))
    anchored = anchor is None
    with store.reading() as connection:
        cut = rows(connection, "audit_checkpoint")
        if cut:
            n, expected = cut[0]["through"], cut[0]["hash"]
        attested = not cut
        for row in rows(connection, "audit_rows"):
            n += 1
            read += 1
            attested = attested or _attests(dict(row), n_cut=cut[0]["through"], hash_cut=cut[0]["hash"], key=key)
            if row["seq"] != n:
                problems.append(f"row {n} is missing: row {row['seq']} stands in its place")
                n = row["seq"]
            if row["previous"] != expected:
                problems.append(f"row {n} does not follow the row before it: one of them was changed or replaced")
            if digest(dict(row)) != row["hash"]:
                problems.append(f"row {n} was changed after it was written")
            expected = row["hash"]
            head = Head(n, expected)
            anchored = anchored or anchor == head
    if not attested:
        problems.append(f"rows up to {cut[0]['through']} were removed, and no row with a right seal says so")
    if anchor is None and n:
        problems.append("the side file audit-head.json is missing or damaged: whether rows were cut off cannot be told")
    elif anchor is not None and anchor.seq > n:
        problems.append(f"the trail ends at row {n}, but row {anchor.seq} had been written: its end was cut off")
    elif not anchored:
        problems.append(f"row {anchor.seq if anchor else n} is not the one that was noted in audit-head.json")
    return Verdict(read, head, tuple(problems))


def _attests(row: Mapping[str, Any], n_cut: int, hash_cut: str, key: bytes | None) -> bool:
    """Tell whether a row is the one that says that the trail was cut there."""
    if row["event"] != "audit_trimmed":
        return False
    try:
        told = json.loads(row["detail"])
        mark = told.pop("seal", "")
        return (told["through"], told["hash"]) == (n_cut, hash_cut) and (key is None or mark == seal(told, key))
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events to show; None: all. `before` is a row's number, for the next page."""

    event: str | None = None
    user_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    sites: tuple[str, ...] | None = None


def latest(store: AppStore, wanted: Filter, n: int) -> list[dict[str, Any]]:
    """Return the last `n` events of a filter, the newest first, with the login of who did it."""
    given = {
        "event": wanted.event,
        "user_id": wanted.user_id,
        "since": as_text(wanted.since) if wanted.since else None,
        "until": as_text(wanted.until) if wanted.until else None,
        "before": wanted.before,
        "sites": None if wanted.sites is None else json.dumps(wanted.sites),
        "n": n,
    }
    with store.reading() as connection:
        return [{**dict(row), "at": as_time(row["at"])} for row in rows(connection, "audit_page", given)]


def export(store: AppStore) -> Iterator[dict[str, Any]]:
    """Yield every row as it is stored, the oldest first, with its hash: what another program can verify."""
    with store.reading() as connection:
        for row in rows(connection, "audit_rows"):
            yield dict(row)

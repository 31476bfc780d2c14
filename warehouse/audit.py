"""The audit trail: who saw, exported, judged or changed what and when; append-only, each row chained to the last.

Events are named after DICOM PS3.15 A.5 and IHE ITI ATNA: an EventID, where there is one an
EventTypeCode, an action (Create, Read, Update, Delete, Execute) and an outcome (0 success, 4 minor
failure, 8 serious failure, 12 major failure).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from warehouse.app_store import AppStore, as_text, change, rows

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
    "verdict_given": Kind("110110", "", "C"),
    "verdict_undone": Kind("110110", "", "U"),
    "label_corrected": Kind("110110", "", "U"),
    # 110114 User Authentication: 110122 Login, 110123 Logout
    "signed_in": Kind("110114", "110122", "E"),
    "signed_out": Kind("110114", "110123", "E"),
    # 110113 Security Alert: 110136 Security Roles Changed, 110137 User Security Attributes Changed
    "user_added": Kind("110113", "110137", "C"),
    "user_disabled": Kind("110113", "110137", "U"),
    "user_enabled": Kind("110113", "110137", "U"),
    "password_changed": Kind("110113", "110137", "U"),
    "second_factor_changed": Kind("110113", "110137", "U"),
    "session_ended": Kind("110113", "110137", "D"),
    "role_granted": Kind("110113", "110136", "C"),
    "role_revoked": Kind("110113", "110136", "D"),
    # 110101 Audit Log Used; 110100 Application Activity: 110120 start, 110121 stop
    "audit_viewed": Kind("110101", "", "R"),
    "audit_exported": Kind("110101", "", "R"),
    "application_started": Kind("110100", "110120", "E"),
    "quarantine_retried": Kind("110100", "", "E"),
}


def record(
    store: AppStore,
    event: str,
    *,
    now: datetime,
    user_id: str = "",
    site: str = "",
    about: str = "",
    detail: Mapping[str, Any] | None = None,
    address: str = "",
    outcome: int = 0,
) -> None:
    """Append one event, in a transaction of its own. `about` is a pseudonym or a name, never an identifier."""
    with store.writing() as connection:
        append(
            connection,
            event,
            now=now,
            user_id=user_id,
            site=site,
            about=about,
            detail=detail,
            address=address,
            outcome=outcome,
        )


def append(
    connection: sqlite3.Connection,
    event: str,
    *,
    now: datetime,
    user_id: str = "",
    site: str = "",
    about: str = "",
    detail: Mapping[str, Any] | None = None,
    address: str = "",
    outcome: int = 0,
) -> None:
    """Append one event within an open transaction, so that a change and its trace stand or fall together."""
    kind = KINDS[event]
    head = rows(connection, "audit_head")
    row: dict[str, Any] = {
        "seq": head[0]["seq"] + 1 if head else 1,
        "at": as_text(now),
        "event": event,
        "code": kind.code,
        "type_code": kind.type_code,
        "action": kind.action,
        "outcome": outcome,
        "user_id": user_id,
        "site": site,
        "object": about,
        "detail": json.dumps(detail or {}, ensure_ascii=False, sort_keys=True),
        "address": address,
        "previous": head[0]["hash"] if head else GENESIS,
    }
    change(connection, "audit_add", {**row, "hash": digest(row)})


def digest(row: Mapping[str, Any]) -> str:
    """Return the hash of a row: SHA-256 over all its fields (but `hash`), by name, as JSON."""
    content = {name: row[name] for name in sorted(row) if name != "hash"}
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()

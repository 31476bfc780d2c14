"""Verdicts of clinicians: kept event by event in the application's store, copied to the warehouse by the night.

Comments stay in the application's store. Of each author the last verdict that was not undone counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from warehouse.app_store import as_text, as_time, change, rows
from warehouse.errors import WarehouseError
from warehouse.load import load
from warehouse.pseudonym import Pseudonymiser
from warehouse.rows import VerdictRow

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

VERDICTS = ("fracture", "no_fracture", "unsure")
LONGEST_COMMENT = 2000


class VerdictRefusedError(WarehouseError):
    """The event cannot be kept: its key was used for another one, or it undoes what its author may not undo."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a clinician says of a case."""

    verdict: str
    comment: str = ""
    recall: bool = False


@dataclass(frozen=True, slots=True)
class VerdictEvent:
    """One verdict, or the undoing of one. Times UTC; `author` is the account, `author_name` what colleagues read.

    `undone_at` is when a verdict was taken back; `undoes` the event that an undo takes back.
    """

    event_id: int
    site: str
    study_uid: str
    author: str
    author_name: str
    kind: str
    verdict: str | None
    comment: str
    recall: bool
    undoes: int | None
    decided_at: datetime
    undone_at: datetime | None

    @property
    def stands(self) -> bool:
        """Whether it is a verdict that was not taken back."""
        return self.kind == "verdict" and self.undone_at is None


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for an event on which case; `key` is made by the browser, once for each click."""

    site: str
    study_uid: str
    author: str
    author_name: str
    key: str


def record(connection: sqlite3.Connection, request: Request, answer: Answer, now: datetime) -> VerdictEvent:
    """Keep a verdict; the same request delivered again returns the event that it made the first time.

    Call it within `AppStore.writing`: two clicks at once must not both find nothing.

    Raises
    ------
    VerdictRefusedError
        If the key was used for something else.
    """
    return _keep(connection, request, "verdict", now, answer, None)


def undo(connection: sqlite3.Connection, request: Request, event_id: int, now: datetime) -> VerdictEvent:
    """Take back a verdict of the same author on the same case; one that was taken back stays so.

    The author's verdict before it, if any, counts again.

    Raises
    ------
    VerdictRefusedError
        If there is no such verdict of this author on this case, or the key was used for something else.
    """
    return _keep(connection, request, "undo", now, None, event_id)


def _keep(
    connection: sqlite3.Connection,
    request: Request,
    kind: str,
    now: datetime,
    answer: Answer | None,
    undoes: int | None,
) -> VerdictEvent:
    found = _delivered(connection, request, kind, answer, undoes)
    if found is None:
        _insert(connection, request, kind, now, answer, undoes)
        found = _delivered(connection, request, kind, answer, undoes)
    assert found is not None  # noqa: S101 - it was kept just now
    return found


def _delivered(
    connection: sqlite3.Connection, request: Request, kind: str, answer: Answer | None, undoes: int | None
) -> VerdictEvent | None:
    """Return the event that this request made before."""
    known = _read(connection, "verdict_by_key", author=request.author, request_key=request.key)
    if not known:
        if undoes is None:
            return None
        return _undone_before(connection, request, undoes)
    event = known[0]
    said = None if event.verdict is None else Answer(event.verdict, event.comment, event.recall)
    if (event.site, event.study_uid, event.kind, said) != (request.site, request.study_uid, kind, answer):
        raise VerdictRefusedError("this key was used for another answer; load the page again")
    return event


def _undone_before(connection: sqlite3.Connection, request: Request, event_id: int) -> VerdictEvent | None:
    events = of_study(connection, request.site, request.study_uid)
    target = [event for event in events if event.event_id == event_id and event.kind == "verdict"]
    if not target or target[0].author != request.author:
        raise VerdictRefusedError("there is no such verdict of yours on this case")
    return next((event for event in events if event.undoes == event_id), None)


def _insert(
    connection: sqlite3.Connection,
    request: Request,
    kind: str,
    now: datetime,
    answer: Answer | None,
    undoes: int | None,
) -> None:
    before = [
        event for event in of_study(connection, request.site, request.study_uid) if event.author == request.author
    ]
    if before and now <= before[-1].decided_at:  # a clock that was set back must not change which is the last
        now = before[-1].decided_at + timedelta(microseconds=1)
    change(
        connection,
        "verdict_add",
        {
            "site": request.site,
            "study_uid": request.study_uid,
            "author": request.author,
            "author_name": request.author_name,
            "request_key": request.key,
            "kind": kind,
            "verdict": answer.verdict if answer else None,
            "comment": answer.comment if answer else "",
            "recall": int(answer.recall) if answer else 0,
            "undoes": undoes,
            "decided_at": as_text(now),
        },
    )


def of_study(connection: sqlite3.Connection, site: str, study_uid: str) -> tuple[VerdictEvent, ...]:
    """Return all events on a case, the oldest first."""
    return _read(connection, "verdict_of_study", site=site, study_uid=study_uid)


def judged(connection: sqlite3.Connection, site: str) -> dict[str, tuple[VerdictEvent, ...]]:
    """Return the verdicts that count by study, the last given last; empty where all were taken back."""
    events = _read(connection, "verdict_of_site", site=site)
    return {study: counting(group) for study, group in groupby(events, lambda event: event.study_uid)}


def counting(events: Iterable[VerdictEvent]) -> tuple[VerdictEvent, ...]:
    """Return of one case's events the last standing verdict of each author, the last given last."""
    last = {event.author: event for event in events if event.stands}
    return tuple(sorted(last.values(), key=lambda event: event.event_id))


def revision(connection: sqlite3.Connection, site: str) -> int:
    """Return a number that grows with each event of the site."""
    return int(rows(connection, "verdict_revision", {"site": site})[0][0])


def keep(app: sqlite3.Connection, warehouse: DuckDBPyConnection, site: str, pseudonymiser: Pseudonymiser) -> int:
    """Bring the warehouse's verdicts of a site in line with the application's; return how many were given.

    Authors become pseudonyms, comments stay behind. A second call changes nothing.
    """
    given = [
        VerdictRow(
            site=event.site,
            study_uid=event.study_uid,
            author=pseudonymiser.of("author", event.author),
            verdict=str(event.verdict),
            decided_at=event.decided_at,
            key_id=pseudonymiser.key_id,
            recall=event.recall,
            undone_at=event.undone_at,
        )
        for event in _read(app, "verdict_of_site", site=site)
        if event.kind == "verdict"
    ]
    load(warehouse, "verdict", given, replace=True)
    return len(given)


def _read(connection: sqlite3.Connection, name: str, **given: object) -> tuple[VerdictEvent, ...]:
    return tuple(_event(row) for row in rows(connection, name, given))


def _event(row: sqlite3.Row) -> VerdictEvent:
    raw = VerdictEvent(*row)
    undone = row["undone_at"]
    return replace(
        raw,
        recall=bool(row["recall"]),
        decided_at=as_time(row["decided_at"]),
        undone_at=None if undone is None else as_time(undone),
    )

"""What partnership managers note on a site of the hub: events of a month, and reasons set aside for a while."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime

from warehouse.app_store import AppStore, as_text, change, rows


@dataclass(frozen=True, slots=True)
class Note:
    """An event in a site's history, such as a new room or a strike."""

    note_id: int
    site: str
    month: str
    text: str


def add(connection: sqlite3.Connection, site: str, month: str, text: str, author: str, now: datetime) -> None:
    """Keep a note."""
    given = {"site": site, "month": month, "text": text, "author": author, "now": as_text(now)}
    change(connection, "portfolio_note_add", given)


def remove(connection: sqlite3.Connection, site: str, note_id: int, now: datetime) -> bool:
    """Take a note of a site out of its history; False if there is none."""
    return change(connection, "portfolio_note_remove", {"site": site, "note_id": note_id, "now": as_text(now)}) > 0


def notes(store: AppStore, site: str | None = None) -> list[Note]:
    """Return the notes of a site, or of all, by month."""
    with store.reading() as connection:
        found = rows(connection, "portfolio_notes", {"site": site})
    return [Note(row["note_id"], row["site"], row["month"], row["text"]) for row in found]


def snooze(connection: sqlite3.Connection, site: str, rule: str, until: date, author: str, now: datetime) -> None:
    """Set a reason of the attention list aside until a day."""
    given = {"site": site, "rule": rule, "until": until.isoformat(), "author": author, "now": as_text(now)}
    change(connection, "portfolio_snooze_put", given)


def wake(connection: sqlite3.Connection, site: str, rule: str) -> None:
    """Show a reason again that was set aside."""
    change(connection, "portfolio_snooze_end", {"site": site, "rule": rule})


def snoozes(store: AppStore, today: date) -> dict[tuple[str, str], date]:
    """Return what is set aside today: the day until which, by site and rule."""
    with store.reading() as connection:
        found = rows(connection, "portfolio_snoozes", {"today": today.isoformat()})
    return {(row["site"], row["rule"]): date.fromisoformat(row["until"]) for row in found}

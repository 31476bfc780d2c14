"""Alarms in `app.sqlite`: one for each cause however often it is seen, and who was told of it and of its end."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from warehouse.app_store import AppStore, as_text, as_time, change, rows
from warehouse.audit import Actor, append

# Columns that name an alarm.
_KEY = ("site", "cause", "subject", "opened_at")


@dataclass(frozen=True, slots=True)
class Cause:
    """Something amiss at a site now; `subject` names the source, where it is one source's."""

    cause: str
    subject: str = ""
    figures: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """A cause with its time (UTC); `ended_at` is None while it is there."""

    site: str
    cause: str
    subject: str
    opened_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    figures: Mapping[str, float]

    @property
    def state(self) -> str:
        """``raised`` or ``ended``."""
        return "raised" if self.ended_at is None else "ended"


def settle(store: AppStore, site: str, causes: Sequence[Cause], now: datetime) -> None:
    """Open what is new among the causes there now, keep what is there still, end what is gone; audit both."""
    with store.writing() as connection:
        before = _there(connection, site)
        for cause in causes:
            given = {"site": site, "cause": cause.cause, "subject": cause.subject, "now": as_text(now)}
            change(connection, "alarm_open", {**given, "figures": json.dumps(cause.figures or {}, sort_keys=True)})
        there = [f"{cause.cause}/{cause.subject}" for cause in causes]
        change(connection, "alarm_end", {"site": site, "now": as_text(now), "there": json.dumps(there)})
        after, by = _there(connection, site), Actor("", "alarms", now, site)
        for event, alarms_now in (("alarm_raised", after - before), ("alarm_ended", before - after)):
            for name, subject in sorted(alarms_now):
                append(connection, event, by, detail={"cause": name, "subject": subject})


def _there(connection: sqlite3.Connection, site: str) -> set[tuple[str, str]]:
    return {(row["cause"], row["subject"]) for row in rows(connection, "alarm_there", {"site": site})}


def alarms(connection: sqlite3.Connection, site: str, most: int = 20) -> list[Alarm]:
    """Return the open alarms of a site, then those that ended last."""
    return [_alarm(row) for row in rows(connection, "alarms", {"site": site, "most": most})]


def untold(store: AppStore, site: str, channel: str) -> list[Alarm]:
    """Return the alarms of which a channel has not been told, and the ends of those of which it has."""
    with store.reading() as connection:
        return [_alarm(row) for row in rows(connection, "alarms_untold", {"site": site, "channel": channel})]


def claim(store: AppStore, alarm: Alarm, channel: str, now: datetime) -> bool:
    """Take it on to tell a channel of an alarm's state; False where another process did."""
    with store.writing() as connection:
        return change(connection, "alarm_claim", {**_notice(alarm, channel), "now": as_text(now)}) == 1


def release(store: AppStore, alarm: Alarm, channel: str) -> None:
    """Give back what could not be told: the next round tries again."""
    with store.writing() as connection:
        change(connection, "alarm_release", _notice(alarm, channel))


def _notice(alarm: Alarm, channel: str) -> dict[str, Any]:
    key = {name: getattr(alarm, name) for name in _KEY}
    return {**key, "opened_at": as_text(alarm.opened_at), "state": alarm.state, "channel": channel}


def _alarm(row: sqlite3.Row) -> Alarm:
    return Alarm(
        row["site"],
        row["cause"],
        row["subject"],
        as_time(row["opened_at"]),
        as_time(row["seen_at"]),
        as_time(row["ended_at"]) if row["ended_at"] else None,
        json.loads(row["figures"]),
    )

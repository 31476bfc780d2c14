"""What is owed: nights that were missed or failed, months not issued, images of days already closed.

Asked by the sensors, answered from the published copy and the sources; nothing is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

from inference.records import Instance
from pipelines.config import Config, Site
from pipelines.errors import SourceUnreachableError
from pipelines.intake import Intake
from pipelines.source_settings import Source as Settings
from pipelines.sources import connected
from pipelines.sources.offered import Offered
from warehouse import connect, ledger, nights
from warehouse.data_cut import latest_commit
from warehouse.pseudonym import Pseudonymiser, read_key

# Longer outages are for `bilan backfill`.
CATCH_UP_DAYS = 31
# A night that failed is tried again once a day for so long: a PACS is asked for the night's own days.
TRY_AGAIN_DAYS = 7
# The report is made on the second day, once the night of the month's last day is in.
MONTH_DAY = 2
# Files that one look at the sources reads.
MOST_READ = 500
# A file counts as new to a look when it came so long before the last one: it may not have been whole then.
OVERLAP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Owed:
    """A night that should have run and has not (`status` None), or that failed or was cut off."""

    day: date
    status: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Images of a local day whose night is over; `token` is the same as long as the same ones wait."""

    day: date
    token: str


def last_due(site: Site, now: datetime) -> date:
    """Return the last local day whose night should have begun by `now`."""
    local = now.astimezone(site.zone)
    hour, minute = map(int, site.night.hour.split(":"))
    begun = local.time() >= time(hour, minute)
    return local.date() - timedelta(days=1 if begun else 2)


def owed_nights(config: Config, name: str, now: datetime) -> list[Owed]:
    """Return the nights that are owed, oldest first.

    A site owes nothing before its first night, nor nights more than `CATCH_UP_DAYS` back.
    """
    site, due = config.site(name), last_due(config.site(name), now)
    if config.machine.simulated_clock or not config.published.exists():
        return []
    start = due - timedelta(days=CATCH_UP_DAYS - 1)
    with connect.reader(config.published) as connection:
        first, states = nights.since(connection, site.site, start)
    if first is None:
        return []
    days = (max(first, start) + timedelta(days=offset) for offset in range((due - max(first, start)).days + 1))
    again = due - timedelta(days=TRY_AGAIN_DAYS - 1)
    return [
        Owed(day, states.get(day))
        for day in days
        if day not in states or (states[day] in ("failed", "running") and day >= again)
    ]


def owed_months(config: Config, name: str, now: datetime) -> list[str]:
    """Return the months that should have been issued and were not, oldest first: the last three at most."""
    if config.machine.simulated_clock or not config.published.exists():
        return []
    local = now.astimezone(config.site(name).zone)
    hour, minute = map(int, config.site(name).night.list_time.split(":"))
    this = local.date().replace(day=1)
    made = (local.day, local.time()) >= (MONTH_DAY, time(hour, minute))
    end = this if made else (this - timedelta(days=1)).replace(day=1)
    start = end
    for _ in range(3):
        start = (start - timedelta(days=1)).replace(day=1)
    with connect.reader(config.published) as connection:
        return nights.unissued_months(connection, name, start, end)


def open_months(config: Config, name: str, now: datetime) -> tuple[list[str], datetime | None]:
    """Return the months not issued yet, this one and the one before, and when their data last changed (UTC)."""
    if not config.published.exists():
        return [], None
    this = now.astimezone(config.site(name).zone).date().replace(day=1)
    start, end = (this - timedelta(days=1)).replace(day=1), (this + timedelta(days=31)).replace(day=1)
    with connect.reader(config.published) as connection:
        return nights.unissued_months(connection, name, start, end), latest_commit(connection, name)


def late_image(config: Config, name: str, since: datetime | None, now: datetime) -> Waiting | None:
    """Return the local day of a waiting in-scope image whose night is over; None where no such image waits.

    Files are read as the night's gate reads them, those that came `since` the last look alone. A PACS
    is asked whether it lists images of the last night's day that were never offered; what it lists and does
    not hand over waits for ever, which is why the token says what was there. A source that cannot be
    read has nothing to say here: the night tells that.
    """
    site, due = config.site(name), last_due(config.site(name), now)
    if not config.published.exists():
        return None
    mask = Pseudonymiser(read_key(config.key(name)))
    with connect.reader(config.published) as connection:
        places = ledger.known_places(connection, name)
        images = ledger.offered_instances(connection, name)
        first, _ = nights.since(connection, name, due)
    if first is None:
        return None
    gate = Intake(site, due, now, mask, config.spool(name), config.quarantine(name), config.validated_regions(name))
    for settings in site.sources:
        if settings.content != "dicom":
            continue
        listed: set[str] = set()
        for offered in islice(_waiting(config, site, settings, gate, due, places, since), MOST_READ):
            if offered.instance_uid is not None:
                listed.add(mask.of("instance_uid", offered.instance_uid))
            elif (day := _day(gate, offered, settings)) is not None and first <= day <= due:
                return Waiting(day, "-".join(gate.place(offered)))
        if listed - images:
            return Waiting(due, hashlib.sha256("".join(sorted(listed - images)).encode()).hexdigest())
    return None


def _waiting(
    config: Config,
    site: Site,
    settings: Settings,
    gate: Intake,
    due: date,
    places: set[tuple[str, str]],
    since: datetime | None,
) -> Iterator[Offered]:
    try:
        for offered in connected.source(config, site, settings).changed([due]):
            if offered.refusal is not None or gate.place(offered) in places:
                continue
            if offered.instance_uid is None and since is not None:
                # When it came here: a copy can keep the sender's time of modification, never that of the inode.
                arrived = offered.path.stat().st_ctime
                if arrived < (since - OVERLAP).timestamp():
                    continue
            yield offered
    except (SourceUnreachableError, OSError):
        return


def _day(gate: Intake, offered: Offered, settings: Settings) -> date | None:
    try:
        [entry] = gate.read(offered, settings).entries
    except OSError:  # taken away, or not to be read: the night's matter
        return None
    return gate.day(entry) if isinstance(entry, Instance) and entry.in_scope else None

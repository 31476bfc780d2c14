"""The audit of the labeller: reports drawn at random, read by a person who knows neither AI result nor label.

`draw` takes the sample of a month from the readers' copy of the warehouse into the application's store,
`pending` says what is to be read, `record` keeps a reading; the night copies both into the warehouse
(`keep`), where `warehouse/figures/labeller_audit.sql` counts them. A reading screen shows the report alone:
`Drawn` holds neither AI result nor label, and the order of `pending` tells nothing of them.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from warehouse.app_store import as_text, as_time, change, rows
from warehouse.data_cut import local_midnight
from warehouse.errors import WarehouseError
from warehouse.load import load
from warehouse.pseudonym import Pseudonymiser
from warehouse.rows import AuditSampleRow, ReportReadingRow
from warehouse.site import site_facts
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PER_CELL = 25  # a hundred reports a month: half an hour's reading, and a hundred of each class in two months
LABELS = ("present", "absent", "uncertain", "not_addressed")
ACUITIES = ("acute", "old", "followup", "none")


class ReadingRefusedError(WarehouseError):
    """The reading cannot be kept: the study was not drawn, or the answer is none of those that there are."""


class DrawRefusedError(WarehouseError):
    """The sample cannot be drawn yet: wait until the month is over."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A report to be read: pseudonyms of its study and of itself, and the month; nothing that would sway a reader."""

    month: str
    study_uid: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What one person read in one drawn report; `author` as in `app.sqlite`, time UTC."""

    study_uid: str
    message_id: str
    author: str
    label: str
    acuity: str
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the audit of a month has come."""

    month: str
    drawn: int
    read: int


def draw(
    warehouse: DuckDBPyConnection,
    app: sqlite3.Connection,
    site: str,
    month: str,
    now: datetime,
    per_cell: int = PER_CELL,
) -> int:
    """Draw the sample of a month ``YYYY-MM``; return how many reports it has.

    In each of the four cells of AI result (flagged or not) and label (fracture or none), the first
    `per_cell` comparable studies in the order of a hash of site, month and study: the same copy gives
    the same sample to anyone. A month is drawn once; later calls return what was drawn then.

    Parameters
    ----------
    warehouse
        A reader's connection to the published copy.
    app
        A connection from `AppStore.writing`.
    now
        Time of the draw, zone-aware.

    Raises
    ------
    DrawRefusedError
        If the month is not over.
    warehouse.site.UnknownSiteError
        If the warehouse does not know the site.
    """
    known = rows(app, "audit_sample_of_month", {"site": site, "month": month})
    if known:
        return len(known)
    start = date.fromisoformat(f"{month}-01")
    end = (start + timedelta(days=31)).replace(day=1)
    if now < local_midnight(end, site_facts(warehouse, site, end).time_zone):
        raise DrawRefusedError("the month is not over; draw its sample when it is")
    given = {"site": site, "month": month, "start": start, "end": end, "per_cell": per_cell}
    found = warehouse.execute(statement("audit_draw"), given)
    names = [column[0] for column in found.description]
    drawn = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    for row in drawn:
        change(app, "audit_sample_add", {"site": site, "month": month, "drawn_at": as_text(now), **row})
    return len(drawn)


def pending(app: sqlite3.Connection, site: str, month: str | None = None) -> list[Drawn]:
    """Return the drawn reports that nobody has read yet, in the order in which they should be read.

    Reading may stop anywhere: whatever was read by then is a random sample of each cell.
    """
    return [Drawn(**row) for row in rows(app, "audit_sample_pending", {"site": site, "month": month})]


def drawn(app: sqlite3.Connection, site: str, study_uid: str) -> Drawn | None:
    """Return the drawn report of one study, read or not; None where it was not drawn."""
    found = rows(app, "audit_sample_of_study", {"site": site, "study_uid": study_uid})
    return Drawn(**found[0]) if found else None


def progress(app: sqlite3.Connection, site: str) -> list[Progress]:
    """Return for each month with a sample how many reports were drawn and read, the oldest first."""
    return [Progress(**row) for row in rows(app, "audit_sample_progress", {"site": site})]


def record(
    app: sqlite3.Connection, site: str, study_uid: str, author: str, label: str, acuity: str, now: datetime
) -> None:
    """Keep what a person read in a drawn report. Earlier readings stay; the last one counts.

    Parameters
    ----------
    app
        A connection from `AppStore.writing`.
    author
        The account of the reader, or a name given with a CSV; only its pseudonym leaves `app.sqlite`.
    label
        What the report says of a fracture: one of `LABELS`. A fracture that is only followed up is
        ``present`` with acuity ``followup``, one that is only old ``absent`` with acuity ``old``.
    acuity
        One of `ACUITIES`: ``acute`` with a recent fracture, ``none`` without one.

    Raises
    ------
    ReadingRefusedError
        If the study is not in the site's sample, or the answer is none of these.
    """
    if label not in LABELS or acuity not in ACUITIES:
        raise ReadingRefusedError(f"a reading is one of {', '.join(LABELS)}, its acuity one of {', '.join(ACUITIES)}")
    known = drawn(app, site, study_uid)
    if known is None:
        raise ReadingRefusedError("this study is not in the sample of this site; export the sample again")
    given = {
        "site": site,
        "study_uid": study_uid,
        "message_id": known.message_id,
        "author": author,
        "label": label,
        "acuity": acuity,
        "read_at": as_text(now),
    }
    change(app, "report_reading_add", given)


def standing(app: sqlite3.Connection, site: str, study_uid: str) -> Reading | None:
    """Return the last reading of one drawn report, or None; ask within the transaction that records."""
    found = rows(app, "report_reading_standing", {"site": site, "study_uid": study_uid})
    return _reading(found[0]) if found else None


def readings(app: sqlite3.Connection, site: str, author: str) -> list[Reading]:
    """Return the readings of one author, the earliest first."""
    return [reading for reading in _readings(app, site) if reading.author == author]


def _readings(app: sqlite3.Connection, site: str) -> list[Reading]:
    return [_reading(row) for row in rows(app, "report_readings", {"site": site})]


def _reading(row: sqlite3.Row) -> Reading:
    return Reading(**(dict(row) | {"read_at": as_time(row["read_at"])}))


def keep(app: sqlite3.Connection, warehouse: DuckDBPyConnection, site: str, pseudonymiser: Pseudonymiser) -> int:
    """Copy samples and readings of a site into the warehouse; return how many readings are new there.

    Authors become pseudonyms. A second call changes nothing.
    """
    key_id = pseudonymiser.key_id
    samples = [
        AuditSampleRow(
            site=site,
            month=row["month"],
            study_uid=row["study_uid"],
            message_id=row["message_id"],
            cell_ai=row["cell_ai"],
            cell_label=row["cell_label"],
            place=row["place"],
            population=row["population"],
            drawn_at=as_time(row["drawn_at"]),
            key_id=key_id,
        )
        for row in rows(app, "audit_sample_of_month", {"site": site, "month": None})
    ]
    read = [
        ReportReadingRow(
            site=site,
            study_uid=reading.study_uid,
            message_id=reading.message_id,
            author=str(pseudonymiser.of("author", reading.author)),
            label=reading.label,
            acuity=reading.acuity,
            read_at=reading.read_at,
            key_id=key_id,
        )
        for reading in _readings(app, site)
    ]
    load(warehouse, "audit_sample", samples)
    return load(warehouse, "report_reading", read)

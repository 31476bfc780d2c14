"""A person's correction of a report's label: kept for good in the application's store, counted by the night.

`record` keeps one (the web application and a CSV use it alike), `queue` says which reports the
labeller leaves to a person, `keep` copies all corrections into the warehouse, where the view
`standing_label` puts the last one over the label. A correction belongs to the report, not to a
label: when a newer language pack reads the report again, it stands.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from warehouse.app_store import as_text, as_time, change, rows
from warehouse.errors import WarehouseError
from warehouse.load import load
from warehouse.pseudonym import Pseudonymiser
from warehouse.rows import ReportCorrectionRow
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LABELS = ("present", "absent", "uncertain", "not_addressed")
ACUITIES = ("acute", "old", "followup", "none")
_FITTING = {
    "present": frozenset(("acute", "followup")),
    "absent": frozenset(("none", "old")),
    "uncertain": frozenset(("none",)),
    "not_addressed": frozenset(("none",)),
}


class CorrectionRefusedError(WarehouseError):
    """The correction cannot be kept: its label or acuity is none of those there are, or the two do not fit."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A report that the labeller leaves to a person: pseudonyms, what it read, why, and the redacted sentence."""

    message_id: str
    study_uid: str
    day: date
    label: str
    rules: tuple[str, ...]
    evidence: str | None


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person said of one report; `author` as in `app.sqlite`, time UTC."""

    message_id: str
    author: str
    label: str
    acuity: str
    corrected_at: datetime


def queue(warehouse: DuckDBPyConnection, site: str) -> list[Queued]:
    """Return the standing reports of studies that wait for a person, the oldest study first.

    Parameters
    ----------
    warehouse
        A reader's connection to the published copy.
    """
    found = warehouse.execute(statement("label_queue"), {"site": site}).fetchall()
    return [
        Queued(message_id, study_uid, day, label, tuple(rules), evidence)
        for message_id, study_uid, day, label, rules, evidence in found
    ]


def known(warehouse: DuckDBPyConnection, site: str, message_ids: Sequence[str]) -> set[str]:
    """Return those of these report events that were labelled."""
    given = {"site": site, "wanted": list(message_ids)}
    return {row[0] for row in warehouse.execute(statement("known_labels"), given).fetchall()}


def record(
    app: sqlite3.Connection, site: str, message_id: str, author: str, label: str, acuity: str, now: datetime
) -> None:
    """Keep a person's correction of a report. Earlier ones stay; the last one counts.

    Parameters
    ----------
    app
        A connection from `AppStore.writing`.
    message_id
        Pseudonym of the report event.
    author
        The account, or a name given with a CSV; only its pseudonym leaves `app.sqlite`.
    label, acuity
        One of `LABELS` and of `ACUITIES`: present goes with acute or followup, absent with none or
        old, the others with none.

    Raises
    ------
    CorrectionRefusedError
        If label or acuity is none of these, or they do not fit.
    """
    if acuity not in _FITTING.get(label, frozenset()):
        raise CorrectionRefusedError(
            "a correction is present (acute, followup), absent (none, old), uncertain (none) or not_addressed (none)"
        )
    given = {
        "site": site,
        "message_id": message_id,
        "author": author,
        "label": label,
        "acuity": acuity,
        "corrected_at": as_text(now),
    }
    change(app, "report_correction_add", given)


def standing(app: sqlite3.Connection, site: str, message_id: str) -> Correction | None:
    """Return the last correction of one report, or None.

    Ask within the transaction that records: of two persons who correct a report at once, the second then
    sees what the first one said.
    """
    found = rows(app, "report_correction_standing", {"site": site, "message_id": message_id})
    return _correction(found[0]) if found else None


def corrections(app: sqlite3.Connection, site: str) -> list[Correction]:
    """Return all corrections of a site in the order in which they were given."""
    return [_correction(row) for row in rows(app, "report_corrections", {"site": site})]


def _correction(row: sqlite3.Row) -> Correction:
    return Correction(**(dict(row) | {"corrected_at": as_time(row["corrected_at"])}))


def keep(app: sqlite3.Connection, warehouse: DuckDBPyConnection, site: str, pseudonymiser: Pseudonymiser) -> int:
    """Copy the corrections of a site into the warehouse; return how many are new there.

    Authors become pseudonyms. A second call changes nothing.
    """
    places: Counter[str] = Counter()
    given = []
    for correction in corrections(app, site):
        places[correction.message_id] += 1
        given.append(
            ReportCorrectionRow(
                site=site,
                message_id=correction.message_id,
                place=places[correction.message_id],
                author=str(pseudonymiser.of("author", correction.author)),
                label=correction.label,
                acuity=correction.acuity,
                corrected_at=correction.corrected_at,
                key_id=pseudonymiser.key_id,
            )
        )
    return load(warehouse, "report_correction", given)

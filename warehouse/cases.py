"""The day's cases: which studies a clinician has to look at, and the counts above the list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# What is to be done about a case, the most urgent first.
ACTIONS = (
    "positive_report_absent",
    "positive_unreported",
    "doubtful",
    "negative_report_present",
    "report_undecided",
    "settled",
    "not_analysed",
)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixel coordinates of the stored image, origin top left, ends exclusive."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a case; `rows` and `columns` are those of the stored image, `reason` why it has no score."""

    instance_uid: str
    view: str | None
    rows: int | None
    columns: int | None
    score: float | None
    boxes: tuple[Box, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """One study of the list. Identifiers are pseudonyms, times UTC.

    `action` is one of `ACTIONS`: an AI-positive study whose report says no fracture; one without a
    final report; a doubtful one that no report settles; an AI-negative one whose report says
    fracture; a flagged one whose report is uncertain or does not address fracture; a flagged one that
    needs nothing more (its report agrees, it is a follow-up, or a clinician has decided); one that
    could not be analysed. `images` come with the
    highest score first.
    """

    study_uid: str
    action: str
    exam_completed: datetime | None
    exam_started: datetime | None
    received: datetime
    modality: str
    region: str | None
    laterality: str | None
    sex: str | None
    age_band: str | None
    patient_class: str | None
    ai_result: str
    score: float | None
    report_state: str
    report_label: str | None
    report_final: datetime | None
    report_acuity: str | None
    evidence: str | None
    verdict: str | None
    origin: str
    images: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class DayCounts:
    """Studies of the day by AI result; `pending` have no final report; `simulated` are of a demonstration."""

    studies: int
    positive: int
    doubtful: int
    negative: int
    failed: int
    not_processed: int
    pending: int
    simulated: int


def flagged(connection: DuckDBPyConnection, site: str, day: date) -> list[Case]:
    """Return the cases of a local day, the most urgent first, then the oldest."""
    return [_case(row) for row in _rows(connection, "flagged", site, day)]


def day_counts(connection: DuckDBPyConnection, site: str, day: date) -> DayCounts:
    """Return how many studies the day has, and how many of each AI result."""
    (row,) = _rows(connection, "day", site, day)
    return DayCounts(**row)


def unread_images(connection: DuckDBPyConnection, site: str, day: date) -> dict[str, int]:
    """Return the images of the night that could not be read, by deciding reason, the commonest first."""
    return {row["reason"]: row["n"] for row in _rows(connection, "unread_images", site, day)}


def last_night(connection: DuckDBPyConnection, site: str, day: date) -> tuple[str, datetime | None] | None:
    """Return status and end (UTC) of the night, or None where it has not run."""
    found = _rows(connection, "last_night", site, day)
    return (found[0]["status"], found[0]["completed_at"]) if found else None


def _rows(connection: DuckDBPyConnection, name: str, site: str, day: date) -> list[dict[str, Any]]:
    cursor = connection.execute(statement(name, "lists"), {"site": site, "day": day})
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _case(row: dict[str, Any]) -> Case:
    return Case(**(row | {"images": tuple(_picture(image) for image in row["images"])}))


def _picture(image: dict[str, Any]) -> Picture:
    return Picture(**(image | {"boxes": tuple(Box(**box) for box in image["boxes"] or ())}))

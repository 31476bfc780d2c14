"""The day's cases: which studies a clinician has to look at, and the counts above the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
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
    """One image of a case; `rows` and `columns` are those of the stored image, `reason` why it has no score.

    `flags` are the gate's remarks, such as ``BURNED_IN``.
    """

    instance_uid: str
    view: str | None
    rows: int | None
    columns: int | None
    score: float | None
    boxes: tuple[Box, ...]
    reason: str | None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One study of the list. Identifiers are pseudonyms, times UTC.

    `action` is one of `ACTIONS`: an AI-positive study whose report says no fracture; one without a
    final report; a doubtful one that no report settles; an AI-negative one whose report says
    fracture; a flagged one whose report is uncertain or does not address fracture; a flagged one that
    needs nothing more (its report agrees, it is a follow-up, or a clinician has decided); one that
    could not be analysed; None for one that needs nobody. `todo` is what it would be without any verdict.
    `images` come with the highest score first. `outside_scope` when the model that gave the result was
    not validated on the study's region.
    """

    study_uid: str
    day: date
    todo: str | None
    action: str | None
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
    outside_scope: bool = False
    images: tuple[Picture, ...] = ()


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


@dataclass(frozen=True, slots=True)
class ReportStep:
    """One state of a report of a case, with what the labeller read in it. Times UTC."""

    message_id: str
    status: str
    event_at: datetime | None
    received_at: datetime
    label: str | None
    acuity: str | None
    tier: str | None
    evidence: str | None


def flagged(connection: DuckDBPyConnection, site: str, day: date) -> list[Case]:
    """Return the cases of a local day with their images, the most urgent first, then the oldest."""
    found = [case for case in worklist(connection, site, day, day + timedelta(days=1)) if case.action is not None]
    images = pictures(connection, site, [case.study_uid for case in found])
    return [replace(case, images=images.get(case.study_uid, ())) for case in found]


def worklist(connection: DuckDBPyConnection, site: str, start: date, end: date) -> list[Case]:
    """Return the cases of the local days from `start` until before `end`, without their images.

    Those that verdicts have settled are among them: `todo` says what they would need without.
    """
    return [Case(**row) for row in _rows(connection, "cases", site=site, start=start, end=end, study=None)]


def case(connection: DuckDBPyConnection, site: str, study_uid: str) -> Case | None:
    """Return one study with its images, whatever is to be done about it; None where the site has no such study."""
    found = _rows(connection, "cases", site=site, start=None, end=None, study=study_uid)
    if not found:
        return None
    return replace(Case(**found[0]), images=pictures(connection, site, [study_uid]).get(study_uid, ()))


def pictures(connection: DuckDBPyConnection, site: str, study_uids: Sequence[str]) -> dict[str, tuple[Picture, ...]]:
    """Return the in-scope images of these studies, the highest score first."""
    found = _rows(connection, "pictures", site=site, studies=list(study_uids))
    return {
        study: tuple(_picture(image) for image in images)
        for study, images in groupby(found, lambda image: str(image.pop("study_uid")))
    }


def report_steps(connection: DuckDBPyConnection, site: str, study_uid: str) -> list[ReportStep]:
    """Return the states that the reports of a study went through, the oldest first."""
    return [ReportStep(**row) for row in _rows(connection, "case_history", site=site, study=study_uid)]


def newest_day(connection: DuckDBPyConnection, site: str) -> date | None:
    """Return the last local day of which there is a measured study: the day of the last night."""
    found: date | None = _rows(connection, "newest_day", site=site)[0]["day"]
    return found


def day_counts(connection: DuckDBPyConnection, site: str, day: date, end: date | None = None) -> DayCounts:
    """Return how many studies the day has (or the days until before `end`), and how many of each AI result."""
    (row,) = _rows(connection, "day", site=site, start=day, end=end or day + timedelta(days=1))
    return DayCounts(**row)


def unread_images(connection: DuckDBPyConnection, site: str, day: date) -> dict[str, int]:
    """Return the images of the night that could not be read, by deciding reason, the commonest first."""
    return {row["reason"]: row["n"] for row in _rows(connection, "unread_images", site=site, day=day)}


def last_night(connection: DuckDBPyConnection, site: str, day: date) -> tuple[str, datetime | None] | None:
    """Return status and end (UTC) of the night, or None where it has not run."""
    found = _rows(connection, "last_night", site=site, day=day)
    return (found[0]["status"], found[0]["completed_at"]) if found else None


def _rows(connection: DuckDBPyConnection, name: str, **given: object) -> list[dict[str, Any]]:
    cursor = connection.execute(statement(name, "lists"), given)
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _picture(image: dict[str, Any]) -> Picture:
    boxes = tuple(Box(**box) for box in image["boxes"] or ())
    return Picture(**(image | {"boxes": boxes, "flags": tuple(image["flags"] or ())}))

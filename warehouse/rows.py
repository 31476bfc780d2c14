"""Rows that callers write, one frozen dataclass per table, same field names.

Identifiers in these are pseudonyms already. The row of `site` is `warehouse.site.SiteFacts`, that
of `study` is `warehouse.study.StudyRow`; images, findings, report events and labels are the
records of the inference package.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model bundle; its first row stays, so `first_used` is the first night that used it (UTC).

    `regions` are those that it was validated on; None where that is not known.
    """

    model_sha256: str
    model_name: str
    model_version: str
    threshold_doubtful: float
    threshold_positive: float
    first_used: datetime
    regions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NightRow:
    """How the last run of a night went; `status` is running, complete, late or failed. Times UTC.

    `error` is a code, never a message.
    """

    site: str
    day: date
    started_at: datetime
    completed_at: datetime | None
    status: str
    error: str | None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One file or message offered, with its outcome; `reasons` has the deciding code first.

    `study_uid`, `instance_uid` and `message_id` are given where they are known.
    """

    site: str
    offer_id: str
    kind: str
    source: str
    night: date
    received_at: datetime
    place_id: str
    stamp: str
    content_id: str
    outcome: str
    reasons: tuple[str, ...]
    study_uid: str | None
    instance_uid: str | None
    message_id: str | None
    key_id: str


@dataclass(frozen=True, slots=True)
class PersonRow:
    """An identifier of a patient who has several; `person_id` is the same for all of them."""

    site: str
    patient_id: str
    person_id: str


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A clinician's answer on a case: fracture, no_fracture or unsure; `author` is a pseudonym.

    `undone_at` is when the author took it back (UTC); one that was taken back counts nowhere.
    """

    site: str
    study_uid: str
    author: str
    verdict: str
    decided_at: datetime
    key_id: str
    recall: bool = False
    undone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaseViewRow:
    """When a case was first opened in the web application with an AI result on its page (UTC)."""

    site: str
    study_uid: str
    seen_at: datetime
    key_id: str


@dataclass(frozen=True, slots=True)
class AuditSampleRow:
    """A report drawn for the audit of the labeller, with the cell that it was drawn from."""

    site: str
    month: str
    study_uid: str
    message_id: str
    cell_ai: str
    cell_label: str
    place: int
    population: int
    drawn_at: datetime
    key_id: str


@dataclass(frozen=True, slots=True)
class ReportReadingRow:
    """What a person read in a drawn report; `label` and `acuity` as the labeller's, `author` a pseudonym."""

    site: str
    study_uid: str
    message_id: str
    author: str
    label: str
    acuity: str
    read_at: datetime
    key_id: str


@dataclass(frozen=True, slots=True)
class ReportCorrectionRow:
    """What a person set right in the label of a report; the highest `place` counts, `author` is a pseudonym."""

    site: str
    message_id: str
    place: int
    author: str
    label: str
    acuity: str
    corrected_at: datetime
    key_id: str


@dataclass(frozen=True, slots=True)
class DemographicRow:
    """What a hospital's message corrected of a study's patient; None where it said nothing."""

    site: str
    study_uid: str
    sex: str | None
    age_band: str | None


@dataclass(frozen=True, slots=True)
class ListedStudyRow:
    """What a PACS listed last of a study that was taken from it."""

    site: str
    source: str
    study_uid: str
    day: date
    content_id: str
    missing_since: date | None
    withdrawn: bool
    key_id: str


@dataclass(frozen=True, slots=True)
class WithdrawnStudyRow:
    """A study that a person took back. Time UTC."""

    site: str
    study_uid: str
    withdrawn_at: datetime
    key_id: str

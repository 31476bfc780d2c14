"""The facts that leave this package: one frozen dataclass per warehouse table, same field names.

Identifiers (patient, study, series, instance, accession, message) are the *real* ones here;
`warehouse.load` replaces each with its pseudonym before anything is written. All datetimes are
timezone-aware UTC; ``None`` is "unknown", never midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixel coordinates of the stored image, origin top left, ends exclusive."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float


@dataclass(frozen=True, slots=True)
class Instance:
    """One accepted DICOM image (SOP instance).

    `in_scope` is DESIGN's "in scope" for this single image. `acquired_at` is the first known of
    AcquisitionDateTime, AcquisitionDate+Time, ContentDate+Time, SeriesDate+Time, and
    `acquired_from` names which; `study_at` is StudyDate+Time. Both honour TimezoneOffsetFromUTC,
    else the site's time zone. `flags` holds reason codes of `accepted_flagged`.
    """

    patient_id: str | None
    study_uid: str
    series_uid: str
    instance_uid: str
    accession_number: str | None
    sop_class_uid: str
    modality: str
    region: str | None
    laterality: str | None
    view: str | None
    device: str | None
    sex: str | None
    age_band: str | None
    rows: int | None
    columns: int | None
    bits_stored: int | None
    photometric: str | None
    transfer_syntax_uid: str
    acquired_at: datetime | None
    acquired_from: str | None
    study_at: datetime | None
    in_scope: bool
    flags: tuple[str, ...]
    exam_date: date | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one model says of one image: `score` in 0..1 (calibrated), or why there is none.

    `status` is ``ok`` or ``failed``; a failed finding has a reason code and no score.
    """

    study_uid: str
    instance_uid: str
    code: str
    status: str
    score: float | None
    boxes: tuple[Box, ...]
    reason: str | None
    model_name: str
    model_version: str
    model_sha256: str
    ai_completed: datetime


@dataclass(frozen=True, slots=True)
class ReportEvent:
    """One report state carried by one message (HL7 v2 ORU^R01, one per OBR).

    `status` is preliminary, final, corrected or withdrawn; `event_at` is when that state was
    reached (OBR-22 with OBR-25, see DESIGN section 4). `text` is the report's narrative and is
    never written to the warehouse. `sent_at` is MSH-7; `ai_seen` whether the author had seen the AI
    result before signing, None where the site cannot tell. `named` is what the message says of persons
    (names, numbers, addresses): it is stored nowhere, and masked in whatever of the text is shown.
    """

    message_id: str
    control_id: str | None
    patient_id: str | None
    study_uid: str | None
    accession_number: str | None
    status: str
    event_at: datetime | None
    ordered_at: datetime | None
    exam_at: datetime | None
    patient_class: str | None
    text: str
    flags: tuple[str, ...]
    sent_at: datetime | None = None
    ai_seen: bool | None = None
    named: tuple[str, ...] = ()

    @property
    def personal(self) -> tuple[str, ...]:
        """What must not be shown of the text: `named`, and the identifiers."""
        numbers = (self.patient_id, self.accession_number, self.study_uid)
        return (*self.named, *(number for number in numbers if number))


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One order of an examination (HL7 v2 ORM^O01, OMI^O23, OMG^O19, one per ORC or OBR).

    `ordered_at` is None where the message tells of another transaction; `cancelled_at` is given where
    that is the order's cancellation.
    """

    message_id: str
    control_id: str | None
    patient_id: str
    study_uid: str | None
    accession_number: str | None
    ordered_at: datetime | None
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Demographics:
    """Sex and birth date of a patient as told by HL7 v2 ADT^A08 or A31; None where the message says neither.

    The birth date goes into the identified store alone: of it the warehouse gets an age band.
    """

    message_id: str
    control_id: str | None
    patient_id: str
    birth_date: date | None
    sex: str | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class PatientMerge:
    """Two identifiers of one patient (HL7 v2 ADT^A40 and its like, one per PID and MRG).

    `merged_id` goes, `patient_id` stays; which is which changes nothing: both are one patient.
    """

    message_id: str
    control_id: str | None
    patient_id: str
    merged_id: str


@dataclass(frozen=True, slots=True)
class Opposition:
    """A patient's objection to the analysis of his or her examinations, or (`opposed` False) its end."""

    patient_id: str
    decided_at: datetime
    opposed: bool


@dataclass(frozen=True, slots=True)
class ReportLabel:
    """What the labeller reads in one report event: present, absent, uncertain, not_addressed."""

    message_id: str
    label: str
    acuity: str
    tier: str
    language: str
    evidence: str | None
    start: int | None
    end: int | None
    rules: tuple[str, ...]
    pack: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a file or message was not accepted.

    `outcome` is one of `quarantined`, `not_dicom`, `not_hl7`; `reasons` are codes of
    `inference.reasons`, the deciding one first. Holds no field value of the input.
    """

    outcome: str
    reasons: tuple[str, ...]

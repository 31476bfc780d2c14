"""What the simulator knows of a study: who, when, what was seen, what was reported. All times UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from inference.simulation.site import Device

# Every identifying field holds one of these, so that a leak anywhere is found by searching for them.
CANARIES: tuple[str, ...] = ("CANARI", "3141592653")


@dataclass(frozen=True, slots=True)
class Patient:
    """A made-up person; every field but `birth` and `sex` holds a canary."""

    patient_id: str
    family: str
    given: str
    birth: date
    sex: str
    address: str
    phone: str


@dataclass(frozen=True, slots=True)
class View:
    """One image. `shows_fracture` is false on the view that hides it; `picture` replaces the drawing."""

    instance_uid: str
    series_uid: str
    position: str
    acquired_at: datetime
    shows_fracture: bool
    transfer_syntax: str
    seed: int
    picture: Path | None = None


@dataclass(frozen=True, slots=True)
class ReportState:
    """One state of the report: `at` is when it was reached, `emitted_at` when the RIS sent it.

    `label` and `acuity` are what the text says; both are None for a withdrawal.
    """

    status: str
    at: datetime
    emitted_at: datetime
    control_id: str
    label: str | None
    acuity: str | None


@dataclass(frozen=True, slots=True)
class SimulatedStudy:
    """One examination with its truth.

    `day` is the local date of `exam_completed`. `fracture` is what is there, `missed` that the
    radiologist's first final report overlooked it. `reports` are in order of emission.
    """

    site: str
    day: date
    patient: Patient
    study_uid: str
    accession_number: str
    region: str
    laterality: str | None
    in_scope: bool
    device: Device
    patient_class: str
    ordered: datetime | None
    exam_started: datetime
    exam_completed: datetime
    views: tuple[View, ...]
    fracture: bool
    missed: bool
    reports: tuple[ReportState, ...]

    @property
    def modality(self) -> str:
        """DICOM modality: that of the device."""
        return self.device.modality

    def age(self) -> int:
        """Return the patient's age in whole years on the day of the examination."""
        birth = self.patient.birth
        return self.day.year - birth.year - ((self.day.month, self.day.day) < (birth.month, birth.day))

    def last_reading(self, until: datetime | None = None) -> ReportState | None:
        """Return the last final or corrected report, of those sent by `until`; None if withdrawn or absent."""
        sent = [report for report in self.reports if until is None or report.emitted_at <= until]
        found: ReportState | None = None
        for report in sorted(sent, key=lambda report: report.at):
            if report.status == "withdrawn":
                found = None
            elif report.status in ("final", "corrected"):
                found = report
        return found


def age_band(age: int) -> str:
    """Return the age band that the warehouse keeps: 0-4, 5-14, 15-24, 25-44, 45-64, 65-79, 80+."""
    for last, band in ((4, "0-4"), (14, "5-14"), (24, "15-24"), (44, "25-44"), (64, "45-64"), (79, "65-79")):
        if age <= last:
            return band
    return "80+"

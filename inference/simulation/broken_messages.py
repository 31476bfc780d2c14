"""HL7 files that are broken or belong to nothing, each with the outcome that the gate owes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from inference.simulation import hl7_writer, people
from inference.simulation.site import SiteModel
from inference.simulation.study import ReportState, SimulatedStudy


@dataclass(frozen=True, slots=True)
class MessageScene:
    """What a broken message is made from: a report sent this night, of a study whose images have come."""

    study: SimulatedStudy
    report: ReportState
    site: SiteModel
    rng: Random

    def segments(self, study: SimulatedStudy | None = None) -> list[str]:
        """Return a valid message with a control id of its own, in UTF-8."""
        report = replace(self.report, control_id=f"CANARICTL{self.rng.randrange(10**9):09d}")
        return hl7_writer.segments(study or self.study, report, self.site, "UNICODE UTF-8")

    def stranger(self) -> SimulatedStudy:
        """Return a study that never comes, of another patient."""
        person = people.patient(
            self.site.site, 9_500_000 + self.rng.randrange(10**5), self.site.language, self.study.day, 50
        )
        return replace(
            self.study, patient=person, study_uid=people.uid(self.rng), accession_number=people.accession(self.rng)
        )


def _no_msh(scene: MessageScene) -> bytes:
    return hl7_writer.encode(scene.segments()[1:])


def _missing_obr(scene: MessageScene) -> bytes:
    return hl7_writer.encode([part for part in scene.segments(scene.stranger()) if not part.startswith("OBR")])


def _wrong_status(scene: MessageScene) -> bytes:
    parts = scene.segments(scene.stranger())
    place = next(index for index, part in enumerate(parts) if part.startswith("OBR"))
    fields = parts[place].split("|")
    fields[25] = "Q"
    parts[place] = "|".join(fields)
    return hl7_writer.encode(parts)


def _unmatched(scene: MessageScene) -> bytes:
    return hl7_writer.encode(scene.segments(scene.stranger()))


def _patient_mismatch(scene: MessageScene) -> bytes:
    return hl7_writer.encode(scene.segments(replace(scene.study, patient=scene.stranger().patient)))


def _cut_frame(scene: MessageScene) -> bytes:
    data = hl7_writer.frame(hl7_writer.encode(scene.segments(scene.stranger())))
    return data[: len(data) * 3 // 5]


def _batch_count(scene: MessageScene) -> bytes:
    two = [hl7_writer.encode(scene.segments(scene.stranger())) for _ in range(2)]
    return b"FHS|^~\\&|RIS\rBHS|^~\\&|RIS\r" + b"".join(two) + b"BTS|5\rFTS|1\r"


def _web_page(_scene: MessageScene) -> bytes:
    return b"<!doctype html><title>CANARI 502 Bad Gateway</title>\n"


def _admission(scene: MessageScene) -> bytes:
    parts = scene.segments(scene.stranger())
    return hl7_writer.encode([parts[0].replace("ORU^R01^ORU_R01", "ADT^A08^ADT_A01"), *parts[1:3]])


def _no_text(scene: MessageScene) -> bytes:
    parts = scene.segments(scene.stranger())
    kept = [part for part in parts if not part.startswith("OBX")]
    return hl7_writer.encode([*kept, "OBX|1|TX|GDT^Report^L||||||||F"])


def _duplicate_message(scene: MessageScene) -> bytes:
    return hl7_writer.message(scene.study, scene.report, scene.site)


def _reused_control(scene: MessageScene) -> bytes:
    other = replace(scene.report, label="absent", acuity="none")
    return hl7_writer.message(scene.stranger(), other, scene.site)


@dataclass(frozen=True, slots=True)
class MessageCase:
    """A kind of broken message; `owed` is outcome and reason of each entry that the gate makes of the file."""

    owed: tuple[tuple[str, str], ...]
    make: Callable[[MessageScene], bytes]


def _case(outcome: str, reason: str, make: Callable[[MessageScene], bytes]) -> MessageCase:
    return MessageCase(((outcome, reason),), make)


MESSAGE_CASES: dict[str, MessageCase] = {
    "no_msh": _case("quarantined", "BAD_MSH", _no_msh),
    "missing_obr": _case("quarantined", "MISSING_SEGMENT", _missing_obr),
    "wrong_status": _case("quarantined", "BAD_STATUS", _wrong_status),
    "unmatched": _case("unmatched", "UNMATCHED", _unmatched),
    "patient_mismatch": _case("quarantined", "PATIENT_MISMATCH", _patient_mismatch),
    "cut_frame": _case("quarantined", "TRUNCATED", _cut_frame),
    # The messages that did come are good; that others did not is an entry of its own.
    "batch_count": MessageCase(
        (("unmatched", "UNMATCHED"), ("unmatched", "UNMATCHED"), ("quarantined", "BATCH_COUNT")), _batch_count
    ),
    "web_page": _case("not_hl7", "NOT_HL7", _web_page),
    "admission": _case("accepted_not_inferred", "NOT_A_REPORT", _admission),
    "no_text": _case("quarantined", "EMPTY_REPORT", _no_text),
    "duplicate_message": _case("duplicate", "DUPLICATE", _duplicate_message),
    "reused_control": _case("conflict", "UID_CONFLICT", _reused_control),
}

# Cases that speak of a message sent earlier in the same night, or of its study.
RESENT = frozenset({"duplicate_message", "reused_control", "patient_mismatch"})

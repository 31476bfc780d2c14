"""Simulated reports as HL7 v2.5 ORU^R01 messages, in the bytes that a RIS would send.

References
----------
HL7 v2.5 chapter 2 (encoding, batch protocol), chapter 7 (ORU^R01, OBR, OBX); HL7 implementation
support, Minimal Lower Layer Protocol release 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from random import Random

from inference.simulation import report_text
from inference.simulation.region import described
from inference.simulation.site import SiteModel
from inference.simulation.study import ReportState, SimulatedStudy

# OBR-25 and OBX-11 by state (HL7 tables 0123 and 0085).
STATUS = {"preliminary": ("P", "P"), "final": ("F", "F"), "corrected": ("C", "C"), "withdrawn": ("X", "X")}
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\"}


def escape(text: str) -> str:
    """Return text with HL7's delimiters escaped (chapter 2.7)."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def timestamp(moment: datetime, zone: tzinfo, offset: bool) -> str:
    """Return a local TS value to the second; an hour that the clock shows twice always gets its offset."""
    local = moment.astimezone(zone)
    twice = local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset()
    return f"{local:%Y%m%d%H%M%S}" + (f"{local:%z}" if offset or twice else "")


def segments(study: SimulatedStudy, report: ReportState, site: SiteModel, charset: str) -> list[str]:
    """Return the segments of one message; `charset` is the value of MSH-18."""
    rng = Random(f"message/{report.control_id}")  # noqa: S311 - a simulation, nothing secret
    zone, offset = site.zone, site.messages.offset

    def time(moment: datetime | None) -> str:
        return "" if moment is None else timestamp(moment, zone, offset)

    person = study.patient
    birth = f"{person.birth:%Y%m%d}"
    code = f"XR{study.region.upper()}^{escape(described(study.region, study.laterality, site.language))}^L"
    order, result = STATUS[report.status]
    found = [
        f"MSH|^~\\&|RIS|{site.site.upper()}|BILAN|{site.site.upper()}|{time(report.emitted_at)}||ORU^R01^ORU_R01"
        f"|{report.control_id}|P|2.5||||||{charset}",
        f"PID|1||{person.patient_id}^^^{site.site.upper()}^PI||{escape(person.family)}^{escape(person.given)}^^^^^L"
        f"||{birth}|{person.sex}|||{escape(person.address)}||{person.phone}",
        f"PV1|1|{study.patient_class}|CANARIWARD||||||||||||||||{study.accession_number}V",
        f"ORC|RE|{study.accession_number}|||CM||||{time(study.ordered)}",
    ]
    obr = [""] * 33
    obr[0:5] = ["OBR", "1", study.accession_number, "", code]
    obr[7], obr[8] = time(study.exam_started), time(study.exam_completed)
    obr[16], obr[18] = "CANARIDR^CANARI PRESCRIPTEUR", study.accession_number
    obr[22], obr[24], obr[25] = time(report.at), "RAD", order
    obr[32] = "CANARIDR&CANARI RADIOLOGUE"
    found.append("|".join(obr))
    found += _observations(report_text.lines(study, report, site.language), result, site.messages.formatted_text)
    if rng.random() < site.messages.study_uid:
        found.append(f"ZDS|{study.study_uid}^RIS^Application^DICOM")
    return found


def _observations(text: Sequence[str], status: str, formatted: bool) -> list[str]:
    if formatted:
        body = "\\.br\\".join(escape(line) for line in text)
        return [f"OBX|1|FT|GDT^Report^L||{body}||||||{status}"]
    return [f"OBX|{number}|TX|GDT^Report^L||{escape(line)}||||||{status}" for number, line in enumerate(text, 1)]


def message(study: SimulatedStudy, report: ReportState, site: SiteModel) -> bytes:
    """Return one message as the site's RIS writes it: its character set and its line ends."""
    rng = Random(f"charset/{report.control_id}")  # noqa: S311 - a simulation, nothing secret
    charset, codec = rng.choice(site.messages.charsets)
    return encode(segments(study, report, site, charset), codec, site.messages.line_end)


def encode(parts: Sequence[str], codec: str = "utf-8", line_end: str = "\r") -> bytes:
    """Return segments as bytes, each ended by `line_end`."""
    return "".join(part + line_end for part in parts).encode(codec)


def frame(data: bytes) -> bytes:
    """Return a message in its MLLP frame."""
    return b"\x0b" + data + b"\x1c\r"


def batch(messages: Sequence[bytes], site: SiteModel, at: datetime) -> bytes:
    """Return a batch file: FHS, BHS, the messages, BTS with their number, FTS."""
    end = site.messages.line_end.encode()
    stamp = timestamp(at, site.zone, site.messages.offset)
    head = f"|^~\\&|RIS|{site.site.upper()}|BILAN|{site.site.upper()}|{stamp}".encode()
    return b"".join(
        (b"FHS", head, end, b"BHS", head, end, *messages, f"BTS|{len(messages)}".encode(), end, b"FTS|1", end)
    )

"""The report gate for FHIR R4: a Bundle, one DiagnosticReport, or resources a line (NDJSON), to report events.

What is read, with what it refers to in the same bundle or holds as contained:

- status, and its time from `issued`; exam time from `effectivePeriod.end`, else `effectiveDateTime`;
- accession number: an identifier of type ACSN of the ImagingStudy, the report or its ServiceRequest;
- Study Instance UID: ImagingStudy identifier of system urn:dicom:uid;
- patient: identifier of type PI, else MR, else the first, of the Patient or of `subject`;
- order time: ServiceRequest.authoredOn; patient class: Encounter.class (EMER E, IMP I, AMB O);
- text: `presentedForm` (plain, HTML, RTF), else the narrative, else `conclusion`;
- whether the author had seen the AI result: the extension of the report that the site names (`ai_seen`).

References
----------
HL7 FHIR R4 (4.0.1): DiagnosticReport, ImagingStudy, ServiceRequest, Bundle; table v2-0203 (ACSN, PI, MR).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from inference.ai_seen import answer
from inference.hl7_syntax import clean
from inference.hl7_time import Clock, Stamp, clock, time_flags
from inference.labels.markup import strip_markup
from inference.reasons import REASONS
from inference.records import Rejection, ReportEvent
from inference.settings import GateSettings

MAX_FILE_BYTES = 64 * 1024 * 1024
_STATES = {
    **dict.fromkeys(("partial", "preliminary"), "preliminary"),
    "final": "final",
    **dict.fromkeys(("amended", "corrected", "appended"), "corrected"),
    **dict.fromkeys(("cancelled", "entered-in-error"), "withdrawn"),
}
_CLASSES = {"EMER": "E", "IMP": "I", "ACUTE": "I", "NONAC": "I", "AMB": "O", "SS": "O"}
_TIME = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})(\.\d{1,6})?\d*(?:(Z)|([+-]\d{2}):(\d{2})))?)?)?",
    re.ASCII,
)
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)+", re.ASCII)
Resource = Mapping[str, Any]


def read(data: bytes, settings: GateSettings, now: datetime) -> list[tuple[ReportEvent, ...] | Rejection]:
    """Read a file: one entry for each DiagnosticReport, in order; never raises.

    A file without one is a single entry: `not_hl7` when it is no FHIR resource at all,
    `accepted_not_inferred` when it holds other resources only. Of several resources a line (NDJSON)
    each may refer to any other; a line that cannot be read is an entry of its own.
    """
    if len(data) > MAX_FILE_BYTES:
        return [_rejected("FILE_TOO_LARGE")]
    roots, broken = _roots(data)
    if not roots:
        return [_rejected("PARSE_ERROR" if data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"{" and broken else "NOT_HL7")]
    known: dict[str, Resource] = {}
    for number, root in enumerate(roots):
        for name, resource in _resources(root, number).items():
            known.setdefault(name, resource)
    reports = [one for one in known.values() if one.get("resourceType") == "DiagnosticReport"]
    unique = list({id(one): one for one in reports}.values())
    times = clock("", settings.time_zone, now, settings.future_tolerance_hours)
    found = [_report(one, known, times, settings, now) for one in unique] or [_rejected("NOT_A_REPORT")]
    return [*found, *[_rejected("PARSE_ERROR")] * broken]


def _roots(data: bytes) -> tuple[list[dict[str, Any]], int]:
    """Return the resources of a file, one or one a line, and how many lines are none."""
    whole = _parsed(data)
    if whole is not None:
        return ([whole] if isinstance(whole.get("resourceType"), str) else []), 0
    lines = [line for line in data.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
    found = [_parsed(line) for line in lines]
    good = [one for one in found if one is not None and isinstance(one.get("resourceType"), str)]
    return good, len(lines) - len(good)


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        return None
    return found if isinstance(found, dict) else None


def _rejected(code: str) -> Rejection:
    return Rejection(REASONS[code].outcome, (code,))


def _resources(root: Resource, line: int) -> dict[str, Resource]:
    """Return the resources of a bundle, or one, by each name that a reference may give them."""
    found: dict[str, Resource] = {}
    entries = _items(root, "entry") if root.get("resourceType") == "Bundle" else iter([{"resource": root}])
    for number, entry in enumerate(entries):
        resource = entry.get("resource")
        if isinstance(resource, dict):
            found[f"#entry-{line}-{number}"] = resource  # some have neither address nor id
            for name in (_word(entry, "fullUrl"), f"{_word(resource, 'resourceType')}/{_word(resource, 'id')}"):
                found.setdefault(name, resource)
    return found


def entries(data: bytes) -> list[tuple[str, Resource]]:
    """Return every resource of a file with its address (empty without), in order, each once."""
    found: list[tuple[str, Resource]] = []
    for root in _roots(data)[0]:
        inside = _items(root, "entry") if root.get("resourceType") == "Bundle" else iter([{"resource": root}])
        found += [
            (_word(entry, "fullUrl"), resource)
            for entry in inside
            if isinstance(resource := entry.get("resource"), dict)
        ]
    return found


def _items(value: object, name: str) -> Iterator[Resource]:
    """Yield the objects in a list-valued element; what is of another kind is skipped."""
    items = value.get(name) if isinstance(value, Mapping) else None
    for item in items if isinstance(items, list) else [items]:
        if isinstance(item, dict):
            yield item


def _word(value: object, *names: str) -> str:
    """Return the text at a path of elements; empty when there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    # JSON may hold half a surrogate pair, which is no character.
    return clean(value.strip().encode("utf-8", "replace").decode("utf-8"))[0] if isinstance(value, str) else ""


def _referred(report: Resource, name: str, known: Mapping[str, Resource]) -> Iterator[Resource]:
    """Yield what an element refers to: contained, in the bundle, or as far as the reference itself tells."""
    contained = {_word(one, "id"): one for one in _items(report, "contained")}
    for reference in _items(report, name):
        target = _word(reference, "reference")
        found = None if not target else contained.get(target[1:]) if target[0] == "#" else known.get(target)
        yield found if found is not None else {"identifier": list(_items(reference, "identifier"))}


def _numbers(resource: Resource) -> list[tuple[str, str, str]]:
    """Return the identifiers of a resource: type code, system, value."""
    return [
        (
            next((_word(code, "code") for code in _items(one.get("type"), "coding")), ""),
            _word(one, "system"),
            _word(one, "value"),
        )
        for one in _items(resource, "identifier")
    ]


def _patient(report: Resource, known: Mapping[str, Resource]) -> str:
    found = [number for one in _referred(report, "subject", known) for number in _numbers(one) if number[2]]
    for wanted in ("PI", "MR"):
        for kind, _, value in found:
            if kind == wanted:
                return value
    return found[0][2] if found else ""


def _study(report: Resource, known: Mapping[str, Resource]) -> tuple[str, str]:
    """Return accession number and Study Instance UID."""
    studies = list(_referred(report, "imagingStudy", known))
    accession, uid = "", ""
    for one in (*studies, report, *_referred(report, "basedOn", known)):
        for kind, system, value in _numbers(one):
            if system == "urn:dicom:uid" or value.startswith("urn:oid:"):
                uid = uid or value.removeprefix("urn:oid:")
            elif kind == "ACSN":
                accession = accession or value
    return accession, uid


def _stamp(value: str, times: Clock) -> Stamp:
    """Read a dateTime or instant, which carries its offset whenever it carries a time."""
    if not value:
        return Stamp()
    match = _TIME.fullmatch(value)
    if match is None:
        return Stamp(wrong=True)
    offset = "+0000" if match[8] else (match[9] or "") + (match[10] or "")
    return times.read("".join(part or "" for part in match.groups()[:7]) + offset)


def _text(report: Resource) -> tuple[str, list[str]]:
    parts: list[str] = []
    flags: list[str] = []
    for form in _items(report, "presentedForm"):
        kind = _word(form, "contentType").lower().partition(";")[0]
        try:
            data = base64.b64decode(_word(form, "data"), validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if data and (kind in ("text/plain", "text/html", "text/rtf", "application/rtf")):
            try:
                parts.append(data.decode("utf-8-sig"))
            except UnicodeDecodeError:
                parts.append(data.decode("cp1252", "replace"))
                flags.append("CHARSET")
        elif not parts:
            flags.append("UNREADABLE_ATTACHMENT")
    parts = parts or [_word(report, "text", "div")]
    if not any(part.strip() for part in parts):
        parts = [_word(report, "conclusion")]
    kept = [clean(strip_markup(part)[0])[0].strip() for part in parts]
    return "\n".join(part for part in kept if part), flags


def _report(
    report: Resource, known: Mapping[str, Resource], times: Clock, settings: GateSettings, now: datetime
) -> tuple[ReportEvent, ...] | Rejection:
    status = _STATES.get(_word(report, "status"))
    if status is None:
        return _rejected("NOT_A_REPORT" if _word(report, "status") == "registered" else "BAD_STATUS")
    patient, (accession, uid) = _patient(report, known), _study(report, known)
    if not patient or not (accession or uid):
        return _rejected("MISSING_IDENTIFIER")
    if uid and (len(uid) > 64 or not _UID.fullmatch(uid)):
        return _rejected("BAD_UID")
    ordered = next((_word(one, "authoredOn") for one in _referred(report, "basedOn", known)), "")
    exam = _word(report, "effectivePeriod", "end") or _word(report, "effectiveDateTime")
    stamps = [_stamp(value, times) for value in (_word(report, "issued"), exam, ordered)]
    if any(stamp.wrong for stamp in stamps):
        return _rejected("BAD_DATE")
    text, flags = _text(report)
    if not text and status != "withdrawn" and "UNREADABLE_ATTACHMENT" not in flags:
        return _rejected("EMPTY_REPORT")
    flags += ["WITHDRAWN"] if status == "withdrawn" else []
    visit = next((_word(one, "class", "code") for one in _referred(report, "encounter", known)), "")
    at, exam_at, ordered_at = (stamp.at for stamp in stamps)
    try:
        identity = hashlib.sha256(json.dumps([report, patient, accession, uid], sort_keys=True).encode())
    except RecursionError:
        return _rejected("NESTING_TOO_DEEP")
    event = ReportEvent(
        message_id=f"{identity.hexdigest()}-0",
        control_id=None,
        patient_id=patient,
        study_uid=uid or None,
        accession_number=accession or None,
        status=status,
        event_at=at,
        ordered_at=ordered_at,
        exam_at=exam_at,
        patient_class=_CLASSES.get(visit),
        text=text,
        flags=tuple(dict.fromkeys([*flags, *time_flags(at, exam_at, now)])),
        ai_seen=_ai_seen(report, settings.ai_seen),
        named=_named(report, known),
    )
    return (event,)


def _named(report: Resource, known: Mapping[str, Resource]) -> tuple[str, ...]:
    """Return what the report says of persons: names, numbers, addresses of the patient and of who wrote it."""
    found: list[str] = []
    for element in ("subject", "performer", "resultsInterpreter"):
        found += [_word(reference, "display") for reference in _items(report, element)]
        for person in _referred(report, element, known):
            found += [value for _, _, value in _numbers(person)]
            for part in (*_items(person, "name"), *_items(person, "telecom"), *_items(person, "address")):
                found += [value for value in _texts(part) if len(value) > 2]
    return tuple(dict.fromkeys(filter(None, found)))


def _texts(part: Resource) -> Iterator[str]:
    for name in ("text", "family", "given", "value", "line", "city", "postalCode"):
        value = part.get(name)
        for one in value if isinstance(value, list) else [value]:
            yield _word({"one": one}, "one")


def _ai_seen(report: Resource, where: str | None) -> bool | None:
    for extension in _items(report, "extension"):
        if where is not None and _word(extension, "url") == where:
            value = extension.get("valueBoolean")
            words = (_word(extension, name) for name in ("valueString", "valueCode"))
            return value if isinstance(value, bool) else answer(next(filter(None, words), ""))
    return None

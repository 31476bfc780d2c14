"""The report gate: the bytes of an HL7 v2 file to report events, or the reasons why not.

What is read, in the order in which it is looked for:

- report status: OBR-25 (table 0123), else the OBX-11 of its lines (table 0085);
- report time: OBR-22; exam time: OBR-8, else OBR-7; order time: ORC-9;
- accession number: OBR-18 (IHE Scheduled Workflow), else OBR-3, ORC-3, OBR-2, ORC-2, each repetition;
- Study Instance UID: ZDS-1 (IHE), else an OBX whose code is 113014, 110180 or its name;
- patient: the repetition of PID-3 with type PI or PT, else MR, else the first, else PID-2. The
  assigning authority is not part of the identifier: DICOM's Patient ID does not carry it;
- patient class: PV1-2. Text: OBX-5 of TX, FT, ST, CE, CWE and ED (text, RTF, HTML), in file order.

A request that names several examinations is one event for each, with the same text (SHARED_REPORT).
Several OBR groups of one examination (same accession number, Study Instance UID and status) are one
report; groups of different examinations are one event each. An OBR without lines of its own takes
those of the next one that has some, else of the one before: one text for several examinations
(SHARED_REPORT).

Measured: 100,000 segments in 5,000 messages take 1.7 to 2.0 s of processor time on one core of a small
virtual machine that others were using too.

References
----------
HL7 v2.5.1 chapters 2, 3 (PID), 4 (ORC, OBR), 7 (ORU^R01, OBX); IHE RAD TF-2 4.4, 4.28 (ZDS, OBR-18).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import TypeAlias

from inference import hl7_batch, hl7_identity, hl7_order, hl7_syntax, hl7_text
from inference.ai_seen import ai_seen, is_ai_seen
from inference.hl7_syntax import Message, Segment
from inference.hl7_time import Clock, Stamp, birth_is_wrong, clock, time_flags
from inference.reasons import REASONS
from inference.records import Demographics, OrderEvent, PatientMerge, Rejection, ReportEvent
from inference.settings import GateSettings

_VERSION = re.compile(r"2\.(?:3(?:\.1)?|4|5(?:\.1)?|6|7(?:\.1)?|8(?:\.[12])?|9(?:\.1)?)", re.ASCII)
# Valid, and no report: see `inference.hl7_order` for what is taken from them.
_OTHER_TYPES = frozenset({"ORM", "ORR", "OMI", "ORI", "OMG", "ORG", "OML", "ADT", "SIU", "BAR", "DFT"})
# OBR-25 (table 0123; D and W from table 0085 are met there too) and OBX-11.
_STATUS = {
    **dict.fromkeys("PRA", "preliminary"),
    **dict.fromkeys("FU", "final"),
    "C": "corrected",
    **dict.fromkeys("XDW", "withdrawn"),
}
_NO_RESULT_YET = frozenset("OISN")
Fact: TypeAlias = ReportEvent | OrderEvent | PatientMerge | Demographics
# What one message comes to: its reports, orders, merges or demographics, or why it has none.
Entry: TypeAlias = tuple[ReportEvent, ...] | hl7_order.Facts | Rejection
_Key = tuple[str | None, str | None, str | None, str]


@dataclass
class _Group:
    """One OBR with what belongs to it, segments as sent."""

    patient: Segment
    visit: Segment | None
    order: Segment | None
    request: Segment
    lines: list[Segment] = field(default_factory=list)
    studies: list[Segment] = field(default_factory=list)


@dataclass(frozen=True)
class _Report:
    """An event before it has its identity; `key` says which examination it speaks of."""

    event: ReportEvent
    has_text: bool

    @property
    def key(self) -> _Key:
        return self.event.patient_id, self.event.accession_number, self.event.study_uid, self.event.status


def read(data: bytes, settings: GateSettings, now: datetime) -> list[Entry]:
    """Read a file of HL7 v2: one entry for each message, in order; never raises.

    Parameters
    ----------
    data
        One message, several, or batches; bare or in MLLP frames; segments ended by CR, LF or CRLF.
    settings
        `time_zone` for times without an offset, `max_message_bytes`, `future_tolerance_hours`.
    now
        Aware; dates later than this plus the tolerance are wrong.

    Returns
    -------
    list
        The events of each message that is a report, one for each examination, with the flags that
        make it `accepted_flagged`; the orders, merges or demographics of a message that carries those; otherwise a
        `Rejection`: `quarantined`, `not_hl7`, or `accepted_not_inferred` for valid messages that
        carry none of these. What is wrong with a batch itself (BATCH_COUNT, TRUNCATED) is an entry
        after its messages, which count all the same.
    """
    return [
        _rejected(item) if isinstance(item, str) else _message(item, settings, now) for item in hl7_batch.messages(data)
    ]


def outcome(entry: Sequence[Fact] | Rejection) -> tuple[str, tuple[str, ...]]:
    """Return the outcome of an entry and its reason codes, before any study is known."""
    if isinstance(entry, Rejection):
        return entry.outcome, entry.reasons
    reports = [event for event in entry if isinstance(event, ReportEvent)]
    if not reports:
        return "accepted_not_inferred", ("NOT_A_REPORT",)
    flags = tuple(dict.fromkeys(chain.from_iterable(event.flags for event in reports)))
    return ("accepted_flagged" if flags else "accepted"), flags


def _rejected(code: str) -> Rejection:
    return Rejection(REASONS[code].outcome, (code,))


def _message(raw: hl7_batch.Raw, settings: GateSettings, now: datetime) -> Entry:
    message = hl7_syntax.parse(raw, settings.max_message_bytes)
    if isinstance(message, str):
        return _rejected(message)
    time = clock(
        message.component(message.segments[0].raw(7)), settings.time_zone, now, settings.future_tolerance_hours
    )
    wrong = _wrong_header(message)
    if wrong == "NOT_A_REPORT":
        facts = hl7_order.read(message, time)
        return _rejected(facts) if isinstance(facts, str) else facts
    if wrong:
        return _rejected(wrong)
    groups = _groups(message)
    if isinstance(groups, str):
        return _rejected(groups)
    if _dates_wrong(message, groups, time, now):
        return _rejected("BAD_DATE")
    reports: list[_Report] = []
    for group in groups:
        told = _report(message, group, time, settings, now)
        if isinstance(told, str):
            return _rejected(told)
        reports += told
    events = _whole(reports)
    return _rejected(events) if isinstance(events, str) else _events(message, events)


def _wrong_header(message: Message) -> str | None:
    """Return why the header (MSH) or the kind of the message is refused, if it is."""
    head = message.segments[0]
    kind, trigger = (message.component(head.raw(9), number).upper() for number in (1, 2))
    version = message.component(head.raw(12))
    # MSH-7 is required since v2.4 only.
    if not kind or not head.raw(10) or not version or not (head.raw(7) or version.startswith("2.3")):
        return "BAD_MSH"
    if not _VERSION.fullmatch(version):
        return "BAD_VERSION"
    names = [segment.name for segment in message.segments]
    if head.raw(14) or "DSC" in names or "ADD" in names:
        return "FRAGMENT"
    if kind in _OTHER_TYPES:
        return "NOT_A_REPORT" if "PID" in names or kind in ("ORR", "ORI", "ORG", "SIU") else "MISSING_SEGMENT"
    if (kind, trigger) not in (("ORU", "R01"), ("ORU", ""), ("ORU_R01", "")):
        return "MESSAGE_TYPE"
    if "MSH" in names[1:]:
        return "PARSE_ERROR"
    return None if {"PID", "OBR"} <= set(names) else "MISSING_SEGMENT"


def _groups(message: Message) -> list[_Group] | str:
    """Return the OBR groups of an ORU^R01, or why they cannot be told apart."""
    groups: list[_Group] = []
    patient: Segment | None = None
    visit: Segment | None = None
    order: Segment | None = None
    fresh = False  # a PID that no OBR has followed yet
    for segment in message.segments:
        if segment.name == "PID":
            if fresh and patient and hl7_identity.patient(message, patient) != hl7_identity.patient(message, segment):
                return "PATIENT_MISMATCH"
            patient, visit, order, fresh = segment, None, None, True
        elif segment.name == "PV1":
            visit = segment
        elif segment.name == "ORC":
            order = segment
        elif segment.name == "OBR":
            if patient is None:
                return "PARSE_ERROR"
            groups.append(_Group(patient, visit, order, segment))
            order, fresh = None, False
        elif segment.name in ("OBX", "ZDS"):
            if not groups:
                return "PARSE_ERROR"
            (groups[-1].lines if segment.name == "OBX" else groups[-1].studies).append(segment)
    return _complete(message, groups)


def _complete(message: Message, groups: list[_Group]) -> list[_Group] | str:
    final = message.segments[-1]
    if not message.closed and final.name == "OBX" and len(final.values) <= 11:
        return "TRUNCATED"  # OBX-11 is required: the text may go on
    withdrawn = all(_STATUS.get(group.request.raw(25).upper()) == "withdrawn" for group in groups)
    return groups if withdrawn or any(group.lines for group in groups) else "MISSING_SEGMENT"


def _dates_wrong(message: Message, groups: Sequence[_Group], time: Clock, now: datetime) -> bool:
    stamps = [message.segments[0].raw(7)]
    for group in groups:
        stamps += [group.request.raw(number) for number in (7, 8, 22)]
        stamps += [group.order.raw(9)] if group.order else []
    return any(time.read(message.component(value)).wrong for value in stamps) or any(
        birth_is_wrong(message.component(segment.raw(7)), now) for segment in message.segments if segment.name == "PID"
    )


def _report(message: Message, group: _Group, time: Clock, settings: GateSettings, now: datetime) -> list[_Report] | str:
    """Return the reports of one group, one for each examination that it names, or the reason code that refuses it."""
    patient = hl7_identity.patient(message, group.patient)
    numbers = hl7_identity.accessions(message, group.order, group.request)
    studies = hl7_identity.studies(message, group.studies, group.lines)
    if not all(map(hl7_identity.is_uid, studies)):
        return "BAD_UID"
    if not patient or not (numbers or studies):
        return "MISSING_IDENTIFIER"
    status = _status(message, group)
    if status not in _STATUS.values():
        return status
    at, exam = _stamp(message, group.request, time, 22), _exam(message, group, time)
    lines = [segment for segment in group.lines if not hl7_identity.names_study(segment)]
    told = ai_seen(message, group.lines, settings.ai_seen)
    text = hl7_text.read([line for line in lines if not is_ai_seen(message, line, settings.ai_seen)], message)
    if isinstance(text, str):
        return text
    flags = [*message.flags, *text.flags, *time_flags(at, exam, now)]
    flags += ["WITHDRAWN"] if status == "withdrawn" else []
    named = hl7_identity.examinations(numbers, studies)
    flags += ["SHARED_REPORT"] if len(named) > 1 else []
    visit = message.component(group.visit.raw(2)).upper() if group.visit else ""
    event = ReportEvent(
        message_id="",
        control_id=hl7_identity.control(message),
        patient_id=patient,
        study_uid=None,
        accession_number=None,
        status=status,
        event_at=at,
        ordered_at=_stamp(message, group.order, time, 9) if group.order else None,
        exam_at=exam,
        patient_class=visit if re.fullmatch("[A-Z0-9]{1,3}", visit) else None,
        text=text.text,
        flags=tuple(dict.fromkeys(flags)),
        sent_at=_stamp(message, message.segments[0], time, 7),
        ai_seen=told,
    )
    has_text = bool(text.text) or "UNREADABLE_ATTACHMENT" in text.flags
    return [
        _Report(replace(event, accession_number=number or None, study_uid=uid or None), has_text)
        for number, uid in named
    ]


def _stamp(message: Message, segment: Segment, time: Clock, number: int) -> datetime | None:
    stamp: Stamp = time.read(message.component(segment.raw(number)))
    return stamp.at


def _exam(message: Message, group: _Group, time: Clock) -> datetime | None:
    return _stamp(message, group.request, time, 8) or _stamp(message, group.request, time, 7)


def _status(message: Message, group: _Group) -> str:
    """Return the report's status, or the reason code that refuses it."""
    sent = message.component(group.request.raw(25)).upper()
    lines = [message.component(segment.raw(11)).upper() for segment in group.lines]
    states = {_STATUS.get(state, "") for state in lines} - {""}
    if lines and states == {"withdrawn"} and all(lines):
        return "withdrawn"  # every line taken back, whatever the OBR says
    if sent in _STATUS:
        return _STATUS[sent]
    if sent and sent not in _NO_RESULT_YET:
        return "BAD_STATUS"
    if not sent and any(state and state not in _STATUS and state not in _NO_RESULT_YET for state in lines):
        return "BAD_STATUS"
    for state in ("preliminary", "corrected", "final"):
        if state in states:
            return state
    return "NOT_A_REPORT" if sent or any(state in _NO_RESULT_YET for state in lines) else "BAD_STATUS"


def _whole(reports: Sequence[_Report]) -> list[ReportEvent] | str:
    """Join the groups of one examination; lend text to examinations reported under another's."""
    owner: dict[str, str | None] = {}
    for report in reports:
        for identifier in filter(None, (report.event.accession_number, report.event.study_uid)):
            if owner.setdefault(identifier, report.event.patient_id) != report.event.patient_id:
                return "PATIENT_MISMATCH"
    members: dict[_Key, list[_Report]] = {}
    for report in reports:
        members.setdefault(report.key, []).append(report)
    lent = _lent(reports)
    events: list[ReportEvent] = []
    for key, same in members.items():
        own = [report for report in same if report.has_text]
        event = _together([report.event for report in own or same])
        if not own and event.status != "withdrawn":
            text = lent[key]
            if text is None:
                return "EMPTY_REPORT"
            event = replace(event, text=text, flags=(*event.flags, "SHARED_REPORT"))
        events.append(event)
    return events


def _lent(reports: Sequence[_Report]) -> dict[_Key, str | None]:
    """Return the text next after each examination's first group, else the last before it."""
    found: dict[_Key, str | None] = {}
    text: str | None = None
    for report in reports:
        text = report.event.text if report.has_text else text
        found.setdefault(report.key, text)
    text = None
    for report in reversed(reports):
        text = report.event.text if report.has_text else text
        found[report.key] = text if text is not None else found[report.key]
    return found


def _together(events: Sequence[ReportEvent]) -> ReportEvent:
    """Return one event of several on the same examination in the same state: the last time, all text."""
    if len(events) == 1:
        return events[0]
    return replace(
        events[0],
        event_at=max((event.event_at for event in events if event.event_at), default=None),
        exam_at=max((event.exam_at for event in events if event.exam_at), default=None),
        ordered_at=min((event.ordered_at for event in events if event.ordered_at), default=None),
        text="\n".join(event.text for event in events if event.text),
        flags=tuple(dict.fromkeys(chain.from_iterable(event.flags for event in events))),
    )


def _events(message: Message, events: Sequence[ReportEvent]) -> tuple[ReportEvent, ...]:
    """Give each event the identity of its message's content and its own place in it."""
    identity, named = hl7_identity.digest(message), hl7_identity.named(message)
    return tuple(replace(event, message_id=f"{identity}-{index}", named=named) for index, event in enumerate(events))

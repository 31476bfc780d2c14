"""Whom and what a segment speaks of: patient, accession number, Study Instance UID, the message itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import islice

from inference.hl7_syntax import Message, Segment, unescape

MAX_PATIENT_NUMBERS = 100
MAX_EXAMINATIONS = 100  # of one request
UID = re.compile(r"[0-9]+(?:\.[0-9]+)+", re.ASCII)
# In OBX-3: DICOM Study (113014, IHE), Study Instance UID (110180), or the name.
_STUDY_CODE = re.compile(r"(?<!\d)(?:113014|110180)(?!\d)|study\s*instance\s*uid", re.IGNORECASE)


# Fields that name persons: the patient, her kin, who cares for her, ordered, read and signed; and her numbers.
_PERSONAL = {
    "PID": (2, 3, 4, 5, 6, 9, 11, 13, 14, 18, 19, 20, 21, 26),
    "PD1": (4,),
    "NK1": (2, 4, 5, 6, 30),
    "MRG": (1, 2, 3, 4, 7),
    "PV1": (7, 8, 9, 17, 19),
    "ORC": (2, 3, 10, 11, 12, 19),
    "OBR": (2, 3, 10, 16, 18, 28, 32, 33, 34, 35),
    "IN1": (16, 19, 36, 49),
}
_MOST_NAMED = 2_000


def named(message: Message) -> tuple[str, ...]:
    """Return what the message says of persons, part by part: names, numbers, addresses, telephone numbers."""
    marks = message.separators
    between = re.compile(
        "|".join(re.escape(mark) for mark in (marks.repetition, marks.component, marks.subcomponent) if mark)
    )
    found = (
        part
        for segment in message.segments
        for place in _PERSONAL.get(segment.name, ())
        for part in between.split(segment.raw(place))
        if len(part) > 2
    )
    return tuple(dict.fromkeys(unescape(part, message)[0] for part in islice(found, _MOST_NAMED)))


def control(message: Message) -> str:
    """Return sender and MSH-10: senders number their messages independently of each other."""
    head = message.segments[0]
    return "/".join(message.component(head.raw(number)) for number in (3, 4, 10))


def digest(message: Message) -> str:
    """Return the identity of a message's content.

    MSH-7 is when the message was sent, not what it says: a message sent again is the same message.
    So are one with other line ends, another frame or another character set.
    """
    found = hashlib.sha256()
    for segment in message.segments:
        values = (*segment.values[:7], "", *segment.values[8:]) if segment.name == "MSH" else segment.values
        found.update("\x1f".join(values[:17] if segment.name == "MSH" else values).encode("utf-8", "surrogatepass"))
        found.update(b"\x1e")
    return found.hexdigest()


def patient(message: Message, segment: Segment) -> str:
    """Return the patient identifier of a PID segment; empty when it has none."""
    return number(message, segment.raw(3)) or message.component(segment.raw(2))


def number(message: Message, value: str) -> str:
    """Return the identifier of type PI or PT among the repetitions of a CX field, else MR, else the first."""
    if value.count(message.separators.repetition) > MAX_PATIENT_NUMBERS:
        return ""
    found = [(message.component(one), message.component(one, 5).upper()) for one in message.repetitions(value)]
    known = [(one, kind) for one, kind in found if one]
    for wanted in (("PI", "PT"), ("MR",)):
        for one, kind in known:
            if kind in wanted:
                return one
    return known[0][0] if known else ""


def accessions(message: Message, order: Segment | None, request: Segment | None) -> list[str]:
    """Return the accession numbers of OBR-18, else OBR-3, ORC-3, OBR-2, ORC-2: one for each repetition."""
    for segment, place in ((request, 18), (request, 3), (order, 3), (request, 2), (order, 2)):
        if segment and (value := segment.raw(place)):
            repeated = message.repetitions(value)[:MAX_EXAMINATIONS]
            if found := [one for one in map(message.component, repeated) if one]:
                return list(dict.fromkeys(found))
    return []


def accession(message: Message, order: Segment | None, request: Segment | None) -> str:
    """Return the first accession number; empty when there is none."""
    return next(iter(accessions(message, order, request)), "")


def studies(message: Message, segments: Iterable[Segment], lines: Sequence[Segment]) -> list[str]:
    """Return the Study Instance UIDs of ZDS-1, else of the OBX that are named for it."""
    named = [message.component(segment.raw(1)) for segment in segments]
    if not any(named):
        named = [message.component(segment.raw(5)) for segment in lines if names_study(segment)]
    return list(dict.fromkeys(filter(None, named)))[:MAX_EXAMINATIONS]


def examinations(numbers: Sequence[str], uids: Sequence[str]) -> list[tuple[str, str]]:
    """Pair the accession numbers and Study Instance UIDs of one request; at least one pair, perhaps empty.

    As many of one as of the other are paired in their order; one accession number stands for all
    studies; otherwise which belongs to which is not known, and each stands alone.
    """
    if len(numbers) > 1 and len(numbers) == len(uids):
        return list(zip(numbers, uids, strict=True))
    if len(numbers) <= 1:
        number = next(iter(numbers), "")
        return [(number, uid) for uid in uids or [""]]
    return [*((number, "") for number in numbers), *(("", uid) for uid in uids)]


def names_study(segment: Segment) -> bool:
    """Whether an OBX holds a Study Instance UID rather than text."""
    return _STUDY_CODE.search(segment.raw(3)) is not None


def is_uid(value: str) -> bool:
    """Whether a value is a DICOM UID."""
    return len(value) <= 64 and UID.fullmatch(value) is not None

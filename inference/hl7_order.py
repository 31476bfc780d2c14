"""Valid HL7 v2 messages that are no reports: orders for their times, merges of patients.

- ORM^O01, OMI^O23, OMG^O19: one order for each ORC. When it was ordered is ORC-9, else OBR-6, else
  MSH-7, of a new order (ORC-1 is NW, or empty); other transactions (changes, cancellations) tell
  their own time and give none. Accession number: IPC-1, else as in a report; Study Instance UID:
  IPC-3, else ZDS-1.
- ADT^A18, A30, A34, A36, A39, A40 and A47: the identifiers in PID-3 and in the MRG-1 after it are of
  one patient.
- Everything else (demographics in ADT^A08, admissions, scheduling) is valid and changes nothing: what
  a study needs to know of its patient comes with its images.

References
----------
HL7 v2.5.1 chapters 3 (ADT^A40 3.3.40, MRG 3.4.9) and 4 (ORM^O01, OMG^O19, OMI^O23, ORC, IPC).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from inference import hl7_identity
from inference.hl7_syntax import Message, Segment
from inference.hl7_time import Clock
from inference.records import OrderEvent, PatientMerge

ORDERS = frozenset({"ORM", "OMI", "OMG"})
MERGES = frozenset({"A18", "A30", "A34", "A36", "A39", "A40", "A47"})


@dataclass
class _Order:
    """One ORC with what belongs to it."""

    patient: Segment | None
    order: Segment | None
    request: Segment | None = None
    studies: list[Segment] = field(default_factory=list)
    codes: list[Segment] = field(default_factory=list)


def read(message: Message, time: Clock) -> tuple[OrderEvent, ...] | tuple[PatientMerge, ...] | str:
    """Return the orders or merges in a message, or the reason code: NOT_A_REPORT when it has none."""
    head = message.segments[0]
    kind, trigger = (message.component(head.raw(9), place).upper() for place in (1, 2))
    if kind in ORDERS:
        return _orders(message, time)
    if kind == "ADT" and trigger in MERGES:
        return _merges(message)
    return "NOT_A_REPORT"


def _orders(message: Message, time: Clock) -> tuple[OrderEvent, ...] | str:
    groups: list[_Order] = []
    patient: Segment | None = None
    for segment in message.segments:
        if segment.name == "PID":
            patient = segment
        elif segment.name == "ORC":
            groups.append(_Order(patient, segment))
        elif segment.name == "OBR":
            if not groups or groups[-1].request:  # several requests under one ORC
                groups.append(_Order(patient, groups[-1].order if groups else None))
            groups[-1].request = segment
        elif segment.name in ("ZDS", "IPC") and groups:
            (groups[-1].studies if segment.name == "ZDS" else groups[-1].codes).append(segment)
    stamps = [message.segments[0].raw(7), *(group.order.raw(9) for group in groups if group.order)]
    if any(time.read(message.component(stamp)).wrong for stamp in stamps):
        return "BAD_DATE"
    identity = hl7_identity.digest(message)
    found = [event for group in groups if (event := _order(message, group, time))]
    return tuple(replace(one, message_id=f"{identity}-{index}") for index, one in enumerate(found)) or "NOT_A_REPORT"


def _order(message: Message, group: _Order, time: Clock) -> OrderEvent | None:
    """Return an order that says when, for whom and of what; None for others."""
    if group.order and message.component(group.order.raw(1)).upper() not in ("", "NW"):
        return None
    places = [(group.order, 9), (group.request, 6), (message.segments[0], 7)]
    told = (time.read(message.component(segment.raw(place))).at for segment, place in places if segment)
    ordered = next(filter(None, told), None)
    patient = hl7_identity.patient(message, group.patient) if group.patient else ""
    accession = next(filter(None, (message.component(code.raw(1)) for code in group.codes)), "")
    accession = accession or hl7_identity.accession(message, group.order, group.request)
    uid = next(filter(None, (message.component(code.raw(3)) for code in group.codes)), "")
    uid = uid or next(iter(hl7_identity.studies(message, group.studies, ())), "")
    uid = uid if hl7_identity.is_uid(uid) else ""
    if ordered is None or not patient or not (accession or uid):
        return None
    return OrderEvent("", hl7_identity.control(message), patient, uid or None, accession or None, ordered)


def _merges(message: Message) -> tuple[PatientMerge, ...] | str:
    pairs: list[tuple[str, str]] = []
    patient = ""
    for segment in message.segments:
        if segment.name == "PID":
            patient = hl7_identity.patient(message, segment)
        elif segment.name == "MRG":
            merged = hl7_identity.number(message, segment.raw(1)) or message.component(segment.raw(4))
            if not patient or not merged:
                return "MISSING_IDENTIFIER"
            pairs.append((patient, merged))
    if not pairs:
        return "MISSING_SEGMENT"
    control, identity = hl7_identity.control(message), hl7_identity.digest(message)
    return tuple(PatientMerge(f"{identity}-{index}", control, *pair) for index, pair in enumerate(pairs))

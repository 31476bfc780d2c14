"""Valid HL7 v2 messages that are no reports: orders for their times, merges and demographics of patients.

- ORM^O01, OMI^O23, OMG^O19: one order for each ORC. When it was ordered is ORC-9, else OBR-6, else
  MSH-7, of a new order (ORC-1 is NW, or empty). A cancellation (ORC-1 CA, OC, CR) tells when it was
  cancelled: ORC-9, else MSH-7. Other transactions give neither. Accession number: IPC-1, else as in a
  report; Study Instance UID: IPC-3, else ZDS-1.
- ADT^A18, A30, A34, A36, A39, A40 and A47: the identifiers in PID-3 and in the MRG-1 after it are of
  one patient.
- ADT^A08 and A31: birth date (PID-7) and sex (PID-8) of the patient in PID-3, where it has either.
- Everything else (admissions, scheduling) is valid and changes nothing.

References
----------
HL7 v2.5.1 chapters 3 (ADT^A40 3.3.40, MRG 3.4.9) and 4 (ORM^O01, OMG^O19, OMI^O23, ORC, IPC).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

from inference import hl7_identity
from inference.hl7_syntax import Message, Segment
from inference.hl7_time import Clock, birth_is_wrong
from inference.records import Demographics, OrderEvent, PatientMerge

ORDERS = frozenset({"ORM", "OMI", "OMG"})
MERGES = frozenset({"A18", "A30", "A34", "A36", "A39", "A40", "A47"})
UPDATES = frozenset({"A08", "A31"})
CANCELLATIONS = frozenset({"CA", "OC", "CR"})
Facts = tuple[OrderEvent, ...] | tuple[PatientMerge, ...] | tuple[Demographics, ...]


@dataclass
class _Order:
    """One ORC with what belongs to it."""

    patient: Segment | None
    order: Segment | None
    request: Segment | None = None
    studies: list[Segment] = field(default_factory=list)
    codes: list[Segment] = field(default_factory=list)


def read(message: Message, time: Clock) -> Facts | str:
    """Return the orders, merges or demographics in a message, or the reason code: NOT_A_REPORT without any."""
    head = message.segments[0]
    kind, trigger = (message.component(head.raw(9), place).upper() for place in (1, 2))
    if kind in ORDERS:
        return _orders(message, time)
    if kind == "ADT" and trigger in MERGES:
        return _merges(message)
    if kind == "ADT" and trigger in UPDATES:
        return _updates(message, time)
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
    """Return an order, or a cancellation, that says when, for whom and of what; None for others."""
    transaction = message.component(group.order.raw(1)).upper() if group.order else ""
    cancelled = transaction in CANCELLATIONS
    if not cancelled and transaction not in ("", "NW"):
        return None
    places = [(group.order, 9), (None if cancelled else group.request, 6), (message.segments[0], 7)]
    told = (time.read(message.component(segment.raw(place))).at for segment, place in places if segment)
    at = next(filter(None, told), None)
    patient = hl7_identity.patient(message, group.patient) if group.patient else ""
    accession = next(filter(None, (message.component(code.raw(1)) for code in group.codes)), "")
    accession = accession or hl7_identity.accession(message, group.order, group.request)
    uid = next(filter(None, (message.component(code.raw(3)) for code in group.codes)), "")
    uid = uid or next(iter(hl7_identity.studies(message, group.studies, ())), "")
    uid = uid if hl7_identity.is_uid(uid) else ""
    if at is None or not patient or not (accession or uid):
        return None
    ordered_at, cancelled_at = (None, at) if cancelled else (at, None)
    named = hl7_identity.control(message), patient, uid or None, accession or None
    return OrderEvent("", *named, ordered_at, cancelled_at)


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


def _updates(message: Message, time: Clock) -> tuple[Demographics, ...] | str:
    head = message.segments[0]
    sent = time.read(message.component(head.raw(7)))
    patients = [segment for segment in message.segments if segment.name == "PID"]
    if sent.wrong or any(birth_is_wrong(message.component(one.raw(7)), time.latest) for one in patients):
        return "BAD_DATE"
    control, identity = hl7_identity.control(message), hl7_identity.digest(message)
    found = []
    for index, segment in enumerate(patients):
        patient = hl7_identity.patient(message, segment)
        born, sex = _birth_date(message.component(segment.raw(7))), message.component(segment.raw(8)).upper()
        told = (born, sex if sex in ("F", "M", "O") else None)
        if patient and any(told):
            found.append(Demographics(f"{identity}-{index}", control, patient, *told, sent.at))
    return tuple(found) or "NOT_A_REPORT"


def _birth_date(value: str) -> date | None:
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return None

"""Orders for their times, merges for who is who."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from inference import hl7
from inference.records import Demographics, OrderEvent, PatientMerge, Rejection
from inference.settings import GateSettings

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
SETTINGS = GateSettings(time_zone=ZoneInfo("Europe/Paris"))
PID = "PID|1||PAT1^^^H^PI||N^G"
NONE = Rejection("accepted_not_inferred", ("NOT_A_REPORT",))


def read(kind: str, *segments: str):
    head = f"MSH|^~\\&|RIS|H|BILAN||20261119101500||{kind}|C1|P|2.5.1"
    [entry] = hl7.read("".join(f"{part}\r" for part in (head, *segments)).encode(), SETTINGS, NOW)
    return entry


@pytest.mark.parametrize(
    ("order", "request_", "ordered"),
    [
        ("ORC|NW|OP|OF||||||20261119080000", "OBR|1|OP|OF|X||20261119070000", datetime(2026, 11, 19, 7, tzinfo=UTC)),
        ("ORC|NW|OP|OF", "OBR|1|OP|OF|X||20261119070000", datetime(2026, 11, 19, 6, tzinfo=UTC)),
        ("ORC|NW|OP|OF", "OBR|1|OP|OF|X||20270101070000", datetime(2026, 11, 19, 9, 15, tzinfo=UTC)),
        ("ORC||OP|OF||||||20261119", "OBR|1|OP|OF|X", datetime(2026, 11, 19, 9, 15, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("kind", ["ORM^O01", "OMI^O23^OMI_O23", "OMG^O19"])
def test_when_an_order_was_made(kind: str, order: str, request_: str, ordered: datetime) -> None:
    [found] = read(kind, PID, order, request_)
    assert found == OrderEvent(found.message_id, "RIS/H/C1", "PAT1", None, "OF", ordered)


@pytest.mark.parametrize("transaction", ["DC", "XO", "SC", "RE"])
def test_another_transactions_time_is_not_the_orders(transaction: str) -> None:
    assert read("ORM^O01", PID, f"ORC|{transaction}|OP|OF||||||20261119080000", "OBR|1|OP|OF|X") == NONE


@pytest.mark.parametrize("transaction", ["CA", "OC", "CR", "ca"])
@pytest.mark.parametrize(
    ("order", "cancelled"),
    [
        ("|OP|OF||||||20261119080000", datetime(2026, 11, 19, 7, tzinfo=UTC)),
        ("|OP|OF", datetime(2026, 11, 19, 9, 15, tzinfo=UTC)),  # MSH-7, never the request's OBR-6
    ],
)
def test_a_cancellation_tells_when(transaction: str, order: str, cancelled: datetime) -> None:
    [found] = read("ORM^O01", PID, f"ORC|{transaction}{order}", "OBR|1|OP|OF|X||20261119070000")
    assert found == OrderEvent(found.message_id, "RIS/H/C1", "PAT1", None, "OF", None, cancelled)


@pytest.mark.parametrize("trigger", ["A08", "A31"])
@pytest.mark.parametrize(
    ("born", "sex", "told"),
    [
        ("19601231", "F", (date(1960, 12, 31), "F")),
        ("19601231", "", (date(1960, 12, 31), None)),
        ("", "M", (None, "M")),
        ("196012", "x", None),  # a month is no date, x no sex
        ("19600000", "O", (None, "O")),
    ],
)
def test_demographics(trigger: str, born: str, sex: str, told: tuple[date | None, str | None] | None) -> None:
    found = read(f"ADT^{trigger}", "EVN", f"PID|1||PAT1^^^H^PI||N^G||{born}|{sex}")
    if told is None:
        assert found == NONE
        return
    sent = datetime(2026, 11, 19, 9, 15, tzinfo=UTC)
    assert found == (Demographics(found[0].message_id, "RIS/H/C1", "PAT1", *told, sent),)


def test_a_birth_date_that_is_none_is_refused() -> None:
    assert read("ADT^A08", "EVN", "PID|1||PAT1^^^H^PI||N^G||20991231|F").reasons == ("BAD_DATE",)


def test_imaging_orders_name_accession_and_study() -> None:
    order = "ORC|NW|OP|OF||||||20261119080000"
    [found] = read("OMI^O23", PID, order, "OBR|1|OP|OF|X", "IPC|ACC7^RIS|RP1|1.2.3.4|SPS1")
    assert (found.accession_number, found.study_uid) == ("ACC7", "1.2.3.4")
    [found] = read("ORM^O01", PID, order, "OBR|1|OP|OF|X", "ZDS|1.2.3.5^^Application^DICOM")
    assert (found.accession_number, found.study_uid) == ("OF", "1.2.3.5")
    [found] = read("OMI^O23", PID, order, "OBR|1|OP|OF|X", "IPC|ACC7|RP1|../etc|SPS1")
    assert found.study_uid is None


def test_several_orders_of_one_message_and_orders_without_names() -> None:
    parts = [f"ORC|NW|P{n}|F{n}||||||2026111908{n:02}00" for n in range(3)]
    requests = [f"OBR|{n + 1}|P{n}|F{n}|X||||||||||||||AC{n}" for n in range(3)]
    found = read("ORM^O01", PID, *[part for pair in zip(parts, requests, strict=True) for part in pair])
    assert [one.accession_number for one in found] == ["AC0", "AC1", "AC2"]
    assert len({one.message_id for one in found}) == 3
    assert read("ORM^O01", "PID|1||", parts[0], requests[0]) == NONE
    assert read("ORM^O01", PID, "ORC|NW||||||||20261119080000", "OBR|1|||X") == NONE


def test_the_same_order_sent_again_is_the_same() -> None:
    parts = (PID, "ORC|NW|OP|OF||||||20261119080000", "OBR|1|OP|OF|X")
    [one] = read("ORM^O01", *parts)
    [other] = read("ORM^O01", *parts)
    assert one.message_id == other.message_id
    [third] = read("ORM^O01", *parts[:2], "OBR|1|OP|OF|Y")
    assert third.message_id != one.message_id


@pytest.mark.parametrize("trigger", ["A18", "A30", "A34", "A36", "A39", "A40", "A47"])
def test_merges(trigger: str) -> None:
    found = read(f"ADT^{trigger}", "EVN", PID, "MRG|INS^^^I^NH~OLD^^^H^PI", "PID|1||B^^^H^PI", "MRG||||C")
    assert found == tuple(
        PatientMerge(one.message_id, "RIS/H/C1", *pair)
        for one, pair in zip(found, [("PAT1", "OLD"), ("B", "C")], strict=True)
    )


def test_other_admissions_change_nothing() -> None:
    assert read("ADT^A08^ADT_A01", "EVN", PID, "PV1|1|I") == NONE
    assert read("ADT^A01", "EVN", PID, "MRG|OLD") == NONE

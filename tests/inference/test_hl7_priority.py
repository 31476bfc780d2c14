"""The priority message: read back by our own gate's reader, and unable to be written into."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference import hl7_priority

VALUES = {
    "now": "20261121050000+0000",
    "control_id": "ABC123",
    "receiving_application": "RIS",
    "receiving_facility": "HOSPITAL",
    "patient_id": "P1",
    "accession_number": "A1",
    "study_uid": "1.2.3",
    "exam_at": "20261120103000+0000",
    "ai_result": "POSITIVE",
    "certainty": "91.4",
    "model": "bilan-default 0.4.0",
}


def fields(message: bytes) -> list[list[str]]:
    assert message.endswith(b"\r")
    return [segment.split("|") for segment in message.decode().rstrip("\r").split("\r")]


def test_the_message_holds_what_was_said() -> None:
    msh, pid, obr, result, certainty, study, note = fields(hl7_priority.message(VALUES))
    # MSH-1 is the separator itself.
    assert msh[4] == "RIS" and msh[8] == "ORU^R01^ORU_R01" and msh[9] == "ABC123" and msh[11] == "2.5.1"
    assert pid[3] == "P1" and obr[3] == "A1" and obr[7] == VALUES["exam_at"] and obr[22] == VALUES["now"]
    assert obr[25] == "P"
    assert result[5].startswith("POSITIVE^") and result[11] == "P"
    assert (certainty[2], certainty[5], certainty[6], certainty[11]) == ("NM", "91.4", "%", "P")
    assert study[5] == "1.2.3"
    assert "not for diagnosis" in note[3]


@given(st.text(max_size=60))
def test_no_value_can_write_a_field_or_a_segment(value: str) -> None:
    plain = fields(hl7_priority.message(VALUES))
    hostile = fields(hl7_priority.message({**VALUES, "patient_id": value, "model": value}))
    assert [(segment[0], len(segment)) for segment in hostile] == [(segment[0], len(segment)) for segment in plain]
    assert not set(hostile[1][3]) & set("^~&")


def test_a_placeholder_in_a_value_is_not_filled_in() -> None:
    assert "{study_uid}" in hl7_priority.message({**VALUES, "patient_id": "{study_uid}"}).decode()


def test_what_is_wrong_with_a_template_is_said() -> None:
    assert hl7_priority.problem(hl7_priority.TEMPLATE) is None
    assert "begin with" in (hl7_priority.problem("PID|1") or "")
    assert "{control_id}" in (hl7_priority.problem("MSH|^~\\&|A\nPID|{control_id}") or "")
    assert "can be filled in" in (hl7_priority.problem("MSH|^~\\&|{control_id}|{name.__class__}") or "")


def test_an_acknowledgement_counts_for_its_own_message_alone() -> None:
    answer = b"MSH|^~\\&|RIS\rMSA|AA|ABC123\r"
    assert hl7_priority.acknowledged(answer, "ABC123") == "AA"
    assert hl7_priority.acknowledged(answer, "OTHER") is None
    assert hl7_priority.acknowledged(b"\xff\xfe garbage", "ABC123") is None

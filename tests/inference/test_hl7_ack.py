from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from inference import hl7_ack

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


def test_an_acknowledgement_as_the_standard_writes_it() -> None:
    assert hl7_ack.acknowledgement("AA", b"C1", "", NOW, "X1") == (
        b"MSH|^~\\&|BILAN||||20261122101500+0000||ACK|X1|P|2.5\rMSA|AA|C1\r"
    )
    assert hl7_ack.acknowledgement("AR", None, "why", NOW, "X1").endswith(b"\rMSA|AR||why\r")


def test_the_control_id_is_msh_10_whatever_the_separator() -> None:
    assert hl7_ack.control_id(b"MSH|^~\\&|A|B|C|D|E|F|ORU^R01|id 1|P|2.5\rPID|") == b"id 1"
    assert hl7_ack.control_id(b"\r\nMSH#^~\\&#A#B#C#D#E#F#ORU^R01#id#P") == b"id"


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda data: b"MSH|^~\\&|" + data.replace(b"\n", b"|")))
def test_any_bytes_give_two_segments_of_one_line_each(data: bytes) -> None:
    found = hl7_ack.control_id(data)
    answer = hl7_ack.acknowledgement("AA", found, "", NOW, "X1")
    assert answer.count(b"\r") == 2 and answer.endswith(b"\r") and b"\n" not in answer
    assert answer.split(b"\r")[1].count(b"|") == 2

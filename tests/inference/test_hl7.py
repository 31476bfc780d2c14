"""What is read from a valid message: identifiers, state, times and text, and the identity of the message."""

from __future__ import annotations

import base64
import sys
import tracemalloc
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz
from hypothesis import example, given
from hypothesis import strategies as st

from inference import hl7
from inference.check_hl7 import check_hl7
from inference.hl7_time import Clock, clock
from inference.records import Rejection, ReportEvent
from inference.settings import GateSettings
from inference.simulation import hl7_writer, report_text
from inference.simulation.plan import plan
from inference.simulation.site import DEMO_SITES

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
PARIS = GateSettings(time_zone=ZoneInfo("Europe/Paris"))
ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo")
PID = "PID|1||PAT1^^^H^PI||DOE^JO||19800229|F"
OBR = "OBR|1|PLACER|FILLER|XR^Poignet|||20261119093000|20261119093500||||||||||ACC1||||20261119101000||RAD|F"
OBX = "OBX|1|TX|GDT^Report||Fracture du radius.||||||F"


def head(control: str = "C1", sent: str = "20261119101500", charset: str = "UNICODE UTF-8") -> str:
    return f"MSH|^~\\&|RIS|H|BILAN|H|{sent}||ORU^R01^ORU_R01|{control}|P|2.5.1||||||{charset}"


def read(
    *segments: str, settings: GateSettings = PARIS, codec: str = "utf-8"
) -> list[tuple[ReportEvent, ...] | Rejection]:
    return hl7.read("".join(part + "\r" for part in segments).encode(codec), settings, NOW)


def events(*segments: str, settings: GateSettings = PARIS, codec: str = "utf-8") -> tuple[ReportEvent, ...]:
    (found,) = read(*segments, settings=settings, codec=codec)
    assert isinstance(found, tuple), found
    return found


def event(*segments: str, settings: GateSettings = PARIS, codec: str = "utf-8") -> ReportEvent:
    (found,) = events(*segments, settings=settings, codec=codec)
    return found


def request(**places: str) -> str:
    """The OBR with these fields, by number, e.g. ``_25="C"``."""
    values = OBR.split("|") + [""] * 10
    for place, value in places.items():
        values[int(place[1:])] = value
    return "|".join(values)


def told(value: str, kind: str = "TX", codec: str = "utf-8", charset: str = "UNICODE UTF-8") -> str:
    line = f"OBX|1|{kind}|GDT^Report||{value}||||||F"
    return event(head(charset=charset), PID, OBR, line, codec=codec).text


# --- One message ---------------------------------------------------------------------------------


def test_a_whole_message() -> None:
    found = event(
        head(),
        PID,
        "PV1|1|e",
        "ORC|RE|PLACER|FILLER||||||20261119080000",
        OBR,
        OBX,
        "ZDS|1.2.3.4^RIS^Application^DICOM",
    )
    assert len(found.message_id) > 32
    assert found == ReportEvent(
        message_id=found.message_id,
        control_id="RIS/H/C1",
        patient_id="PAT1",
        study_uid="1.2.3.4",
        accession_number="ACC1",
        status="final",
        event_at=datetime(2026, 11, 19, 9, 10, tzinfo=UTC),
        ordered_at=datetime(2026, 11, 19, 7, 0, tzinfo=UTC),
        exam_at=datetime(2026, 11, 19, 8, 35, tzinfo=UTC),
        patient_class="E",
        text="Fracture du radius.",
        flags=(),
        sent_at=datetime(2026, 11, 19, 9, 15, tzinfo=UTC),
        named=("PAT1", "DOE", "PLACER", "FILLER", "ACC1"),
    )


def test_what_names_persons_is_gathered_from_every_part() -> None:
    found = event(
        head(),
        "PID|1||PAT1^^^H^PI~77^^^H^VN~SS12||LE GALL&Le&Gall^Z\\S\\E^M~NEE^ANNE||19500303|F|ALIAS"
        "||12 rue X^^BREST||0298010203",
        "NK1|1|KIN^SHE",
        "PV1|1|E|WARD|||||D1^DOC^TOR",
        request(_16="D2^ORDER^ED", _32="D3&SIGN&ED^20261119"),
        OBX,
    )
    assert {"PAT1", "SS12", "LE GALL", "Gall", "Z^E", "NEE", "ANNE", "ALIAS", "12 rue X", "BREST"} <= set(found.named)
    assert {"0298010203", "KIN", "SHE", "DOC", "TOR", "ORDER", "SIGN"} <= set(found.named)
    assert not {"WARD", "19500303", "Fracture du radius."} & set(found.named)


def test_the_accession_number_comes_from_the_first_place_that_has_one() -> None:
    order = "ORC|RE|OP|OF"
    assert event(head(), PID, order, OBR, OBX).accession_number == "ACC1"
    assert event(head(), PID, order, request(_18=""), OBX).accession_number == "FILLER"
    assert event(head(), PID, order, request(_18='""', _3=""), OBX).accession_number == "OF"
    assert event(head(), PID, "ORC|RE|OP", request(_18="", _3=""), OBX).accession_number == "PLACER"
    assert event(head(), PID, "ORC|RE|OP^RIS", request(_18="", _3="", _2=""), OBX).accession_number == "OP"
    assert event(head(), PID, request(_18="A\\T\\B^RIS"), OBX).accession_number == "A&B"


@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("A", "A"),
        ("A^^^H^VN~B^^^H^PI", "B"),
        ("A^^^H^VN~B^^^H^PT~C^^^H^PI", "B"),
        ("A^^^H^VN~B^^^H^MR", "B"),
        ("^^^H^PI~B^^^H^VN", "B"),
        ('""~B', "B"),
        ("A\\S\\1^^^H^PI", "A^1"),
    ],
)
def test_the_patient_is_the_internal_number(field: str, number: str) -> None:
    assert event(head(), f"PID|1|EXT|{field}", OBR, OBX).patient_id == number


def test_the_external_number_when_there_is_no_other() -> None:
    assert event(head(), "PID|1|EXT^^^X|", OBR, OBX).patient_id == "EXT"


@pytest.mark.parametrize(
    ("line", "uid"),
    [
        ("ZDS|1.2.3^X", "1.2.3"),
        ("OBX|2|HD|113014^DICOM Study^DCM||1.2.4||||||F", "1.2.4"),
        ("OBX|2|ST|110180^Study Instance UID^DCM||1.2.5||||||F", "1.2.5"),
        ("OBX|2|ST|StudyInstanceUID||1.2.6||||||F", "1.2.6"),
        ("OBX|2|ST|1130140^Other||1.2.7||||||F", None),
    ],
)
def test_the_study_uid(line: str, uid: str | None) -> None:
    found = event(head(), PID, OBR, OBX, line)
    assert found.study_uid == uid
    assert ("1.2." in found.text) == (uid is None), "an identifier is no part of the report"


@pytest.mark.parametrize(
    ("order", "lines", "status"),
    [
        ("P", "P", "preliminary"),
        ("R", "R", "preliminary"),
        ("A", "F", "preliminary"),
        ("F", "P", "final"),
        ("F", "F", "final"),
        ("C", "F", "corrected"),
        ("X", "X", "withdrawn"),
        ("F", "W", "withdrawn"),
        ("F", "D", "withdrawn"),
        ("", "F", "final"),
        ("", "U", "final"),
        ("", "C", "corrected"),
        ("", "P", "preliminary"),
        ("I", "P", "preliminary"),
        ("f", "F", "final"),
    ],
)
def test_the_status(order: str, lines: str, status: str) -> None:
    assert event(head(), PID, request(_25=order), OBX.replace("||||||F", f"||||||{lines}")).status == status


def test_lines_taken_back_are_not_part_of_the_report() -> None:
    found = event(head(), PID, OBR, OBX, "OBX|2|TX|GDT||Erreur.||||||D", "OBX|3|TX|GDT||Suite.||||||C")
    assert (found.status, found.text) == ("final", "Fracture du radius.\nSuite.")


def test_exam_time_is_the_end_else_the_beginning() -> None:
    assert event(head(), PID, request(_8=""), OBX).exam_at == datetime(2026, 11, 19, 8, 30, tzinfo=UTC)
    assert event(head(), PID, request(_8="", _7=""), OBX).exam_at is None


@pytest.mark.parametrize(
    "value", ["", '""', "2026", "202611", "20261119", "2026111910", "20261025023000", "20260329023000"]
)
def test_a_time_that_is_not_given_is_unknown(value: str) -> None:
    found = event(head(), PID, request(_22=value, _7="", _8=""), OBX)
    assert (found.event_at, found.flags) == (None, ())


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("202611191010", datetime(2026, 11, 19, 9, 10, tzinfo=UTC)),
        ("20261119101000.25", datetime(2026, 11, 19, 9, 10, 0, 250000, tzinfo=UTC)),
        ("20261119101000-0500", datetime(2026, 11, 19, 15, 10, tzinfo=UTC)),
        ("20261025023000+0200", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("20261025023000+0100", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("20260701101000", datetime(2026, 7, 1, 8, 10, tzinfo=UTC)),
        ("20261119000000", datetime(2026, 11, 18, 23, 0, tzinfo=UTC)),
    ],
)
def test_a_time_that_is_given(value: str, want: datetime) -> None:
    assert event(head(), PID, request(_22=value, _7="", _8=""), OBX).event_at == want


def test_the_offset_of_the_header_holds_for_the_message() -> None:
    """v2.5.1 2.14.9.7; an offset that is just the site's own stands for the site's zone."""

    def at(sent: str) -> datetime | None:
        return event(head(sent=sent), PID, request(_22="20260701101000", _7="", _8=""), OBX).event_at

    assert at("20261119101500+0000") == datetime(2026, 7, 1, 10, 10, tzinfo=UTC)
    assert at("20261119101500-0500") == datetime(2026, 7, 1, 15, 10, tzinfo=UTC)
    assert at("20261119101500+0100") == datetime(2026, 7, 1, 8, 10, tzinfo=UTC)
    assert at("20261119101500") == datetime(2026, 7, 1, 8, 10, tzinfo=UTC)


# --- Times against another library --------------------------------------------------------------

WHEN = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2026, 11, 18))
# The hours around each clock change of the zones, where mistakes live.
CHANGES = st.sampled_from(
    [
        datetime(2025, 3, 30, 2),
        datetime(2025, 10, 26, 2),
        datetime(2026, 3, 8, 2),
        datetime(2025, 11, 2, 1),
        datetime(2026, 4, 5, 1, 45),
        datetime(2025, 10, 5, 2),
        datetime(2018, 11, 4, 0),
        datetime(2018, 2, 17, 23),
    ]
).flatmap(
    lambda change: st.timedeltas(min_value=-timedelta(hours=3), max_value=timedelta(hours=3)).map(
        lambda off: change + off
    )
)


@given(st.one_of(WHEN, CHANGES), st.sampled_from(ZONES))
@example(datetime(2026, 10, 25, 2, 59, 59), "Europe/Paris")
def test_local_times_to_the_second(local: datetime, name: str) -> None:
    local = local.replace(microsecond=0, fold=0)
    zone = tz.gettz(name)
    known = tz.datetime_exists(local, zone) and not tz.datetime_ambiguous(local, zone)
    stamp = Clock(ZoneInfo(name), NOW).read(f"{local:%Y%m%d%H%M%S}")
    assert not stamp.wrong
    assert stamp.at == (local.replace(tzinfo=zone).astimezone(tz.UTC) if known else None)


@given(st.one_of(WHEN, CHANGES), st.integers(-12 * 60, 14 * 60), st.sampled_from(ZONES))
def test_times_with_an_offset_are_always_known(local: datetime, minutes: int, name: str) -> None:
    local = local.replace(microsecond=0)
    sign, rest = "-" if minutes < 0 else "+", abs(minutes)
    stamp = Clock(ZoneInfo(name), NOW).read(f"{local:%Y%m%d%H%M%S}{sign}{rest // 60:02}{rest % 60:02}")
    assert stamp.at == (local - timedelta(minutes=minutes)).replace(tzinfo=UTC)


@given(st.text(alphabet="0123456789+-.^ T:", max_size=26))
def test_no_stamp_raises(value: str) -> None:
    stamp = clock(value, PARIS.time_zone, NOW, 24).read(value)
    assert not (stamp.wrong and stamp.at)


def test_turnarounds_over_the_clock_changes() -> None:
    """A report of each minute of both nights of the year: the duration is right or unknown."""
    for night in (datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)):
        unknown = 0
        for minute in range(0, 360, 7):
            moment = night + timedelta(minutes=minute)
            local = moment.astimezone(tz.gettz("Europe/Paris"))
            found = event(head(), PID, request(_22=f"{local:%Y%m%d%H%M%S}", _7="", _8=""), OBX)
            assert found.event_at in (moment, None)
            unknown += found.event_at is None
        assert unknown == (0 if night.month == 3 else 17)


# --- Text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
        (r"un\.br\deux\.sp2\trois", "un\ndeux\n\ntrois"),
        (r"\H\gras\N\ fin", "gras fin"),
        (r"d\XC3A9\plac\XC3A9\e", "déplacée"),
        (r"un\X0D0A\deux\X0D\trois", "un\ndeux\ntrois"),
        (r"C:\temp\x", r"C:\temp\x"),
        (r"fin \ ", "fin \\"),
        (r"\E\.br\E\ ", r"\.br" + "\\"),
        ("un~deux", "un\ndeux"),
        ("10^6 & plus", "10^6 & plus"),
        (r"\.in+4\un\.ti-2\.\.fi\ ", "un."),
    ],
)
def test_escapes(value: str, text: str) -> None:
    assert told(value) == text


def test_hexadecimal_follows_the_character_set() -> None:
    assert told(r"d\XE9\plac\XE9\e", charset="8859/1") == "déplacée"


@given(
    st.text(
        alphabet=st.characters(
            exclude_categories=["Cs", "Cc"],
            exclude_characters='"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029<',
        ),
        min_size=1,
    )
)
def test_what_is_escaped_comes_back(text: str) -> None:
    marks = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
    sent = "".join(marks.get(letter, letter) for letter in text)
    assert told(f"({sent})") == f"({text})"


@pytest.mark.parametrize(
    ("charset", "codec", "text"),
    [
        ("UNICODE UTF-8", "utf-8", "Fracture déplacée – œdème"),
        ("8859/1", "latin-1", "Fracture déplacée"),
        ("8859/15", "iso8859-15", "œdème 10 €"),
        ("", "cp1252", "L’os est déplacé"),
        ("8859/1", "cp1252", "L’os est déplacé"),
        ("8859/1", "utf-8", "déplacée"),
        ("UNICODE UTF-8", "latin-1", "déplacée"),
        ("", "utf-8", "déplacée"),
        ("KLINGON", "utf-8", "déplacée"),
        ("GB 18030-2000", "gb18030", "骨折，移位"),
        ("8859/2", "iso8859-2", "złamanie"),
        ("ISO IR87", "iso2022_jp", "骨折なし"),
        ("~ISO IR87", "iso2022_jp", "骨折なし"),
    ],
)
def test_character_sets(charset: str, codec: str, text: str) -> None:
    assert told(text, codec=codec, charset=charset) == text


def test_files_in_utf16() -> None:
    for codec in ("utf-16", "utf-16-le", "utf-16-be"):
        data = "".join(part + "\r" for part in (head(), PID, OBR, OBX.replace("radius", "péroné"))).encode(codec)
        (found,) = hl7.read(data, PARIS, NOW)
        assert isinstance(found, tuple)
        assert found[0].text == "Fracture du péroné."


RTF = r"{\rtf1\ansi{\fonttbl{\f0 Arial;}}\f0 Fracture d\'e9plac\'e9e.\par Pas de luxation.}"


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (RTF, "FT", "Fracture déplacée.\nPas de luxation."),
        (RTF.replace("\\", "\\E\\"), "TX", "Fracture déplacée.\nPas de luxation."),
        ("F1^Fracture du radius^L", "CE", "Fracture du radius"),
        ("F1", "CWE", "F1"),
        (f"^TEXT^plain^Base64^{base64.b64encode('Fracture déplacée'.encode()).decode()}", "ED", "Fracture déplacée"),
        (f"^TEXT^rtf^Base64^{base64.b64encode(RTF.encode()).decode()}", "ED", "Fracture déplacée.\nPas de luxation."),
        (f"^TEXT^plain^Hex^{b'Fracture'.hex()}", "ED", "Fracture"),
        ("^TEXT^plain^A^Fracture", "ED", "Fracture"),
        (f"^application^pdf^Base64^{base64.b64encode(b'%PDF-1.4').decode()}", "ED", ""),
    ],
)
def test_kinds_of_text(value: str, kind: str, text: str) -> None:
    assert told(value, kind) == text


def test_a_line_end_inside_a_text_loses_nothing() -> None:
    found = event(head(), PID, OBR, OBX.replace("Fracture du radius.", "Fracture\ndu radius.\nRAS"))
    assert (found.text, found.status) == ("Fracture\ndu radius.\nRAS", "final")
    assert found.flags == ("SUSPICIOUS_TEXT",)


# --- Several reports ----------------------------------------------------------------------------


def test_examinations_of_one_message() -> None:
    second = request(_18="ACC2", _22="20261119111000")
    found = events(head(), PID, OBR, OBX, second, OBX.replace("radius", "péroné"))
    assert [(one.accession_number, one.text) for one in found] == [
        ("ACC1", "Fracture du radius."),
        ("ACC2", "Fracture du péroné."),
    ]
    assert found[0].message_id != found[1].message_id
    assert found[0].control_id == found[1].control_id == "RIS/H/C1"
    assert [one.event_at and one.event_at.hour for one in found] == [9, 10]


def test_two_requests_of_one_examination_are_one_report() -> None:
    later = request(_22="20261119111000")
    found = event(head(), PID, OBR, OBX, later, OBX.replace("radius", "péroné"))
    assert found.text == "Fracture du radius.\nFracture du péroné."
    assert found.event_at == datetime(2026, 11, 19, 10, 10, tzinfo=UTC)


def test_one_text_for_several_examinations() -> None:
    for segments in ((request(_18="ACC2"), OBR, OBX), (OBR, OBX, request(_18="ACC2"))):
        found = {one.accession_number: one for one in events(head(), PID, *segments)}
        assert {name: one.text for name, one in found.items()} == dict.fromkeys(("ACC1", "ACC2"), "Fracture du radius.")
        assert found["ACC2"].flags == ("SHARED_REPORT",)
        assert found["ACC1"].flags == ()


def test_each_patient_has_their_own_report() -> None:
    found = events(head(), PID, "PV1|1|E", OBR, OBX, PID.replace("PAT1", "PAT2"), request(_18="ACC2"), OBX)
    assert [(one.patient_id, one.accession_number, one.patient_class) for one in found] == [
        ("PAT1", "ACC1", "E"),
        ("PAT2", "ACC2", None),
    ]


def test_many_requests_take_linear_time() -> None:
    """Counted in Python's own steps: ten times the requests, about ten times the work."""

    def steps(count: int) -> int:
        taken = 0

        def count_call(_frame: object, event_name: str, _argument: object) -> None:
            nonlocal taken
            taken += event_name == "call"

        segments = [head(), PID, *[request(_18=f"ACC{number}") for number in range(count)], OBX]
        sys.setprofile(count_call)
        try:
            assert len(events(*segments)) == count
        finally:
            sys.setprofile(None)
        return taken

    sizes = [steps(count) for count in (30, 300, 3000)]
    assert all(after < before * 11 for before, after in pairwise(sizes)), sizes


def test_a_batch_with_a_wrong_count_keeps_its_messages() -> None:
    data = "\r".join(["BHS|^~\\&|RIS", head("C1"), PID, OBR, OBX, head("C2"), PID, OBR, OBX, "BTS|3", ""]).encode()
    first, second, last = hl7.read(data, PARIS, NOW)
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert last == Rejection("quarantined", ("BATCH_COUNT",))


def test_files_glued_together_lose_nothing() -> None:
    one = "\r".join([head("C1"), PID, OBR, OBX, ""]).encode()
    other = one.replace(b"|C1|", b"|C2|")
    for glue in (b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\x1c\r", b"\x1c", b"  "):
        found = hl7.read(one + glue + other, PARIS, NOW)
        assert [entry[0].control_id for entry in found if isinstance(entry, tuple)] == ["RIS/H/C1", "RIS/H/C2"], glue


def test_a_cut_frame_keeps_the_messages_before_it() -> None:
    whole = "\r".join([head("C1"), PID, OBR, OBX, ""]).encode()
    first, second = hl7.read(b"\x0b" + whole + b"\x1c\r\x0b" + whole[:-20], PARIS, NOW)
    assert isinstance(first, tuple)
    assert second == Rejection("quarantined", ("TRUNCATED",))


# --- Identity -----------------------------------------------------------------------------------


def test_the_same_message_is_the_same_whatever_carries_it() -> None:
    segments = [head(), PID, OBR, OBX.replace("Fracture", "Fracture déplacée")]
    wanted = event(*segments).message_id
    body = "\r".join([*segments, ""])
    for data in (
        body.replace("\r", "\n").encode(),
        body.replace("\r", "\r\n").encode(),
        b"\x0b" + body.encode() + b"\x1c\r",
        b"\xef\xbb\xbf" + body.encode(),
        body.replace("UNICODE UTF-8", "8859/1").encode("latin-1"),
        body.replace("20261119101500", "20261119235959").encode(),
    ):
        (found,) = hl7.read(data, PARIS, NOW)
        assert isinstance(found, tuple)
        assert found[0].message_id == wanted


@pytest.mark.parametrize(
    ("old", "new"), [("C1", "C2"), ("radius", "péroné"), ("PAT1", "PAT2"), ("ACC1", "ACC2"), ("RAD|F", "RAD|C")]
)
def test_another_content_is_another_message(old: str, new: str) -> None:
    segments = (head(), PID, OBR, OBX)
    assert event(*segments).message_id != event(*(part.replace(old, new) for part in segments)).message_id


# --- Hostile input ------------------------------------------------------------------------------


@given(st.binary(max_size=400))
def test_no_bytes_raise(data: bytes) -> None:
    assert hl7.read(data, PARIS, NOW)
    assert hl7.read(b"MSH|^~\\&|" + data, PARIS, NOW)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["PID", "PV1", "ORC", "OBR", "OBX", "ZDS", "NTE", "MSH", "BTS"]),
            st.text(alphabet="|^~\\&FPX12.\n\0é", max_size=60),
        ),
        max_size=12,
    )
)
def test_no_segments_raise(segments: list[tuple[str, str]]) -> None:
    assert read(head(), PID, *[f"{name}|{rest}" for name, rest in segments])


def test_no_identifier_but_where_it_belongs() -> None:
    """The text, what names persons and the identifiers are the only fields that can hold what a person wrote."""
    found = event(head(), PID, "PV1|1|DOE JO", OBR, OBX)
    for one in fields(found):
        if one.name not in ("text", "named"):
            assert "DOE" not in str(getattr(found, one.name))


def test_memory_follows_the_size_of_the_file() -> None:
    data = b"".join(
        "\r".join([head(f"C{number}"), PID, OBR, OBX.replace("radius", "r" * 2000), ""]).encode()
        for number in range(1000)
    )
    tracemalloc.start()
    try:
        assert len(hl7.read(data, PARIS, NOW)) == 1000
        assert tracemalloc.get_traced_memory()[1] < 6 * len(data)
    finally:
        tracemalloc.stop()


# --- Checking files -----------------------------------------------------------------------------


def judged(tmp_path, *contents: bytes) -> list[tuple[str, tuple[str, ...]]]:
    paths = []
    for number, content in enumerate(contents):
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(content)
    return [(outcome, codes) for _, outcome, codes in check_hl7(paths, PARIS, NOW)]


def message(control: str = "C1", status: str = "F", text: str = "Fracture du radius.") -> bytes:
    parts = [head(control), PID, request(_25=status), OBX.replace("Fracture du radius.", text)]
    return "".join(part + "\r" for part in parts).encode()


DUPLICATE, CONFLICT = ("duplicate", ("DUPLICATE",)), ("conflict", ("UID_CONFLICT",))
ACCEPTED: tuple[str, tuple[str, ...]] = ("accepted", ())


def test_duplicates_and_conflicts_among_files(tmp_path) -> None:
    assert judged(
        tmp_path,
        message(),
        message(),
        message().replace(b"\r", b"\n"),
        message(text="Pas de fracture."),
        message("C2", "C", "Pas de fracture."),
        message("C3", "P"),
    ) == [ACCEPTED, DUPLICATE, DUPLICATE, CONFLICT, ACCEPTED, ACCEPTED]


def test_a_file_has_the_worst_outcome_of_its_messages(tmp_path) -> None:
    assert judged(
        tmp_path,
        message("C1") + message("C2"),
        message("C3") + message("C1"),
        message("C4") + message("C5", "Q"),
        message("C6") + message("C7", "X"),
    ) == [ACCEPTED, DUPLICATE, ("quarantined", ("BAD_STATUS",)), ("accepted_flagged", ("WITHDRAWN",))]


def test_a_message_without_a_report_sent_again_is_a_duplicate(tmp_path) -> None:
    order = message().replace(b"ORU^R01^ORU_R01", b"ORM^O01")
    assert judged(tmp_path, order, order) == [("accepted_not_inferred", ("NOT_A_REPORT",)), DUPLICATE]


def test_a_refused_message_does_not_stand_in_the_way_of_the_good_one(tmp_path) -> None:
    assert judged(tmp_path, message(status="Q"), message()) == [("quarantined", ("BAD_STATUS",)), ACCEPTED]


# --- Messages of the simulated sites ------------------------------------------------------------


@pytest.mark.parametrize("site", DEMO_SITES, ids=lambda site: site.site)
def test_simulated_messages_say_what_the_simulator_meant(site) -> None:
    """Some days around the autumn clock change: state, identifiers and times to the second."""
    studies = plan(site, date(2025, 10, 24), date(2025, 10, 28))
    reports = [(study, report) for study in studies for report in study.reports]
    assert len(reports) > 50
    for study, report in reports:
        (found,) = hl7.read(hl7_writer.message(study, report, site), GateSettings(time_zone=site.zone), NOW)
        assert isinstance(found, tuple), found
        (one,) = found
        assert (str(one.control_id).rpartition("/")[2], one.status) == (report.control_id, report.status)
        assert (one.patient_id, one.accession_number) == (study.patient.patient_id, study.accession_number)
        assert one.study_uid in (study.study_uid, None)
        assert one.event_at == (report.at and report.at.replace(microsecond=0))
        assert one.exam_at == study.exam_completed.replace(microsecond=0)
        assert one.ordered_at == (study.ordered and study.ordered.replace(microsecond=0))
        assert one.text.replace("\n", "") == "".join(report_text.lines(study, report, site.language)).strip()


@pytest.mark.parametrize(
    ("numbers", "uids", "named"),
    [
        ("A", [], [("A", None)]),
        ("A~B", [], [("A", None), ("B", None)]),
        ("A~A~", [], [("A", None)]),
        ("A", ["1.2", "1.3"], [("A", "1.2"), ("A", "1.3")]),
        ("A~B", ["1.2", "1.3"], [("A", "1.2"), ("B", "1.3")]),
        ("A~B", ["1.2"], [("A", None), ("B", None), (None, "1.2")]),
    ],
)
def test_a_request_may_name_several_examinations(numbers: str, uids: list[str], named: list[Any]) -> None:
    found = events(head(), PID, request(_18=numbers), OBX, *[f"ZDS|{uid}" for uid in uids])
    assert [(one.accession_number, one.study_uid) for one in found] == named
    assert {one.text for one in found} == {"Fracture du radius."}
    assert all(("SHARED_REPORT" in one.flags) == (len(named) > 1) for one in found)
    assert len({one.message_id for one in found}) == len(named)


@pytest.mark.parametrize(
    ("where", "segments", "seen"),
    [
        (None, ["OBX|2|CE|AISEEN||Y||||||F"], None),
        ("OBX:AISEEN", ["OBX|2|CE|AISEEN^IA vue^L||Y^Oui||||||F"], True),
        ("OBX:AISEEN", ["OBX|2|ST|AISEEN||non||||||F"], False),
        ("OBX:AISEEN", ["OBX|2|ST|AISEEN||perhaps||||||F"], None),
        ("OBX:AISEEN", ["OBX|2|ST|AISEEN||N||||||F", "OBX|3|ST|AISEEN||O||||||F"], True),
        ("OBX:AISEEN", [], None),
        ("ZAI-2", ["ZAI|1|1"], True),
        ("ZAI-2", ["ZAI|1|0"], False),
        ("ZAI-2", ["ZAI|1"], None),
    ],
)
def test_whether_the_author_had_seen_the_result(where: str | None, segments: list[str], seen: bool | None) -> None:
    data = "".join(f"{part}\r" for part in (head(), PID, OBR, OBX, *segments)).encode()
    [[found]] = hl7.read(data, replace(PARIS, ai_seen=where), NOW)
    assert found.ai_seen is seen
    assert where != "OBX:AISEEN" or found.text == "Fracture du radius."

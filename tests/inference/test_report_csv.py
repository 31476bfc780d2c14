"""A RIS's CSV export: columns as the site maps them, what is found in the file, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import reasons
from inference.records import Rejection, ReportEvent
from inference.report_csv import Columns, Export, read
from inference.settings import GateSettings

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
PARIS = GateSettings(time_zone=ZoneInfo("Europe/Paris"))
COLUMNS = Columns(
    patient_id="IPP",
    text="Compte rendu",
    event_at="Date validation",
    event_at_time="Heure validation",
    exam_at="Examen",
    status="Etat",
    accession_number="Numero",
    patient_class="Venue",
)
EXPORT = Export(COLUMNS)
HEADER = "IPP;Numero;Etat;Examen;Date validation;Heure validation;Venue;Compte rendu"
ROW = 'PAT1;ACC1;Validé;19/11/2026 09:35;19/11/2026;10:10:30;e;"Fracture du radius ; déplacée.\nRAS ailleurs."'


def rows(*lines: str, export: Export = EXPORT, codec: str = "utf-8") -> list[tuple[ReportEvent, ...] | Rejection]:
    return read("\r\n".join((HEADER, *lines, "")).encode(codec), export, PARIS, NOW)


def event(line: str, export: Export = EXPORT, codec: str = "utf-8") -> ReportEvent:
    (found,) = rows(line, export=export, codec=codec)
    assert isinstance(found, tuple), found
    return found[0]


def test_a_row() -> None:
    found = event(ROW)
    assert found == ReportEvent(
        message_id=found.message_id,
        control_id=None,
        patient_id="PAT1",
        study_uid=None,
        accession_number="ACC1",
        status="final",
        event_at=datetime(2026, 11, 19, 9, 10, 30, tzinfo=UTC),
        ordered_at=None,
        exam_at=datetime(2026, 11, 19, 8, 35, tzinfo=UTC),
        patient_class="E",
        text="Fracture du radius ; déplacée.\nRAS ailleurs.",
        flags=(),
    )


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiter_and_encoding_are_found(delimiter: str, codec: str) -> None:
    lines = [HEADER, "PAT1;ACC1;Validé;;20261119;1010;;Déplacée"]
    data = "\n".join(line.replace(";", delimiter) for line in lines).encode(codec)
    ((found,),) = read(data, EXPORT, PARIS, NOW)  # type: ignore[misc]
    assert (found.text, found.status, found.event_at) == (
        "Déplacée",
        "final",
        datetime(2026, 11, 19, 9, 10, tzinfo=UTC),
    )
    assert found.flags == (("CHARSET",) if codec == "cp1252" else ())


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("2026-11-19T10:10:00+01:00", datetime(2026, 11, 19, 9, 10, tzinfo=UTC)),
        ("2026-11-19T10:10:00Z", datetime(2026, 11, 19, 10, 10, tzinfo=UTC)),
        ("2026-11-19 10:10", datetime(2026, 11, 19, 9, 10, tzinfo=UTC)),
        ("19.11.2026 10h10", datetime(2026, 11, 19, 9, 10, tzinfo=UTC)),
        ("11/19/2026 10:10", datetime(2026, 11, 19, 9, 10, tzinfo=UTC)),
        ("20261119101000", datetime(2026, 11, 19, 9, 10, tzinfo=UTC)),
        ("19/11/2026", None),
        ("", None),
        ("25/10/2026 02:30", None),
        ("03/04/2026 10:10", None),
    ],
)
def test_dates(written: str, want: datetime | None) -> None:
    assert event(f"PAT1;ACC1;F;;{written};;;Fracture").event_at == want


def test_one_clear_date_settles_the_others() -> None:
    entries = rows("PAT1;ACC1;F;;03/04/2026 10:10;;;a", "PAT1;ACC2;F;;19/11/2026;;;b")
    assert isinstance(entries[0], tuple)
    assert entries[0][0].event_at == datetime(2026, 4, 3, 8, 10, tzinfo=UTC)
    given_order = Export(COLUMNS, date_order="month")
    assert event("PAT1;ACC1;F;;03/04/2026 10:10;;;a", given_order).event_at == datetime(2026, 3, 4, 9, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (";ACC1;F;;;;;a", "MISSING_IDENTIFIER"),
        ("PAT1;;F;;;;;a", "MISSING_IDENTIFIER"),
        ("PAT1;ACC1;peut-être;;;;;a", "BAD_STATUS"),
        ("PAT1;ACC1;;;;;;a", "BAD_STATUS"),
        ("PAT1;ACC1;F;;31/02/2026 10:00;;;a", "BAD_DATE"),
        ("PAT1;ACC1;F;;demain;;;a", "BAD_DATE"),
        ("PAT1;ACC1;F;;01/01/2099;;;a", "BAD_DATE"),
        ("PAT1;ACC1;F;;;;;", "EMPTY_REPORT"),
        ("PAT1;ACC1;F;;;;a", "PARSE_ERROR"),
        ("PAT1;ACC1;F;;;;;a;b", "PARSE_ERROR"),
        ('PAT1;ACC1;F;;;;;"a', "PARSE_ERROR"),
    ],
)
def test_refused_rows_leave_the_others(line: str, code: str) -> None:
    first, *rest = rows(ROW, line)
    assert isinstance(first, tuple)
    assert rest == [Rejection("quarantined", (code,))]


def test_words_of_the_site_come_first() -> None:
    own = Export(COLUMNS, states={"V2": "corrected", "F": "preliminary"})
    assert event("PAT1;ACC1;v2;;;;;a", own).status == "corrected"
    assert event("PAT1;ACC1;F;;;;;a", own).status == "preliminary"
    assert event("PAT1;ACC1;annulé;;;;;", own).flags == ("WITHDRAWN",)


def test_another_table_is_refused_whole() -> None:
    for data in (b"", b"a;b;c\n1;2;3\n", HEADER.replace("IPP", "Nom").encode() + b"\n" + ROW.encode()):
        (found,) = read(data, EXPORT, PARIS, NOW)
        assert isinstance(found, Rejection)
        assert found.reasons[0] in ("PARSE_ERROR", "MISSING_COLUMN")


def test_the_same_row_is_the_same_report() -> None:
    assert event(ROW).message_id == event(ROW, codec="utf-16").message_id
    assert event(ROW).message_id != event(ROW.replace("radius", "ulna")).message_id


@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(alphabet='PAT1;,"\n/:20é\0', max_size=200).map(lambda text: f"{HEADER}\n{text}".encode()),
    )
)
def test_nothing_raises(data: bytes) -> None:
    entries = read(data, EXPORT, PARIS, NOW)
    assert entries
    assert all(code in reasons.REASONS for entry in entries if isinstance(entry, Rejection) for code in entry.reasons)

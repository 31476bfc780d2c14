"""What the gate reads of a valid image: identifiers, times, ages, regions; and its structure reader against pydicom."""

import importlib.util
import io
import sys
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import dicom
from inference.byte_source import MemorySource
from inference.dicom_file import read
from inference.records import Instance, Rejection
from inference.settings import GateSettings

PARIS = ZoneInfo("Europe/Paris")
SETTINGS = GateSettings(time_zone=PARIS)
GOLDEN = Path(__file__).parents[3] / "shared" / "data" / "dicom"


def _cases():
    if "dicom_cases" not in sys.modules:
        path = Path(__file__).parents[1] / "hostile" / "dicom_cases.py"
        spec = importlib.util.spec_from_file_location("dicom_cases", path)
        sys.modules["dicom_cases"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["dicom_cases"]


dc = _cases()


def gate(ds, tmp_path, settings=SETTINGS, now=dc.NOW):
    path = tmp_path / "file"
    path.write_bytes(ds if isinstance(ds, bytes) else dc.encode(ds))
    return dicom.examine(path, settings, now)


def test_attributes_of_an_image(tmp_path):
    ds = dc.image(DeviceSerialNumber="SN 7")
    found = gate(ds, tmp_path)
    assert found == Instance(
        patient_id="CANARYPID1",
        study_uid=ds.StudyInstanceUID,
        series_uid=ds.SeriesInstanceUID,
        instance_uid=ds.SOPInstanceUID,
        accession_number="CANARYACC1",
        sop_class_uid=dc.DX,
        modality="DX",
        region="hand",
        laterality="R",
        view="PA",
        device="SN 7",
        sex="F",
        age_band="45-64",
        rows=48,
        columns=40,
        bits_stored=12,
        photometric="MONOCHROME2",
        transfer_syntax_uid=dc.EXPLICIT,
        acquired_at=datetime(2026, 11, 19, 9, 17, 30, tzinfo=UTC),
        acquired_from="AcquisitionDate+Time",
        study_at=datetime(2026, 11, 19, 9, 15, tzinfo=UTC),
        in_scope=True,
        flags=(),
        exam_date=date(2026, 11, 19),
    )
    assert dicom.outcome(found) == ("accepted", ())


def test_no_name_and_no_birth_date_leave_the_gate(tmp_path):
    found = gate(dc.image(ReferringPhysicianName="CANARYDOCTOR", ImageComments="CANARYCOMMENT"), tmp_path)
    values = {field.name: str(getattr(found, field.name)) for field in fields(found)}
    holding = {name for name, value in values.items() if "CANARY" in value}
    assert holding == {"patient_id", "accession_number"}
    assert not any("19800229" in value or "1980" in value for value in values.values())


@pytest.mark.parametrize(
    ("changes", "expected", "source"),
    [
        ({"AcquisitionDateTime": "20261119120000.5"}, "2026-11-19T11:00:00.500000", "AcquisitionDateTime"),
        ({"AcquisitionDateTime": "20261119120000+0530"}, "2026-11-19T06:30:00", "AcquisitionDateTime"),
        ({"TimezoneOffsetFromUTC": "-0500"}, "2026-11-19T15:17:30", "AcquisitionDate+Time"),
        ({"TimezoneOffsetFromUTC": "+0000"}, "2026-11-19T10:17:30", "AcquisitionDate+Time"),
        ({"AcquisitionTime": ""}, None, None),
        (
            {"AcquisitionDate": None, "ContentDate": "20261119", "ContentTime": "1130"},
            "2026-11-19T10:30:00",
            "ContentDate+Time",
        ),
        (
            {"AcquisitionDate": None, "SeriesDate": "20261119", "SeriesTime": "08"},
            "2026-11-19T07:00:00",
            "SeriesDate+Time",
        ),
        ({"AcquisitionDate": "20260715"}, "2026-07-15T08:17:30", "AcquisitionDate+Time"),
        # Both clock changes: shown twice, or never, a time gives no moment.
        ({"AcquisitionDate": "20261025", "AcquisitionTime": "023000"}, None, None),
        ({"AcquisitionDate": "20260329", "AcquisitionTime": "023000"}, None, None),
    ],
)
def test_acquisition_time(tmp_path, changes, expected, source):
    found = gate(dc.image(**changes), tmp_path)
    moment = None if expected is None else datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert (found.acquired_at, found.acquired_from) == (moment, source)


def test_unknown_is_unknown_never_midnight(tmp_path):
    found = gate(dc.image(StudyTime="", AcquisitionTime=""), tmp_path)
    assert found.acquired_at is None
    assert found.study_at is None
    assert "MISSING_TIME" in found.flags
    assert dicom.outcome(found) == ("accepted", ())


@pytest.mark.parametrize(
    ("birth", "age", "band"),
    [
        ("20220101", None, "0-4"),
        ("20211120", None, "0-4"),
        ("20211119", None, "5-14"),
        ("20111120", None, "5-14"),
        ("20111119", None, "15-24"),
        ("20011119", None, "25-44"),
        ("19811119", None, "45-64"),
        ("19611119", None, "65-79"),
        ("19461120", None, "65-79"),
        ("19461119", None, "80+"),
        ("19000101", None, "80+"),
        ("", "003D", "0-4"),
        ("", "018M", "0-4"),
        ("", "072M", "5-14"),
        ("", "045Y", "45-64"),
        ("", "200Y", None),
        ("", "old", None),
        ("", "", None),
        ("20261119", None, "0-4"),
    ],
)
def test_age_bands(tmp_path, birth, age, band):
    ds = dc.image(PatientBirthDate=birth)
    data = dc.encode(ds)
    if age is not None:
        value = age.encode() + b" " * (len(age) % 2)
        data = dc.ordered_insert(data, 0x00101010, dc.element(0x00101010, "AS", value))
    assert gate(data, tmp_path).age_band == band


def test_region_is_sought_in_five_places_in_order(tmp_path):
    item = dc._code("T-D8700", "SRT", "Hand")
    places = {"AnatomicRegionSequence": dc.Sequence([item]), "ProtocolName": "KNEE", "StudyDescription": "Cheville"}
    assert gate(dc.image(BodyPartExamined="WRIST", **places), tmp_path).region == "wrist"
    assert gate(dc.image(BodyPartExamined="", **places), tmp_path).region == "hand"
    del places["AnatomicRegionSequence"]
    assert gate(dc.image(BodyPartExamined="", **places), tmp_path).region == "knee"
    del places["ProtocolName"]
    assert gate(dc.image(BodyPartExamined="", **places), tmp_path).region == "ankle"
    assert gate(dc.image(BodyPartExamined="EXTREMITY", **places), tmp_path).region == "ankle"
    assert gate(dc.image(BodyPartExamined="", StudyDescription=""), tmp_path).region is None


def test_flags_sort_the_outcome(tmp_path):
    found = gate(dc.image(BurnedInAnnotation="YES", BodyPartExamined="CHEST", PatientID=""), tmp_path)
    assert not found.in_scope
    assert set(found.flags) == {"NOT_ELIGIBLE_BODY_PART", "BURNED_IN", "MISSING_PATIENT_ID"}
    assert dicom.outcome(found) == ("accepted_not_inferred", ("NOT_ELIGIBLE_BODY_PART", "BURNED_IN"))


def test_all_faults_are_told_not_only_the_first(tmp_path):
    found = gate(dc.image(StudyInstanceUID=None, RescaleSlope="0", StudyDate="20990101", Rows=99), tmp_path)
    assert found == Rejection("quarantined", ("BAD_UID", "PIXEL_LENGTH", "BAD_RESCALE", "BAD_DATE"))


@pytest.mark.parametrize(
    ("hours", "outcome"), [(0.5, "accepted"), (3, "accepted_flagged"), (23, "accepted_flagged"), (25, "quarantined")]
)
def test_the_future_begins_after_the_tolerance(tmp_path, hours, outcome):
    when = (dc.NOW + timedelta(hours=hours)).astimezone(PARIS)
    day, clock = when.strftime("%Y%m%d"), when.strftime("%H%M%S")
    found = gate(dc.image(StudyDate=day, StudyTime=clock, AcquisitionDate=day, AcquisitionTime=clock), tmp_path)
    got = (found.outcome, found.reasons) if isinstance(found, Rejection) else dicom.outcome(found)
    assert got == (
        outcome,
        {"accepted": (), "accepted_flagged": ("CLOCK_SKEW",), "quarantined": ("BAD_DATE",)}[outcome],
    )


def test_no_exception_of_ours_stops_the_night(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(dc.encode(dc.image()))

    def broken(*_):
        raise RuntimeError("CANARY")

    monkeypatch.setattr(dicom, "judge", broken)
    assert dicom.gate(path, SETTINGS, dc.NOW) == Rejection("quarantined", ("PARSE_ERROR",))


def test_a_file_that_is_not_there_is_the_sources_trouble(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        dicom.gate(tmp_path / "absent", SETTINGS, dc.NOW)


SAMPLE = {
    case.name: case.make()
    for case in dc.CASES
    if case.name
    in (
        "plain",
        "implicit little endian",
        "big endian",
        "icon image",
        "sequences twenty deep, defined lengths",
        "voi lut",
    )
}


@pytest.mark.parametrize("name", SAMPLE)
def test_structure_is_what_pydicom_reads(name):
    ours = read(MemorySource(SAMPLE[name]))
    theirs = pydicom.dcmread(io.BytesIO(SAMPLE[name]))
    assert ours.problems == []
    assert set(ours.elements) == {int(element.tag) for element in theirs}
    for element in theirs:
        if element.VR in ("UI", "DA", "TM", "CS", "LO", "SH", "IS", "DS") and element.VM == 1:
            expected = theirs.get_item(element.tag).value
            raw = expected if isinstance(expected, bytes) else str(element.value).encode("latin-1")
            assert ours.raw(int(element.tag)).rstrip(b"\0 ") == raw.rstrip(b"\0 ")
    assert ours.short(0x00280010) == theirs.Rows
    assert ours.raw(0x7FE00010) == theirs.PixelData


@pytest.mark.skipif(not GOLDEN.exists(), reason="the golden radiograph RG3 is not here")
@pytest.mark.parametrize("name", ["UNC", "RLE", "JPLL", "JLSL", "JLSN", "J2KR", "J2KI", "JPLY"])
def test_golden_radiograph_passes_the_gate(name):
    found = dicom.examine(GOLDEN / f"RG3_{name}.dcm", SETTINGS, dc.NOW)
    assert found.region == "lower_leg"
    assert (found.rows, found.columns, found.modality) == (1760, 1760, "CR")
    assert found.in_scope == (name != "RLE")  # RLE says DERIVED\\SECONDARY


@given(st.binary(max_size=400))
def test_any_bytes_have_an_answer(data):
    for prefix in (b"", bytes(128) + b"DICM", b"\x08\0\x05\0CS"):
        found = read(MemorySource(prefix + data))
        assert found is None or found.problems or found.elements


@given(
    st.text(max_size=30),
    st.sampled_from(["StudyDescription", "PatientID", "BodyPartExamined", "StudyTime", "RescaleSlope"]),
)
def test_any_text_has_an_answer(text, keyword):
    tag = pydicom.datadict.tag_for_keyword(keyword)
    value = text.encode("utf-8", "surrogatepass")
    data = BARE[keyword]
    found = read(MemorySource(dc.ordered_insert(data, tag, dc.element(tag, "LO", value + b" " * (len(value) % 2)))))
    judged = dicom.judge(found, SETTINGS, dc.NOW)
    assert isinstance(judged, Instance | Rejection)


BARE = {
    keyword: dc.encode(dc.image(**{keyword: None}))
    for keyword in ("StudyDescription", "PatientID", "BodyPartExamined", "StudyTime", "RescaleSlope")
}

"""Result objects, read back by highdicom and by pydicom."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset

from inference import result_objects
from inference.errors import ResultObjectError
from inference.result_objects import Box, Marked, Result

sr = pytest.importorskip("highdicom.sr", reason="extra [results]")
DX = "1.2.840.10008.5.1.4.1.1.1.1"
MADE = datetime(2026, 10, 21, 3, 4, 5, tzinfo=UTC)


def image(path: Path, number: int, **changes: Any) -> Path:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = DX, f"1.2.3.4.{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.InstanceNumber = "1.2.3", "1.2.3.4", number
    ds.PatientName, ds.PatientID, ds.AccessionNumber = "CANARI^NOM", "CANARI1", "A1"
    ds.StudyDate, ds.StudyTime, ds.Modality = "20261020", "101500", "DX"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 60, 80, 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def result(tmp_path: Path) -> Result:
    boxes = (Box(10, 20, 30, 45, 0.914), Box(0, 0, 80, 60, 0.31))
    marked = (Marked(image(tmp_path / "1.dcm", 1), 0.914, boxes), Marked(image(tmp_path / "2.dcm", 2), 0.05, ()))
    return Result(marked, "positive", "bilan-default", "0.4.0", "d1", MADE)


def values(group: Any) -> list[float]:
    return [float(found.value) for found in group.get_measurements(name=result_objects.CERTAINTY)]


def test_the_report_says_what_the_model_said_where_and_who_it_is(result: Result, tmp_path: Path) -> None:
    report, overlay = result_objects.objects(result, overlay=True)
    path = tmp_path / "report.dcm"
    path.write_bytes(report.data)
    read = sr.srread(path)
    assert (read.Modality, read.StudyInstanceUID, read.PatientID, read.AccessionNumber) == (
        "SR",
        "1.2.3",
        "CANARI1",
        "A1",
    )
    assert (read.VerificationFlag, read.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert "not for diagnosis" in read.SeriesDescription
    whole = read.content.get_image_measurement_groups()
    assert [values(group) for group in whole] == [[91.4], [5.0]]
    assert {group.finding_type.value for group in whole} == {"125605004"}
    (said,) = whole[0].get_qualitative_evaluations(name=result_objects.AI_RESULT)
    assert said.value.value == "POSITIVE"
    regions = read.content.get_planar_roi_measurement_groups()
    assert [values(group) for group in regions] == [[91.4], [31.0]]
    drawn = regions[0].roi
    assert drawn.value.tolist() == [[10, 20], [30, 20], [30, 45], [10, 45], [10, 20]]
    assert drawn.graphic_type == sr.GraphicTypeValues.POLYLINE
    text = str(dcmread(io.BytesIO(report.data)))
    assert "bilan-default" in text and "0.4.0" in text and "1.2.3.4.1" in text
    state = dcmread(io.BytesIO(overlay.data))
    assert state.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4.1"
    graphics = state.GraphicAnnotationSequence[0].GraphicObjectSequence
    assert list(graphics[0].GraphicData) == [10, 20, 30, 20, 30, 45, 10, 45, 10, 20]
    assert state.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicAnnotationUnits == "PIXEL"


def test_the_same_result_has_the_same_identifiers_and_another_has_others(result: Result) -> None:
    first, again = (result_objects.objects(result, overlay=True) for _ in range(2))
    assert [(one.sop_class, one.instance_uid) for one in first] == [(one.sop_class, one.instance_uid) for one in again]
    other = Result(result.images, result.ai_result, result.model_name, result.model_version, "d2", MADE)
    assert {one.instance_uid for one in first}.isdisjoint(
        {one.instance_uid for one in result_objects.objects(other, overlay=True)}
    )
    assert [one.sop_class for one in result_objects.objects(result, overlay=False)] == [first[0].sop_class]


def test_an_image_that_is_too_bare_gives_no_object_and_no_value_in_the_error(tmp_path: Path) -> None:
    path = image(tmp_path / "1.dcm", 1)
    ds = dcmread(path)
    del ds.StudyInstanceUID
    ds.save_as(path)
    marked = (Marked(path, 0.9, ()),)
    with pytest.raises(ResultObjectError) as raised:
        result_objects.objects(Result(marked, "positive", "m", "1", "d", MADE), overlay=True)
    assert "CANARI" not in str(raised.value)
    assert raised.value.__cause__ is None and raised.value.__suppress_context__


@pytest.mark.parametrize(
    "changes",
    [
        {"PatientName": "CANARI^" + "é" * 30, "SpecificCharacterSet": "ISO_IR 192"},
        {"PatientName": "CANARI=山田^太郎", "SpecificCharacterSet": "ISO_IR 192"},
        {"PatientID": "A\\B"},
        {"StudyDate": "", "StudyTime": ""},
        {"PatientSex": ""},
    ],
)
def test_odd_identities_are_repeated_as_they_are(tmp_path: Path, changes: dict[str, str]) -> None:
    path = image(tmp_path / "1.dcm", 1, **changes)
    given = Marked(path, 0.9, (Box(1, 2, 3, 4, 0.9),))
    for one in result_objects.objects(Result((given,), "doubtful", "m", "1", "d", MADE), overlay=True):
        read = dcmread(io.BytesIO(one.data))
        for keyword in changes:
            if keyword != "SpecificCharacterSet":
                assert read.get(keyword) == dcmread(path).get(keyword)


def test_a_sex_that_is_none_is_left_out(tmp_path: Path) -> None:
    given = Marked(image(tmp_path / "1.dcm", 1, PatientSex="X"), 0.9, ())
    (report,) = result_objects.objects(Result((given,), "doubtful", "m", "1", "d", MADE), overlay=True)
    assert dcmread(io.BytesIO(report.data)).PatientSex in ("", None)

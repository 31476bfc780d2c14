"""What the model says of a study as DICOM objects for the PACS: a structured report, and boxes to lay over the images.

The report follows TID 1500 (measurement report) as the IHE profile AI Results (AIR) asks: for each image the
certainty that it shows a fracture, for each box a region with its own, and which algorithm said so. Each box is
also in a presentation state (GSPS), which viewers can show that do not read reports. Identities come from the
images themselves.

References
----------
DICOM PS3.16 TID 1500, TID 1410, TID 1501, TID 4019; PS3.3 A.35.13, A.33.1, C.10.5.1.2, C.18.6.1.1;
IHE RAD AIR (trial implementation).
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from inference.errors import ResultObjectError

MANUFACTURER = "Bilan"
SERIES_DESCRIPTION = "Bilan AI fracture - not for diagnosis"
REPORT_SERIES, OVERLAY_SERIES = 9100, 9101
FRACTURE = Code("125605004", "SCT", "Fracture of bone")
CERTAINTY, PERCENT = codes.DCM.CertaintyOfFinding, codes.UCUM.Percent
AI_RESULT = Code("AIRESULT", "99BILAN", "AI result")
RESULTS = {
    "positive": Code("POSITIVE", "99BILAN", "Positive"),
    "doubtful": Code("DOUBTFUL", "99BILAN", "Doubtful"),
    "negative": Code("NEGATIVE", "99BILAN", "Negative"),
}
REPEATED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
X_RAY = Code("168537006", "SCT", "Plain X-ray")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixel coordinates of the stored image, ends exclusive, with its score (0 to 1)."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float


@dataclass(frozen=True, slots=True)
class Marked:
    """One image, by its file, with its score (0 to 1) and its boxes."""

    path: Path
    score: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What one model says of a study. `digest` is the same for the same content, and another for another."""

    images: tuple[Marked, ...]
    ai_result: str
    model_name: str
    model_version: str
    digest: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Object:
    """One object to send: a DICOM file, and what a transfer announces of it."""

    sop_class: str
    instance_uid: str
    data: bytes


def objects(result: Result, *, overlay: bool) -> list[Object]:
    """Return the report of a study, and with `overlay` a presentation state for each image with boxes.

    The same result gives the same identifiers: what is sent a second time replaces itself.

    Raises
    ------
    ResultObjectError
        If the images do not carry what such an object needs.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names and numbers of the images that pydicom or highdicom dislike
        try:
            sources = [_source(image.path) for image in result.images]
            made = [_report(result, sources)]
            if overlay:
                pairs = zip(result.images, sources, strict=True)
                boxed = [(image, source) for image, source in pairs if image.boxes]
                made += [_overlay(result, image, source, number) for number, (image, source) in enumerate(boxed, 1)]
            return [_written(ds, result.made_at) for ds in made]
        except Exception:  # noqa: BLE001 - what pydicom and highdicom say may hold values of the images
            raise ResultObjectError("an image lacks what a result object must repeat of it") from None


def _source(path: Path) -> Dataset:
    """Read an image's header; what every object of a study must repeat (PS3.3 C.7.1.1, C.7.2.1) may be empty."""
    found = dcmread(path, stop_before_pixels=True)
    for keyword in REPEATED:
        if keyword not in found:
            setattr(found, keyword, "")
    if found.PatientSex not in ("F", "M", "O"):
        found.PatientSex = ""
    return found


def _written(ds: Dataset, made_at: datetime) -> Object:
    ds.SeriesDescription = SERIES_DESCRIPTION
    for what in ("InstanceCreation", "Content", "PresentationCreation"):
        if f"{what}Date" in ds:
            setattr(ds, f"{what}Date", f"{made_at:%Y%m%d}")
            setattr(ds, f"{what}Time", f"{made_at:%H%M%S}")
    ds.TimezoneOffsetFromUTC = "+0000"
    written = io.BytesIO()
    dcmwrite(written, ds, enforce_file_format=True)
    return Object(str(ds.SOPClassUID), str(ds.SOPInstanceUID), written.getvalue())


def _uid(result: Result, what: str) -> str:
    """Return an identifier that belongs to the result and its part (PS3.5 B.2)."""
    return f"2.25.{int(hashlib.sha256(f'{result.digest}/{what}'.encode()).hexdigest()[:31], 16)}"


def _report(result: Result, sources: Sequence[Dataset]) -> Dataset:
    from highdicom import sr  # noqa: PLC0415 - extra [results]

    algorithm = sr.AlgorithmIdentification(
        name=result.model_name, version=result.model_version, manufacturer=MANUFACTURER
    )
    groups: list[Any] = []
    for image, source in zip(result.images, sources, strict=True):
        groups.append(_of_image(sr, result, algorithm, image, source))
        groups += [
            _of_box(sr, result, algorithm, box, source, f"box {number}") for number, box in enumerate(image.boxes, 1)
        ]
    observer = sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=_uid(result, "device"),
            name=MANUFACTURER,
            manufacturer_name=MANUFACTURER,
            model_name=result.model_name,
        ),
    )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=X_RAY,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    made: Dataset = sr.Comprehensive3DSR(
        evidence=list(sources),
        content=report,
        series_instance_uid=_uid(result, "report series"),
        series_number=REPORT_SERIES,
        sop_instance_uid=_uid(result, "report"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
    )
    made.ManufacturerModelName, made.SoftwareVersions = result.model_name, result.model_version
    return made


def _tracking(sr: Any, result: Result, source: Dataset, what: str) -> Any:
    uid = _uid(result, f"{source.SOPInstanceUID}/{what}")
    return sr.TrackingIdentifier(uid=uid, identifier=f"{source.get('InstanceNumber', '')} {what}".strip())


def _certainty(sr: Any, algorithm: Any, score: float) -> Any:
    return sr.Measurement(name=CERTAINTY, value=round(100 * score, 1), unit=PERCENT, algorithm_id=algorithm)


def _of_image(sr: Any, result: Result, algorithm: Any, image: Marked, source: Dataset) -> Any:
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(sr, result, source, "image"),
        finding_type=FRACTURE,
        algorithm_id=algorithm,
        measurements=[_certainty(sr, algorithm, image.score)],
        qualitative_evaluations=[sr.QualitativeEvaluation(name=AI_RESULT, value=RESULTS[result.ai_result])],
        source_images=[sr.SourceImageForMeasurementGroup.from_source_image(source)],
    )


def _of_box(sr: Any, result: Result, algorithm: Any, box: Box, source: Dataset, what: str) -> Any:
    region = sr.ImageRegion(
        graphic_type=sr.GraphicTypeValues.POLYLINE,
        graphic_data=_corners(box, source),
        source_image=sr.SourceImageForRegion.from_source_image(source),
    )
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(sr, result, source, what),
        referenced_region=region,
        finding_type=FRACTURE,
        algorithm_id=algorithm,
        measurements=[_certainty(sr, algorithm, box.score)],
    )


def _overlay(result: Result, image: Marked, source: Dataset, number: int) -> Dataset:
    from highdicom import pr  # noqa: PLC0415 - extra [results]

    layer = pr.GraphicLayer(layer_name="AI", order=1, description="AI result, not for diagnosis")
    annotation = pr.GraphicAnnotation(
        referenced_images=[source],
        graphic_layer=layer,
        graphic_objects=[
            pr.GraphicObject(
                graphic_type=pr.GraphicTypeValues.POLYLINE,
                graphic_data=_corners(box, source),
                units=pr.AnnotationUnitsValues.PIXEL,
            )
            for box in image.boxes
        ],
    )
    made: Dataset = pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[source],
        series_instance_uid=_uid(result, "overlay series"),
        series_number=OVERLAY_SERIES,
        sop_instance_uid=_uid(result, f"overlay {source.SOPInstanceUID}"),
        instance_number=number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=result.model_name,
        software_versions=result.model_version,
        device_serial_number="0",
        content_label="AI_FRACTURE",
        content_description="Boxes of an AI, not for diagnosis",
        graphic_annotations=[annotation],
        graphic_layers=[layer],
    )
    return made


def _corners(box: Box, source: Dataset) -> Any:
    """Return a closed line within the image. In a report and in a presentation state alike 0,0 is a pixel's corner."""
    x0, x1 = (min(max(x, 0.0), float(source.Columns)) for x in (box.x0, box.x1))
    y0, y1 = (min(max(y, 0.0), float(source.Rows)) for y in (box.y0, box.y1))
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])

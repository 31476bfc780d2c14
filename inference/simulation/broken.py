"""DICOM files that are broken or out of scope, each with the outcome that the gate owes it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite

from inference.simulation import dicom_writer, people
from inference.simulation.site import SiteModel
from inference.simulation.study import SimulatedStudy, View

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a broken file is made from: a study of the night, one of its views, and that view's file."""

    study: SimulatedStudy
    view: View
    file: bytes
    site: SiteModel
    rng: Random

    def fresh(self, syntax: str = "explicit", **changes: str) -> Dataset:
        """Return a small valid image with identifiers of its own: of no study of the plan."""
        view = replace(
            self.view,
            instance_uid=people.uid(self.rng),
            series_uid=people.uid(self.rng),
            transfer_syntax=syntax,
            picture=None,
        )
        study = replace(
            self.study,
            study_uid=people.uid(self.rng),
            accession_number=people.accession(self.rng),
            views=(view,),
            region="wrist",
        )
        noise = np.random.default_rng(self.rng.randrange(2**31)).integers(0, 4096, (96, 80), dtype=np.uint16)
        dataset = dicom_writer.wrap(noise, study, view, self.site)
        for name, value in changes.items():
            setattr(dataset, name, value)
        return dataset


def _bytes(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def _truncated(scene: Scene) -> bytes:
    data = _bytes(scene.fresh())
    return data[: len(data) * 3 // 5]


def _text_named_dcm(_scene: Scene) -> bytes:
    return "Liste des examens à reprendre demain matin : CANARI\n".encode() * 40


def _empty(_scene: Scene) -> bytes:
    return b""


def _corrupt_jpeg(scene: Scene) -> bytes:
    data = bytearray(_bytes(scene.fresh("jpeg_lossless")))
    start = data.index(b"\xff\xd8\xff")
    data[start + 2 : -8] = scene.rng.randbytes(len(data) - start - 10)
    return bytes(data)


def _bomb(scene: Scene) -> bytes:
    dataset = scene.fresh("jpeg_lossless")
    dataset.Rows = dataset.Columns = 65500
    return _bytes(dataset)


def _no_uid(scene: Scene) -> bytes:
    dataset = scene.fresh()
    data = _bytes(dataset)
    uid = str(dataset.SOPInstanceUID).encode()
    # In the file meta information and in the data set: lengths stay, the values are blanked.
    return data.replace(uid, b"\0" * len(uid))


def _path_uid(scene: Scene) -> bytes:
    dataset = scene.fresh()
    data = _bytes(dataset)
    uid = str(dataset.StudyInstanceUID).encode()
    return data.replace(uid, b"../../../etc/passwd".ljust(len(uid), b"\0"))


def _future(scene: Scene) -> bytes:
    dataset = scene.fresh()
    for name in ("StudyDate", "AcquisitionDate", "ContentDate", "SeriesDate"):
        setattr(dataset, name, "20990101")
    dataset.AcquisitionDateTime = "20990101080000"
    return _bytes(dataset)


def _nan_slope(scene: Scene) -> bytes:
    dataset = scene.fresh()
    dataset.RescaleSlope = "7"
    # pydicom refuses to write what it calls no number: put it in place of a value of the same length.
    return _bytes(dataset).replace(b"DS\x02\x007 ", b"DS\x04\x00NaN ")


def _zero_rows(scene: Scene) -> bytes:
    dataset = scene.fresh()
    dataset.Rows = 0
    return _bytes(dataset)


def _short_pixels(scene: Scene) -> bytes:
    dataset = scene.fresh()
    dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2]
    return _bytes(dataset)


def _no_pixels(scene: Scene) -> bytes:
    dataset = scene.fresh()
    del dataset.PixelData
    return _bytes(dataset)


def _program(scene: Scene) -> bytes:
    return b"MZ" + b"\x90" * 126 + _bytes(scene.fresh())[128:]


def _duplicate(scene: Scene) -> bytes:
    return scene.file


def _conflict(scene: Scene) -> bytes:
    dataset = scene.fresh()
    dataset.StudyInstanceUID = scene.study.study_uid
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = scene.view.instance_uid
    return _bytes(dataset)


def _secondary_capture(scene: Scene) -> bytes:
    dataset = scene.fresh(Modality="OT", ConversionType="WSD")
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = SECONDARY_CAPTURE
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    return _bytes(dataset)


def _derived(scene: Scene) -> bytes:
    dataset = scene.fresh()
    dataset.ImageType = ["DERIVED", "SECONDARY", ""]
    return _bytes(dataset)


def _phantom(scene: Scene) -> bytes:
    return _bytes(scene.fresh(PatientName="PHANTOM^CANARI QC", PatientID="CANARIPHANTOM"))


def _ct_slice(scene: Scene) -> bytes:
    dataset = scene.fresh(Modality="CT", BodyPartExamined="WRIST")
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CT_IMAGE
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    return _bytes(dataset)


def _chest(scene: Scene) -> bytes:
    dataset = scene.fresh(
        BodyPartExamined="CHEST", StudyDescription="Thorax", ProtocolName="Thorax", SeriesDescription="Thorax"
    )
    if "AnatomicRegionSequence" in dataset:
        del dataset.AnatomicRegionSequence
    for name in ("ImageLaterality", "Laterality"):
        if name in dataset:
            delattr(dataset, name)
    return _bytes(dataset)


def _pdf(scene: Scene) -> bytes:
    dataset = scene.fresh(Modality="DOC", MIMETypeOfEncapsulatedDocument="application/pdf")
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = ENCAPSULATED_PDF
    for name in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "SamplesPerPixel",
                 "PixelRepresentation", "PhotometricInterpretation", "ImageType"):  # fmt: skip
        delattr(dataset, name)
    dataset.EncapsulatedDocument = b"%PDF-1.4\n% CANARI\n%%EOF\n\0"
    return _bytes(dataset)


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of broken or out-of-scope file: what the gate owes it, and how it is made."""

    outcome: str
    reason: str
    make: Callable[[Scene], bytes]


CASES: dict[str, Case] = {
    "truncated": Case("quarantined", "TRUNCATED", _truncated),
    "text_named_dcm": Case("not_dicom", "NOT_DICOM", _text_named_dcm),
    "empty": Case("not_dicom", "NOT_DICOM", _empty),
    "corrupt_jpeg": Case("quarantined", "PIXEL_DECODE", _corrupt_jpeg),
    "bomb": Case("quarantined", "DECOMPRESSION_BOMB", _bomb),
    "no_uid": Case("quarantined", "BAD_UID", _no_uid),
    "path_uid": Case("quarantined", "BAD_UID", _path_uid),
    "future": Case("quarantined", "BAD_DATE", _future),
    "nan_slope": Case("quarantined", "BAD_RESCALE", _nan_slope),
    "zero_rows": Case("quarantined", "BAD_PIXEL_FORMAT", _zero_rows),
    "short_pixels": Case("quarantined", "PIXEL_LENGTH", _short_pixels),
    "no_pixels": Case("quarantined", "NO_PIXEL_DATA", _no_pixels),
    "program": Case("quarantined", "EXECUTABLE_PREAMBLE", _program),
    "duplicate": Case("duplicate", "DUPLICATE", _duplicate),
    "conflict": Case("conflict", "UID_CONFLICT", _conflict),
    "secondary_capture": Case("accepted_not_inferred", "DERIVED_IMAGE", _secondary_capture),
    "derived": Case("accepted_not_inferred", "DERIVED_IMAGE", _derived),
    "phantom": Case("accepted_not_inferred", "TEST_PATIENT", _phantom),
    "ct_slice": Case("accepted_not_inferred", "NOT_ELIGIBLE_MODALITY", _ct_slice),
    "chest": Case("accepted_not_inferred", "NOT_ELIGIBLE_BODY_PART", _chest),
    "pdf": Case("accepted_not_inferred", "NOT_ELIGIBLE_SOP_CLASS", _pdf),
}

# Cases that speak of an image sent earlier in the same night.
RESENT = frozenset({"duplicate", "conflict"})

"""Pixel arrays as DICOM objects (DX and CR for presentation), in several transfer syntaxes.

References
----------
DICOM PS3.3 A.26 (DX), A.2 (CR), C.8.11.7 (DX image); PS3.5 A.4 and annexes F, G (encapsulation).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence

from inference.simulation.region import REGIONS, described
from inference.simulation.site import SiteModel
from inference.simulation.study import SimulatedStudy, View

SYNTAXES = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "deflated": "1.2.840.10008.1.2.1.99",
    "big_endian": "1.2.840.10008.1.2.2",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg_lossless": "1.2.840.10008.1.2.4.70",
    "jpeg_ls": "1.2.840.10008.1.2.4.80",
    "jpeg2000": "1.2.840.10008.1.2.4.90",
}
SOP_CLASSES = {"DX": "1.2.840.10008.5.1.4.1.1.1.1", "CR": "1.2.840.10008.5.1.4.1.1.1"}
IMPLEMENTATION = "2.25.314159265300000000000000000000000001"
Pixels = NDArray[np.uint16] | NDArray[np.uint8]
BITS = 12


def stored(image: NDArray[np.float32], monochrome1: bool) -> NDArray[np.uint16]:
    """Return 12-bit stored values for an image in 0..1 with bright bone; inverted for MONOCHROME1."""
    scaled = np.rint(np.clip(image, 0, 1) * (2**BITS - 1)).astype(np.uint16)
    return np.asarray(2**BITS - 1 - scaled if monochrome1 else scaled, dtype=np.uint16)


def wrap(
    pixels: Pixels, study: SimulatedStudy, view: View, site: SiteModel, comment: str = "CANARI simulated image"
) -> Dataset:
    """Return a DX or CR object of stored pixel values (uint8 or 12 bits in uint16), [rows, columns].

    Pixel data are in the view's transfer syntax; every identifying attribute holds a canary.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = SYNTAXES[view.transfer_syntax]
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = SOP_CLASSES[study.modality]
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = view.instance_uid
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION
    _identify(dataset, study, site, comment)
    _describe(dataset, study, view, site)
    _date(dataset, study, view, site.zone)
    _picture(dataset, pixels, study.device.monochrome1, view.transfer_syntax)
    return dataset


def write(dataset: Dataset, path: Path) -> None:
    """Write an object as a DICOM file with preamble and file meta information."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, dataset, enforce_file_format=True)


def wrap_picture(path: Path, study: SimulatedStudy, view: View, site: SiteModel) -> Dataset:
    """Return a real JPEG or PNG radiograph as a DICOM object: real pixels, made-up headers, 8 bits.

    Raises
    ------
    OSError
        If the picture cannot be read.
    """
    with Image.open(path) as picture:
        grey = np.asarray(ImageOps.exif_transpose(picture).convert("L"))
    pixels = np.ascontiguousarray(255 - grey if study.device.monochrome1 else grey)
    return wrap(
        pixels, study, view, site, "CANARI real pixels, made-up headers: a demonstration, not a patient's record"
    )


def _identify(dataset: Dataset, study: SimulatedStudy, site: SiteModel, comment: str) -> None:
    person = study.patient
    dataset.SpecificCharacterSet = "ISO_IR 192" if site.language == "en" else "ISO_IR 100"
    dataset.PatientName = f"{person.family}^{person.given}"
    dataset.PatientID = person.patient_id
    dataset.PatientBirthDate = f"{person.birth:%Y%m%d}"
    dataset.PatientSex = person.sex
    dataset.PatientAge = f"{study.age():03d}Y"
    dataset.PatientAddress = person.address
    dataset.PatientTelephoneNumbers = person.phone
    dataset.PatientComments = dataset.ImageComments = comment
    dataset.ReferringPhysicianName = "CANARIDR^CANARI PRESCRIPTEUR"
    dataset.OperatorsName = "CANARIMANIP^CANARI"
    dataset.InstitutionName = f"CANARI {site.name}"
    dataset.InstitutionAddress = "CANARI"
    dataset.RequestingPhysician = "CANARIDR^CANARI DEMANDEUR"
    dataset.AdmissionID = "CANARIADM"
    dataset.private_block(0x0099, "CANARI PRIVATE", create=True).add_new(0x01, "LO", "CANARI PRIVATE VALUE")
    dataset.AccessionNumber = study.accession_number
    dataset.StudyID = study.accession_number[-8:]
    dataset.StudyInstanceUID = study.study_uid


def _describe(dataset: Dataset, study: SimulatedStudy, view: View, site: SiteModel) -> None:
    region, device = REGIONS[study.region], study.device
    name = described(study.region, study.laterality, site.language)
    dataset.Modality = study.modality
    dataset.SeriesInstanceUID = view.series_uid
    series = list(dict.fromkeys(item.series_uid for item in study.views))
    dataset.SeriesNumber = series.index(view.series_uid) + 1
    dataset.InstanceNumber = study.views.index(view) + 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY"] if study.modality == "CR" else ["ORIGINAL", "PRIMARY", ""]
    dataset.ViewPosition = view.position
    dataset.StudyDescription = name
    dataset.Manufacturer = device.maker
    dataset.StationName = device.station
    dataset.DeviceSerialNumber = device.serial
    if device.region_from == "body_part":
        dataset.BodyPartExamined = region.body_part
    elif device.region_from == "sequence":
        dataset.AnatomicRegionSequence = Sequence([_code(region.snomed, region.en)])
    else:
        dataset.ProtocolName = name
        dataset.SeriesDescription = name
    if study.laterality:
        dataset.ImageLaterality = study.laterality
        if study.modality == "CR":
            dataset.Laterality = study.laterality
    if study.modality == "DX":
        dataset.PresentationIntentType = "FOR PRESENTATION"


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item


def _date(dataset: Dataset, study: SimulatedStudy, view: View, zone: tzinfo) -> None:
    local = view.acquired_at.astimezone(zone)
    dataset.StudyDate, dataset.StudyTime = _day_and_time(study.exam_started.astimezone(zone))
    source = study.device.time_from
    # A clock that shows an hour twice is read rightly only with its offset.
    twice = local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset()
    if study.device.zone_offset or twice:
        dataset.TimezoneOffsetFromUTC = f"{local:%z}"
    if source == "AcquisitionDateTime":
        dataset.AcquisitionDateTime = f"{local:%Y%m%d%H%M%S}" + (
            f"{local:%z}" if study.device.zone_offset or twice else ""
        )
    elif source == "AcquisitionDate":
        dataset.AcquisitionDate, dataset.AcquisitionTime = _day_and_time(local)
        dataset.ContentDate, dataset.ContentTime = _day_and_time(local)
    elif source == "ContentDate":
        dataset.ContentDate, dataset.ContentTime = _day_and_time(local)
    else:
        dataset.SeriesDate, dataset.SeriesTime = _day_and_time(local)


def _day_and_time(local: datetime) -> tuple[str, str]:
    return f"{local:%Y%m%d}", f"{local:%H%M%S}"


def _picture(dataset: Dataset, pixels: Pixels, monochrome1: bool, syntax: str) -> None:
    depth = 8 if pixels.dtype == np.uint8 else BITS
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if monochrome1 else "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit = depth, depth - 1
    dataset.PixelRepresentation = 0
    dataset.ImagerPixelSpacing = [0.2, 0.2]
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "INVERSE" if monochrome1 else "IDENTITY"
    dataset.WindowCenter, dataset.WindowWidth = 2 ** (depth - 1), 2**depth
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    if syntax in _ENCODERS:
        dataset.PixelData = encapsulate([_ENCODERS[syntax](pixels, depth)], has_bot=False)
        dataset["PixelData"].VR = "OB"
    else:
        raw = pixels.astype(">u2") if syntax == "big_endian" and pixels.itemsize == 2 else pixels
        dataset.PixelData = raw.tobytes() + b"\0" * (raw.nbytes % 2)
        dataset["PixelData"].VR = "OW" if pixels.itemsize == 2 else "OB"


def _rle(pixels: Pixels, _depth: int) -> bytes:
    """Return an RLE frame (PS3.5 annex G): most significant byte plane first, each row on its own."""
    planes = [np.ascontiguousarray(pixels >> shift & 255).astype(np.uint8) for shift in (8, 0)[2 - pixels.itemsize :]]
    parts = [b"".join(bytes(imagecodecs.packbits_encode(row.tobytes())) for row in plane) for plane in planes]
    parts = [part + b"\0" * (len(part) % 2) for part in parts]
    starts = [64 + sum(map(len, parts[:index])) for index in range(len(parts))]
    header = np.zeros(16, "<u4")
    header[0] = len(parts)
    header[1 : 1 + len(parts)] = starts
    return header.tobytes() + b"".join(parts)


def _jpeg_lossless(pixels: Pixels, depth: int) -> bytes:
    return bytes(imagecodecs.ljpeg_encode(pixels, bitspersample=depth))


def _jpeg_ls(pixels: Pixels, _depth: int) -> bytes:
    return bytes(imagecodecs.jpegls_encode(pixels))


def _jpeg2000(pixels: Pixels, depth: int) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", reversible=True, bitspersample=depth))


_ENCODERS: dict[str, Callable[[Any, int], bytes]] = {
    "rle": _rle,
    "jpeg_lossless": _jpeg_lossless,
    "jpeg_ls": _jpeg_ls,
    "jpeg2000": _jpeg2000,
}

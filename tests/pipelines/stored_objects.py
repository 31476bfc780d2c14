"""Small radiographs that a simulated PACS holds."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date

from pydicom.dataset import Dataset, FileMetaDataset

DAY = date(2026, 10, 20)
DX = "1.2.840.10008.5.1.4.1.1.1.1"


@dataclass(frozen=True)
class Stored:
    """One object of the PACS, and what is listed of it."""

    study: str
    number: int
    modality: str = "DX"
    sop_class: str = DX
    part: str = "HAND"
    pixels: int = 64
    patient: str = "CANARI1"
    grey: int = 0

    @property
    def series(self) -> str:
        return f"{self.study}.1"

    @property
    def uid(self) -> str:
        return f"{self.study}.1.{self.number}"

    def dataset(self) -> Dataset:
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = self.sop_class, self.uid
        ds.StudyInstanceUID, ds.SeriesInstanceUID = self.study, self.series
        ds.PatientName, ds.PatientID, ds.Modality, ds.BodyPartExamined = (
            "CANARI^NOM",
            self.patient,
            self.modality,
            self.part,
        )
        ds.StudyDate, ds.StudyTime, ds.ImageType = f"{DAY:%Y%m%d}", "101500", ["ORIGINAL", "PRIMARY"]
        ds.Rows = ds.Columns = self.pixels
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated = ds.BitsStored = 8
        ds.HighBit, ds.PixelRepresentation = 7, 0
        ds.PixelData = bytes([self.grey]) * (self.pixels * self.pixels)
        ds["PixelData"].VR = "OW"
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = self.sop_class, self.uid
        return ds

    def data(self) -> bytes:
        written = io.BytesIO()
        self.dataset().save_as(written, enforce_file_format=True)
        return written.getvalue()


def day(studies: int = 3, images: int = 2) -> list[Stored]:
    return [Stored(f"1.2.{study}", number) for study in range(1, studies + 1) for number in range(1, images + 1)]

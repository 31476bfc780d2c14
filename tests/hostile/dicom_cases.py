"""DICOM files, hostile, broken, out of scope, and unusual but valid, as code: name, bytes, outcome, first reason.

Files are made with pydicom and by hand, never with the reader under test. Everything that may
identify a person holds CANARY.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID, generate_uid

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)

DX, DX_RAW, CR = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1"
XRF, XA, MG, CT = (
    "1.2.840.10008.5.1.4.1.1.12.2",
    "1.2.840.10008.5.1.4.1.1.12.1",
    "1.2.840.10008.5.1.4.1.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2",
)
SC, SR, PDF, KO = (
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.104.1",
    "1.2.840.10008.5.1.4.1.1.88.59",
)
GSPS, US_IMAGE, MR, SEG = (
    "1.2.840.10008.5.1.4.1.1.11.1",
    "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.66.4",
)

IMPLICIT, EXPLICIT, BIG, DEFLATED, RLE = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5",
)
JPEG = "1.2.840.10008.1.2.4."

PIXEL_MODULE = (
    "PixelData",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "SamplesPerPixel",
    "PixelRepresentation",
    "PhotometricInterpretation",
    "WindowCenter",
    "WindowWidth",
    "RescaleSlope",
    "RescaleIntercept",
)


@dataclass(frozen=True)
class Case:
    """What a file is called, how it is made, and what the gate owes it (reason: the deciding one)."""

    name: str
    make: Callable[[], bytes]
    outcome: str
    reason: str | None = None


CASES: list[Case] = []


def picture(rows: int = 48, columns: int = 40, top: int = 4095) -> np.ndarray:
    """A smooth bright bone on a dark ground, uint16 [rows, columns] in 0..top."""
    y, x = np.mgrid[0:rows, 0:columns]
    bone = np.exp(-(((x - columns / 2) / (columns / 6)) ** 2)) * (0.7 + 0.3 * np.sin(y / 5))
    return np.rint(bone / bone.max() * top).astype(np.uint16)


def image(
    pixels: np.ndarray | None = None, *, bits: int = 12, syntax: str = EXPLICIT, sop_class: str = DX, **changes
) -> FileDataset:
    """A valid hand radiograph; a change of None deletes the attribute."""
    pixels = picture(top=(1 << bits) - 1) if pixels is None else pixels
    ds = FileDataset(None, {}, file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid()
    ds.StudyDate, ds.StudyTime, ds.AcquisitionDate, ds.AcquisitionTime = "20261119", "101500", "20261119", "101730"
    ds.AccessionNumber, ds.Modality = (
        "CANARYACC1",
        {CR: "CR", XRF: "RF", XA: "XA", MG: "MG", CT: "CT"}.get(sop_class, "DX"),
    )
    ds.Manufacturer, ds.InstitutionName, ds.StationName = "CANARY Works", "CANARY Hospital", "ROOM1"
    ds.StudyDescription = "RX MAIN DROITE"
    ds.PatientName, ds.PatientID = "CANARYNAME^CANARYGIVEN", "CANARYPID1"
    ds.PatientBirthDate, ds.PatientSex = "19800229", "F"
    ds.BodyPartExamined, ds.ViewPosition = "HAND", "PA"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.InstanceNumber, ds.ImageLaterality = 1, "R"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.BitsAllocated = pixels.dtype.itemsize * 8
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1, 0
    ds.BurnedInAnnotation = "NO"
    ds.RescaleIntercept, ds.RescaleSlope = "0", "1"
    ds.PixelData = pixels.astype(pixels.dtype.newbyteorder(">" if syntax == BIG else "<")).tobytes()
    ds["PixelData"].VR = "OW" if pixels.dtype.itemsize > 1 else "OB"
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    for name, value in changes.items():
        if value is None:
            delattr(ds, name)
        else:
            setattr(ds, name, value)
    return ds


def encode(ds: Dataset) -> bytes:
    """A PS3.10 file."""
    file = io.BytesIO()
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", "1.2.3")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3")
    dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def compressed(syntax: str, codestream: bytes, *more: bytes, **changes) -> FileDataset:
    """An image whose pixel data are these encapsulated frames."""
    ds = image(**changes)
    ds.PixelData = encapsulate([codestream, *more])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    return ds


def add(name: str, outcome: str, reason: str | None, make: Callable[[], FileDataset | bytes]) -> None:
    """Register a case; a data set is encoded as a PS3.10 file."""

    def build() -> bytes:
        made = make()
        return made if isinstance(made, bytes) else encode(made)

    CASES.append(Case(name, build, outcome, reason))


def ok(name: str, make: Callable[[], FileDataset | bytes]) -> None:
    """A valid file: accepted without a word."""
    add(name, "accepted", None, make)


def flagged(name: str, reason: str, make: Callable[[], FileDataset | bytes]) -> None:
    """A usable file with a reason code."""
    add(name, "accepted_flagged", reason, make)


def outside(name: str, reason: str, make: Callable[[], FileDataset | bytes]) -> None:
    """A valid file out of scope."""
    add(name, "accepted_not_inferred", reason, make)


def bad(name: str, reason: str, make: Callable[[], FileDataset | bytes]) -> None:
    """A file for the quarantine."""
    add(name, "quarantined", reason, make)


def foreign(name: str, make: Callable[[], bytes]) -> None:
    """Not DICOM at all."""
    add(name, "not_dicom", "NOT_DICOM", make)


# --- bytes by hand ---------------------------------------------------------------------------


def element(tag: int, vr: str, value: bytes, order: str = "<") -> bytes:
    """One element in explicit VR."""
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in ("OB", "OW", "SQ", "UN", "UT", "UC", "UR", "OF", "OD", "OL", "OV"):
        return head + b"\0\0" + struct.pack(f"{order}I", len(value)) + value
    return head + struct.pack(f"{order}H", len(value)) + value


def without_meta(ds: FileDataset, implicit: bool = True) -> bytes:
    """A bare data set: no preamble, no file meta information."""
    file = io.BytesIO()
    dcmwrite(file, Dataset(ds), implicit_vr=implicit, little_endian=True)
    return file.getvalue()


def spliced(data: bytes, tag: int, extra: bytes) -> bytes:
    """Put bytes before the first element with this tag (explicit little endian)."""
    place = data.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF), 132)
    return data[:place] + extra + data[place:]


def patched(data: bytes, tag: int, value: bytes) -> bytes:
    """Overwrite the value of a short explicit little endian element, in place."""
    place = data.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF), 132)
    length = struct.unpack_from("<H", data, place + 6)[0]
    padded = value.ljust(length)[:length]
    return data[: place + 8] + padded + data[place + 8 + length :]


def raw_string(tag: int, vr: str, value: bytes, keyword: str) -> bytes:
    """A file in which one attribute's value is these bytes, whatever pydicom thinks of them."""
    ds = image()
    if keyword in ds:
        delattr(ds, keyword)
    padded = value + b" " * (len(value) % 2)
    data = encode(ds)
    return ordered_insert(data, tag, element(tag, vr, padded))


def ordered_insert(data: bytes, tag: int, extra: bytes) -> bytes:
    """Insert an element where it belongs (top level, explicit little endian, defined lengths)."""
    position = 132
    while position < len(data):
        group, number = struct.unpack_from("<HH", data, position)
        if (group << 16 | number) > tag:
            break
        vr = data[position + 4 : position + 6]
        if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC"):
            position += 12 + struct.unpack_from("<I", data, position + 8)[0]
        else:
            position += 8 + struct.unpack_from("<H", data, position + 6)[0]
    return data[:position] + extra + data[position:]


def nested(depth: int, undefined: bool = True) -> bytes:
    """Sequences in sequences, all of them the same harmless one."""
    tag = struct.pack("<HH", 0x0040, 0x0275)
    if undefined:
        return (tag + b"SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff") * depth + (
            b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" * depth
        )
    inner = b""
    for _ in range(depth):
        item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inner)) + inner
        inner = tag + b"SQ\0\0" + struct.pack("<I", len(item)) + item
    return inner


def with_nested(depth: int, undefined: bool = True) -> bytes:
    return ordered_insert(encode(image()), 0x00400275, nested(depth, undefined))


def deflated(ds: FileDataset, body: bytes | None = None) -> bytes:
    """A deflated file; `body` replaces the deflated bytes."""
    ds.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    plain = encode(ds)
    length = struct.unpack_from("<I", plain, 140)[0]
    meta_end = 144 + length
    fresh = image()
    fresh.file_meta.TransferSyntaxUID = UID(DEFLATED)
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = engine.compress(plain[meta_end:]) + engine.flush() if body is None else body
    meta = element(0x00020001, "OB", b"\0\1") + element(0x00020002, "UI", DX.encode() + b"\0" * (len(DX) % 2))
    meta += element(0x00020003, "UI", b"1.2.3\0") + element(
        0x00020010, "UI", DEFLATED.encode() + b"\0" * (len(DEFLATED) % 2)
    )
    return b"\0" * 128 + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + packed


def jpeg_header(rows: int, columns: int, precision: int = 8, marker: int = 0xC0, components: int = 1) -> bytes:
    """A JPEG that announces a size and holds next to nothing."""
    sof = struct.pack(">BHHB", precision, rows, columns, components) + b"".join(
        bytes((i + 1, 0x11, 0)) for i in range(components)
    )
    frame = b"\xff" + bytes([marker]) + struct.pack(">H", len(sof) + 2) + sof
    return b"\xff\xd8" + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x00" * 3600 + b"\xff\xd9"


def j2k_header(rows: int, columns: int) -> bytes:
    """A JPEG 2000 code stream that announces a size and holds nothing."""
    siz = struct.pack(">HIIIIIIIIHBBB", 0, columns, rows, 0, 0, columns, rows, 0, 0, 1, 11, 1, 1)
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(siz) + 2) + siz + b"\xff\xd9"


def eight(top: int = 255, rows: int = 48, columns: int = 40) -> np.ndarray:
    return picture(rows, columns, top).astype(np.uint8)


def rle(pixels: np.ndarray) -> bytes:
    """One RLE frame (PS3.5 annex G), from the literal and repeat runs of PackBits."""
    planes = (
        pixels.astype(">u2").view(np.uint8).reshape(*pixels.shape, 2)
        if pixels.dtype.itemsize == 2
        else pixels[..., None]
    )
    segments = []
    for index in range(planes.shape[-1]):
        segment = b"".join(_packbits(row) for row in planes[..., index])
        segments.append(segment + b"\0" * (len(segment) % 2))
    starts, position = [], 64
    for segment in segments:
        starts.append(position)
        position += len(segment)
    head = struct.pack("<16I", len(segments), *starts, *[0] * (15 - len(starts)))
    return head + b"".join(segments)


def _packbits(row: np.ndarray) -> bytes:
    data, out, index = row.tobytes(), bytearray(), 0
    while index < len(data):
        run = 1
        while run < 128 and index + run < len(data) and data[index + run] == data[index]:
            run += 1
        if run > 1:
            out += bytes((257 - run, data[index]))
            index += run
        else:
            end = index + 1
            while end < len(data) and end - index < 128 and (end + 1 >= len(data) or data[end] != data[end + 1]):
                end += 1
            out += bytes((end - index - 1,)) + data[index:end]
            index = end
    return bytes(out)


def lut_item(first: int, values: list[int], bits: int = 12, keyword_explanation: str = "X") -> Dataset:
    """An item of a modality or VOI LUT sequence."""
    item = Dataset()
    item.add_new(0x00283002, "US", [len(values) % 65536, first, bits])
    item.add_new(0x00283003, "LO", keyword_explanation)
    item.add_new(0x00283006, "OW", struct.pack(f"<{len(values)}H", *values))
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _fragmented(parts: int) -> FileDataset:
    stream = imagecodecs.jpeg8_encode(eight())
    stream += b"\0" * (len(stream) % 2)
    ds = compressed(JPEG + "50", stream, pixels=eight(), bits=8, LossyImageCompression="01")
    ds.PixelData = encapsulate([stream], fragments_per_frame=parts, has_bot=False)
    ds["PixelData"].is_undefined_length = True
    return ds


def _text_element(tag: int, vr: str, value: bytes, other: int, more: bytes) -> bytes:
    return ordered_insert(encode(image()), tag, element(tag, vr, value) + element(other, vr, more))


def _short_lut() -> Dataset:
    item = lut_item(0, list(range(16)))
    item[0x00283002].value = [4096, 0, 12]
    return item


def _directory() -> bytes:
    meta = (
        element(0x00020001, "OB", b"\0\1")
        + element(0x00020002, "UI", b"1.2.840.10008.1.3.10")
        + element(0x00020003, "UI", b"1.2.3.4.5\0")
    )
    meta += element(0x00020010, "UI", EXPLICIT.encode() + b"\0")
    body = element(0x00041130, "CS", b"CANARY") + element(0x00041220, "SQ", b"")
    return bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + body


def without_pixels_from(tag: int) -> bytes:
    """A file cut cleanly before an element."""
    data = encode(image())
    return data[: data.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF), 132)]


def _zeros_deflated(count: int) -> bytes:
    engine = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = bytes(1 << 20)
    return b"".join(engine.compress(block) for _ in range(count >> 20)) + engine.flush()


def _no_fragments() -> bytes:
    data = encode(compressed(JPEG + "50", b"\xff\xd8\xff\xd9", pixels=eight(), bits=8))
    place = data.rindex(b"\xe0\x7f\x10\x00OB")
    return data[: place + 12] + b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"


def _relabelled(syntax: str) -> bytes:
    data = encode(image())
    meta = struct.unpack_from("<I", data, 140)[0]
    old = element(0x00020010, "UI", EXPLICIT.encode() + b"\0")
    new = element(0x00020010, "UI", syntax.encode() + b"\0" * (len(syntax) % 2))
    head = data[: 144 + meta].replace(old, new)
    return head[:140] + struct.pack("<I", meta + len(new) - len(old)) + head[144:] + data[144 + meta :]


# --- unusual but valid -----------------------------------------------------------------------

ok("plain", image)
ok("computed radiography", lambda: image(sop_class=CR))
ok("for processing", lambda: image(sop_class=DX_RAW))
ok("implicit little endian", lambda: image(syntax=IMPLICIT))
ok("big endian", lambda: image(syntax=BIG))
ok("big endian 8 bit", lambda: image(eight(), bits=8, syntax=BIG))
ok("deflated", lambda: deflated(image()))
ok("no preamble, implicit, no meta", lambda: without_meta(image()))
ok("no preamble, explicit, no meta", lambda: without_meta(image(), implicit=False))
ok("no preamble, with meta", lambda: encode(image())[132:])
ok("preamble of a TIFF", lambda: b"II*\0\x10\0\0\0" + encode(image())[8:])
ok("preamble of text", lambda: b"Fuji CR console".ljust(128, b"\0") + encode(image())[128:])
ok("8 bit", lambda: image(eight(), bits=8))
ok("10 of 16 bit", lambda: image(bits=10))
ok("14 of 16 bit", lambda: image(bits=14))
ok("16 bit", lambda: image(picture(top=65535), bits=16))
ok("odd sizes, 8 bit, odd length", lambda: image(eight(rows=47, columns=41), bits=8))
ok(
    "odd sizes, unpadded",
    lambda: encode(image(eight(rows=47, columns=41), bits=8))[:-1].replace(
        struct.pack("<I", 1928), struct.pack("<I", 1927)
    ),
)
ok("odd sizes, 12 bit", lambda: image(picture(47, 41)))
ok("one row", lambda: image(picture(1, 64)))
ok("very long", lambda: image(picture(2000, 8)))
ok("one pixel", lambda: image(picture(1, 1)))
ok("signed", lambda: image((picture().astype(np.int16) - 2048).view(np.uint16) & 0x0FFF, PixelRepresentation=1))
ok("signed 16 bit", lambda: image((picture().astype(np.int16) - 2048).view(np.uint16), bits=16, PixelRepresentation=1))
ok("32 bit", lambda: image(picture().astype(np.uint32), bits=32))
ok("monochrome 1", lambda: image(4095 - picture(), PhotometricInterpretation="MONOCHROME1"))
ok("garbage in the high bits", lambda: image(picture() | 0xF000))
ok("constant image", lambda: image(np.full((48, 40), 7, np.uint16)))
ok("multi-frame", lambda: image(np.concatenate([picture()] * 3), Rows=48, NumberOfFrames="3"))
ok("one frame said", lambda: image(NumberOfFrames="1"))
ok("number of frames empty", lambda: image(NumberOfFrames=""))
ok("number of frames padded", lambda: raw_string(0x00280008, "IS", b" 1  ", "NumberOfFrames"))
ok(
    "rgb",
    lambda: image(
        np.repeat(eight()[..., None], 3, 2),
        bits=8,
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
    ),
)
ok(
    "rgb by plane",
    lambda: image(
        np.repeat(eight()[..., None], 3, 2),
        bits=8,
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=1,
    ),
)
ok(
    "ybr",
    lambda: image(
        np.repeat(eight()[..., None], 3, 2),
        bits=8,
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL",
        PlanarConfiguration=0,
    ),
)
ok("no high bit", lambda: image(HighBit=None))
for _name, _charset, _text in (
    ("latin 1", "ISO_IR 100", "CANARYÉLÉONORE^Zoë"),
    ("latin 2", "ISO_IR 101", "CANARYŁuczak^Żółć"),
    ("latin 9", "ISO_IR 203", "CANARYŒuvrard^Ÿ"),
    ("cyrillic", "ISO_IR 144", "CANARYЛюкceмбypг"),
    ("greek", "ISO_IR 126", "CANARYΔιονυσιος"),
    ("arabic", "ISO_IR 127", "CANARYقباني^لنزار"),
    ("hebrew", "ISO_IR 138", "CANARYשרון^דבורה"),
    ("turkish", "ISO_IR 148", "CANARYÇavuşoğlu"),
    ("thai", "ISO_IR 166", "CANARYไทย"),
    ("utf-8", "ISO_IR 192", "CANARYWang^XiaoDong=王^小东="),
    ("gb18030", "GB18030", "CANARYWang^XiaoDong=王^小东="),
    ("gbk", "GBK", "CANARYWang^XiaoDong=王^小东="),
    ("iso 2022 japanese", ["", "ISO 2022 IR 87"], "CANARYYamada^Tarou=山田^太郎=やまだ^たろう"),
    ("iso 2022 japanese half width", ["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    ("iso 2022 korean", ["", "ISO 2022 IR 149"], "CANARYHong^Gildong=洪^吉洞=홍^길동"),
    ("iso 2022 latin", ["ISO 2022 IR 100", "ISO 2022 IR 144"], "CANARYÉléonore"),
):
    ok(f"charset {_name}", lambda c=_charset, t=_text: image(SpecificCharacterSet=c, PatientName=t))
ok("no character set, ascii", lambda: image(SpecificCharacterSet=None))
ok("character set empty", lambda: image(SpecificCharacterSet=""))
ok("no study time", lambda: image(StudyTime=None))
ok("no study time, no acquisition time", lambda: image(StudyTime="", AcquisitionTime=None))
ok("no study date", lambda: image(StudyDate="", StudyTime=""))
ok("no dates at all", lambda: image(StudyDate="", StudyTime="", AcquisitionDate=None, AcquisitionTime=None))
ok("fractional seconds", lambda: image(StudyTime="101500.123456", AcquisitionTime="101730.5"))
ok("hours only", lambda: raw_string(0x00080030, "TM", b"10", "StudyTime"))
ok("hours and minutes", lambda: raw_string(0x00080030, "TM", b"1015", "StudyTime"))
ok("leap second", lambda: raw_string(0x00080030, "TM", b"235960", "StudyTime"))
ok("old date form", lambda: raw_string(0x00080020, "DA", b"2026.11.19", "StudyDate"))
ok("old time form", lambda: raw_string(0x00080030, "TM", b"10:15:00", "StudyTime"))
ok("offset from UTC", lambda: image(TimezoneOffsetFromUTC="+0100"))
ok("negative offset", lambda: image(TimezoneOffsetFromUTC="-0330"))
ok("acquisition datetime", lambda: image(AcquisitionDateTime="20261119101730.250000"))
ok("acquisition datetime with offset", lambda: image(AcquisitionDateTime="20261119101730+0100"))
ok(
    "time that a clock change repeats",
    lambda: image(StudyDate="20261025", StudyTime="023000", AcquisitionDate="20261025", AcquisitionTime="023000"),
)
ok(
    "time that a clock change skips",
    lambda: image(StudyDate="20260329", StudyTime="023000", AcquisitionDate="20260329", AcquisitionTime="023000"),
)
ok("leap day", lambda: image(StudyDate="20240229", AcquisitionDate="20240229"))
ok(
    "minutes ago",
    lambda: image(StudyDate="20261120", StudyTime="065900", AcquisitionDate="20261120", AcquisitionTime="065930"),
)
ok("twenty years ago", lambda: image(StudyDate="20061119", AcquisitionDate="20061119"))
ok("no birth date", lambda: image(PatientBirthDate=""))
ok("birth date unknown as zeros", lambda: raw_string(0x00100030, "DA", b"00000000", "PatientBirthDate"))
ok("no patient id", lambda: image(PatientID=""))
ok("no patient name", lambda: image(PatientName=""))
ok("no accession number", lambda: image(AccessionNumber=""))
ok(
    "empty optional attributes",
    lambda: image(
        PatientSex="",
        ViewPosition="",
        ImageLaterality=None,
        RescaleSlope=None,
        RescaleIntercept=None,
        StationName="",
        InstitutionName="",
    ),
)
ok("empty window and rescale", lambda: image(RescaleSlope="", RescaleIntercept="", WindowCenter="", WindowWidth=""))
ok("name of one component", lambda: image(PatientName="CANARYNAME"))
ok("long series number", lambda: image(SeriesNumber="2147483647"))
ok("uid of 64 characters", lambda: image(SOPInstanceUID="1.2." + "3" * 60))
ok("uid from a uuid", lambda: image(SOPInstanceUID="2.25.329800735698586629295641978511506172918"))
ok("uid padded with a space", lambda: raw_string(0x0020000D, "UI", b"1.2.840.99999.1 ", "StudyInstanceUID"))
ok("window", lambda: image(WindowCenter="2048", WindowWidth="4096"))
ok(
    "several windows",
    lambda: image(
        WindowCenter=["2048", "1000"], WindowWidth=["4096", "500"], WindowCenterWidthExplanation=["NORMAL", "BONE"]
    ),
)
ok("sigmoid window", lambda: image(WindowCenter="2048", WindowWidth="4096", VOILUTFunction="SIGMOID"))
ok("exact window", lambda: image(WindowCenter="2048", WindowWidth="0.5", VOILUTFunction="LINEAR_EXACT"))
ok("voi lut", lambda: image(VOILUTSequence=Sequence([lut_item(0, list(range(4096)))])))
ok(
    "modality lut",
    lambda: image(
        ModalityLUTSequence=Sequence([lut_item(0, list(range(4096)))]), RescaleSlope=None, RescaleIntercept=None
    ),
)
ok("negative slope", lambda: image(RescaleSlope="-1", RescaleIntercept="4095"))
ok("fractional slope", lambda: image(RescaleSlope="0.25", RescaleIntercept="-1024.5"))
ok("slope in exponent form", lambda: image(RescaleSlope="1.0E+00"))
ok("pixel padding", lambda: image(PixelPaddingValue=0))
ok("pixel aspect and spacing", lambda: image(PixelSpacing=["0.143", "0.143"], ImagerPixelSpacing=["0.2", "0.2"]))
ok("derived primary", lambda: image(ImageType=["DERIVED", "PRIMARY"]))
ok(
    "derived primary with more",
    lambda: image(ImageType=["DERIVED", "PRIMARY", "POST_PROCESSED", "", "", "", "", "", "100000"]),
)
ok("no image type", lambda: image(ImageType=None))
ok(
    "private tags",
    lambda: ordered_insert(
        encode(image()),
        0x00090010,
        element(0x00090010, "LO", b"CANARY PRIVATE") + element(0x00091001, "UN", b"\0\1\2\3"),
    ),
)
ok(
    "unknown private sequence",
    lambda: ordered_insert(
        encode(image()),
        0x00091002,
        element(0x00090010, "LO", b"CANARY PRIVATE") + element(0x00091002, "SQ", b"\xfe\xff\x00\xe0\0\0\0\0"),
    ),
)
ok("sequences five deep", lambda: with_nested(5))
ok("sequences twenty deep, defined lengths", lambda: with_nested(20, undefined=False))
ok(
    "overlay",
    lambda: ordered_insert(
        encode(image()), 0x60000010, element(0x60000010, "US", b"\x30\0") + element(0x60003000, "OW", bytes(240))
    ),
)
ok("icon image", lambda: image(IconImageSequence=Sequence([image(eight(rows=8, columns=8), bits=8)])))
ok("trailing padding element", lambda: encode(image()) + element(0xFFFCFFFC, "OB", bytes(64)))
ok("zeros after the end", lambda: encode(image()) + bytes(376))
ok(
    "group lengths",
    lambda: ordered_insert(encode(image()), 0x00080000, element(0x00080000, "UL", struct.pack("<I", 400))),
)
ok(
    "lossy with the flag, jpeg baseline",
    lambda: compressed(
        JPEG + "50",
        imagecodecs.jpeg8_encode(eight()),
        pixels=eight(),
        bits=8,
        LossyImageCompression="01",
        LossyImageCompressionRatio="10",
    ),
)
ok(
    "lossy with the flag, jpeg extended 12 bit",
    lambda: compressed(JPEG + "51", imagecodecs.jpeg8_encode(picture(), bitspersample=12), LossyImageCompression="01"),
)
ok("jpeg lossless process 14", lambda: compressed(JPEG + "57", imagecodecs.ljpeg_encode(picture(), bitspersample=12)))
ok("jpeg lossless first order", lambda: compressed(JPEG + "70", imagecodecs.ljpeg_encode(picture(), bitspersample=12)))
ok(
    "jpeg lossless 8 bit",
    lambda: compressed(JPEG + "70", imagecodecs.ljpeg_encode(eight(), bitspersample=8), pixels=eight(), bits=8),
)
ok("jpeg-ls", lambda: compressed(JPEG + "80", imagecodecs.jpegls_encode(picture())))
ok("jpeg-ls under the near-lossless syntax", lambda: compressed(JPEG + "81", imagecodecs.jpegls_encode(picture())))
ok(
    "jpeg-ls near lossless with the flag",
    lambda: compressed(JPEG + "81", imagecodecs.jpegls_encode(picture(), level=2), LossyImageCompression="01"),
)
ok(
    "jpeg 2000",
    lambda: compressed(JPEG + "90", imagecodecs.jpeg2k_encode(picture(), codecformat="j2k", reversible=True, level=0)),
)
ok(
    "jpeg 2000 lossy with the flag",
    lambda: compressed(
        JPEG + "91", imagecodecs.jpeg2k_encode(picture(), codecformat="j2k", level=40), LossyImageCompression="01"
    ),
)
ok(
    "jpeg 2000 reversible under the lossy syntax",
    lambda: compressed(JPEG + "91", imagecodecs.jpeg2k_encode(picture(), codecformat="j2k", reversible=True, level=0)),
)
ok("rle 16 bit", lambda: compressed(RLE, rle(picture())))
ok("rle 8 bit", lambda: compressed(RLE, rle(eight()), pixels=eight(), bits=8))
ok("rle multi-frame", lambda: compressed(RLE, rle(picture()), rle(picture()), NumberOfFrames="2"))
ok("jpeg in several fragments", lambda: _fragmented(4))
ok("jpeg without offset table", lambda: _fragmented(1))
ok(
    "rgb jpeg",
    lambda: compressed(
        JPEG + "50",
        imagecodecs.jpeg8_encode(np.repeat(eight()[..., None], 3, 2)),
        pixels=np.repeat(eight()[..., None], 3, 2),
        bits=8,
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
        LossyImageCompression="01",
    ),
)
for _word in (
    "WRIST",
    "Wrist",
    "FOREARM",
    "ELBOW",
    "HUMERUS",
    "SHOULDER",
    "CLAVICLE",
    "PELVIS",
    "HIP",
    "FEMUR",
    "KNEE",
    "TIBIA FIBULA",
    "LOWER LEG",
    "LEG",
    "ANKLE",
    "FOOT",
    "CALCANEUS",
    "TOE",
    "FINGER",
    "THUMB",
    "SCAPULA",
    "MAIN",
    "POIGNET",
    "CHEVILLE",
    "GENOU",
    "ÉPAULE",
    "AVANT-BRAS",
    "HANCHE",
    "EXTREMITY",
    "UPPER EXTREMITY",
):
    ok(f"body part {_word}", lambda w=_word: image(BodyPartExamined=w))
ok(
    "body part from the study description",
    lambda: image(BodyPartExamined=None, StudyDescription="Radiographie de la cheville droite"),
)
ok(
    "body part from the protocol",
    lambda: image(BodyPartExamined="", ProtocolName="KNEE AP/LAT", StudyDescription="CANARY"),
)
ok(
    "body part from the series description",
    lambda: image(BodyPartExamined="", SeriesDescription="Poignet F+P", StudyDescription=""),
)
ok(
    "body part from the anatomic code",
    lambda: image(
        BodyPartExamined="", StudyDescription="", AnatomicRegionSequence=Sequence([_code("T-D8700", "SRT", "Hand")])
    ),
)
ok(
    "body part from the anatomic code, SNOMED CT",
    lambda: image(
        BodyPartExamined="",
        StudyDescription="",
        AnatomicRegionSequence=Sequence([_code("70258002", "SCT", "Ankle joint")]),
    ),
)
ok("limb", lambda: image(BodyPartExamined="EXTREMITY", StudyDescription=""))
ok("lower case modality", lambda: image(Modality="dx"))
ok("burned-in said no", lambda: image(BurnedInAnnotation="NO"))
ok("written by another name in the meta", lambda: encode(image()).replace(b"PYDICOM", b"OTHERPA", 1))
ok("elements after the pixels", lambda: encode(image()) + element(0x7FE10010, "LO", b"CANARY"))
ok("a name that is a hyphen", lambda: image(PatientName="CANARY-NAME^JEAN-PAUL", PatientID="-123"))
ok(
    "an apostrophe",
    lambda: image(
        PatientName="D'CANARY^O", StudyDescription="Main d'enfant, 2 incidences (face + profil) & comparatif"
    ),
)


# --- usable, with a word ---------------------------------------------------------------------

flagged("unknown character set", "CHARSET", lambda: raw_string(0x00080005, "CS", b"ISO_IR 999", "SpecificCharacterSet"))
flagged(
    "latin bytes, no character set",
    "CHARSET",
    lambda: patched(encode(image(SpecificCharacterSet=None)), 0x00100010, b"CANARY\xc9L\xc9ONORE"),
)
flagged(
    "broken utf-8",
    "CHARSET",
    lambda: patched(encode(image(SpecificCharacterSet="ISO_IR 192")), 0x00100010, b"CANARY\xc3\x28\xff\xfe"),
)
flagged("utf-8 declared latin", "CHARSET", lambda: patched(encode(image()), 0x00100010, "CANARYÉlé".encode()))
flagged("script in the name", "SUSPICIOUS_TEXT", lambda: image(PatientName="CANARY<script>alert(1)</script>"))
flagged(
    "markup in the description", "SUSPICIOUS_TEXT", lambda: image(StudyDescription="MAIN <img src=x onerror=alert(1)>")
)
flagged("sql in the patient id", "SUSPICIOUS_TEXT", lambda: image(PatientID="x'; DROP TABLE study;--"))
flagged("path in the patient id", "SUSPICIOUS_TEXT", lambda: image(PatientID="../../etc/passwd"))
flagged("template in the description", "SUSPICIOUS_TEXT", lambda: image(SeriesDescription="{{7*7}}"))
flagged("lookup in the station name", "SUSPICIOUS_TEXT", lambda: image(StationName="${jndi:ldap:x}"))
flagged("formula in the name", "SUSPICIOUS_TEXT", lambda: image(PatientName='=HYPERLINK("x")'))
flagged("control characters", "SUSPICIOUS_TEXT", lambda: image(StudyDescription="MAIN\x07\x08\x01"))
flagged("newline in an identifier", "SUSPICIOUS_TEXT", lambda: image(PatientID="CANARY\nX"))
flagged(
    "right-to-left override",
    "SUSPICIOUS_TEXT",
    lambda: image(SpecificCharacterSet="ISO_IR 192", PatientName="CANARY\u202egnp.exe"),
)
flagged("endless name", "SUSPICIOUS_TEXT", lambda: image(PatientName="CANARY" * 5000))
flagged(
    "name in the description",
    "PHI_IN_TEXT",
    lambda: image(PatientName="DURANDEAU^JEANNE", StudyDescription="Main droite DURANDEAU"),
)
flagged("birth date in a comment", "PHI_IN_TEXT", lambda: image(ImageComments="Patiente née le 12/03/1961"))
flagged("telephone in a comment", "PHI_IN_TEXT", lambda: image(ImageComments="rappeler au 06 12 34 56 78"))
flagged("mail in the history", "PHI_IN_TEXT", lambda: image(AdditionalPatientHistory="canary@example.org"))
flagged("burned-in", "BURNED_IN", lambda: image(BurnedInAnnotation="YES"))
flagged(
    "clock a few hours fast",
    "CLOCK_SKEW",
    lambda: image(StudyDate="20261120", StudyTime="180000", AcquisitionDate="20261120", AcquisitionTime="180000"),
)
flagged("acquired long before its study", "CLOCK_SKEW", lambda: image(AcquisitionDate="20200101"))
flagged("window of no width", "BAD_WINDOW", lambda: image(WindowCenter="100", WindowWidth="0"))
flagged("window that is no number", "BAD_WINDOW", lambda: _text_element(0x00281050, "DS", b"NaN ", 0x00281051, b"abc "))
flagged("window without centre", "BAD_WINDOW", lambda: image(WindowWidth="4096"))
flagged("voi lut cut short", "BAD_WINDOW", lambda: image(VOILUTSequence=Sequence([_short_lut()])))
flagged(
    "lossy without the flag",
    "LOSSY_UNDECLARED",
    lambda: compressed(JPEG + "50", imagecodecs.jpeg8_encode(eight()), pixels=eight(), bits=8),
)


# --- out of scope ----------------------------------------------------------------------------

outside("fluoroscopy", "NOT_ELIGIBLE_MODALITY", lambda: image(sop_class=XRF))
outside("angiography", "NOT_ELIGIBLE_MODALITY", lambda: image(sop_class=XA))
outside("mammography", "NOT_ELIGIBLE_MODALITY", lambda: image(sop_class=MG, BodyPartExamined="BREAST"))
outside("ct", "NOT_ELIGIBLE_MODALITY", lambda: image(sop_class=CT))
outside("mr", "NOT_ELIGIBLE_MODALITY", lambda: image(sop_class=MR, Modality="MR"))
outside("modality of its own", "NOT_ELIGIBLE_MODALITY", lambda: image(Modality="XX"))
outside("no modality", "NOT_ELIGIBLE_MODALITY", lambda: image(Modality=""))
for _word in (
    "CHEST",
    "ABDOMEN",
    "SKULL",
    "CSPINE",
    "LSPINE",
    "RIB",
    "BREAST",
    "THORAX",
    "RACHIS",
    "FACE",
    "HEAD",
    "NECK",
):
    outside(
        f"body part {_word}", "NOT_ELIGIBLE_BODY_PART", lambda w=_word: image(BodyPartExamined=w, StudyDescription=w)
    )
outside("no body part anywhere", "NOT_ELIGIBLE_BODY_PART", lambda: image(BodyPartExamined=None, StudyDescription=""))
outside(
    "body part unknown", "NOT_ELIGIBLE_BODY_PART", lambda: image(BodyPartExamined="QWERTY", StudyDescription="CANARY")
)
outside("secondary capture", "DERIVED_IMAGE", lambda: image(eight(), bits=8, sop_class=SC))
outside(
    "secondary capture in colour",
    "DERIVED_IMAGE",
    lambda: image(
        np.repeat(eight()[..., None], 3, 2),
        bits=8,
        sop_class=SC,
        Modality="OT",
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
    ),
)
outside("derived secondary", "DERIVED_IMAGE", lambda: image(ImageType=["DERIVED", "SECONDARY"]))
outside("original secondary", "DERIVED_IMAGE", lambda: image(ImageType=["ORIGINAL", "SECONDARY"]))
outside("derived and no more", "DERIVED_IMAGE", lambda: image(ImageType="DERIVED"))
outside("phantom", "TEST_PATIENT", lambda: image(PatientName="PHANTOM^QC"))
outside("test patient", "TEST_PATIENT", lambda: image(PatientName="TEST^PATIENT"))
outside("fantôme", "TEST_PATIENT", lambda: image(StudyDescription="Contrôle qualité fantôme main"))
outside("quality control image", "TEST_PATIENT", lambda: image(QualityControlImage="YES"))
outside("body part phantom", "TEST_PATIENT", lambda: image(BodyPartExamined="PHANTOM"))
for _name, _class in (
    ("structured report", SR),
    ("encapsulated pdf", PDF),
    ("key objects", KO),
    ("presentation state", GSPS),
    ("private object", "1.2.826.0.1.3680043.9.9.1"),
):
    outside(
        _name,
        "NOT_ELIGIBLE_SOP_CLASS",
        lambda c=_class: image(
            sop_class=c,
            **dict.fromkeys(PIXEL_MODULE[:9]),
            RescaleSlope=None,
            RescaleIntercept=None,
            BurnedInAnnotation=None,
        ),
    )
outside(
    "pdf with its document",
    "NOT_ELIGIBLE_SOP_CLASS",
    lambda: image(
        sop_class=PDF, Modality="DOC", EncapsulatedDocument=b"%PDF-1.4 CANARY\n", **dict.fromkeys(PIXEL_MODULE[:9])
    ),
)
outside(
    "ultrasound with a palette",
    "NOT_ELIGIBLE_MODALITY",
    lambda: image(eight(), bits=8, sop_class=US_IMAGE, Modality="US", PhotometricInterpretation="PALETTE COLOR"),
)
outside(
    "segmentation of one bit",
    "NOT_ELIGIBLE_MODALITY",
    lambda: image(np.zeros((48, 5), np.uint8), bits=1, sop_class=SEG, Modality="SEG", Columns=40, BitsAllocated=1),
)
outside(
    "video of an endoscope",
    "NOT_ELIGIBLE_MODALITY",
    lambda: compressed(
        JPEG + "102", b"\0\0\0\x18ftyp", sop_class="1.2.840.10008.5.1.4.1.1.77.1.1.1", Modality="ES", NumberOfFrames="1"
    ),
)
outside("media directory", "NOT_ELIGIBLE_SOP_CLASS", _directory)
outside(
    "report with deep content",
    "NOT_ELIGIBLE_SOP_CLASS",
    lambda: ordered_insert(
        encode(image(sop_class=SR, Modality="SR", **dict.fromkeys(PIXEL_MODULE[:9]))),
        0x0040A730,
        nested(30).replace(b"\x40\0\x75\x02", b"\x40\0\x30\xa7"),
    ),
)


# --- broken or hostile -----------------------------------------------------------------------

for _count in (140, 200, 350, 700, 995, 1500, 3000):
    bad(f"cut after {_count} bytes", "TRUNCATED", lambda n=_count: encode(image())[:n])
bad("cut one byte short", "TRUNCATED", lambda: encode(image())[:-1])
bad("cut in the middle of the pixels", "TRUNCATED", lambda: encode(image())[:-2000])
bad(
    "cut in a compressed image",
    "TRUNCATED",
    lambda: encode(compressed(JPEG + "50", imagecodecs.jpeg8_encode(eight()), pixels=eight(), bits=8))[:-100],
)
bad(
    "compressed without its delimiter",
    "TRUNCATED",
    lambda: encode(compressed(JPEG + "80", imagecodecs.jpegls_encode(picture())))[:-8],
)
bad("cut between elements", "TRUNCATED", lambda: without_pixels_from(0x00180015))
bad("prefix and nothing", "TRUNCATED", lambda: bytes(128) + b"DICM")
bad(
    "meta information and nothing",
    "TRUNCATED",
    lambda: encode(image())[: 144 + struct.unpack_from("<I", encode(image()), 140)[0]],
)
bad("cut deflated", "TRUNCATED", lambda: deflated(image())[:-200])
bad("prefix and noise", "PARSE_ERROR", lambda: bytes(128) + b"DICM" + np.random.default_rng(5).bytes(4000))
bad("deflated noise", "PARSE_ERROR", lambda: deflated(image(), np.random.default_rng(6).bytes(4000)))
bad("deflated bomb", "DECOMPRESSION_BOMB", lambda: deflated(image(), _zeros_deflated(160 << 20)))
bad(
    "invalid vr",
    "PARSE_ERROR",
    lambda: ordered_insert(encode(image()), 0x00181030, struct.pack("<HH", 0x0018, 0x1030) + b"\x01\x02\x04\0ABCD"),
)
bad(
    "item outside a sequence",
    "PARSE_ERROR",
    lambda: ordered_insert(encode(image()), 0x00180015, b"\xfe\xff\x00\xe0\x08\0\0\0CANARYXX"),
)
bad(
    "item longer than its sequence",
    "PARSE_ERROR",
    lambda: ordered_insert(
        encode(image()), 0x00081140, element(0x00081140, "SQ", b"\xfe\xff\x00\xe0\x40\0\0\0" + bytes(16))
    ),
)
for _depth in (100, 3000, 50_000):
    bad(f"nested {_depth} deep", "NESTING_TOO_DEEP", lambda n=_depth: with_nested(n))
bad("nested 500 deep, defined lengths", "NESTING_TOO_DEEP", lambda: with_nested(500, undefined=False))
bad(
    "nested in implicit VR",
    "NESTING_TOO_DEEP",
    lambda: without_meta(image()) + (b"\x40\0\x75\x02\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff") * 3000,
)
bad(
    "duplicate patient id",
    "DUPLICATE_TAG",
    lambda: spliced(encode(image()), 0x00100020, element(0x00100020, "LO", b"CANARYPID2")),
)
bad(
    "duplicate rows",
    "DUPLICATE_TAG",
    lambda: spliced(encode(image()), 0x00280010, element(0x00280010, "US", b"\xff\x7f")),
)
bad("duplicate pixel data", "DUPLICATE_TAG", lambda: encode(image()) + element(0x7FE00010, "OW", bytes(3840)))
bad("program of Windows", "EXECUTABLE_PREAMBLE", lambda: b"MZ\x90\0".ljust(128, b"\0") + encode(image())[128:])
bad("program of Linux", "EXECUTABLE_PREAMBLE", lambda: b"\x7fELF\2\1\1".ljust(128, b"\0") + encode(image())[128:])
bad("shell script", "EXECUTABLE_PREAMBLE", lambda: b"#!/bin/sh\nid\n".ljust(128, b"\n") + encode(image())[128:])
bad("program of a Mac", "EXECUTABLE_PREAMBLE", lambda: b"\xcf\xfa\xed\xfe".ljust(128, b"\0") + encode(image())[128:])
bad("archive", "EXECUTABLE_PREAMBLE", lambda: b"PK\x03\x04".ljust(128, b"\0") + encode(image())[128:])
bad("page with a script", "EXECUTABLE_PREAMBLE", lambda: b"<html><script>".ljust(128, b" ") + encode(image())[128:])
for _name, _value in (
    ("path", b"../../../../etc/passwd"),
    ("absolute path", b"/tmp/x"),
    ("windows path", b"..\\..\\windows"),
    ("letters", b"1.2.abc.4"),
    ("leading zero", b"1.2.03.4"),
    ("empty component", b"1.2..4"),
    ("trailing dot", b"1.2.3."),
    ("leading dot", b".1.2.3"),
    ("65 characters", b"1.2." + b"3" * 61),
    ("no dot", b"12345"),
    ("empty", b""),
    ("newline", b"1.2.3\n4"),
    ("nul inside", b"1.2.3\x004.5"),
    ("negative", b"1.2.-3"),
    ("url", b"http://example.org/1.2.3"),
    ("two values", b"1.2.3\\1.2.4"),
    ("inner space", b"1.2. 3"),
):
    bad(f"sop instance uid: {_name}", "BAD_UID", lambda v=_value: raw_string(0x00080018, "UI", v, "SOPInstanceUID"))
bad("study uid is a path", "BAD_UID", lambda: raw_string(0x0020000D, "UI", b"../../x", "StudyInstanceUID"))
bad("series uid is a path", "BAD_UID", lambda: raw_string(0x0020000E, "UI", b"a/b", "SeriesInstanceUID"))
bad("no study uid", "BAD_UID", lambda: image(StudyInstanceUID=None))
bad("no series uid", "BAD_UID", lambda: image(SeriesInstanceUID=None))
bad("no sop instance uid", "BAD_UID", lambda: image(SOPInstanceUID=None))
bad("no sop class uid", "BAD_UID", lambda: image(SOPClassUID=None))
bad("sop class is words", "BAD_UID", lambda: raw_string(0x00080016, "UI", b"DX IMAGE", "SOPClassUID"))
for _name, _changes in (
    ("no rows", {"Rows": None}),
    ("zero rows", {"Rows": 0}),
    ("zero columns", {"Columns": 0}),
    ("no columns", {"Columns": None}),
    ("no bits allocated", {"BitsAllocated": None}),
    ("13 bits allocated", {"BitsAllocated": 13}),
    ("more stored than allocated", {"BitsStored": 20, "HighBit": 19}),
    ("no bits stored", {"BitsStored": None}),
    ("zero bits stored", {"BitsStored": 0, "HighBit": 0}),
    ("high bit off", {"HighBit": 15}),
    ("high bit beyond", {"HighBit": 200}),
    ("sign of 2", {"PixelRepresentation": 2}),
    ("no sign", {"PixelRepresentation": None}),
    ("no photometric", {"PhotometricInterpretation": None}),
    ("photometric of words", {"PhotometricInterpretation": "CANARY"}),
    ("grey with three samples", {"SamplesPerPixel": 3}),
    ("rgb with one sample", {"PhotometricInterpretation": "RGB"}),
    ("no samples", {"SamplesPerPixel": None}),
    ("zero samples", {"SamplesPerPixel": 0}),
    ("palette", {"PhotometricInterpretation": "PALETTE COLOR"}),
):
    bad(_name, "BAD_PIXEL_FORMAT", lambda c=_changes: image(**c))
bad(
    "rows of two values",
    "BAD_PIXEL_FORMAT",
    lambda: ordered_insert(encode(image(Rows=None)), 0x00280010, element(0x00280010, "US", b"\x30\0\x30\0")),
)
for _value in (b"0", b"-1", b"abc", b"1.5", b"1\\2", b"99999999999999999999"):
    bad(
        f"number of frames {_value.decode()}",
        "BAD_NUMBER_OF_FRAMES",
        lambda v=_value: raw_string(0x00280008, "IS", v, "NumberOfFrames"),
    )
bad("more frames than pixels", "BAD_NUMBER_OF_FRAMES", lambda: image(NumberOfFrames="2"))
bad("million frames", "BAD_NUMBER_OF_FRAMES", lambda: image(NumberOfFrames="1000000"))
bad("more frames than fragments", "BAD_NUMBER_OF_FRAMES", lambda: compressed(RLE, rle(picture()), NumberOfFrames="5"))
bad("pixels too short", "PIXEL_LENGTH", lambda: image(Rows=100))
bad("pixels too long", "PIXEL_LENGTH", lambda: image(Rows=20))
bad("pixels odd by ten bytes", "PIXEL_LENGTH", lambda: image(PixelData=picture().tobytes()[:-10]))
bad("no pixel data", "NO_PIXEL_DATA", lambda: image(PixelData=None))
bad("empty pixel data", "NO_PIXEL_DATA", lambda: image(PixelData=b""))
bad("ct without pixels", "NO_PIXEL_DATA", lambda: image(sop_class=CT, PixelData=None))
bad("no fragments", "NO_PIXEL_DATA", _no_fragments)
bad("huge uncompressed", "IMAGE_TOO_LARGE", lambda: image(Rows=65535, Columns=65535))
for _value in (b"NaN", b"nan", b"inf", b"-Infinity", b"0", b"0.0", b"abc", b"1e999", b"1\\2", b"0x10", b"1,5"):
    bad(f"slope {_value.decode()}", "BAD_RESCALE", lambda v=_value: raw_string(0x00281053, "DS", v, "RescaleSlope"))
bad("intercept NaN", "BAD_RESCALE", lambda: raw_string(0x00281052, "DS", b"NaN", "RescaleIntercept"))
bad("intercept infinite", "BAD_RESCALE", lambda: raw_string(0x00281052, "DS", b"1e308", "RescaleIntercept"))
bad("modality lut cut short", "BAD_RESCALE", lambda: image(ModalityLUTSequence=Sequence([_short_lut()])))
for _value in (
    b"20991231",
    b"20261201",
    b"20260230",
    b"20261301",
    b"20260001",
    b"20260100",
    b"18500101",
    b"00000000",
    b"CANARY",
    b"2026",
    b"19/11/2026",
    b"99999999",
    b"202611190",
):
    bad(f"study date {_value.decode()}", "BAD_DATE", lambda v=_value: raw_string(0x00080020, "DA", v, "StudyDate"))
bad("future acquisition", "BAD_DATE", lambda: image(AcquisitionDate="20990101"))
bad("future acquisition datetime", "BAD_DATE", lambda: image(AcquisitionDateTime="20990101000000"))
bad(
    "acquisition datetime of words",
    "BAD_DATE",
    lambda: raw_string(0x0008002A, "DT", b"yesterday", "AcquisitionDateTime"),
)
bad("future birth", "BAD_DATE", lambda: image(PatientBirthDate="20990101"))
bad(
    "born after the examination",
    "BAD_DATE",
    lambda: image(PatientBirthDate="20261120", StudyDate="20250101", AcquisitionDate="20250101"),
)
bad("study time 25 h", "BAD_DATE", lambda: raw_string(0x00080030, "TM", b"256000", "StudyTime"))
bad("study time of words", "BAD_DATE", lambda: raw_string(0x00080030, "TM", b"noon", "StudyTime"))
bad("offset of words", "BAD_DATE", lambda: raw_string(0x00080201, "SH", b"Paris", "TimezoneOffsetFromUTC"))
bad("offset of 99 h", "BAD_DATE", lambda: raw_string(0x00080201, "SH", b"+9900", "TimezoneOffsetFromUTC"))
for _name, _syntax in (
    ("video", JPEG + "102"),
    ("mpeg-2", JPEG + "100"),
    ("jpip", JPEG + "94"),
    ("jpeg xl", JPEG + "110"),
    ("unknown", "1.2.840.10008.1.2.999"),
    ("private", "1.2.826.0.1.3680043.9.1"),
):
    bad(f"transfer syntax {_name}", "TS_UNSUPPORTED", lambda s=_syntax: _relabelled(s))
bad("transfer syntax is a path", "BAD_UID", lambda: _relabelled("../../etc/passwd"))
bad(
    "jpeg of 65500 x 65500",
    "DECOMPRESSION_BOMB",
    lambda: compressed(JPEG + "50", jpeg_header(65500, 65500), pixels=eight(), bits=8),
)
bad(
    "jpeg of 65500 x 65500, said so",
    "DECOMPRESSION_BOMB",
    lambda: compressed(JPEG + "50", jpeg_header(65500, 65500), pixels=eight(), bits=8, Rows=65500, Columns=65500),
)
bad("lossless jpeg bomb", "DECOMPRESSION_BOMB", lambda: compressed(JPEG + "70", jpeg_header(60000, 60000, 16, 0xC3)))
bad("jpeg-ls bomb", "DECOMPRESSION_BOMB", lambda: compressed(JPEG + "80", jpeg_header(60000, 60000, 12, 0xF7)))
bad("jpeg 2000 bomb", "DECOMPRESSION_BOMB", lambda: compressed(JPEG + "90", j2k_header(2_000_000_000, 2_000_000_000)))
bad("rle bomb", "DECOMPRESSION_BOMB", lambda: compressed(RLE, rle(picture()), Rows=60000, Columns=60000))
bad(
    "jpeg larger than said",
    "BAD_PIXEL_FORMAT",
    lambda: compressed(JPEG + "50", imagecodecs.jpeg8_encode(eight(rows=96, columns=80)), pixels=eight(), bits=8),
)
bad(
    "jpeg smaller than said",
    "BAD_PIXEL_FORMAT",
    lambda: compressed(JPEG + "50", imagecodecs.jpeg8_encode(eight(rows=8, columns=8)), pixels=eight(), bits=8),
)
bad(
    "jpeg deeper than allocated",
    "BAD_PIXEL_FORMAT",
    lambda: compressed(JPEG + "51", imagecodecs.jpeg8_encode(picture(), bitspersample=12), pixels=eight(), bits=8),
)
bad(
    "8 bit jpeg said to be 12 bit",
    "BAD_PIXEL_FORMAT",
    lambda: compressed(JPEG + "50", imagecodecs.jpeg8_encode(eight())),
)
bad(
    "colour jpeg said grey",
    "BAD_PIXEL_FORMAT",
    lambda: compressed(
        JPEG + "50", imagecodecs.jpeg8_encode(np.repeat(eight()[..., None], 3, 2)), pixels=eight(), bits=8
    ),
)
bad(
    "jpeg cut in its fragment",
    "PIXEL_DECODE",
    lambda: compressed(JPEG + "50", imagecodecs.jpeg8_encode(eight())[:-60], pixels=eight(), bits=8),
)
bad(
    "lossless jpeg cut in its fragment",
    "PIXEL_DECODE",
    lambda: compressed(JPEG + "70", imagecodecs.ljpeg_encode(picture(), bitspersample=12)[:-300]),
)
bad(
    "jpeg-ls cut in its fragment",
    "PIXEL_DECODE",
    lambda: compressed(JPEG + "80", imagecodecs.jpegls_encode(picture())[:-300]),
)
bad(
    "jpeg 2000 cut in its fragment",
    "PIXEL_DECODE",
    lambda: compressed(
        JPEG + "90", imagecodecs.jpeg2k_encode(picture(), codecformat="j2k", reversible=True, level=0)[:-300]
    ),
)
for _name, _syntax in (("jpeg", "50"), ("lossless jpeg", "70"), ("jpeg-ls", "80"), ("jpeg 2000", "90")):
    bad(
        f"{_name} of noise",
        "PIXEL_DECODE",
        lambda s=_syntax: compressed(JPEG + s, np.random.default_rng(7).bytes(3000)),
    )
bad(
    "jpeg 2000 said to be jpeg",
    "PIXEL_DECODE",
    lambda: compressed(JPEG + "50", imagecodecs.jpeg2k_encode(picture(), codecformat="j2k", reversible=True, level=0)),
)
bad("native said to be jpeg", "PIXEL_DECODE", lambda: _relabelled(JPEG + "50"))
bad(
    "jpeg said to be native",
    "PIXEL_LENGTH",
    lambda: compressed(EXPLICIT, imagecodecs.jpeg8_encode(eight()), pixels=eight(), bits=8),
)
bad("rle of noise", "PIXEL_DECODE", lambda: compressed(RLE, np.random.default_rng(8).bytes(3000)))
bad("rle of no segments", "PIXEL_DECODE", lambda: compressed(RLE, bytes(64) + b"\0" * 100))
bad(
    "rle of too many segments",
    "PIXEL_DECODE",
    lambda: compressed(RLE, struct.pack("<16I", *[2**31 - 1] * 16) + bytes(64)),
)
bad("rle that ends early", "PIXEL_DECODE", lambda: compressed(RLE, rle(picture())[:-40]))
bad(
    "rle with segments out of the frame",
    "PIXEL_DECODE",
    lambda: compressed(RLE, struct.pack("<16I", 2, 64, 2**30, *[0] * 13) + bytes(200)),
)
bad("rle of one segment for 16 bit", "PIXEL_DECODE", lambda: compressed(RLE, rle(eight())))

# Texts on which a search for names or markup once took minutes: longer than any comment may be.
for _name, _text in (
    ("letters", b"a" * (1 << 20)),
    ("digits", b"1" * (1 << 20)),
    ("comments that never end", b"/*a" * 349_525 + b" "),
    ("tag of spaces", b"<" + b" " * 1_048_572 + b"zzz"),
):
    flagged(
        f"comment of a million {_name}",
        "SUSPICIOUS_TEXT",
        lambda t=_text: ordered_insert(encode(image()), 0x00204000, element(0x00204000, "UT", t)),
    )
flagged(
    "a long comment in each text",
    "SUSPICIOUS_TEXT",
    lambda: ordered_insert(
        encode(image()),
        0x00104000,
        element(0x00104000, "LT", b"a." * 5000) + element(0x001021B0, "UT", b"<" * (1 << 20)),
    ),
)

foreign("empty file", lambda: b"")
foreign("a few bytes", lambda: b"DICM")
foreign("text", lambda: b"Bonjour CANARY, voici la liste.\n" * 50)
foreign("jpeg picture", lambda: imagecodecs.jpeg8_encode(eight(rows=200, columns=200)))
foreign("png picture", lambda: imagecodecs.png_encode(eight(rows=200, columns=200)))
foreign("zip archive", lambda: b"PK\x03\x04" + bytes(400))
foreign("pdf", lambda: b"%PDF-1.7\nCANARY\n%%EOF\n" * 20)
foreign("hl7", lambda: b"MSH|^~\\&|RIS|CANARY|||20261119||ORU^R01|1|P|2.5\rPID|||1\r" * 5)
foreign("noise", lambda: np.random.default_rng(9).bytes(5000))
foreign("zeros", lambda: bytes(5000))
foreign("xml", lambda: b'<?xml version="1.0"?><NativeDicomModel>CANARY</NativeDicomModel>' * 10)
foreign("prefix in the wrong place", lambda: bytes(100) + b"DICM" + bytes(500))
foreign("html error page", lambda: b"<!doctype html><title>502 CANARY</title>" * 10)

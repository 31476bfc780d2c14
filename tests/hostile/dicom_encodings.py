"""More DICOM files as code: one picture in the many encodings that the standard allows, and lies about encodings.

Registers its cases with `dicom_cases`; `SAME` names those whose decoded picture is that of another case.
"""

from __future__ import annotations

import struct
import sys

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

cases = sys.modules["dicom_cases"]
image, picture, eight, encode = cases.image, cases.picture, cases.eight, cases.encode
element, insert, compressed = cases.element, cases.ordered_insert, cases.compressed
JPEG, RLE = cases.JPEG, cases.RLE

ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
OPEN = b"\xff\xff\xff\xff"
# Case by the case that its picture must equal.
SAME: dict[str, str] = {}


def same(name: str, make, as_case: str = "plain") -> None:
    """A valid file whose picture is that of another."""
    cases.ok(name, make)
    SAME[name] = as_case


def opened(tag: int, vr: str, content: bytes) -> bytes:
    """A sequence of undefined length with one item of undefined length."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode() + b"\0\0" + OPEN
    return head + ITEM + OPEN + content + ITEM_END + SEQUENCE_END


def as_unknown(tag: int, vr: str) -> bytes:
    """The plain image with one value said to be of unknown kind."""
    data = encode(image())
    place = data.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode(), 132)
    length = struct.unpack_from("<H", data, place + 6)[0]
    return data[:place] + element(tag, "UN", data[place + 8 : place + 8 + length]) + data[place + 8 + length :]


def with_meta(extra: bytes) -> bytes:
    """The plain image with more in its file meta information."""
    data = encode(image())
    length = struct.unpack_from("<I", data, 140)[0]
    head = data[:140] + struct.pack("<I", length + len(extra)) + data[144 : 144 + length]
    return head + extra + data[144 + length :]


def table(descriptor: list[int], content: bytes, kind: str = "US") -> Sequence:
    """A sequence with one lookup table."""
    item = Dataset()
    item.add_new(0x00283002, kind, descriptor)
    item.add_new(0x00283006, "OW", content)
    return Sequence([item])


def words_of_bytes(big: bool) -> FileDataset:
    """8-bit pixels in words, which big endian turns."""
    ds = image(eight(), bits=8, syntax=cases.BIG if big else cases.EXPLICIT)
    if big:
        ds.PixelData = np.frombuffer(eight().tobytes(), "<u2").byteswap().tobytes()
    ds["PixelData"].VR = "OW"
    return ds


def pixels_unknown() -> bytes:
    data = encode(image())
    place = data.index(b"\xe0\x7f\x10\0OW")
    return data[: place + 4] + b"UN" + data[place + 6 :]


def planes(pixels: np.ndarray) -> bytes:
    """One RLE frame of byte planes [rows, columns, planes]."""
    parts = [b"".join(cases._packbits(row) for row in pixels[..., k]) for k in range(pixels.shape[-1])]
    parts = [part + b"\0" * (len(part) % 2) for part in parts]
    starts = [64 + sum(map(len, parts[:k])) for k in range(len(parts))]
    return struct.pack("<16I", len(parts), *starts, *[0] * (15 - len(parts))) + b"".join(parts)


def frames(offsets: bool, extended: bool = False) -> FileDataset:
    """Three JPEG-LS frames, in fragments, with or without their tables."""
    stream = imagecodecs.jpegls_encode(picture())
    stream += b"\0" * (len(stream) % 2)
    ds = compressed(JPEG + "80", stream, NumberOfFrames="3")
    ds.PixelData = encapsulate([stream] * 3, fragments_per_frame=1 if extended else 2, has_bot=offsets)
    ds["PixelData"].is_undefined_length = True
    if extended:
        ds.add_new(0x7FE00001, "OV", struct.pack("<3Q", *(k * (len(stream) + 8) for k in range(3))))
        ds.add_new(0x7FE00002, "OV", struct.pack("<3Q", *[len(stream)] * 3))
    return ds


def colour(**changes) -> dict[str, object]:
    """What makes an image one of three 8-bit samples."""
    pixels = np.repeat(eight()[..., None], 3, 2)
    return {"pixels": pixels, "bits": 8, "SamplesPerPixel": 3, "PlanarConfiguration": 0, **changes}


def halved_colour(columns: int = 40) -> FileDataset:
    """YBR_FULL_422: of each two pixels Y1 Y2 Cb Cr."""
    grey = eight()
    pairs = np.full((48, 20, 4), 128, np.uint8)
    pairs[..., 0], pairs[..., 1] = grey[:, 0::2], grey[:, 1::2]
    return image(
        **{**colour(PhotometricInterpretation="YBR_FULL_422"), "pixels": pairs.reshape(48, 80)}, Columns=columns
    )


def baseline(change) -> FileDataset:
    """A JPEG whose stream is changed."""
    stream = change(imagecodecs.jpeg8_encode(eight()))
    return compressed(JPEG + "50", stream, pixels=eight(), bits=8, LossyImageCompression="01")


def behind_a_segment(stream: bytes) -> bytes:
    """A JPEG before whose header a segment holds another one."""
    return stream[:2] + b"\xff\xe5\x00\x0f\xff\xc0\x00\x0b\x08\x00\x30\x00\x28\x01\x01\x11\x00" + stream[2:]


def icon(compress: bool) -> bytes:
    """An icon of a palette, or one of encapsulated pixels."""
    pixels = (
        struct.pack("<HH", 0x7FE0, 0x0010) + b"OB\0\0" + OPEN + ITEM + bytes(4) + ITEM + b"\x04\0\0\0\xff\xd8\xff\xd9"
    )
    lut = b"".join(element(tag, "US", struct.pack("<3H", 4, 0, 16)) for tag in (0x00281101, 0x00281102, 0x00281103))
    flat = element(0x00280004, "CS", b"PALETTE COLOR ") + lut + element(0x7FE00010, "OB", bytes(64))
    content = pixels + SEQUENCE_END if compress else flat
    return insert(encode(image()), 0x00880200, opened(0x00880200, "SQ", content))


# --- One picture in many forms -------------------------------------------------------------------
same("bytes in words", lambda: words_of_bytes(False), "8 bit")
same("bytes in words, big endian", lambda: words_of_bytes(True), "8 bit")
same("deflated with a padding byte", lambda: cases.deflated(image()) + b"\0")
for _name, _tag, _vr in (
    ("name", 0x00100010, "PN"),
    ("rows", 0x00280010, "US"),
    ("date", 0x00080020, "DA"),
    ("uid", 0x0020000D, "UI"),
    ("slope", 0x00281053, "DS"),
):
    same(f"unknown kind: {_name}", lambda t=_tag, v=_vr: as_unknown(t, v))
same("unknown kind: pixels", pixels_unknown)
_implicit = b"\x08\0\x00\x01\x06\0\0\0CANARY"
same("unknown kind: open sequence", lambda: insert(encode(image()), 0x00400275, opened(0x00400275, "UN", _implicit)))
same(
    "unknown kind: closed sequence",
    lambda: insert(
        encode(image()), 0x00400275, element(0x00400275, "UN", ITEM + struct.pack("<I", len(_implicit)) + _implicit)
    ),
)
same(
    "empty sequences of each form",
    lambda: insert(
        encode(image()),
        0x00081110,
        element(0x00081110, "SQ", b"")
        + b"\x08\0\x11\x11SQ\0\0"
        + OPEN
        + SEQUENCE_END
        + element(0x00081115, "SQ", ITEM + bytes(4))
        + opened(0x00081140, "SQ", b""),
    ),
)
same(
    "private value without its creator",
    lambda: insert(encode(image()), 0x00111001, element(0x00111001, "LO", b"CANARY")),
)
same(
    "private group length that lies",
    lambda: insert(
        encode(image()), 0x00090000, element(0x00090000, "UL", b"\xff\xff\0\0") + element(0x00090010, "LO", b"CANARY")
    ),
)
same("signature after the pixels", lambda: encode(image()) + element(0xFFFAFFFA, "SQ", ITEM + bytes(4)))
same(
    "sixteen overlays",
    lambda: insert(
        encode(image()),
        0x60000010,
        b"".join(
            element(0x60000010 + (k << 17), "US", b"\x30\0") + element(0x60003000 + (k << 17), "OW", bytes(240))
            for k in range(16)
        ),
    ),
)
same("overlay in the high bits", lambda: image(picture() | 0x1000))
same("icon of a palette", lambda: icon(False))
same("icon compressed", lambda: icon(True))
same(
    "monochrome 1 with its presentation",
    lambda: image(4095 - picture(), PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE"),
)
same("pixel aspect ratio", lambda: image(PixelAspectRatio=["1", "1"]))
for _value in (b"+1.0", b" 1. ", b"10.E-1", b" 1  "):
    same(f"slope [{_value.decode()}]", lambda v=_value: cases.raw_string(0x00281053, "DS", v, "RescaleSlope"))
same("number of frames 001", lambda: cases.raw_string(0x00280008, "IS", b"001 ", "NumberOfFrames"))
same(
    "zeros after a lossless jpeg",
    lambda: compressed(JPEG + "70", imagecodecs.ljpeg_encode(picture(), bitspersample=12) + bytes(6)),
)
same("frames in fragments with their table", lambda: frames(True))
same("frames in fragments without a table", lambda: frames(False))
same("frames with an extended table", lambda: frames(False, extended=True))
same("study date empty, time given", lambda: image(StudyDate=""))
same("study date of spaces", lambda: cases.raw_string(0x00080020, "DA", b" " * 8, "StudyDate"))
same("offset of zero", lambda: image(TimezoneOffsetFromUTC="+0000"))
same(
    "meta of a private kind",
    lambda: with_meta(element(0x00020100, "UI", b"1.2.3\0") + element(0x00020102, "OB", bytes(6))),
)
same(
    "meta with addresses",
    lambda: with_meta(element(0x00020016, "AE", b"CANARYAE") + element(0x00020026, "UR", b"urn:CA")),
)
same("meta without its length", lambda: encode(image())[:132] + encode(image())[144:])
same(
    "rle 32 bit",
    lambda: compressed(
        RLE,
        planes(picture().astype(">u4").view(np.uint8).reshape(48, 40, 4)),
        pixels=picture().astype(np.uint32),
        bits=32,
    ),
    "32 bit",
)
same(
    "rle colour", lambda: compressed(RLE, planes(colour()["pixels"]), **colour(PhotometricInterpretation="RGB")), "rgb"
)
same("colour of half the width", halved_colour, "ybr")
same("deflated colour", lambda: cases.deflated(image(**colour(PhotometricInterpretation="YBR_FULL"))), "ybr")
cases.ok(
    "rgb 16 bit",
    lambda: image(np.repeat(picture()[..., None], 3, 2), SamplesPerPixel=3, PhotometricInterpretation="RGB"),
)
cases.ok("jpeg with fill bytes", lambda: baseline(lambda s: s[:2] + b"\xff\xff\xff" + s[2:]))
cases.ok("jpeg with a comment", lambda: baseline(lambda s: s[:2] + b"\xff\xfe\x00\x08CANARY" + s[2:]))
cases.ok("voi lut of bytes", lambda: image(eight(), bits=8, VOILUTSequence=table([256, 0, 8], bytes(range(256)))))
cases.ok(
    "voi lut of 65,536",
    lambda: image(
        picture(top=65535), bits=16, VOILUTSequence=table([0, 0, 16], np.arange(65536, dtype="<u2").tobytes())
    ),
)
cases.ok(
    "voi lut from a negative value",
    lambda: image(
        (picture().astype(np.int16) - 2048).view(np.uint16) & 0x0FFF,
        PixelRepresentation=1,
        VOILUTSequence=table([4096, -2048, 12], np.arange(4096, dtype="<u2").tobytes(), "SS"),
    ),
)

# --- Out of scope --------------------------------------------------------------------------------
cases.outside(
    "map of floating numbers",
    "NOT_ELIGIBLE_MODALITY",
    lambda: insert(
        encode(image(sop_class="1.2.840.10008.5.1.4.1.1.30", Modality="MR", PixelData=None)),
        0x7FE00008,
        element(0x7FE00008, "OF", bytes(7680)),
    ),
)
cases.outside(
    "dose of a plan",
    "NOT_ELIGIBLE_MODALITY",
    lambda: image(picture().astype(np.uint32), bits=32, sop_class="1.2.840.10008.5.1.4.1.1.481.2", Modality="RTDOSE"),
)

# --- Broken or hostile ---------------------------------------------------------------------------
cases.bad("colour of half an odd width", "BAD_PIXEL_FORMAT", lambda: halved_colour(39))
cases.bad(
    "duplicate within an item",
    "DUPLICATE_TAG",
    lambda: insert(encode(image()), 0x00081140, opened(0x00081140, "SQ", element(0x00081150, "UI", b"1.2.3.4\0") * 2)),
)
cases.bad(
    "two transfer syntaxes",
    "DUPLICATE_TAG",
    lambda: with_meta(element(0x00020010, "UI", cases.BIG.encode() + b"\0" * (len(cases.BIG) % 2))),
)
cases.bad(
    "floating pixels of a radiograph",
    "BAD_PIXEL_FORMAT",
    lambda: insert(encode(image(PixelData=None)), 0x7FE00008, element(0x7FE00008, "OF", bytes(7680))),
)
cases.bad("12 bits allocated", "BAD_PIXEL_FORMAT", lambda: image(BitsAllocated=12))
cases.bad(
    "rows of four bytes",
    "BAD_PIXEL_FORMAT",
    lambda: insert(encode(image(Rows=None)), 0x00280010, element(0x00280010, "UL", b"\x30\0\0\0")),
)
cases.bad(
    "number of frames 1.0",
    "BAD_NUMBER_OF_FRAMES",
    lambda: cases.raw_string(0x00280008, "IS", b"1.0 ", "NumberOfFrames"),
)
for _value in (b"20261118-20261119", b"20261118\\20261119", b"20260229"):
    cases.bad(
        f"study date {_value.decode()}", "BAD_DATE", lambda v=_value: cases.raw_string(0x00080020, "DA", v, "StudyDate")
    )
cases.bad("study time of 24 h", "BAD_DATE", lambda: cases.raw_string(0x00080030, "TM", b"240000", "StudyTime"))
for _name, _head in (
    ("rar", b"Rar!\x1a\x07\0"),
    ("7-zip", b"7z\xbc\xaf\x27\x1c"),
    ("installer", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ("shortcut", b"L\0\0\0\x01\x14\x02\0"),
    ("cabinet", b"MSCF\0\0\0\0"),
    ("gzip", b"\x1f\x8b\x08\0"),
    ("postscript", b"%!PS-Adobe"),
    ("rich text", b"{\\rtf1"),
    ("xml", b'<?xml version="1.0"?>'),
):
    cases.bad(f"preamble: {_name}", "EXECUTABLE_PREAMBLE", lambda h=_head: h.ljust(128, b"\0") + encode(image())[128:])
cases.bad(
    "archive after the pixels",
    "PARSE_ERROR",
    lambda: encode(image()) + b"PK\x03\x04" + bytes(200) + b"PK\x05\x06" + bytes(18),
)
cases.bad("item end outside of an item", "PARSE_ERROR", lambda: insert(encode(image()), 0x00181000, ITEM_END))
cases.bad(
    "second, larger header in a jpeg",
    "PIXEL_DECODE",
    lambda: baseline(
        lambda s: s.replace(b"\xff\xda", b"\xff\xc0\x00\x0b\x08\xfd\xe8\xfd\xe8\x01\x01\x11\x00\xff\xda", 1)
    ),
)
cases.bad(
    "true header of a jpeg behind a false one",
    "BAD_PIXEL_FORMAT",
    lambda: compressed(
        JPEG + "50",
        behind_a_segment(imagecodecs.jpeg8_encode(eight(rows=480, columns=400))),
        pixels=eight(),
        bits=8,
        LossyImageCompression="01",
    ),
)
cases.bad(
    "quarter of a million elements",
    "PARSE_ERROR",
    lambda: insert(
        encode(image()),
        0x00110010,
        b"".join(struct.pack("<HH", 0x11 + 2 * (k >> 16), k & 0xFFFF) + b"UN\0\0\0\0\0\0" for k in range(250_001)),
    ),
)
cases.flagged("voi lut of 17 bits", "BAD_WINDOW", lambda: image(VOILUTSequence=table([16, 0, 17], bytes(32))))
cases.flagged("voi lut longer than said", "BAD_WINDOW", lambda: image(VOILUTSequence=table([16, 0, 12], bytes(320))))

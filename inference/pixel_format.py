"""The description of an image's pixels, judged against the pixel data before anything is decoded.

References
----------
DICOM PS3.3 C.7.6.3 (Image Pixel module), PS3.5 sections 8 (encoding) and A.4 (encapsulation).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from inference.codestream import Codestream, describe
from inference.dataset import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, PIXEL_DATA, DataSet

NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED})
RLE = "1.2.840.10008.1.2.5"
_JPEG = "1.2.840.10008.1.2.4."
# Transfer syntaxes of JPEG coding that are decoded, and the process each must hold.
PROCESSES = {
    _JPEG + "50": "jpeg",
    _JPEG + "51": "jpeg",
    _JPEG + "57": "lossless",
    _JPEG + "70": "lossless",
    _JPEG + "80": "jpeg-ls",
    _JPEG + "81": "jpeg-ls",
    _JPEG + "90": "jpeg-2000",
    _JPEG + "91": "jpeg-2000",
    _JPEG + "201": "jpeg-2000",
    _JPEG + "202": "jpeg-2000",
    _JPEG + "203": "jpeg-2000",
}
# Registered but not decoded: JPEG processes retired in 2004, multi-component JPEG 2000, video, JPEG XL.
_KNOWN_ENCAPSULATED = re.compile(r"1\.2\.840\.10008\.1\.2\.(4\.\d{1,3}(\.1)?|6\.[12]|7\.[123]|8\.1|1\.98)")

ROWS, COLUMNS, SAMPLES = 0x00280010, 0x00280011, 0x00280002
BITS_ALLOCATED, BITS_STORED, HIGH_BIT, SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103
PHOTOMETRIC, PLANAR, FRAMES = 0x00280004, 0x00280006, 0x00280008
_OTHER_PIXELS = (0x7FE00008, 0x7FE00009)  # float and double float pixel data
_HEADER_BYTES = 1 << 20
_SAMPLES = {
    **dict.fromkeys(("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"), 1),
    **dict.fromkeys(("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"), 3),
    **dict.fromkeys(("YBR_PARTIAL_420", "YBR_PARTIAL_422", "HSV", "XYB"), 3),
    **dict.fromkeys(("ARGB", "CMYK"), 4),
}
_RADIOGRAPHIC = frozenset({"MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
_INTEGER = re.compile(r"[+-]?\d{1,12}")


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How pixels are stored: sizes in pixels, depths in bits, `frames` at least 1."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str
    planar: int
    frames: int
    transfer_syntax: str

    @property
    def frame_bits(self) -> int:
        """Bits of one frame in native encoding."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * self.bits_allocated


def known_syntax(uid: str) -> bool:
    """Whether a transfer syntax is one of the standard's (PS3.6 annex A), decoded or not."""
    return uid in NATIVE or uid == RLE or bool(_KNOWN_ENCAPSULATED.fullmatch(uid))


def decodable(uid: str) -> bool:
    """Whether images of this transfer syntax are decoded."""
    return uid in NATIVE or uid == RLE or uid in PROCESSES


def has_pixels(dataset: DataSet) -> bool:
    """Whether the data set holds pixel data of any kind, and any at all."""
    if dataset.fragments is not None:
        return any(length for _, length in dataset.fragments)
    return any(tag in dataset.elements and dataset.elements[tag].length > 0 for tag in (PIXEL_DATA, *_OTHER_PIXELS))


def frames(dataset: DataSet) -> int | None:
    """Return NumberOfFrames (1 when absent or empty), None when it is no positive integer."""
    text = dataset.string(FRAMES)
    if not text:
        return 1
    return int(text) if _INTEGER.fullmatch(text) and int(text) > 0 else None


def read_format(dataset: DataSet) -> tuple[PixelFormat | None, list[str]]:
    """Read and judge the Image Pixel module; the format is None when it cannot be used at all."""
    problems: list[str] = []
    count = frames(dataset)
    if count is None:
        problems.append("BAD_NUMBER_OF_FRAMES")
    values = [dataset.short(tag) for tag in (ROWS, COLUMNS, SAMPLES, BITS_ALLOCATED, BITS_STORED)]
    rows, columns, samples, allocated, stored = (value or 0 for value in values)
    signed, high = dataset.short(SIGNED), dataset.short(HIGH_BIT)
    planar = dataset.short(PLANAR) or 0
    photometric = dataset.string(PHOTOMETRIC).upper()
    good = (
        0 not in (rows, columns, samples)
        and allocated in (1, 8, 16, 32, 64)
        and 0 < stored <= allocated
        and signed in (0, 1)
        and (high is None or high == stored - 1)
        and _SAMPLES.get(photometric) == samples
        and planar in (0, 1)
    )
    if not good:
        return None, ["BAD_PIXEL_FORMAT", *problems]
    if problems:
        return None, problems
    bits = (allocated, stored, signed == 1)
    return PixelFormat(rows, columns, samples, *bits, photometric, planar, count or 1, dataset.transfer_syntax), []


def unusual(form: PixelFormat) -> list[str]:
    """Formats that are legal in DICOM and that no radiograph has: palettes, bits, 64-bit numbers."""
    fine = form.bits_allocated in (8, 16, 32) and form.photometric in _RADIOGRAPHIC
    return [] if fine else ["BAD_PIXEL_FORMAT"]


def judge_pixels(dataset: DataSet, form: PixelFormat, max_pixels: int) -> list[str]:
    """Compare the pixel data with their description; returns reason codes, the deciding one first."""
    large = form.rows * form.columns > max_pixels
    if form.transfer_syntax in NATIVE:
        return (["IMAGE_TOO_LARGE"] if large else []) + _judge_native(dataset, form)
    if dataset.fragments is None:
        return ["PIXEL_DECODE", "PIXEL_LENGTH"]
    if form.frames > max(1, len(dataset.fragments)):
        return ["BAD_NUMBER_OF_FRAMES"]
    if form.transfer_syntax == RLE:
        return (["DECOMPRESSION_BOMB", "IMAGE_TOO_LARGE"] if large else []) + _judge_rle(dataset, form)
    if form.transfer_syntax in PROCESSES:
        return _judge_stream(dataset, form, max_pixels)
    return []


def _judge_native(dataset: DataSet, form: PixelFormat) -> list[str]:
    element = dataset.elements.get(PIXEL_DATA)
    if dataset.fragments is not None:
        return ["PIXEL_DECODE", "PIXEL_LENGTH"]
    if element is None:
        return []
    if form.photometric == "YBR_FULL_422" and form.columns % 2:
        return ["BAD_PIXEL_FORMAT"]  # PS3.3 C.7.6.3.1.2: two pixels share their colour
    expected = (form.frame_bits * form.frames + 7) // 8
    if element.length in (expected, expected + expected % 2):
        return []
    one = (form.frame_bits + 7) // 8
    wrong_count = one and element.length >= one and element.length // one != form.frames and element.length % one < 2
    return ["BAD_NUMBER_OF_FRAMES", "PIXEL_LENGTH"] if wrong_count and form.frames > 1 else ["PIXEL_LENGTH"]


def _judge_rle(dataset: DataSet, form: PixelFormat) -> list[str]:
    """PS3.5 annex G: a 64-byte header with the number of segments and where each starts."""
    offset, length = (dataset.fragments or [(0, 0)])[0]
    head = dataset.source.read(offset, 64)
    if length < 64 or len(head) < 64:
        return ["PIXEL_DECODE"]
    count, *starts = struct.unpack("<16I", head)
    starts = starts[:count]
    ordered = starts == sorted(set(starts)) and bool(starts) and 64 <= starts[0] <= starts[-1] < length
    return [] if ordered and count == form.samples * form.bits_allocated // 8 else ["PIXEL_DECODE"]


def _judge_stream(dataset: DataSet, form: PixelFormat, max_pixels: int) -> list[str]:
    stream = describe(first_frame(dataset, form, _HEADER_BYTES))
    if stream is None:
        return ["PIXEL_DECODE"]
    problems = []
    area, declared = stream.rows * stream.columns, form.rows * form.columns
    if area > max_pixels or declared > max_pixels:
        problems += ["DECOMPRESSION_BOMB", "IMAGE_TOO_LARGE"]
    if stream.process != PROCESSES[form.transfer_syntax]:
        problems.append("PIXEL_DECODE")
    elif not _agrees(stream, form):
        problems.append("BAD_PIXEL_FORMAT")
        if area > 4 * declared and "DECOMPRESSION_BOMB" not in problems:
            problems.append("DECOMPRESSION_BOMB")
    return problems


def _agrees(stream: Codestream, form: PixelFormat) -> bool:
    same = (stream.rows, stream.columns, stream.components) == (form.rows, form.columns, form.samples)
    # A stream may be a little deeper or shallower than Bits Stored says, but not by a whole byte.
    return same and stream.precision <= form.bits_allocated and (stream.precision > 8 or form.bits_stored <= 8)


def stream_of(dataset: DataSet, form: PixelFormat) -> Codestream | None:
    """Return the header of the first frame's code stream; None for native and RLE pixels."""
    if form.transfer_syntax not in PROCESSES or dataset.fragments is None:
        return None
    return describe(first_frame(dataset, form, _HEADER_BYTES))


def first_frame(dataset: DataSet, form: PixelFormat, most: int | None = None) -> bytes:
    """Return the first frame's encapsulated bytes, at most `most` of them.

    Fragments are joined up to the second frame's: found by the basic offset table, else one
    fragment per frame, else by the next start-of-image marker (PS3.5 A.4).
    """
    fragments = dataset.fragments or []
    data = bytearray()
    for offset, length in fragments[: _fragments_of_first(dataset, form, fragments)]:
        data += dataset.source.read(offset, length if most is None else min(length, most - len(data)))
        if most is not None and len(data) >= most:
            break
    return bytes(data)


def _fragments_of_first(dataset: DataSet, form: PixelFormat, fragments: list[tuple[int, int]]) -> int:
    if form.frames == 1:
        return len(fragments)
    if form.frames == len(fragments):
        return 1
    where, length = dataset.offsets
    table = dataset.source.read(where, min(length, 8))
    if len(table) == 8:
        second = int.from_bytes(table[4:8], "little")
        for index, (offset, _) in enumerate(fragments):
            if offset - fragments[0][0] >= second:
                return max(1, index)
    for index, (offset, _) in enumerate(fragments[1:], start=1):
        if dataset.source.read(offset, 4)[:3] in (b"\xff\xd8\xff", b"\xff\x4f\xff"):
            return index
    return len(fragments)

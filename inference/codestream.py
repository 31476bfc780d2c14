"""What a compressed image says of itself, read from its first markers without decoding it.

References
----------
JPEG: ITU-T T.81 annex B; JPEG-LS: ITU-T T.87 annex C; JPEG 2000: ITU-T T.800 annex A.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_SOF_LOSSLESS, _SOF_JPEG_LS = 0xC3, 0xF7
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_EOI, _SOS = 0xD9, 0xDA


@dataclass(frozen=True, slots=True)
class Codestream:
    """Dimensions in pixels, bits per sample, samples per pixel, and how it was coded.

    `process` is ``jpeg`` (DCT), ``lossless`` (JPEG lossless), ``jpeg-ls`` or ``jpeg-2000``;
    `lossy` is None where the first markers do not tell; `levels` is how often JPEG 2000's wavelet
    halved the image.
    """

    process: str
    rows: int
    columns: int
    precision: int
    components: int
    lossy: bool | None
    levels: int = 0


def describe(data: bytes) -> Codestream | None:
    """Read the header of a JPEG, JPEG-LS or JPEG 2000 code stream; None when it is not one."""
    try:
        if data[:2] == b"\xff\xd8":
            return _jpeg(data)
        start = data.find(b"\xff\x4f\xff\x51")
        # A JP2 box structure may precede the code stream, though PS3.5 A.4.4 forbids it.
        if start == 0 or (start > 0 and data[4:8] == b"jP  "):
            return _jpeg_2000(data, start)
    except (struct.error, IndexError):
        return None
    return None


def ends_well(data: bytes, process: str) -> bool:
    """Whether a code stream ends with its end marker, padding aside: a cut one does not."""
    return (b"\xff\xd9") in data.rstrip(b"\0")[-4:] if process else False


def _jpeg(data: bytes) -> Codestream | None:
    position, found = 2, None
    while True:
        if data[position] != 0xFF:
            return None
        while data[position] == 0xFF:
            position += 1
        marker = data[position]
        position += 1
        if marker in _ALONE:
            continue
        if marker == _EOI:
            return found
        length = struct.unpack_from(">H", data, position)[0]
        if marker in _SOF or marker == _SOF_JPEG_LS:
            precision, rows, columns, components = struct.unpack_from(">BHHB", data, position + 2)
            process = "jpeg-ls" if marker == _SOF_JPEG_LS else "lossless" if marker == _SOF_LOSSLESS else "jpeg"
            found = Codestream(process, rows, columns, precision, components, process == "jpeg")
            if process != "jpeg-ls":
                return found
        if marker == _SOS and found is not None:
            near = data[position + length - 3]
            return Codestream(found.process, found.rows, found.columns, found.precision, found.components, near > 0)
        if length < 2 or marker == _SOS:
            return found
        position += length


def _jpeg_2000(data: bytes, start: int) -> Codestream | None:
    x1, y1, x0, y0 = struct.unpack_from(">IIII", data, start + 8)
    components, depth = struct.unpack_from(">HB", data, start + 40)
    size = struct.unpack_from(">H", data, start + 4)[0]
    position, lossy, levels = start + 4 + size, None, 0
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == 0xFF52:  # COD: the last byte before precincts names the wavelet, 0 the irreversible one
            lossy, levels = data[position + 13] == 0, data[position + 9]
        if marker in (0xFF52, 0xFF90) or length < 2:
            break
        position += 2 + length
    size_in_pixels = max(0, y1 - y0), max(0, x1 - x0)
    return Codestream("jpeg-2000", *size_in_pixels, (depth & 0x7F) + 1, components, lossy, levels)

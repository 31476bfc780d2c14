"""Stored values no finer than a model needs them: decoded at part of the resolution, or averaged.

A 2500 x 3000 radiograph holds forty times the pixels of a model's input. JPEG 2000 keeps its low
frequencies first, so that a quarter of the resolution is decoded in a tenth of the time; of the other
encodings blocks are averaged before grey levels are made. Full pixels stay what a viewer gets.

References
----------
ITU-T T.800 annex A (markers, tile-parts), annex F (each level of the wavelet halves the size).
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from inference import codestream
from inference.grey import Values
from inference.pixel_format import PixelFormat

Stored = npt.NDArray[Any]
_SOT, _EOC = 0xFF90, 0xFFD9


def halvings(form: PixelFormat, values: Values, side: int | None) -> int:
    """How often an image may be halved so that its long side stays at least `side`.

    None of signed, coloured, deeper or padded images: a mean over a padding value or over the sign
    bit would be a grey level that the image does not hold.
    """
    plain = form.samples == 1 and form.bits_allocated <= 16 and not form.signed and values.padding is None
    longest, times = max(form.rows, form.columns), 0
    while side is not None and plain and longest >= side << (times + 1):
        times += 1
    return times


def averaged(stored: Stored, form: PixelFormat, times: int) -> npt.NDArray[np.float32]:
    """Means of blocks of ``2 ** times`` squared stored values, float32 [rows, columns].

    What an edge cuts off of a block is taken to be like its last row or column.
    """
    step = 1 << times
    missing = [-side % step for side in stored.shape]
    codes = np.pad(stored, [(0, count) for count in missing], mode="edge") if any(missing) else stored
    rows, columns = (side // step for side in codes.shape)
    used = np.array((1 << form.bits_stored) - 1, codes.dtype)
    # Rows to rows, in sixteen bits where the sum fits: a third of the time of numpy's own sums over so short an axis.
    sums = np.zeros((rows, columns * step), np.uint16 if form.bits_stored + times <= 16 else np.uint32)
    for row in range(step):
        sums += codes[row::step] & used
    total = np.zeros((rows, columns), np.uint32)
    for column in range(step):
        total += sums[:, column::step]
    result: npt.NDArray[np.float32] = total.astype(np.float32) / np.float32(step * step)
    return result


def low_pass(data: bytes, form: PixelFormat, times: int) -> npt.NDArray[np.float32] | None:
    """Decode a JPEG 2000 code stream at ``2 ** -times`` of its resolution, float32 [rows, columns].

    Returns
    -------
    None where it cannot be done, or where the tile-parts do not end where they say: the full decoder judges.
    """
    stream = codestream.describe(data)
    if stream is None or stream.precision > 16 or stream.levels < times or not whole(data):
        return None
    from io import BytesIO  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(BytesIO(data), formats=("JPEG2000",)) as picture:
            picture.reduce = times  # type: ignore[method-assign, assignment]
            picture.load()
            found = np.asarray(picture)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - its error classes are many, and a message may quote the stream
        return None
    expected = tuple(-(-side >> times) for side in (form.rows, form.columns))
    if found.shape != expected or found.dtype not in (np.uint8, np.uint16):
        return None
    # Pillow fills its own 8 or 16 bits from the top.
    values = found >> (8 * found.dtype.itemsize - stream.precision)
    result: npt.NDArray[np.float32] = np.minimum(values, (1 << form.bits_stored) - 1).astype(np.float32)
    return result


def whole(data: bytes) -> bool:
    """Whether a JPEG 2000 code stream's tile-parts follow each other to its end, by their own lengths."""
    position = data.find(b"\xff\x4f\xff\x51") + 2
    try:
        while position > 1:
            (marker,) = struct.unpack_from(">H", data, position)
            if marker == _EOC:
                return True
            (length,) = struct.unpack_from(">H", data, position + 2)
            if marker == _SOT:
                length = struct.unpack_from(">I", data, position + 6)[0] - 2
                if length == -2:  # the last tile-part may leave its length open
                    return True
            if length < 2:
                return False
            position += 2 + length
    except struct.error:
        return False
    return False

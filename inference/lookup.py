"""Rescale, window and lookup tables of an image, read from its header and judged.

References
----------
DICOM PS3.3 C.11.1 (modality LUT), C.11.2 (VOI LUT), PS3.5 6.2 (DS: at most 16 characters of a
decimal number, which leaves no room for NaN or infinity).
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass

from inference.dataset import DataSet

_MODALITY_LUT, _VOI_LUT = 0x00283000, 0x00283010
_DESCRIPTOR, _DATA = 0x00283002, 0x00283006
_CENTER, _WIDTH, _FUNCTION = 0x00281050, 0x00281051, 0x00281056
_INTERCEPT, _SLOPE = 0x00281052, 0x00281053
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LARGEST = 1e12  # beyond it no image value is meant, and single precision is lost


@dataclass(frozen=True, slots=True)
class Table:
    """A lookup table: `first` is the input that maps to ``values[0]``; outputs have `bits` bits."""

    first: int
    bits: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """A window in units of the modality LUT's output; `function` is LINEAR, LINEAR_EXACT or SIGMOID."""

    center: float
    width: float
    function: str


def number(text: str) -> float | None:
    """Read one decimal string (DS); None when it is no finite number."""
    if len(text) > 64 or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def rescale(dataset: DataSet) -> tuple[float, float] | None:
    """Return slope and intercept, (1, 0) where absent or empty; None when either is wrong."""
    slopes, intercepts = dataset.strings(_SLOPE) or ["1"], dataset.strings(_INTERCEPT) or ["0"]
    slope, intercept = number(slopes[0]), number(intercepts[0])
    if len(slopes) > 1 or len(intercepts) > 1 or slope is None or intercept is None:
        return None
    if slope == 0 or not 1 / _LARGEST < abs(slope) < _LARGEST or abs(intercept) > _LARGEST:
        return None
    return slope, intercept


def modality_table(dataset: DataSet, signed: bool) -> Table | bool | None:
    """Return the modality LUT, None where there is none, False when it is wrong."""
    items = dataset.items(_MODALITY_LUT)
    return (_table(items[0], signed) or False) if items else None


def voi(dataset: DataSet, signed: bool) -> Table | Window | bool | None:
    """Return the first VOI LUT, else the first window, None where there is none, False when wrong."""
    items = dataset.items(_VOI_LUT)
    if items:
        return _table(items[0], signed) or _window(dataset) or False
    return _window(dataset)


def _window(dataset: DataSet) -> Window | bool | None:
    centers, widths = dataset.strings(_CENTER), dataset.strings(_WIDTH)
    if not centers and not widths:
        return None
    function = dataset.string(_FUNCTION).upper() or "LINEAR"
    if not centers or not widths or function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        return False
    center, width = number(centers[0]), number(widths[0])
    if (
        center is None
        or width is None
        or not (1 if function == "LINEAR" else 1e-9) <= width < _LARGEST
        or abs(center) > _LARGEST
    ):
        return False
    return Window(center, width, function)


def _table(item: DataSet, signed: bool) -> Table | None:
    descriptor = item.shorts(_DESCRIPTOR)
    raw = item.raw(_DATA)
    if len(descriptor) != 3 or raw is None:
        return None
    count, first, bits = descriptor[0] or 65536, descriptor[1], descriptor[2]
    if signed and first > 32767:
        first -= 65536
    if not 8 <= bits <= 16:
        return None
    if len(raw) in (2 * count, 2 * count + 2):
        values = struct.unpack_from(f"{'>' if item.big_endian else '<'}{count}H", raw)
    elif bits == 8 and len(raw) in (count, count + 1):
        values = tuple(raw[:count])
    else:
        return None
    return Table(first, bits, values) if max(values) < 1 << bits else None

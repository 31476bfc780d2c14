"""Whether a refused file, which no gate can read, names a patient: by the bytes of the number alone."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_INFLATED = 64 * 1024 * 1024
_SHORT = 4  # letters; fewer turn up in pixels by chance
_BESIDE = rb"[|^~&,;\"'>\t\r\n\s]"


def mentions(data: bytes, numbers: Collection[str]) -> bool:
    """Return whether one of these numbers stands in the file as a word of its own.

    A number of fewer than four characters counts only where a patient's number is written: in DICOM's
    Patient ID (0010,0020), or between separators.
    """
    patterns = [re.compile(pattern, re.DOTALL) for number in numbers if number for pattern in _patterns(number)]
    return any(pattern.search(part) for part in (data, _inflated(data)) for pattern in patterns)


def _patterns(number: str) -> list[bytes]:
    found = []
    for codec in ("utf-8", "utf-16-le", "utf-16-be"):
        word = re.escape(number.encode(codec, "surrogatepass"))
        if len(number) < _SHORT:
            found.append(rb"\x10\x00\x20\x00(?:LO..|....)" + word + rb"(?![0-9A-Za-z])")
            found.append(_BESIDE + word + rb"(?:" + _BESIDE + rb"|\Z)")
        else:
            found.append(rb"(?<![0-9A-Za-z])" + word + rb"(?![0-9A-Za-z])")
    return found


def _inflated(data: bytes) -> bytes:
    """Return the data set of a deflated DICOM file; empty for any other (DICOM PS3.5 A.5)."""
    if data[128:132] != b"DICM" or _DEFLATED not in data[:2000]:
        return b""
    start = 144 + int.from_bytes(data[140:144], "little")
    try:
        return zlib.decompressobj(-15).decompress(data[start:], _INFLATED)
    except zlib.error:
        return b""

"""DICOM files to data sets: preamble, file meta information, transfer syntax, structure.

A reader of its own because a gate must see what tolerant readers forgive: the same tag twice, a
value that ends after the file does, items nested three thousand deep. It knows no recursion, reads
through a small window (no file is loaded whole) and never raises for what a file holds.

References
----------
DICOM PS3.10 section 7 (file format), PS3.5 annex A (transfer syntaxes).
"""

from __future__ import annotations

import struct
import zlib

from inference.byte_source import MemorySource, Source
from inference.dataset import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    SHORT_VRS,
    TRANSFER_SYNTAX,
    DataSet,
    Element,
)
from inference.walk import walk

_MAX_INFLATED = 128 << 20
_FIRST_GROUPS = (b"\x08\0", b"\0\x08", b"\x04\0", b"\0\x04")


def read(source: Source) -> DataSet | None:
    """Read a file's structure.

    Accepts PS3.10 files, files without preamble or without file meta information, and a data set
    whose VR encoding is not the declared one (all of them seen from real modalities).

    Returns
    -------
    DataSet or None
        None when the file is not DICOM. `problems` holds TRUNCATED, PARSE_ERROR, DUPLICATE_TAG,
        NESTING_TOO_DEEP, TS_UNSUPPORTED or DECOMPRESSION_BOMB (a deflated data set).
    """
    prefixed = source.read(128, 4) == b"DICM"
    start = 132 if prefixed else 0
    if not prefixed and not _plausible(source):
        return None
    result = DataSet(source, meta_source=source)
    if prefixed:
        result.preamble = source.read(0, 128)
    start = _read_meta(source, start, result)
    result.transfer_syntax = result.file_meta(TRANSFER_SYNTAX)
    if result.problems:
        return result
    _read_body(source, start, result)
    return result


def _read_body(source: Source, start: int, result: DataSet) -> None:
    if result.transfer_syntax == DEFLATED:
        inflated, problem = _inflate(source, start)
        if problem:
            result.problems.append(problem)
        result.source = source = MemorySource(inflated)
        start = 0
    if source.size <= start:
        if not result.problems:
            result.problems.append("TRUNCATED")
        return
    explicit = _encoding(source, start, result)
    if result.problems:
        return
    if not result.transfer_syntax:
        result.transfer_syntax = (
            (EXPLICIT_BIG if result.big_endian else EXPLICIT_LITTLE) if explicit else IMPLICIT_LITTLE
        )
    walk(source, result, start, explicit)
    if "TRUNCATED" in result.problems and not result.elements and source.read(start, 2) not in _FIRST_GROUPS:
        result.problems = ["PARSE_ERROR"]  # noise, whose first "length" points beyond the end


def _plausible(source: Source) -> bool:
    """Whether a file without the DICM prefix starts like a data set: group 2 or 8, a sane first element."""
    head = source.read(0, 12)
    if len(head) < 12:
        return False
    for order in "<>":
        group, number = struct.unpack(f"{order}HH", head[:4])
        if group in (0x0002, 0x0008) and number <= 0x0100:
            vr = head[4:6].decode("latin-1")
            length = struct.unpack(f"{order}I", head[4:8])[0]
            return vr in SHORT_VRS or vr in LONG_VRS or (order == "<" and length <= min(source.size - 8, 4096))
    return False


def _read_meta(source: Source, start: int, result: DataSet) -> int:
    """Read group 2 (always explicit little endian) and return where the data set starts."""
    position = start
    while position + 8 <= source.size:
        head = source.read(position, 12)
        group, number = struct.unpack("<HH", head[:4])
        if group != 0x0002:
            break
        vr = head[4:6].decode("latin-1")
        if vr in LONG_VRS and len(head) == 12:
            offset, length = position + 12, struct.unpack("<I", head[8:12])[0]
        elif vr in SHORT_VRS:
            offset, length = position + 8, struct.unpack("<H", head[6:8])[0]
        else:
            result.problems.append("PARSE_ERROR")
            break
        if offset + length > source.size:
            result.problems.append("TRUNCATED")
            break
        tag = group << 16 | number
        if tag in result.meta and "DUPLICATE_TAG" not in result.problems:
            result.problems.append("DUPLICATE_TAG")
        result.meta[tag] = Element(vr, offset, length)
        position = offset + length
    else:
        if position != source.size or not result.problems:
            result.problems.append("TRUNCATED")
    return position


def _inflate(source: Source, start: int) -> tuple[bytearray, str]:
    """Inflate a data set (PS3.5 A.5) up to a limit; the second value is a reason code or empty."""
    engine, inflated, position = zlib.decompressobj(-zlib.MAX_WBITS), bytearray(), start
    try:
        while not engine.eof:
            block = engine.unconsumed_tail or source.read(position, 1 << 18)
            if not engine.unconsumed_tail:
                position += len(block)
            if not block:
                return inflated, "TRUNCATED"
            inflated += engine.decompress(block, 1 << 20)
            if len(inflated) > _MAX_INFLATED:
                return bytearray(), "DECOMPRESSION_BOMB"
    except zlib.error:
        return inflated, "PARSE_ERROR"
    return inflated, ""


def _encoding(source: Source, start: int, result: DataSet) -> bool:
    """Settle byte order and whether VRs are explicit by the first element.

    Explicit and implicit VR are taken as found, since modalities are known to confuse the two; a
    byte order other than the declared one is PARSE_ERROR.
    """
    head = source.read(start, 8)
    little, big = head[:2] in (b"\x08\0", b"\x04\0"), head[:2] in (b"\0\x08", b"\0\x04")
    declared = result.transfer_syntax == EXPLICIT_BIG
    result.big_endian = declared if result.transfer_syntax else big
    if result.transfer_syntax and (little if declared else big):
        result.problems.append("PARSE_ERROR")
    vr = head[4:6].decode("latin-1")
    if vr in SHORT_VRS or vr in LONG_VRS:
        return True
    # The length field of an implicit element never reads as two capital letters for real headers.
    return result.big_endian or (
        result.transfer_syntax not in ("", IMPLICIT_LITTLE) and head[4:6].isalpha() and head[4:6].isupper()
    )

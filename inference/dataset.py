"""DICOM files to data sets, read for inspection: where each element lies, and what is broken.

A reader of its own because a gate must see what tolerant readers forgive: the same tag twice, a
value that ends after the file does, items nested three thousand deep. It keeps a stack of its own
(no recursion), reads through a small window (no file is loaded whole) and never raises for what a
file holds.

References
----------
DICOM PS3.5 sections 7 (data set) and A (transfer syntaxes), PS3.10 section 7 (file format).
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

TRANSFER_SYNTAX = 0x00020010
SPECIFIC_CHARACTER_SET = 0x00080005
PIXEL_DATA = 0x7FE00010

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PADDING = 0xFFFCFFFC
_UNDEFINED = 0xFFFFFFFF
_SHORT_VRS = frozenset(
    {
        "AE",
        "AS",
        "AT",
        "CS",
        "DA",
        "DS",
        "DT",
        "FD",
        "FL",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "SL",
        "SS",
        "ST",
        "TM",
        "UI",
        "UL",
        "US",
    }
)
_LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_WINDOW = 1 << 16
_MAX_ELEMENTS = 400_000  # a few seconds of reading; an enhanced CT of 2,000 frames has about 200,000
_MAX_DEPTH = 64
_MAX_INFLATED = 256 << 20
_MAX_VALUE = 1 << 20
# Sequences whose items are kept: LUTs, anatomy. The others are only walked through.
_KEPT_SEQUENCES = frozenset({0x00283000, 0x00283010, 0x00082218, 0x00082228})


class Source(Protocol):
    """Bytes at an offset; `size` is how many there are."""

    size: int

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset`."""


class FileSource:
    """A file read through a window, so that its size costs no memory."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self._start = 0
        self._window = b""

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset`."""
        begin = offset - self._start
        if begin < 0 or begin + count > len(self._window):
            if count > _WINDOW:
                return os.pread(self._descriptor, count, offset)
            self._window = os.pread(self._descriptor, _WINDOW, offset)
            self._start, begin = offset, 0
        return self._window[begin : begin + count]


class MemorySource:
    """Bytes in memory: an inflated data set."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = memoryview(data)
        self.size = len(data)

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset`."""
        return bytes(self._data[offset : offset + count])


@dataclass(frozen=True, slots=True)
class Element:
    """Where the value of an attribute lies; `vr` is empty in implicit VR; `items` of kept sequences."""

    vr: str
    offset: int
    length: int
    items: tuple[DataSet, ...] = ()


@dataclass(slots=True)
class DataSet:
    """The elements of a data set or item by tag, and the reason codes of what is broken in it.

    Attributes
    ----------
    fragments
        (offset, length) of each fragment of encapsulated pixel data, without the basic offset
        table; None when the pixel data are native or absent.
    offsets
        The basic offset table (offset and length in bytes), (0, 0) when empty.
    """

    source: Source
    big_endian: bool = False
    transfer_syntax: str = ""
    meta: dict[int, Element] = field(default_factory=dict)
    meta_source: Source | None = None
    elements: dict[int, Element] = field(default_factory=dict)
    fragments: list[tuple[int, int]] | None = None
    offsets: tuple[int, int] = (0, 0)
    preamble: bytes = b""
    problems: list[str] = field(default_factory=list)

    def raw(self, tag: int) -> bytes | None:
        """Return the value's bytes, None when the attribute is absent (at most 1 MiB of them)."""
        element = self.elements.get(tag)
        return None if element is None else self.source.read(element.offset, min(element.length, _MAX_VALUE))

    def string(self, tag: int) -> str:
        """Return a value of ASCII kind (UI, CS, DA, DS...) stripped of padding; empty when absent."""
        return (self.raw(tag) or b"").decode("latin-1").strip("\0 \t\r\n")

    def strings(self, tag: int) -> list[str]:
        """Return the values between backslashes, stripped; empty when absent or empty."""
        text = self.string(tag)
        return [part.strip("\0 ") for part in text.split("\\")] if text else []

    def shorts(self, tag: int, signed: bool = False) -> tuple[int, ...]:
        """Return the values of a US or SS attribute; empty when absent or of another kind."""
        element, raw = self.elements.get(tag), self.raw(tag)
        if element is None or raw is None or len(raw) % 2 or element.vr not in ("US", "SS", "", "UN", "OW"):
            return ()
        kind = "h" if signed or element.vr == "SS" else "H"
        return struct.unpack(f"{'>' if self.big_endian else '<'}{len(raw) // 2}{kind}", raw)

    def short(self, tag: int) -> int | None:
        """Return the one value of a US attribute, None when absent or not exactly one."""
        values = self.shorts(tag)
        return values[0] if len(values) == 1 else None

    def items(self, tag: int) -> tuple[DataSet, ...]:
        """Return the items of one of the kept sequences."""
        element = self.elements.get(tag)
        return element.items if element else ()

    def file_meta(self, tag: int) -> str:
        """Return a UID or string of the file meta information, stripped; empty when absent."""
        element = self.meta.get(tag)
        if element is None or self.meta_source is None:
            return ""
        return self.meta_source.read(element.offset, min(element.length, 256)).decode("latin-1").strip("\0 \t\r\n")


@contextmanager
def opened(path: Path) -> Iterator[FileSource]:
    """Open a file for `read`.

    Raises
    ------
    OSError
        If the disk or the permissions forbid it: the source's trouble, not the file's.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        yield FileSource(descriptor)
    finally:
        os.close(descriptor)


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
    if result.transfer_syntax == DEFLATED:
        inflated, problem = _inflate(source, start)
        if problem:
            result.problems.append(problem)
        result.source = source = MemorySource(inflated)
        start = 0
    if source.size <= start:
        if not result.problems:
            result.problems.append("TRUNCATED")
        return result
    explicit = _encoding(source, start, result)
    if not result.transfer_syntax:
        result.transfer_syntax = (
            (EXPLICIT_BIG if result.big_endian else EXPLICIT_LITTLE) if explicit else IMPLICIT_LITTLE
        )
    _Walk(source, result, start, explicit).run()
    return result


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
            return vr in _SHORT_VRS or vr in _LONG_VRS or (order == "<" and length <= min(source.size - 8, 4096))
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
        if vr in _LONG_VRS and len(head) == 12:
            offset, length = position + 12, struct.unpack("<I", head[8:12])[0]
        elif vr in _SHORT_VRS:
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
    """Settle byte order and VR encoding by the first element; the declared one decides when it fits."""
    head = source.read(start, 8)
    little, big = head[:2] in (b"\x08\0", b"\x04\0"), head[:2] in (b"\0\x08", b"\0\x04")
    result.big_endian = result.transfer_syntax == EXPLICIT_BIG if little == big else big and not little
    vr = head[4:6].decode("latin-1")
    if vr in _SHORT_VRS or vr in _LONG_VRS:
        return True
    # The length field of an implicit element never reads as two capital letters for real headers.
    return result.big_endian or (
        result.transfer_syntax not in ("", IMPLICIT_LITTLE) and head[4:6].isalpha() and head[4:6].isupper()
    )


@dataclass(slots=True)
class _Level:
    """One open sequence (`in_items`) or item, and where it ends (None: at its delimiter)."""

    in_items: bool
    end: int | None
    explicit: bool
    kept: DataSet | None = None
    seen: set[int] = field(default_factory=set)
    items: list[DataSet] = field(default_factory=list)
    owner: tuple[DataSet, int, int, int] | None = None


class _BrokenError(Exception):
    """The walk cannot go on; carries the reason code only."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Walk:
    """A pass over all elements, at every depth, on a stack of its own."""

    def __init__(self, source: Source, result: DataSet, start: int, explicit: bool) -> None:
        self.source, self.result, self.position = source, result, start
        self.order = ">" if result.big_endian else "<"
        self.levels = [_Level(in_items=False, end=source.size, explicit=explicit, kept=result)]
        self.last_tag = 0
        self.count = 0

    def run(self) -> None:
        """Fill the result's elements and problems."""
        try:
            while self.levels:
                self._step()
        except _BrokenError as broken:
            self.result.problems.append(broken.code)

    def _step(self) -> None:
        level = self.levels[-1]
        if level.end is not None and self.position >= level.end:
            if self.position > level.end:
                raise _BrokenError("PARSE_ERROR")
            self._close()
        elif level.in_items:
            self._item(level)
        else:
            self._element(level)

    def _close(self) -> None:
        level = self.levels.pop()
        if level.owner is not None:
            dataset, tag, offset, _ = level.owner
            dataset.elements[tag] = Element("SQ", offset, self.position - offset, tuple(level.items))

    def _head(self, count: int) -> bytes:
        head = self.source.read(self.position, count)
        if len(head) < count:
            raise _BrokenError("TRUNCATED")
        return head

    def _item(self, level: _Level) -> None:
        tag, length = self._tag_and_length(self._head(8))
        self.position += 8
        if tag == _SEQUENCE_END:
            if level.end is None:
                self._close()
            return
        if tag != _ITEM:
            raise _BrokenError("PARSE_ERROR")
        end = None if length == _UNDEFINED else self._end(length)
        item = DataSet(self.source, self.result.big_endian) if level.owner is not None else None
        if item is not None:
            level.items.append(item)
        self._push(_Level(in_items=False, end=end, explicit=level.explicit, kept=item))

    def _push(self, level: _Level) -> None:
        if len(self.levels) >= 2 * _MAX_DEPTH:
            raise _BrokenError("NESTING_TOO_DEEP")
        self.levels.append(level)

    def _end(self, length: int) -> int:
        end = self.position + length
        outer = next((level.end for level in reversed(self.levels) if level.end is not None), self.source.size)
        if end > self.source.size:
            # Junk after the pixel data reads as a giant element; a real header goes on upwards.
            raise _BrokenError("TRUNCATED")
        if end > outer:
            raise _BrokenError("PARSE_ERROR")
        return end

    def _tag_and_length(self, head: bytes) -> tuple[int, int]:
        group, number, length = struct.unpack(f"{self.order}HHI", head)
        return group << 16 | number, length

    def _element(self, level: _Level) -> None:
        self.count += 1
        if self.count > _MAX_ELEMENTS:
            raise _BrokenError("PARSE_ERROR")
        root = len(self.levels) == 1
        if root and self._only_zeros_left():
            self.position = self.source.size
            return
        head = self._head(8)
        tag, length = self._tag_and_length(head)
        if tag >> 16 == 0xFFFE:
            if tag != _ITEM_END or level.end is not None:
                raise _BrokenError("PARSE_ERROR")
            self.position += 8
            self._close()
            return
        vr = ""
        self.position += 8
        if level.explicit:
            vr, length = self._explicit(head)
        if root and tag < self.last_tag and length != _UNDEFINED and self.position + length > self.source.size:
            raise _BrokenError("PARSE_ERROR")
        self.last_tag = tag if root else self.last_tag
        self._note_duplicate(level, tag)
        self._value(level, tag, vr, length)

    def _only_zeros_left(self) -> bool:
        """Whether the rest is the zero padding that some writers add up to a block's end."""
        left = self.source.size - self.position
        if self.source.read(self.position, min(left, 8)).strip(b"\0"):
            return False
        return left <= _MAX_VALUE and not self.source.read(self.position, left).strip(b"\0")

    def _explicit(self, head: bytes) -> tuple[str, int]:
        vr = head[4:6].decode("latin-1")
        if vr in _SHORT_VRS:
            return vr, struct.unpack(f"{self.order}H", head[6:8])[0]
        if vr not in _LONG_VRS and not (head[4:6].isalpha() and head[4:6].isupper()):
            raise _BrokenError("PARSE_ERROR")
        length = struct.unpack(f"{self.order}I", self._head(4))[0]
        self.position += 4
        return vr, length

    def _note_duplicate(self, level: _Level, tag: int) -> None:
        if tag in level.seen and tag != _PADDING and "DUPLICATE_TAG" not in self.result.problems:
            self.result.problems.append("DUPLICATE_TAG")
        level.seen.add(tag)

    def _value(self, level: _Level, tag: int, vr: str, length: int) -> None:
        start = self.position
        if tag == PIXEL_DATA and length == _UNDEFINED:
            self._fragments(keep=level.kept is self.result)
            element = Element(vr, start, self.position - start)
        elif vr == "SQ" or length == _UNDEFINED or (not level.explicit and self._looks_like_sequence(length)):
            # PS3.5 6.2.2: a sequence of VR UN and undefined length is in implicit VR.
            end = None if length == _UNDEFINED else self._end(length)
            owner = (level.kept, tag, start, length) if level.kept is not None and tag in _KEPT_SEQUENCES else None
            self._push(_Level(in_items=True, end=end, explicit=level.explicit and vr != "UN", owner=owner))
            element = Element("SQ", start, 0)
        else:
            self.position = self._end(length)
            element = Element(vr, start, length)
        if level.kept is not None and tag not in level.kept.elements:
            level.kept.elements[tag] = element

    def _looks_like_sequence(self, length: int) -> bool:
        return length >= 8 and self.source.read(self.position, 4) == b"\xfe\xff\x00\xe0"

    def _fragments(self, keep: bool) -> None:
        """Walk through encapsulated pixel data (PS3.5 A.4): offset table, fragments, delimiter."""
        found: list[tuple[int, int]] = []
        while True:
            tag, length = self._tag_and_length(self._head(8))
            self.position += 8
            if tag == _SEQUENCE_END:
                break
            if tag != _ITEM or length == _UNDEFINED:
                raise _BrokenError("PARSE_ERROR")
            end = self._end(length)
            found.append((self.position, length))
            self.position = end
            if len(found) > _MAX_ELEMENTS:
                raise _BrokenError("PARSE_ERROR")
        if keep:
            self.result.offsets = found[0] if found else (0, 0)
            self.result.fragments = found[1:]

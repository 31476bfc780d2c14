"""One pass over all elements of a DICOM data set, at every depth, on a stack of its own.

References
----------
DICOM PS3.5 section 7 (data set, nesting), A.4 (encapsulated pixel data).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from inference.byte_source import Source
from inference.dataset import LONG_VRS, MAX_VALUE, PIXEL_DATA, SHORT_VRS, DataSet, Element

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PADDING = 0xFFFCFFFC
_UNDEFINED = 0xFFFFFFFF
_MAX_ELEMENTS = 250_000  # a few seconds of reading; an enhanced CT of 2,000 frames has about 200,000
_MAX_DEPTH = 64
# Sequences whose items are kept: LUTs, anatomy. The others are only walked through.
_KEPT_SEQUENCES = frozenset({0x00283000, 0x00283010, 0x00082218, 0x00082228})


def walk(source: Source, result: DataSet, start: int, explicit: bool) -> None:
    """Fill a data set's elements, fragments and problems from `start` to the end of the source."""
    _Walk(source, result, start, explicit).run()


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
        return left <= MAX_VALUE and not self.source.read(self.position, left).strip(b"\0")

    def _explicit(self, head: bytes) -> tuple[str, int]:
        vr = head[4:6].decode("latin-1")
        if vr in SHORT_VRS:
            return vr, struct.unpack(f"{self.order}H", head[6:8])[0]
        if vr not in LONG_VRS and not (head[4:6].isalpha() and head[4:6].isupper()):
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

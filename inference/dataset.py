"""A DICOM data set read for inspection: where each element lies, and what is broken.

References
----------
DICOM PS3.5 section 6.2 (value representations) and 7 (data set).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from inference.byte_source import Source

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

TRANSFER_SYNTAX = 0x00020010
SPECIFIC_CHARACTER_SET = 0x00080005
PIXEL_DATA = 0x7FE00010

SHORT_VRS = frozenset(re.findall("..", "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS"))
LONG_VRS = frozenset(re.findall("..", "OBODOFOLOVOWSQSVUCUNURUTUV"))
MAX_VALUE = 1 << 20


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
        return None if element is None else self.source.read(element.offset, min(element.length, MAX_VALUE))

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

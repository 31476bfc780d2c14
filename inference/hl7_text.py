"""The narrative of a report: its OBX lines to plain text.

TX, FT and ST give their repetitions as lines; CE and CWE their text; ED its content when that is
text, RTF or HTML. What nobody can read without a viewer (PDF, images, links) is flagged, and so is
a report of nothing else: its times count, its text is unknown.

References
----------
HL7 v2.5.1 chapter 2A (TX, FT, ST, CE, CWE, ED 2A.24, RP), 7.4.2 (OBX), tables 0125, 0191, 0291, 0299.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from inference.hl7_syntax import Message, Segment, clean, unescape
from inference.labels.markup import strip_markup

_PLAIN = frozenset(("TX", "FT", "ST", ""))
_CODED = frozenset(("CE", "CWE", "CNE", "CF"))
_LINKED = frozenset(("RP",))
# OBX-11 of a line that is taken back (deleted, wrong patient, cannot be had).
_TAKEN_BACK = frozenset("DWX")
_RTF = "{\\rtf"
_TEXT_TYPES = re.compile(r"text|plain|html?|rtf|sgml|ascii|formatted ?text|ft|tx", re.IGNORECASE)
_WRAPPING = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Narrative:
    """A report's text, and the flags that its lines earn."""

    text: str
    flags: tuple[str, ...]


def read(lines: Sequence[Segment], message: Message) -> Narrative | str:
    """Return the text of OBX segments in file order, or the reason code that refuses them."""
    parts: list[str] = []
    flags: list[str] = []
    states = [message.component(line.raw(11)).upper() for line in lines]
    all_back = bool(states) and all(state in _TAKEN_BACK for state in states)
    for line, state in zip(lines, states, strict=True):
        if state in _TAKEN_BACK and not all_back:
            continue
        kind, value = line.raw(2).upper(), line.raw(5)
        if kind in _PLAIN or kind in _CODED:
            for text, well in _plain(value, kind, message):
                kept, plain = clean(text)
                parts.append(kept)
                flags += [] if well else ["BAD_ESCAPE"]
                flags += [] if plain else ["SUSPICIOUS_TEXT"]
        elif kind == "ED" and value:
            content = _encapsulated(value, message)
            if content is None:
                flags.append("UNREADABLE_ATTACHMENT")
            elif not content:
                return "PARSE_ERROR"
            else:
                parts.append(clean(content)[0])
        elif kind in _LINKED and value:
            flags.append("UNREADABLE_ATTACHMENT")
    text = "\n".join(parts).strip()
    return Narrative(text, tuple(dict.fromkeys(flags)))


def _plain(value: str, kind: str, message: Message) -> list[tuple[str, bool]]:
    """Return each repetition without escapes, and whether they were well formed."""
    if value.startswith(_RTF):  # RTF sent as it is: its backslashes are no escapes
        return [(strip_markup(value)[0], True)]
    found: list[tuple[str, bool]] = []
    for one in message.repetitions(value):
        text, well = unescape(_meaning(one, message) if kind in _CODED else one, message)
        found.append((strip_markup(text)[0] if text.lstrip().startswith(_RTF) else text, well))
    return found


def _meaning(value: str, message: Message) -> str:
    """Return the words of a coded value: its text, else its original text, else its code."""
    parts = value.split(message.separators.component, 9)
    return next((part for part in (*parts[1:2], *parts[8:9], *parts[:1]) if part.strip()), "")


def _encapsulated(value: str, message: Message) -> str | None:
    """Return the text in an ED value; None when it is no text, empty when it cannot be decoded."""
    parts = message.repetitions(value)[0].split(message.separators.component, 4)
    if len(parts) < 5:
        return ""
    kind, subtype, encoding = (unescape(part, message)[0].strip() for part in parts[1:4])
    body = unescape(parts[4], message)[0].strip()
    data = _decoded(body, encoding.lower())
    if data is None:
        return ""
    if data.startswith((b"%PDF", b"\xff\xd8", b"\x89PNG", b"II*\0", b"MM\0*", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return None
    text = _text(data, message.codec)
    if text.lstrip().startswith(_RTF):
        return strip_markup(text.lstrip())[0] or None
    named = _TEXT_TYPES.fullmatch(subtype) or _TEXT_TYPES.fullmatch(kind)
    return text.strip() or None if named and "\0" not in text else None


def _decoded(body: str, encoding: str) -> bytes | None:
    try:
        if encoding == "base64":
            return base64.b64decode(_WRAPPING.sub("", body), validate=True)
        if encoding == "hex":
            return bytes.fromhex(body)
    except (binascii.Error, ValueError):
        return None
    return body.encode("utf-8", "replace")


def _text(data: bytes, codec: str) -> str:
    for wanted in ("utf-8-sig", codec):
        try:
            return data.decode(wanted)
        except UnicodeDecodeError:
            continue
    return data.decode("cp1252", "replace")

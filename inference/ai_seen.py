"""Whether a report says that its author had seen the AI result before signing.

The site says where: ``OBX:CODE`` (an OBX whose OBX-3 has this code), ``ZAI-2`` (a field of a segment)
or the address of a FHIR extension; in a CSV export it is a column. Where nothing is said, or in words
that are neither yes nor no, it is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from inference.hl7_syntax import Message, Segment

PATTERN = r"^(OBX:[^\s|^~&\\]{1,40}|[A-Z][A-Z0-9]{2}-[1-9][0-9]?|https?://\S{1,200})$"
_YES = frozenset({"y", "yes", "o", "oui", "1", "true", "t", "vrai", "j", "ja"})
_NO = frozenset({"n", "no", "non", "0", "false", "f", "faux", "nein"})
_FIELD = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9][0-9]?)")


def answer(word: str) -> bool | None:
    """Return what a word says: true, false, or None for anything else."""
    word = word.strip().casefold()
    return True if word in _YES else False if word in _NO else None


def is_ai_seen(message: Message, line: Segment, where: str | None) -> bool:
    """Whether an OBX is the one that says it, and so no part of the report's text."""
    return bool(where) and f"OBX:{message.component(line.raw(3))}" == where


def ai_seen(message: Message, lines: Iterable[Segment], where: str | None) -> bool | None:
    """Return what a report with these OBX lines says; of several answers one yes is enough."""
    if where is None:
        return None
    found = [answer(message.component(line.raw(5))) for line in lines if is_ai_seen(message, line, where)]
    if match := _FIELD.fullmatch(where):
        named = (segment for segment in message.segments if segment.name == match[1])
        found = [answer(message.component(segment.raw(int(match[2])))) for segment in named]
    return True if True in found else False if False in found else None

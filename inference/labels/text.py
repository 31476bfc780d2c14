r"""Normalise a report's text and keep the way back to the original.

Everything after this module works on :attr:`Plain.text`: lower case, no accents, hyphens and
apostrophes inside words turned to spaces, wrapped lines joined, markup gone. A hard line end is
``\\n``. :meth:`Plain.origin` turns positions back into offsets of the original text.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from dataclasses import dataclass
from functools import cache

from inference.labels.markup import needs_stripping, strip_markup

# Reports are a few thousand characters. Beyond this the rest is not read and the label is queued.
LONGEST_READ = 200_000

_QUOTES = "'\u2018\u2019\u02bc\u0060\u00b4\u2032"
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad"
_IN_WORD = re.compile(r"(?<=\w)['\-](?=\w)|(?<=\w)'")
_LETTER = re.compile(r"[^\W\d_]")
_LAST_WORD = re.compile(r"(\w+) *\Z")
_ENDS = ".:;?!"
_BULLET = re.compile(r" *(?:[-*\u2022\u00b7>]|\d{1,2}[.)/] )")
# A line ending on one of these goes on in the next, whatever the next begins with.
_OPEN = """
    de du des d la le les l un une et ou ni a au aux en par sans avec pas sur sous dans pour non
    of the a an and or nor no not with without in on at by to from for is are was were be
    aucun aucune plus ne est sont than that which
"""
_OPEN_WORDS = frozenset(_OPEN.split())


@dataclass(frozen=True)
class Plain:
    """A normalised text and, when the lengths differ, the original offset of each character."""

    text: str
    offsets: array[int] | None
    length: int
    truncated: bool

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original text of the span ``[start, end)`` of :attr:`text`."""
        if self.offsets is None:
            return start, end
        if start >= end:
            at = self.offsets[start] if start < len(self.offsets) else self.length
            return at, at
        return self.offsets[start], self.offsets[end - 1] + 1


@cache
def _letter(code: int) -> str:
    """One normalised character for one code point (never zero, never two)."""
    char = chr(code)
    if char in _QUOTES:
        return "'"
    if char in _DASHES:
        return "-"
    if char in "\n\v\f\x85\u2028\u2029":
        return "\n"
    if char.isspace() or unicodedata.category(char)[0] in "CZ":
        return " "
    base = unicodedata.normalize("NFKD", char)[0]
    lowered = base.lower()
    return lowered if len(lowered) == 1 else lowered[0]


class _Table(dict[int, str]):
    def __missing__(self, code: int) -> str:
        value = _letter(code)
        if len(self) < 20_000:
            self[code] = value
        return value


_TABLE = _Table()
# "#" before a word means fracture; alone on its line it marks a title.
_FRACTURE_SIGN = r"(?<![\w#&])#(?=[ ]?[^\W\d])(?!(?<=\n#)[^\n.]{0,60}\n)|(?i:(?<=no )|(?<=pas de ))#(?!\d)"
# Characters that must vanish or grow: combining marks, ligatures and the fracture sign.
_NOT_ONE_TO_ONE = re.compile("[\u0300-\u036f\u0152\u0153\u00c6\u00e6\ufb00-\ufb06]|\r\n|\r|" + _FRACTURE_SIGN)
_GROW = {
    "\u0152": "oe", "\u0153": "oe", "\u00c6": "ae", "\u00e6": "ae",
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl",
    "\ufb05": "st", "\ufb06": "st", "\r": "\n", "\r\n": "\n", "#": "fx ",
}  # fmt: skip


def fold(text: str) -> str:
    """Lower case, no accents, hyphens and apostrophes in words as spaces; for the packs' phrases."""
    # In a phrase "#" is a number, not the fracture sign.
    grown = _NOT_ONE_TO_ONE.sub(lambda m: "#" if m.group() == "#" else _GROW.get(m.group(), ""), text)
    return _IN_WORD.sub(" ", grown.translate(_TABLE))


def normalise(text: str) -> Plain:
    """Normalise `text`, at most its first `LONGEST_READ` characters.

    Parameters
    ----------
    text
        A report as received: plain, HL7-escaped, RTF or HTML.

    Returns
    -------
    Plain
        Linear time in the length of `text`.
    """
    length = len(text)
    truncated = length > LONGEST_READ
    if truncated:
        text = text[:LONGEST_READ]
    offsets: array[int] | None = None
    if needs_stripping(text):
        text, offsets = strip_markup(text)
    if _NOT_ONE_TO_ONE.search(text):
        text, offsets = _grow(text, offsets)
    folded = _IN_WORD.sub(" ", text.translate(_TABLE))
    if "\n" in folded:
        folded = _join_lines(text, folded)
    return Plain(folded, offsets, length, truncated)


def _grow(text: str, offsets: array[int] | None) -> tuple[str, array[int]]:
    pieces: list[str] = []
    kept: array[int] = array("l")
    last = 0
    for match in _NOT_ONE_TO_ONE.finditer(text):
        pieces.append(text[last : match.start()])
        kept.extend(range(last, match.start()))
        new = _GROW.get(match.group(), "")
        pieces.append(new)
        kept.extend([match.start()] * len(new))
        last = match.end()
    pieces.append(text[last:])
    kept.extend(range(last, len(text)))
    if offsets is not None:
        kept = array("l", (offsets[at] for at in kept))
    return "".join(pieces), kept


def _join_lines(original: str, folded: str) -> str:
    """Turn the line ends that only wrap a sentence into spaces; length unchanged."""
    lines = folded.split("\n")
    sources = original.translate({0x0B: 10, 0x0C: 10, 0x85: 10, 0x2028: 10, 0x2029: 10}).split("\n")
    capitals = _mostly_capitals(original)
    widest = max(map(len, lines))
    out = [lines[0]]
    for number in range(1, len(lines)):
        title = not capitals and len(sources[number - 1]) < 40 and sources[number - 1].isupper()
        soft = not title and _is_wrap(lines[number - 1], lines[number], sources[number], capitals, widest)
        out.append(" " if soft else "\n")
        out.append(lines[number])
    return "".join(out)


def _mostly_capitals(text: str) -> bool:
    sample = text[:2000]
    upper = sum(map(str.isupper, sample))
    return upper > 2 * sum(map(str.islower, sample))


def _is_wrap(line: str, following: str, source: str, capitals: bool, widest: int) -> bool:
    line = line.rstrip()
    if not line or not following.strip() or line[-1] in _ENDS or _BULLET.match(following):
        return False
    if line[-1] == ",":
        return True
    word = _LAST_WORD.search(line[-40:])
    if word and word.group(1) in _OPEN_WORDS:
        return True
    first = _LETTER.search(source[:40])
    if first is None:
        return True
    if capitals:
        return widest >= 30 and len(line) >= 0.7 * widest and ":" not in following[:40]
    return first.group().islower()

"""Cut a normalised report into sentences, each with the section it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from inference.labels.pack import Pack

_HARD_END = re.compile(
    r"\n"
    r"|[.?!;]+(?=\s|$|[)\"])"
    r"|(?<=[a-z)])\.(?=\d{0,2}[a-z]{3})"
    r"|(?<=\d)\.(?=[a-z]{3})"
)
_BLANK_LINE = re.compile(r"\n[ ]*\n")
_LEAD = re.compile(r"(?:[\s*#=_>.)\u2022\u00b7-]|\d{1,2}[.)](?!\d)){0,24}")
# A heading: at most nine words, no sentence mark, then a colon.
_HEADING = re.compile(r"(?P<name>[^\W\d][^\n.;:?!]{0,90}?)\s{0,3}:(?!\d)")
# No sentence is longer; what is, is cut, so that no search inside a sentence can grow.
LONGEST_SENTENCE = 600
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:dr|pr|mr|mme|st|env|cf|vs|approx|fig|no|resp|fract|fx|fr|[a-z])$")


_PREFIXED = re.compile(r"(?:[\s(:.]|\A)\?\s{0,2}[a-z]")


@dataclass(frozen=True)
class Sentence:
    """A sentence's span in the normalised text, its section, and whether it ends on ``?``.

    `section` is ``silent`` (indication, technique, history, comparison: never votes), ``body``,
    ``findings`` or ``conclusion``.
    """

    start: int
    end: int
    section: str
    question: bool


@dataclass(frozen=True)
class _Piece:
    start: int
    end: int
    question: bool
    line_start: bool
    after_blank: bool


def _pieces(text: str, adjective_first: bool) -> Iterator[_Piece]:
    start, line_start, after_blank = 0, True, True
    for match in _HARD_END.finditer(text):
        at, mark = match.start(), match.group()
        if mark == "." and _ABBREVIATION.search(text, max(start, at - 8), at):
            continue
        if mark == "?" and adjective_first and _PREFIXED.match(text, max(at - 1, 0)):
            # British: the mark stands before what is asked, "? fracture".
            continue
        if text[start:at].strip():
            yield _Piece(start, at, "?" in mark, line_start, after_blank)
            after_blank = False
            line_start = False
        if mark == "\n":
            line_start = True
            after_blank = after_blank or bool(_BLANK_LINE.match(text, at))
        start = match.end()
    if text[start:].strip():
        yield _Piece(start, len(text), False, line_start, after_blank)


def _cut(text: str, piece: _Piece) -> Iterator[_Piece]:
    """Parts of at most `LONGEST_SENTENCE` characters, cut at spaces where there are any."""
    while piece.end - piece.start > LONGEST_SENTENCE:
        limit = piece.start + LONGEST_SENTENCE
        space = text.rfind(" ", piece.start + LONGEST_SENTENCE // 2, limit)
        at = limit if space < 0 else space
        yield replace(piece, end=at, question=False)
        piece = replace(piece, start=at, line_start=False, after_blank=False)
    yield piece


def _heading(text: str, piece: _Piece, pack: Pack) -> tuple[str | None, int]:
    """Role of the heading at the start of `piece`, and where its content begins."""
    lead = _LEAD.match(text, piece.start, piece.end)
    at = lead.end() if lead else piece.start
    match = _HEADING.match(text, at, piece.end)
    if match and match.group("name").count(" ") < 9:
        # "Findings: Chest: ..." and "Comparison: CT: ..." count by their first name.
        found = pack.headings.search(text, match.start("name"), match.end("name"))
        if found:
            return found.kind, match.end()
        return ("body" if piece.line_start else None), match.end()
    bare = pack.bare_headings.match(text, at, piece.end)
    if bare and not text[bare.end() : piece.end].strip(" :.-_=*"):
        found = pack.headings.search(text, bare.start(), bare.end())
        return (found.kind if found else "body"), piece.end
    return None, piece.start


def split(text: str, pack: Pack) -> list[Sentence]:
    """Sentences of `text` in order, with their sections.

    An unknown heading closes the section before it. A silent section reaches to the next heading
    when findings are announced later; otherwise it is its first sentence and those that go on
    like a referral ("patient", "pain", "?"), because many reports announce nothing but the
    indication. A comparison is one sentence.
    """
    pieces = [part for piece in _pieces(text, pack.adjective_first) for part in _cut(text, piece)]
    headings = [_heading(text, piece, pack) for piece in pieces]
    last_findings = max((i for i, (role, _) in enumerate(headings) if role == "findings"), default=-1)
    sentences: list[Sentence] = []
    section, before, said = "body", "body", 0
    for number, (piece, (role, content)) in enumerate(zip(pieces, headings, strict=True)):
        if role is not None:
            before = section if section not in ("silent", "once") else before
            section, said = role, 0
        elif (section == "once" and said) or (
            section == "silent" and said and not _goes_on(text, piece, pack, number < last_findings)
        ):
            section = before
        if text[content : piece.end].strip(" :.-\n\t*"):
            said += 1
            start = _trim(text, piece.start if role == "body" or role is None else content, piece.end)
            shown = "silent" if section == "once" else section
            sentences.append(Sentence(start, _rtrim(text, start, piece.end), shown, piece.question))
    return sentences


def _goes_on(text: str, piece: _Piece, pack: Pack, findings_follow: bool) -> bool:
    if findings_follow:
        return True
    if piece.after_blank:
        return False
    return piece.question or pack.clinical.search(text, piece.start, piece.end) is not None


def _trim(text: str, start: int, end: int) -> int:
    lead = _LEAD.match(text, start, end)
    at = lead.end() if lead else start
    return at if at < end else start


def _rtrim(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1] in " \n\t":
        end -= 1
    return end

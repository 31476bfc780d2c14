"""The packs' phrase notation, turned into one lexer.

A phrase is written as it is dictated. Accents, case, hyphens and apostrophes do not matter.
``word*`` any ending; ``(a|b)`` one of; ``[x]`` may be absent; ``..3`` up to three words, never
across a comma; ``#`` a number of one or two digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from inference.labels.text import fold

_SPACE = r"[\s:]{1,8}"
_WORD = r"[\w/]{1,40}"
_TOKEN = re.compile(r"\(|\)|\[|\]|\||\.\.(\d)|[^\s()\[\]|]+")
_WORDS = re.compile(r"\w{1,60}")
_DIGITS = "0123456789"


class PhraseError(ValueError):
    """A pack holds a phrase whose brackets do not match or which is empty: correct that phrase."""


@dataclass(frozen=True)
class Token:
    """One cue, trigger or mask found in a sentence: `kind`, span, and the rule's name."""

    kind: str
    start: int
    end: int
    rule: str


@dataclass(frozen=True)
class _Phrase:
    """A compiled phrase and the patterns of the words it can begin with."""

    pattern: re.Pattern[str]
    first: re.Pattern[str]
    initials: frozenset[str]
    kind: str
    name: str


class _Parser:
    """Recursive descent over the tokens of one phrase."""

    def __init__(self, phrase: str, never_skipped: str) -> None:
        self.phrase = phrase
        self.gap = rf"\s{{1,8}}(?!{never_skipped}){_WORD}" if never_skipped else rf"\s{{1,8}}{_WORD}"
        self.tokens = [(m.group(), m.group(1)) for m in _TOKEN.finditer(fold(phrase))]
        self.at = 0

    def parse(self) -> tuple[str, set[str]]:
        source, first = self._alternatives("")
        if self.at != len(self.tokens):
            raise PhraseError(f"unbalanced brackets in the phrase {self.phrase!r}")
        return source, first

    def _peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _alternatives(self, closing: str) -> tuple[str, set[str]]:
        branches, firsts = [], set[str]()
        while True:
            source, first = self._sequence()
            branches.append(source)
            firsts |= first
            if self._peek() != "|":
                break
            self.at += 1
        if closing:
            if self._peek() != closing:
                raise PhraseError(f"unbalanced brackets in the phrase {self.phrase!r}")
            self.at += 1
        return (branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"), firsts

    def _sequence(self) -> tuple[str, set[str]]:
        source, firsts, only_optional = "", set[str](), True
        while self._peek() not in ("", ")", "]", "|"):
            text, gap = self.tokens[self.at]
            self.at += 1
            if gap:
                source += f"(?:{self.gap}){{0,{gap}}}"
                if self._peek() in ("", ")", "]", "|"):
                    raise PhraseError(f"nothing after the gap in the phrase {self.phrase!r}")
                continue
            if text in ("(", "["):
                inner, first = self._alternatives(")" if text == "(" else "]")
            else:
                inner = _word(text)
                first = {_word(text.partition("/")[0])}
            if only_optional:
                firsts |= first
            if text == "[":
                source += f"(?:{inner}{_SPACE})?" if only_optional else f"(?:{_SPACE}{inner})?"
            else:
                source += inner if only_optional else _SPACE + inner
                only_optional = False
        if only_optional:
            raise PhraseError(f"an alternative without words in the phrase {self.phrase!r}")
        return source, firsts


def _word(text: str) -> str:
    return re.escape(text).replace(r"\*", r"\w{0,20}").replace(r"\#", r"\d{1,2}")


def compile_phrase(phrase: str, kind: str = "", never_skipped: str = "") -> _Phrase:
    """Compile one phrase; every repeat is bounded, so its time is linear in the text.

    Raises
    ------
    PhraseError
        When brackets do not match or nothing is left to look for.
    """
    source, firsts = _Parser(phrase, never_skipped).parse()
    return _Phrase(
        re.compile(rf"{source}(?!\w)"),
        re.compile("|".join(sorted(firsts))),
        frozenset(initial for first in firsts for initial in (_DIGITS if first.startswith(r"\d") else first[0])),
        kind,
        f"{kind}: {phrase}",
    )


class Lexer:
    """All phrases of a group of lists: the leftmost match wins, then the longest, then the order."""

    def __init__(self, groups: Mapping[str, Sequence[str]], never_skipped: Sequence[str] = ()) -> None:
        words = "|".join(rf"{_word(fold(word))}(?!\w)" for word in never_skipped)
        self._phrases = [
            compile_phrase(phrase, kind, f"(?:{words})" if words else "")
            for kind, phrases in groups.items()
            for phrase in phrases
        ]
        self._by_initial: dict[str, list[_Phrase]] = {}
        for phrase in self._phrases:
            for initial in phrase.initials:
                self._by_initial.setdefault(initial, []).append(phrase)
        # Most words begin no phrase; the few thousand words of the trade are looked up once.
        self._beginning_with = lru_cache(maxsize=50_000)(self._candidates)

    def _candidates(self, word: str) -> tuple[_Phrase, ...]:
        phrases = self._by_initial.get(word[0], ())
        return tuple(phrase for phrase in phrases if phrase.first.fullmatch(word))

    def _tokens(self, text: str, start: int, end: int) -> Iterator[Token]:
        done = start
        for word in _WORDS.finditer(text, start, end):
            at = word.start()
            if at < done:
                continue
            best, longest = None, at
            for phrase in self._beginning_with(word.group()):
                match = phrase.pattern.match(text, at, end)
                if match and match.end() > longest:
                    best, longest = phrase, match.end()
            if best:
                done = longest
                yield Token(best.kind, at, longest, best.name)

    def tokens(self, text: str, start: int, end: int) -> list[Token]:
        """Tokens of ``text[start:end]``, in order, not overlapping."""
        return list(self._tokens(text, start, end))

    def search(self, text: str, start: int, end: int) -> Token | None:
        """The first token of ``text[start:end]``."""
        return next(self._tokens(text, start, end), None)

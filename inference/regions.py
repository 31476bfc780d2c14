"""Body region of an image, from what the modality wrote in any of five places.

References
----------
DICOM PS3.16 Annex L (correspondence of anatomic region codes and body part examined).
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Region by whole code, by SNOMED code, by word, and the pattern that finds the words."""

    codes: dict[str, str]
    snomed: dict[str, str]
    words: dict[str, str]
    pattern: re.Pattern[str]


@cache
def vocabulary() -> Vocabulary:
    """Read ``regions.toml``; a code belongs to the first region that lists it."""
    data = tomllib.loads(resources.files("inference").joinpath("regions.toml").read_text(encoding="utf-8"))
    codes: dict[str, str] = {}
    snomed: dict[str, str] = {}
    words: dict[str, str] = {}
    for region, lists in data.items():
        for kind, table in (("codes", codes), ("snomed", snomed), ("words", words)):
            for word in lists[kind]:
                table.setdefault(word, region)
    longest_first = sorted(words, key=len, reverse=True)
    pattern = re.compile(r"(?<![a-z])(?:" + "|".join(longest_first) + r")(?![a-z])")
    return Vocabulary(codes, snomed, words, pattern)


def regions() -> frozenset[str]:
    """Return every region name."""
    return frozenset(vocabulary().codes.values())


def plain(text: str) -> str:
    """Return text in lower case without accents, punctuation as single spaces."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return re.sub(r"[\W_]+", " ", bare.lower()).strip()


def from_body_part(text: str) -> str | None:
    """Return the region of a BodyPartExamined value, None when it names none."""
    if not text.strip():
        return None
    code = plain(text).replace(" ", "").upper()
    return vocabulary().codes.get(code) or from_words([text])


def from_codes(values: Iterable[str]) -> str | None:
    """Return the region of the first known SNOMED code value of an anatomic region sequence."""
    known = vocabulary().snomed
    return next((known[value] for value in values if value in known), None)


def from_words(texts: Iterable[str]) -> str | None:
    """Return the region that the first telling description names first.

    A limb named without its part ("membre supérieur") gives way to a part named anywhere.
    """
    found = [match for text in texts for match in vocabulary().pattern.findall(plain(text))]
    named = [vocabulary().words[word] for word in found]
    return next((region for region in named if region != "limb"), named[0] if named else None)


def is_region_word(word: str) -> bool:
    """Whether a word is one of the vocabulary (and so no sign of a person's name)."""
    bare = plain(word)
    return bare in vocabulary().words or bare.replace(" ", "").upper() in vocabulary().codes

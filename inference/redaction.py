"""Remove what may identify a person from the one sentence that is kept of a report.

A sentence that decides a label speaks of bones; names, dates and numbers in it are incidental, so
the rules take away too much rather than too little: first what the message itself says of the
patient and of those who care for her, wherever it stands in the text, then what looks like a name,
an address or a number. The site may keep no sentence at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MASK = "[…]"
MOST_WORDS = 500
"""A message that names more than this is no report of one patient: nothing of its text is shown."""

_PARTICLE = r"(?:(?:de|du|des|la|le|les|van|von|der|den|ten|el|al|ben|bin|da|dos|di|o|y)\s+|[dl]['’])"
_NAME = rf"(?i:{_PARTICLE}){{0,3}}[A-ZÀ-Ý][\w'’.-]+"
# After a word that often goes before something else: not an abbreviation (by CT, par IRM, chez L1).
_LONG_NAME = rf"(?i:{_PARTICLE}){{0,3}}[A-ZÀ-Ý](?:[a-zà-ÿ][\w'’-]+|[A-ZÀ-Ý]{{3,}}[\w'’-]*)"
_RULES = (
    re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.]+"),  # addresses
    re.compile(
        r"\b\d{1,4}(?:\s?(?:bis|ter))?,?\s+(?:rue|avenue|av\.|boulevard|bd|place|chemin|impasse|allées?|route|quai|cours|square)"
        r"\s[^,;.:()\n]{1,60}",
        re.IGNORECASE,
    ),
    re.compile(r"\b\d{1,4},?\s+(?:[A-Z][\w'’-]+\s+){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Close|Court|Way)\b"),
    re.compile(r"\b\d{1,2}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?\d{2,4}\b"),  # dates
    re.compile(
        r"\b\d{1,2}(?:er|st|nd|rd|th)?\s+(?:jan|f[ée]v|feb|mar|avr|apr|mai|may|jui|jun|jul|ao[uû]|aug|sep|oct|nov|d[ée]c)[a-zéû]{0,7}"
        r"\.?,?\s+(?:19|20)\d{2}\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:[A-Z]{1,4}[-/]?)?(?:\d{1,6}[-/]){0,3}\d{5,}(?:[-/]\d+){0,3}\b"),  # record and accession numbers
    re.compile(r"\b(?:19|20)\d{2}[-/]?\d{0,2}[-/]?\d{0,2}\b"),
    re.compile(r"(?:\+\d{1,3}[\s.]?)?(?:\d{2}[\s.-]?){4,}\d{0,2}\b"),  # telephone and social security numbers
    # Mme Le Goff, M. Jean Dupont, madame dupont
    re.compile(rf"\b(?:M|Dr|Pr|Mr|Mrs|Ms|Mme|Mlle|dr|pr)\b\.?(?:\s+{_NAME}){{1,4}}"),
    re.compile(rf"\b(?:[Dd]octeure?|[Dd]octor|[Pp]rof(?:esseure?|essor)?)\b\.?(?:\s+{_NAME}){{1,4}}"),
    re.compile(
        rf"\b(?:[Mm]onsieur|[Mm]adame|[Mm]ademoiselle|[Mm]me|[Mm]lle|[Mm]rs?)\b\.?(?:(?:\s+{_NAME}){{1,4}}|\s+[\w'’-]+)"
    ),
    # chez Zoé Dupont, relu par Anne Le Gall, patiente Dupont, née Durand
    re.compile(
        rf"\b(?:[Cc]hez|[Pp]ar|[Bb]y|[Nn]ée?|[ÉéEe]pouse|[Pp]atiente?|[Nn]om|[Nn]ame)\b\s?:?(?:\s+{_LONG_NAME}){{1,4}}"
    ),
    re.compile(
        r"\b[A-ZÀ-Ý]{2,}(?:[-\s][A-ZÀ-Ý]{2,}){0,9}\s+[A-ZÀ-Ý][a-zà-ÿ]+(?:-[A-ZÀ-Ý][a-zà-ÿ]+)?\b"
    ),  # DUPONT Jeanne
)


def redact(sentence: str, named: Iterable[str] = ()) -> str:
    """Return the sentence with addresses, dates, long numbers, and names masked.

    Parameters
    ----------
    named
        What the message says of persons: names, numbers, addresses. Each of their words of three
        letters or digits and more is masked, whatever its case and accents.
    """
    words = {word for value in named for word in re.findall(r"\w{3,}", _folded(value))}
    if len(words) > MOST_WORDS:
        return MASK
    folded = _folded(sentence)
    spans = [match.span() for match in re.finditer(r"\w{3,}", folded) if match[0] in words]
    for start, end in reversed(spans):
        sentence = sentence[:start] + MASK + sentence[end:]
    for rule in _RULES:
        sentence = rule.sub(MASK, sentence)
    return re.sub(rf"{re.escape(MASK)}(?:[\s,'’.-]{{0,2}}{re.escape(MASK)}){{1,50}}", MASK, sentence)


def _folded(text: str) -> str:
    """Return the text without case and accents, letter by letter: as long as it was."""
    return "".join(unicodedata.normalize("NFD", letter)[0].lower()[0] for letter in text)

"""Remove what may identify a person from the one sentence that is kept of a report.

A sentence that decides a label speaks of bones; names, dates and numbers in it are incidental, so
the rules take away too much rather than too little. The site may keep no sentence at all.
"""

from __future__ import annotations

import re

MASK = "[…]"

_RULES = (
    re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.]+"),  # addresses
    re.compile(r"\b\d{1,2}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?\d{2,4}\b"),  # dates
    re.compile(r"\b(?:19|20)\d{2}[-/]?\d{0,2}[-/]?\d{0,2}\b"),
    re.compile(r"(?:\+\d{1,3}[\s.]?)?(?:\d{2}[\s.-]?){4,}\d{0,2}\b"),  # telephone and social security numbers
    re.compile(r"\b[A-Z]{0,4}\d{5,}\b"),  # record and accession numbers
    re.compile(
        r"\b(?:[Dd]r|[Dd]octeur|[Dd]octor|[Pp]r|[Pp]rof(?:esseur|essor)?|M\.|Mr|Mrs|Ms|Mme|Mlle|Monsieur|Madame|Docteure)\b\.?"
        r"(?:\s+[A-ZÀ-Ý][\w'’.-]+){1,3}"
    ),
    re.compile(
        r"\b[A-ZÀ-Ý]{2,}(?:[-\s][A-ZÀ-Ý]{2,}){0,9}\s+[A-ZÀ-Ý][a-zà-ÿ]+(?:-[A-ZÀ-Ý][a-zà-ÿ]+)?\b"
    ),  # DUPONT Jeanne
)


def redact(sentence: str) -> str:
    """Return the sentence with addresses, dates, long numbers, and titled names masked."""
    for rule in _RULES:
        sentence = rule.sub(MASK, sentence)
    return sentence

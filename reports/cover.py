"""The words of the mail that a monthly report comes with."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reports.language import language

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Cover:
    """Subject, text, and the name of the attached file; no figure is in them, mail is not the place for one."""

    subject: str
    text: str
    file: str


def one_line(text: str) -> str:
    """Return `text` without anything that could begin another line or header."""
    return _CONTROL.sub(" ", text).strip()


def cover(code: str, site: str, month: str, issue: int) -> Cover:
    """Return the words for a site, in its language; its name is one line, whatever it holds."""
    words = language(code)
    name = one_line(site)
    when = words.month(month)
    subject = words.text("%(site)s: monthly report of %(month)s", site=name, month=when)
    parts = [words.text("The monthly report of %(month)s is attached, as a PDF.", month=when)]
    if issue > 1:
        parts.append(words.text("It is issue %(n)s, and takes the place of the one before.", n=issue))
    parts.append(words.text("Bilan is not a medical device: figures are for quality review."))
    return Cover(subject, "\n\n".join(parts) + "\n", f"bilan-{month}{'' if issue == 1 else f'-{issue}'}.pdf")

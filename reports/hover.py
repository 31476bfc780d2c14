"""What a chart says of one of its points where it can be pointed at: on the screen, never in the PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.canvas import plain

if TYPE_CHECKING:
    from reports.language import Language
    from reports.value import Value

BREAK = "<br>"


def note(head: str, *lines: str) -> str:
    """Return a heading in bold and lines below it; texts are made safe here, empty ones are left out."""
    return BREAK.join([f"<b>{plain(head)}</b>", *(plain(line) for line in lines if line)])


def of_value(words: Language, head: str, value: Value | None, *, digits: int | None = None) -> str:
    """Return the value of a figure, its interval and what it was computed from."""
    return note(head, words.value(value, digits), *grounds(words, value, digits))


def grounds(words: Language, value: Value | None, digits: int | None = None) -> list[str]:
    """Return the 95 % interval of a figure and what it was counted over, as far as it has any; none if withheld."""
    if value is None or value.suppressed:
        return []
    found = []
    if interval := words.interval(value, digits):
        found.append(words.text("95 %% interval %(interval)s", interval=interval))
    if value.unit == "share" and value.numerator is not None and value.denominator is not None:
        found.append(
            words.text("%(n)s of %(all)s", n=words.number(value.numerator), all=words.number(value.denominator))
        )
    elif value.unit in ("hours", "kappa") and value.denominator is not None:
        found.append(studies(words, value.denominator))
    return found


def studies(words: Language, n: float) -> str:
    """Return a number of studies in words."""
    return words.plural("%(n)s study", "%(n)s studies", int(n))

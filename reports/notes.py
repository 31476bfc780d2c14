"""Annotations of a site's history in its own charts: a letter at the month, and what it stands for below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING

from reports.canvas import FAINT, SOFT

if TYPE_CHECKING:
    from reports.canvas import Canvas
    from reports.language import Language
    from warehouse.returned import Annotation

MOST = len(ascii_lowercase)


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation with its letter; `place` is the month's among those of the chart, 0 the oldest."""

    letter: str
    place: int
    month: str
    text: str


def marks(notes: Sequence[Annotation], months: Sequence[str]) -> tuple[Mark, ...]:
    """Return the annotations of these months, the oldest first, each once; of too many the latest."""
    known = sorted({(note.month, note.text) for note in notes if note.month in months})[-MOST:]
    return tuple(
        Mark(letter, months.index(month), month, text)
        for letter, (month, text) in zip(ascii_lowercase, known, strict=False)
    )


def draw(figure: Canvas, shown: Sequence[Mark], axis: str = "x") -> None:
    """Draw a faint line at each month that has annotations, with their letters, over one of the figure's axes."""
    for place in sorted({mark.place for mark in shown}):
        letters = " ".join(mark.letter for mark in shown if mark.place == place)
        figure.shape(type="line", x0=place, x1=place, y0=0, y1=1, xref=axis, yref="paper",
                     line={"color": FAINT, "width": 1, "dash": "dash"})  # fmt: skip
        figure.label(place, 1, f"<b>{letters}</b>", xref=axis, yref="paper", vertical="top", color=SOFT, shift=(2, 1))


def legend(shown: Sequence[Mark], words: Language) -> str:
    """Return what the letters stand for."""
    return "; ".join(
        words.text("%(letter)s: %(month)s, %(text)s", letter=mark.letter, month=words.month(mark.month), text=mark.text)
        for mark in shown
    )

"""Control charts of the key figures over thirteen months, with the days on which the model changed."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from reports import hover, notes
from reports.canvas import FAINT, INK, SIGNAL, WIDE, Chart, blank, count_axis, hour_axis, plain, share_axis, spread
from reports.text import figure_of, title

if TYPE_CHECKING:
    from reports.canvas import Canvas
    from reports.kpi import MonthFigures, Value
    from reports.language import Language

ROOM = 0.18  # of the span of values and limits, left free above and below
LABELS = 0.17  # of the height: what two labels at the right edge need between them


def trend(name: str, figures: MonthFigures, words: Language, accent: str, noted: Sequence[notes.Mark] = ()) -> Chart:
    """Draw a key figure over thirteen months with mean, limits, unusual months, changes of model and annotations."""
    entries, control = figures.history[name], figures.trends[name]
    refs = (figure_of(name),)
    known = [
        (index, value) for index, (_, value) in enumerate(entries) if value is not None and value.value is not None
    ]
    if len(known) < 2:
        return Chart(
            f"trend_{name}", None, "", refs, words.text("A trend needs at least two months; it will appear here.")
        )
    changes = places(figures)
    figure = blank(words, WIDE, 122 if changes else 110, 46, 128, 24 if changes else 12, 20)
    figure.axis("xaxis", range=[-0.3, len(entries) - 0.7], tickvals=list(range(len(entries))))
    figure.axis("xaxis", ticktext=[plain(_tick(words, month, index)) for index, (month, _) in enumerate(entries)])
    place = {month: index for index, (month, _) in enumerate(entries)}
    index, last = known[-1]
    low, high = _range(known, control.low, control.high, last.unit)
    ends: list[tuple[float, str, str, int]] = [(last.value or 0, f"<b>{plain(words.value(last))}</b>", INK, 11)]
    if control.mean is not None:
        months = [place[month] for month in control.months]
        band: dict[str, Any] = {"mode": "lines", "line": {"width": 0, "shape": "hvh"}}
        figure.add("scatter", x=months, y=list(control.high), **band)
        figure.add("scatter", x=months, y=list(control.low), fill="tonexty", fillcolor="#eef2f5", **band)
        figure.add("scatter", x=months, y=[control.mean] * len(months), mode="lines", line={"color": FAINT, "width": 1})
        ends.append((control.mean, words.text("mean %(value)s", value=_worded(words, last, control.mean)), FAINT, 10))
    odd = {place[signal.month] for signal in control.signals}
    figure.add(
        "scatter",
        x=[index for index, _ in known],
        y=[value.value for _, value in known],
        mode="lines+markers",
        line={"color": accent, "width": 1.8},
        marker={
            "size": [9 if index == len(entries) - 1 else 6.5 for index, _ in known],
            "color": [SIGNAL if index in odd else accent for index, _ in known],
            "symbol": ["diamond" if index in odd else "circle" for index, _ in known],
            "line": {"color": "#ffffff", "width": 1},
        },
        cliponaxis=False,
        hover=[hover.of_value(words, words.month(entries[index][0]), value) for index, value in known],
    )
    heights = spread([end[0] for end in ends], LABELS * (high - low))
    for (_, text, color, size), y in zip(ends, heights, strict=True):
        figure.label(index, y, text, color=color, size=size, shift=(10, 0))
    _mark(figure, changes)
    notes.draw(figure, noted)
    figure.axis("yaxis", range=[low, high], ticklabelstandoff=6, **_ticks(last.unit, words, low, high))
    alt = words.text(
        "%(title)s over %(n)s months, last %(last)s; %(signals)s",
        title=title(figures, name, words),
        n=len(known),
        last=words.value(last),
        signals=words.text("no unusual month.")
        if not odd
        else words.plural("%(n)s unusual month.", "%(n)s unusual months.", len(odd)),
    )
    for _, text in changes:
        alt += " " + words.text("Change of model: %(model)s.", model=text)
    if noted:
        alt += " " + words.text("Annotations: %(notes)s.", notes=notes.legend(noted, words))
    return Chart(f"trend_{name}", figure.figure(), alt, refs)


def _ticks(unit: str, words: Language, low: float, high: float) -> dict[str, Any]:
    if unit == "share":
        return share_axis(words, high, low=low)
    return hour_axis(words, high, low) if unit == "hours" else count_axis(words, high, low)


def places(figures: MonthFigures) -> list[tuple[float, str]]:
    """Return where the model changed among the thirteen months (0 is the middle of the first) and to what."""
    months = [month for month, _ in figures.history["volume"]]
    found = []
    for change in figures.model_changes:
        month = f"{change.day:%Y-%m}"
        if month in months:
            days = monthrange(change.day.year, change.day.month)[1]
            part = (change.day.day - 1) / days
            found.append((months.index(month) - 0.5 + part, f"{change.model} {change.version}"))
    return found


def _mark(figure: Canvas, changes: list[tuple[float, str]]) -> None:
    for x, text in changes:
        figure.shape(type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line={"color": INK, "width": 1, "dash": "dot"})
        figure.label(x, 1, f"▼ {plain(text[:40])}", yref="paper", vertical="bottom", color=INK, shift=(-4, 2))


def _range(
    known: list[tuple[int, Value]], lower: tuple[float, ...], upper: tuple[float, ...], unit: str
) -> tuple[float, float]:
    """Return the ends of the axis: what is drawn and some room, never below 0 nor a share above 1."""
    numbers = [value.value or 0.0 for _, value in known]
    low, high = min([*numbers, *lower]), max([*numbers, *upper])
    room = ROOM * (high - low) or 0.1 * abs(high) or 0.5
    top = high + room
    return max(0.0, low - room), min(top, 1.02) if unit == "share" else top


def _worded(words: Language, like: Value, number: float) -> str:
    if like.unit == "share":
        return words.share(number)
    return words.hours(number) if like.unit == "hours" else words.number(number)


def _tick(words: Language, month: str, index: int) -> str:
    first = date.fromisoformat(f"{month}-01")
    return words.month(month, "year" if index == 0 or first.month == 1 else "short")

"""The key figures of the first page: value, comparisons, a line of thirteen months, usual or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.blocks import TILES
from reports.pages import data_uri
from reports.text import change, figure_of, neighbours, title, verdict
from reports.trends import places

if TYPE_CHECKING:
    from reports.kpi import MonthFigures, Value
    from reports.language import Language
    from reports.trend import Trend

Scale = Callable[[float], float]
WIDTH, HEIGHT, EDGE = 190, 38, 5  # of the line, CSS pixels


@dataclass(frozen=True, slots=True)
class Tile:
    """One key figure in words; `spark` is the address of its line, None with fewer than two months."""

    title: str
    value: str
    note: str
    before: str
    year: str
    tone: str
    verdict: str
    spark: str | None
    alt: str
    ref: str


def tiles(figures: MonthFigures, words: Language, accent: str, names: Sequence[str] = TILES) -> list[Tile]:
    """Return the key figures of these names."""
    return [_tile(name, figures, words, accent) for name in names]


def _tile(name: str, figures: MonthFigures, words: Language, accent: str) -> Tile:
    now, before, year = neighbours(figures, name)
    tone, said = verdict(figures, name, words)
    return Tile(
        title=title(figures, name, words),
        value=words.value(now),
        note=_note(name, figures, now, words),
        before=_compared(words, now, before),
        year=_compared(words, now, year),
        tone=tone,
        verdict=said,
        spark=sparkline(figures, name, accent),
        alt=words.text(
            "%(title)s, last 13 months: from %(low)s to %(high)s.",
            title=title(figures, name, words),
            low=_extreme(figures, name, words, min),
            high=_extreme(figures, name, words, max),
        ),
        ref=figure_of(name),
    )


def _compared(words: Language, now: Value | None, before: Value | None) -> str:
    if before is None or (before.value is None and not before.suppressed):
        return words.text("no figure")
    step = change(words, now, before)
    return f"{words.value(before)} ({step})" if step else words.value(before)


def _note(name: str, figures: MonthFigures, now: Value | None, words: Language) -> str:
    if now is None or now.value is None:
        return words.text("nothing to count") if now is None or not now.suppressed else ""
    if name == "volume":
        images = figures.one("images")
        n = int(images.value) if images is not None and images.value else 0
        return words.plural("%(n)s image", "%(n)s images", n)
    if name == "report_turnaround_median":
        p90 = figures.one("report_turnaround", quantile="p90")
        return words.text("90th percentile %(hours)s", hours=words.value(p90))
    if name == "reported_within_target":
        target = words.text("target: %(hours)s", hours=words.hours(figures.site.turnaround_target_hours))
        half = figures.one("report_turnaround", quantile="median")
        none = half is not None and half.value is None and not half.suppressed
        return f"{target} · {words.text('no final report')}" if none else target
    if name == "caught_by_safety_net":
        n = int(now.denominator or 0)
        return words.plural("of %(n)s flagged study without fracture in the report",
                            "of %(n)s flagged studies without fracture in the report", n)  # fmt: skip
    return words.text("95 %% interval %(interval)s", interval=words.interval(now)) if words.interval(now) else ""


def _extreme(figures: MonthFigures, name: str, words: Language, pick: Callable[..., Value]) -> str:
    known = [value for _, value in figures.history[name] if value is not None and value.value is not None]
    if not known:
        return words.value(None)
    chosen = pick(known, key=lambda value: value.value or 0.0)
    return words.value(chosen)


def sparkline(figures: MonthFigures, name: str, accent: str) -> str | None:
    """Return the months as a small SVG with mean and limits where there are any; None for fewer than two."""
    entries = figures.history[name]
    known = [
        (index, value.value)
        for index, (_, value) in enumerate(entries)
        if value is not None and value.value is not None
    ]
    if len(known) < 2:
        return None
    control = figures.trends[name]
    numbers = [number for _, number in known]
    low, high = min([*numbers, *control.low]), max([*numbers, *control.high])
    room = (high - low) or abs(high) or 1.0

    def x(index: float) -> float:
        return round(EDGE + (WIDTH - 2 * EDGE) * index / (len(entries) - 1), 2)

    def y(number: float) -> float:
        return round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (number - low) / room, 2) if high > low else HEIGHT / 2

    place = {month: index for index, (month, _) in enumerate(entries)}
    marks = [
        f'<line x1="{x(at)}" y1="0" x2="{x(at)}" y2="{HEIGHT}" stroke="#16202a" stroke-width="0.8"'
        ' stroke-dasharray="1.5 1.5"/>'
        for at, _ in places(figures)
    ]
    parts = [*_limits(control, place, x, y), *marks, _path(known, x, y, accent)]
    odd = {place[signal.month] for signal in control.signals if signal.month in place}
    for index, number in known:
        last = index == len(entries) - 1
        if last or index in odd:
            color = "#b42318" if index in odd else accent
            parts.append(f'<circle cx="{x(index)}" cy="{y(number)}" r="{3.4 if last else 2.4}" fill="{color}"/>')
    body = "".join(parts)
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{body}</svg>'
    return data_uri(svg.encode(), "image/svg+xml")


def _path(known: list[tuple[int, float]], x: Scale, y: Scale, accent: str) -> str:
    points = " ".join(f"{x(index)},{y(number)}" for index, number in known)
    return f'<polyline points="{points}" fill="none" stroke="{accent}" stroke-width="1.6" stroke-linejoin="round"/>'


def _limits(control: Trend, place: dict[str, int], x: Scale, y: Scale) -> list[str]:
    if control.mean is None:
        return []
    places = [place[month] for month in control.months]
    upper = [f"{x(index)},{y(limit)}" for index, limit in zip(places, control.high, strict=True)]
    lower = [f"{x(index)},{y(limit)}" for index, limit in zip(places, control.low, strict=True)]
    mean = y(control.mean)
    return [
        f'<polygon points="{" ".join([*upper, *reversed(lower)])}" fill="#e9eef2"/>',
        f'<line x1="{x(places[0])}" y1="{mean}" x2="{x(places[-1])}" y2="{mean}" stroke="#8795a1" stroke-width="0.8"/>',
    ]

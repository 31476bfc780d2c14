"""Small charts as SVG for the pages of the portfolio: sparklines, histories with limits, a funnel.

Plain shapes with classes; colours come from the style sheet, so that they follow the reader's theme.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.intervals import funnel as limits_of

Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Dot:
    """One site in the funnel: a share of `n` studies, and the words of its tip."""

    n: int
    value: float
    name: str


@dataclass(frozen=True, slots=True)
class Series:
    """A history: months and values in parallel (None: not known), a label for some months, a tip for each.

    `limits` are those of a control chart, `odd` the months that it signals, `notes` those with an annotation.
    """

    months: Sequence[str]
    values: Sequence[float | None]
    labels: Sequence[str]
    tips: Sequence[str]
    ticks: Sequence[tuple[float, str]]
    mean: float | None = None
    limits: Sequence[tuple[float, float] | None] = ()
    odd: frozenset[str] = frozenset()
    notes: frozenset[str] = frozenset()


def sparkline(values: Sequence[float | None], alt: str, width: int = 118, height: int = 26) -> Markup:
    """Draw a line through the months that are known, from zero; the last one has a dot."""
    known = [value for value in values if value is not None]
    if not known:
        return Markup()
    top = max(known) or 1
    points = [
        (4 + (width - 8) * place / max(1, len(values) - 1), height - 4 - (height - 8) * value / top)
        for place, value in enumerate(values)
        if value is not None
    ]
    return Markup(
        '<svg class="spark" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{alt}">'
        '<polyline points="{line}"/><circle cx="{x}" cy="{y}" r="2.6"/></svg>'
    ).format(w=width, h=height, alt=alt, line=_points(points), x=_at(points[-1][0]), y=_at(points[-1][1]))


def history(series: Series, alt: str) -> Markup:
    """Draw a control chart: months from left to right, mean and limits, odd months as diamonds, notes as marks."""
    width, height, left, right, top, bottom = 560, 170, 46, 10, 12, 24
    known = [value for value in (*series.values, *(value for value, _ in series.ticks)) if value is not None]
    high = max([*known, 1e-9])
    x: Scale = lambda place: left + (width - left - right) * (place + 0.5) / len(series.months)  # noqa: E731
    y: Scale = lambda value: height - bottom - (height - top - bottom) * min(value, high) / high  # noqa: E731
    parts = []
    for value, text in series.ticks:
        parts += [_line("grid", left, y(value), width - right, y(value)), _text("tick", left - 6, y(value) + 3.5, text)]
    band = [(place, limit) for place, limit in enumerate(series.limits) if limit is not None]
    parts.append(_band([(x(place), y(low), y(up)) for place, (low, up) in band]))
    if series.mean is not None:
        parts.append(_line("mean", left, y(series.mean), width - right, y(series.mean)))
    for place, month in enumerate(series.months):
        if month in series.notes:
            parts.append(_line("note", x(place), top - 6, x(place), height - bottom))
        if series.labels[place]:
            parts.append(_text("month", x(place), height - 8, series.labels[place]))
    points = [None if value is None else (x(place), y(value)) for place, value in enumerate(series.values)]
    parts.append(_path(points))
    for month, point, tip in zip(series.months, points, series.tips, strict=True):
        if point is not None:
            parts.append(_mark(month in series.odd, *point, tip))
    return _whole(width, height, alt, parts)


def funnel(dots: Sequence[Dot], alt: str, axis: str) -> Markup:
    """Draw shares against numbers of studies, with the limits (99.8 %) around the share of all together."""
    width, height, left, right, top, bottom = 760, 250, 46, 12, 10, 38
    whole, most = _pooled(dots), max(dot.n for dot in dots) * 1.05
    band = [(n, *limits_of(whole, int(n))) for n in (max(10.0, most * step / 60) for step in range(1, 61))]
    high = min(1.0, max(0.05, *(1.1 * dot.value for dot in dots), *(up for n, _, up in band if n > most / 20)))
    x: Scale = lambda n: left + (width - left - right) * n / most  # noqa: E731
    y: Scale = lambda value: height - bottom - (height - top - bottom) * min(max(value, 0.0), high) / high  # noqa: E731
    parts = [_band([(x(n), y(low), y(up)) for n, low, up in band])]
    parts.append(_line("mean", left, y(whole), width - right, y(whole)))
    parts += [_text("tick", left - 6, y(share) + 3.5, f"{round(100 * share)} %") for share in (0, high / 2, high)]
    parts += [_text("month", x(n), height - 22, f"{n:,}".replace(",", "\u202f")) for n in _round_steps(most)]
    parts.append(_text("month", (left + width) / 2, height - 6, axis))
    odd = outside(dots)
    parts += [_mark(dot in odd, x(dot.n), y(dot.value), dot.name) for dot in dots]
    return _whole(width, height, alt, parts)


def outside(dots: Sequence[Dot]) -> list[Dot]:
    """Return the dots outside of the funnel's limits."""
    whole = _pooled(dots)
    limits = [(dot, *limits_of(whole, dot.n)) for dot in dots]
    return [dot for dot, low, up in limits if not low <= dot.value <= up]


def _pooled(dots: Sequence[Dot]) -> float:
    return sum(dot.value * dot.n for dot in dots) / sum(dot.n for dot in dots)


def _round_steps(most: float) -> list[int]:
    step = next(size for size in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10**4, 10**5, 10**6) if most / size <= 8)
    return list(range(step, int(most) + 1, step))


def _at(number: float) -> str:
    return f"{number:.1f}"


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    made = Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>')
    return made.format(kind, _at(x1), _at(y1), _at(x2), _at(y2))


def _text(kind: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(kind, _at(x), _at(y), text)


def _band(edges: Sequence[tuple[float, float, float]]) -> Markup:
    """Fill what lies between the limits; each edge is a place and its two limits."""
    around = [(x, up) for x, _, up in edges] + [(x, low) for x, low, _ in reversed(edges)]
    return Markup('<polygon class="limits" points="{}"/>').format(_points(around)) if edges else Markup()


def _path(points: Sequence[tuple[float, float] | None]) -> Markup:
    """Join neighbouring points; a month that is not known leaves a gap."""
    path, drawing = [], False
    for point in points:
        if point is not None:
            path.append(f"{'L' if drawing else 'M'}{point[0]:.1f} {point[1]:.1f}")
        drawing = point is not None
    return Markup('<path class="line" d="{}"/>').format("".join(path))


def _mark(odd: bool, x: float, y: float, tip: str) -> Markup:
    if odd:
        return Markup('<path class="odd" d="M{} {}l5 5l-5 5l-5 -5z"><title>{}</title></path>').format(
            _at(x), _at(y - 5), tip
        )
    return Markup('<circle class="dot" cx="{}" cy="{}" r="3"><title>{}</title></circle>').format(_at(x), _at(y), tip)


def _whole(width: int, height: int, alt: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, alt, Markup().join(parts)
    )

"""The charts of the monthly report, as plotly figures with a sentence that says what each shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import holidays

from reports.canvas import (
    FAINT,
    HALF,
    INK,
    SIGNAL,
    SOFT,
    WIDE,
    Chart,
    blank,
    count_axis,
    hour_axis,
    mix,
    plain,
    share_axis,
)
from reports.curves import age_bands, measures, no_report, regions, scores, time_to_report
from reports.terms import term

if TYPE_CHECKING:
    from reports.kpi import MonthFigures, Value
    from reports.language import Language

FEWEST = 10  # studies below which a distribution is not drawn
REGIONS = 12


def charts(figures: MonthFigures, words: Language, accent: str) -> dict[str, Chart]:
    """Return every chart by name, drawn or with the reason why it is not."""
    builders: tuple[Callable[[MonthFigures, Language, str], Chart], ...] = (
        volume_by_day,
        volume_by_region,
        volume_by_hour,
        trend("volume"),
        regions,
        age_bands,
        scores,
        trend("positive_rate"),
        time_to_report,
        turnaround_by_hour,
        trend("report_turnaround_median"),
        measures,
        trend("agreement"),
    )
    made = [build(figures, words, accent) for build in builders]
    return {chart.name: chart for chart in made}


def public_holidays(country: str, start: date, end: date) -> dict[date, str]:
    """Return the public holidays of a country from `start` up to `end`, in its own language; none where unknown."""
    try:
        known = holidays.country_holidays(country, years=range(start.year, end.year + 1))
    except NotImplementedError:
        return {}
    days = (start + timedelta(days=offset) for offset in range((end - start).days))
    return {day: known[day] for day in days if day in known}


def volume_by_day(figures: MonthFigures, words: Language, accent: str) -> Chart:
    """Draw the studies of each day; days on which the department is closed are pale."""
    refs = ("volume_by_day",)
    values = figures.values["volume_by_day"]
    total = sum(value.numerator or 0 for value in values)
    if not total:
        return Chart("volume_by_day", None, "", refs, _none(figures, words, "volume_by_day"))
    days = [date.fromisoformat(str(value.stratum["day"])) for value in values]
    numbers = [value.value for value in values]
    closed = public_holidays(figures.site.country, figures.start, figures.end)
    opened = [day.isoweekday() in figures.site.opening_weekdays and day not in closed for day in days]
    figure = blank(words, WIDE, 150, 4, 4, 16, 34)
    figure.add(
        "bar",
        x=[day.day for day in days],
        y=numbers,
        marker={"color": [accent if is_open else mix(accent, 0.38) for is_open in opened]},
        text=[words.number(number) if number else "" for number in numbers],
        textposition="outside",
        textfont={"size": 9, "color": SOFT},
        textangle=0,
        cliponaxis=False,
    )
    last = (figures.end - timedelta(days=1)).day
    initials = words.weekdays()
    numbered = [figures.start + timedelta(days=index) for index in range(last)]
    ticks = [f"{day.day}<br>{plain(initials[day.weekday()][:1].upper())}" for day in numbered]
    figure.layout.update(bargap=0.18)
    figure.axis("xaxis", range=[0.4, last + 0.6], tickvals=list(range(1, last + 1)), ticktext=ticks, tickangle=0)
    figure.axis("xaxis", tickfont={"size": 8.5})
    figure.axis("yaxis", range=[0, 1.12 * max(number or 0 for number in numbers)], showticklabels=False)
    for day in closed:
        figure.label(day.day, 0, "◆", color=INK, size=8, anchor="center", vertical="top", shift=(0, -24))
    working = [number for number, is_open in zip(numbers, opened, strict=True) if is_open and number is not None]
    alt = words.text(
        "Studies by day: %(total)s in all, from %(low)s to %(high)s on days of opening.",
        total=words.number(total),
        low=words.number(min(working, default=None)),
        high=words.number(max(working, default=None)),
    )
    return Chart("volume_by_day", figure.figure(), alt, refs)


def volume_by_region(figures: MonthFigures, words: Language, accent: str) -> Chart:
    """Draw the studies of each region as bars stacked by modality, the commonest twelve."""
    refs = ("volume_by_region",)
    cells: dict[str, dict[str, float]] = defaultdict(dict)
    for value in figures.values["volume_by_region"]:
        if value.value:
            cells[str(value.stratum["region"])][str(value.stratum["modality"])] = value.value
    if not cells:
        return Chart("volume_by_region", None, "", refs, _none(figures, words, "volume_by_region"), HALF)
    shown = list(cells)[:REGIONS]
    modalities = sorted({modality for parts in cells.values() for modality in parts})
    figure = blank(words, HALF, 34 + 19 * len(shown), 112, 74, 20, 4)
    total = sum(sum(parts.values()) for parts in cells.values())
    tones = [mix(accent, part) for part in (1.0, 0.5, 0.25, 0.75)]
    rows = [-index for index in range(len(shown))]
    for index, modality in enumerate(modalities):
        figure.add(
            "bar",
            y=rows,
            x=[cells[region].get(modality, 0) for region in shown],
            orientation="h",
            marker={"color": tones[index % len(tones)]},
        )
        figure.label(index * 0.22, 1, f"■ {plain(modality)}", color=tones[index % len(tones)], xref="paper",
              yref="paper", vertical="bottom", shift=(0, 4), weight=600)  # fmt: skip
    for row, region in zip(rows, shown, strict=True):
        n = sum(cells[region].values())
        figure.label(n, row, f"{words.number(n)}  ·  {words.share(n / total, 0)}", shift=(5, 0))
    figure.layout.update(barmode="stack", bargap=0.32)
    figure.axis("yaxis", tickvals=rows, ticktext=[plain(_capital(term(words, "region", region))) for region in shown])
    figure.axis("yaxis", range=[-len(shown) + 0.5, 0.5], ticklabelstandoff=6, tickfont={"size": 10, "color": INK})
    figure.axis("xaxis", range=[0, max(sum(cells[region].values()) for region in shown)], showticklabels=False)
    first = shown[0]
    alt = words.text(
        "Studies by region and modality: most are of region %(region)s, %(n)s of %(total)s.",
        region=term(words, "region", first),
        n=words.number(sum(cells[first].values())),
        total=words.number(total),
    )
    return Chart("volume_by_region", figure.figure(), alt, refs, None, HALF)


def volume_by_hour(figures: MonthFigures, words: Language, accent: str) -> Chart:
    """Draw the studies of each hour and weekday as a heat map with the opening hours outlined."""
    refs = ("volume_by_hour",)
    cells = {(int(v.stratum["weekday"]), int(v.stratum["hour"])): v.value for v in figures.values["volume_by_hour"]}
    total = sum(number or 0 for number in cells.values())
    if total < FEWEST:
        return Chart("volume_by_hour", None, "", refs, _none(figures, words, "volume_by_hour"))
    grid = [[cells.get((weekday, hour), 0) for hour in range(24)] for weekday in range(1, 8)]
    highest = max(number or 0 for number in cells.values())
    figure = blank(words, WIDE, 172, 38, 4, 6, 20)
    # Bars rather than a heat map, which plotly.js would write as a picture of pixels.
    for weekday, row in enumerate(grid):
        tones = [mix(accent, (number or 0) / highest) if number else "#f3f6f8" for number in row]
        figure.add("bar", x=list(range(24)), y=[0.93] * 24, base=weekday - 0.465, marker={"color": tones})
    figure.layout.update(barmode="overlay", bargap=0.06)
    for weekday, row in enumerate(grid):
        for hour, number in enumerate(row):
            if number:
                color = "#ffffff" if number > 0.55 * highest else INK
                figure.label(hour, weekday, words.number(number), color=color, size=8.5, anchor="center")
    start, end = (_clock(text) for text in (figures.site.opening_start, figures.site.opening_end))
    # Whole cells: a frame through the middle of one would hide its number.
    start, end = int(start), -int(-end // 1)
    for first, last in _runs(figures.site.opening_weekdays):
        figure.shape(
            type="rect", x0=start - 0.5, x1=end - 0.5, y0=first - 1.5, y1=last - 0.5, line={"color": INK, "width": 1.4}
        )
    figure.axis("yaxis", range=[6.5, -0.5], tickvals=list(range(7)), ticktext=words.weekdays(), ticklabelstandoff=6)
    figure.axis(
        "xaxis",
        range=[-0.5, 23.5],
        tickvals=list(range(0, 24, 2)),
        ticktext=[f"{hour}\u00a0h" for hour in range(0, 24, 2)],
    )
    weekday, hour = max(cells, key=lambda cell: (cells[cell] or 0, cell))
    alt = words.text(
        "Studies by weekday and hour; the busiest cell is %(weekday)s at %(hour)s h with %(n)s studies.",
        weekday=words.weekdays()[weekday - 1],
        hour=hour,
        n=words.number(cells[weekday, hour]),
    )
    return Chart("volume_by_hour", figure.figure(), alt, refs)


def turnaround_by_hour(figures: MonthFigures, words: Language, accent: str) -> Chart:
    """Draw the median report turnaround by local hour of the examination, opening hours shaded."""
    name, refs = "report_turnaround_by_hour", ("report_turnaround_by_hour",)
    values = [value for value in figures.values[name] if value.value is not None]
    if sum(value.denominator or 0 for value in values) < FEWEST:
        return Chart(name, None, "", refs, no_report(figures, words), HALF)
    hours = [int(value.stratum["hour"]) for value in values]
    medians = [value.value or 0.0 for value in values]
    figure = blank(words, HALF, 168, 46, 6, 20, 22)
    start, end = (_clock(text) for text in (figures.site.opening_start, figures.site.opening_end))
    figure.shape(type="rect", x0=start - 0.5, x1=end - 0.5, y0=0, y1=1, yref="paper", layer="below",
                     fillcolor="#eef2f5", line={"width": 0})  # fmt: skip
    figure.label((start + end) / 2 - 0.5, 1, words.text("opening hours"), yref="paper", anchor="center",
          vertical="bottom", shift=(0, 3), color=FAINT)  # fmt: skip
    figure.add("bar", x=hours, y=medians, marker={"color": accent})
    figure.layout.update(bargap=0.25)
    figure.axis(
        "xaxis", range=[-0.6, 23.6], tickvals=[0, 6, 12, 18], ticktext=[f"{hour}\u00a0h" for hour in (0, 6, 12, 18)]
    )
    figure.axis("yaxis", range=[0, 1.05 * max(medians)], ticklabelstandoff=4, **hour_axis(words, max(medians)))
    slowest = max(range(len(values)), key=lambda index: medians[index])
    alt = words.text(
        "Median report turnaround by hour of examination; longest at %(hour)s h: %(hours)s.",
        hour=hours[slowest],
        hours=words.hours(medians[slowest]),
    )
    return Chart(name, figure.figure(), alt, refs, None, HALF)


def trend(name: str) -> Callable[[MonthFigures, Language, str], Chart]:
    """Return the builder of the control chart of one key figure over thirteen months."""

    def build(figures: MonthFigures, words: Language, accent: str) -> Chart:
        return _trend(name, figures, words, accent)

    return build


def _trend(name: str, figures: MonthFigures, words: Language, accent: str) -> Chart:
    entries, control = figures.history[name], figures.trends[name]
    refs = (name.removesuffix("_median"),)
    known = [
        (index, value) for index, (_, value) in enumerate(entries) if value is not None and value.value is not None
    ]
    if len(known) < 2:
        return Chart(
            f"trend_{name}", None, "", refs, words.text("A trend needs at least two months; it will appear here.")
        )
    figure = blank(words, WIDE, 110, 46, 136, 12, 20)
    figure.axis("xaxis", range=[-0.3, len(entries) - 0.7], tickvals=list(range(len(entries))))
    figure.axis("xaxis", ticktext=[plain(_tick(words, month, index)) for index, (month, _) in enumerate(entries)])
    place = {month: index for index, (month, _) in enumerate(entries)}
    if control.mean is not None:
        places = [place[month] for month in control.months]
        band = {"mode": "lines", "line": {"width": 0, "shape": "hvh"}}
        figure.add("scatter", x=places, y=list(control.high), **band)
        figure.add("scatter", x=places, y=list(control.low), fill="tonexty", fillcolor="#eef2f5", **band)
        figure.add("scatter", x=places, y=[control.mean] * len(places), mode="lines", line={"color": FAINT, "width": 1})
        figure.label(
            places[-1],
            control.mean,
            words.text("mean %(value)s", value=_worded(words, known[-1][1], control.mean)),
            shift=(58, 0),
        )
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
    )
    index, last = known[-1]
    figure.label(index, last.value or 0, f"<b>{plain(words.value(last))}</b>", color=INK, size=11, shift=(9, 0))
    highest = max([*(value.value or 0 for _, value in known), *control.high])
    lowest = min([*(value.value or 0 for _, value in known), *control.low])
    base = 0.5 if last.unit == "share" and lowest > 0.55 else 0
    axis = {"share": share_axis, "hours": hour_axis}.get(last.unit, count_axis)
    top = base + 1.08 * (highest - base) or 1
    figure.axis("yaxis", range=[base, top], ticklabelstandoff=6, **axis(words, highest or 1))
    alt = words.text(
        "%(title)s over %(n)s months, last %(last)s; %(signals)s",
        title=words.typeset(_title(figures, refs[0], words)),
        n=len(known),
        last=words.value(last),
        signals=words.text("no unusual month.")
        if not odd
        else words.plural("%(n)s unusual month.", "%(n)s unusual months.", len(odd)),
    )
    return Chart(f"trend_{name}", figure.figure(), alt, refs)


def _worded(words: Language, like: Value, number: float) -> str:
    if like.unit == "share":
        return words.share(number)
    return words.hours(number) if like.unit == "hours" else words.number(number)


def _tick(words: Language, month: str, index: int) -> str:
    return words.month(month, "year" if index == 0 or month.endswith("-01") else "short")


def _title(figures: MonthFigures, name: str, words: Language) -> str:
    return figures.definitions[name].title.of(words.code) if name in figures.definitions else name


def _none(figures: MonthFigures, words: Language, name: str) -> str:
    if any(value.suppressed for value in figures.values[name]):
        return words.text("Too few studies to show without naming single ones.")
    volume = figures.one("volume")
    if volume is None or not volume.value:
        return words.text("No study this month.")
    return words.text("Too few studies this month for a chart; the numbers are in the attached file.")


def _runs(weekdays: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for weekday in sorted(set(weekdays)):
        if runs and runs[-1][1] == weekday - 1:
            runs[-1] = (runs[-1][0], weekday)
        else:
            runs.append((weekday, weekday))
    return runs


def _clock(text: str) -> float:
    hours, minutes = text.split(":")
    return int(hours) + int(minutes) / 60


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

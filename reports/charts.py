"""The charts of the monthly report, as plotly figures with a sentence that says what each shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import holidays

from reports import hover
from reports.agreement_charts import agreement_by_region, agreement_over_time, measures
from reports.blocks import USUAL, Block
from reports.canvas import (
    FAINT,
    HALF,
    INK,
    SOFT,
    WIDE,
    Chart,
    blank,
    hour_axis,
    mix,
    plain,
)
from reports.curves import no_report, scores, time_to_report
from reports.rates import age_bands, regions
from reports.terms import term
from reports.trends import trend
from reports.waits import turnaround_spread

if TYPE_CHECKING:
    from reports.kpi import MonthFigures
    from reports.language import Language
    from reports.notes import Mark

FEWEST = 10  # studies below which a distribution is not drawn


def charts(
    figures: MonthFigures,
    words: Language,
    accent: str,
    blocks: Iterable[Block] | None = None,
    noted: Sequence[Mark] = (),
) -> dict[str, Chart]:
    """Return the charts of these blocks (all, unless said otherwise) by name, drawn or with the reason why not.

    A trend has one chart for each of its figures, ``trend_`` and the figure's name. Trends show what is `noted`.
    """
    made: dict[str, Chart] = {}
    for block in blocks if blocks is not None else (block for part in USUAL.values() for block in part):
        if block.name == "trend":
            made |= {f"trend_{name}": trend(name, figures, words, accent, noted) for name in block.options["figures"]}
        elif block.name == "agreement_over_time":
            made[block.name] = agreement_over_time(figures, words, accent, noted)
        elif block.name in BUILDERS:
            made[block.name] = BUILDERS[block.name](figures, words, accent, **block.options)
    return made


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
        hover=[
            hover.note(words.day(day, "weekday"), hover.studies(words, number or 0), closed.get(day, ""))
            for day, number in zip(days, numbers, strict=True)
        ],
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


def volume_by_region(figures: MonthFigures, words: Language, accent: str, most: int) -> Chart:
    """Draw the studies of each region as bars stacked by modality, the `most` common ones."""
    refs = ("volume_by_region",)
    cells: dict[str, dict[str, float]] = defaultdict(dict)
    for value in figures.values["volume_by_region"]:
        if value.value:
            cells[str(value.stratum["region"])][str(value.stratum["modality"])] = value.value
    if not cells:
        return Chart("volume_by_region", None, "", refs, _none(figures, words, "volume_by_region"), HALF)
    shown = list(cells)[:most]
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
            hover=[
                hover.note(
                    f"{_capital(term(words, 'region', region))}, {modality}",
                    hover.studies(words, cells[region].get(modality, 0)),
                    words.text("of %(n)s", n=words.number(total)),
                )
                for region in shown
            ],
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
        said = [
            hover.note(f"{words.weekdays()[weekday]} {hour}\u00a0h", hover.studies(words, number or 0))
            for hour, number in enumerate(row)
        ]
        place = {"x": list(range(24)), "y": [0.93] * 24, "base": weekday - 0.465}
        figure.add("bar", **place, marker={"color": tones}, hover=said)
    figure.layout.update(barmode="overlay", bargap=0.06)
    # Points of text: a label of its own for each cell would take plotly.js half of the time of all charts.
    written = [(hour, day, number) for day, row in enumerate(grid) for hour, number in enumerate(row) if number]
    for color, part in (
        ("#ffffff", [cell for cell in written if cell[2] > 0.55 * highest]),
        (INK, [cell for cell in written if cell[2] <= 0.55 * highest]),
    ):
        figure.add(
            "scatter",
            mode="text",
            x=[hour for hour, _, _ in part],
            y=[day for _, day, _ in part],
            text=[words.number(number) for _, _, number in part],
            textfont={"size": 8.5, "color": color},
        )
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
    figure = blank(words, HALF, 150, 46, 6, 20, 22)
    start, end = (_clock(text) for text in (figures.site.opening_start, figures.site.opening_end))
    figure.shape(type="rect", x0=start - 0.5, x1=end - 0.5, y0=0, y1=1, yref="paper", layer="below",
                     fillcolor="#eef2f5", line={"width": 0})  # fmt: skip
    figure.label((start + end) / 2 - 0.5, 1, words.text("opening hours"), yref="paper", anchor="center",
          vertical="bottom", shift=(0, 3), color=FAINT)  # fmt: skip
    said = [hover.of_value(words, f"{hour}\u00a0h", value) for hour, value in zip(hours, values, strict=True)]
    figure.add("bar", x=hours, y=medians, marker={"color": accent}, hover=said)
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


# The chart of each block that is one, by the name of the block.
BUILDERS: dict[str, Callable[..., Chart]] = {
    "volume_by_day": volume_by_day,
    "volume_by_hour": volume_by_hour,
    "volume_by_region": volume_by_region,
    "rates_by_region": regions,
    "rates_by_age_band": age_bands,
    "scores": scores,
    "time_to_report": time_to_report,
    "turnaround_spread": turnaround_spread,
    "report_turnaround_by_hour": turnaround_by_hour,
    "measures": measures,
    "agreement_by_region": agreement_by_region,
}

"""The distribution of report turnaround: all studies, by AI result, in and out of opening hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reports import hover
from reports.canvas import FAINT, GRID, INK, RESULTS, SOFT, WIDE, Chart, blank, mix, plain
from reports.curves import FEWEST, TICKS, no_report
from reports.terms import term

if TYPE_CHECKING:
    import pandas as pd

    from reports.kpi import MonthFigures, Value
    from reports.language import Language

ROW = 20  # CSS pixels
MEDIAN, INTERVAL, NINTH = 56, 142, 222  # right edges of the columns of numbers, from the plot
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)


def turnaround_spread(figures: MonthFigures, words: Language, accent: str) -> Chart:
    """Draw the middle half, the middle four fifths and the median of turnaround, a row for each group."""
    name = "turnaround_spread"
    refs = ("report_turnaround", "report_turnaround_by_ai_result", "report_turnaround_by_opening")
    waits = figures.frames["turnaround"]
    fewest = max(FEWEST, figures.site.small_cell)
    groups = [
        (text, color, found, values)
        for text, color, part, values in _groups(figures, waits[waits["observed"].astype(bool)], words, accent)
        if len(found := part["hours"].to_numpy(dtype=float)) >= fewest
    ]
    if not groups:
        return Chart(name, None, "", refs, no_report(figures, words))
    quantiles = [np.quantile(hours, SHARES).tolist() for _, _, hours, _ in groups]
    top = max(row[-1] for row in quantiles)
    last = next((tick for tick in TICKS if tick >= top), TICKS[-1])
    figure = blank(words, WIDE, 40 + ROW * len(groups), 198, 228, 18, 22)
    rows = [-index for index in range(len(groups))]
    for row, (title, color, _, values), (p10, p25, median, p75, p90) in zip(rows, groups, quantiles, strict=True):
        for low, high, half, tone in ((p10, p90, 0.06, 0.45), (p25, p75, 0.24, 0.6)):
            figure.shape(type="rect", x0=_root(low), x1=min(_root(high), _root(last)), y0=row - half, y1=row + half,
                         fillcolor=mix(color, tone), line={"width": 0})  # fmt: skip
        middle, ninth = values
        middle_half = words.text("half of them: %(low)s to %(high)s", low=words.hours(p25), high=words.hours(p75))
        said = hover.note(title, words.value(middle), *hover.grounds(words, middle), middle_half)
        figure.add("scatter", x=[_root(min(median, last))], y=[row], mode="markers", cliponaxis=False, hover=[said],
                   marker={"symbol": "line-ns", "size": 14, "line": {"color": INK, "width": 2.4}})  # fmt: skip
        for text, place, shade in (
            (f"<b>{words.value(middle)}</b>", MEDIAN, INK),
            (words.interval(middle), INTERVAL, SOFT),
            (words.value(ninth), NINTH, INK),
        ):
            figure.label(1, row, text, xref="paper", anchor="right", color=shade, shift=(place, 0))
    for text, place in (
        (words.text("median"), MEDIAN),
        (words.text("95 %% interval"), INTERVAL),
        (words.text("90th percentile"), NINTH),
    ):
        figure.label(1, 1, text, xref="paper", yref="paper", anchor="right", vertical="bottom", shift=(place, 3))
    ticks = [tick for tick in TICKS if tick <= last]
    figure.axis(
        "xaxis",
        range=[0, _root(last)],
        tickvals=[_root(tick) for tick in ticks],
        ticktext=["0", *(words.hours(tick) for tick in ticks[1:])],
        showgrid=True,
        gridcolor=GRID,
    )
    figure.axis(
        "yaxis",
        range=[-len(groups) + 0.45, 0.55],
        tickvals=rows,
        ticktext=[
            f"{plain(text)}  <span style='color:{FAINT}'>{words.number(len(hours))}</span>"
            for text, _, hours, _ in groups
        ],
        tickfont={"size": 10, "color": INK},
        ticklabelstandoff=8,
    )
    whole = quantiles[0]
    alt = words.text(
        "Report turnaround of %(n)s reported studies: half of them between %(low)s and %(high)s, median %(median)s.",
        n=words.number(len(groups[0][2])),
        low=words.hours(whole[1]),
        high=words.hours(whole[3]),
        median=words.hours(whole[2]),
    )
    return Chart(name, figure.figure(), alt, refs)


def _groups(
    figures: MonthFigures, waits: pd.DataFrame, words: Language, accent: str
) -> list[tuple[str, str, pd.DataFrame, tuple[Value | None, Value | None]]]:
    """Return each group's name, colour, studies, median and 90th percentile."""

    def values(name: str, **stratum: str) -> tuple[Value | None, Value | None]:
        return figures.one(name, quantile="median", **stratum), figures.one(name, quantile="p90", **stratum)

    closed = waits["out_of_hours"].astype(bool)
    results = [
        (
            words.text("AI: %(result)s", result=term(words, "ai_result", code)),
            color,
            waits[waits["ai_result"] == code],
            values("report_turnaround_by_ai_result", ai_result=code),
        )
        for code, color in RESULTS.items()
    ]
    by_opening = "report_turnaround_by_opening"
    outside = words.text("Nights, weekends and evenings")
    return [
        (words.text("All studies"), accent, waits, values("report_turnaround")),
        *results,
        (words.text("In opening hours"), accent, waits[~closed], values(by_opening, opening="open")),
        (outside, accent, waits[closed], values(by_opening, opening="closed")),
    ]


def _root(hours: float) -> float:
    return float(max(0.0, hours) ** 0.5)

"""Charts of positive and doubtful rates by region and by age band, with intervals and funnel limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports import hover
from reports.canvas import DOUBTFUL, FAINT, INK, LINE, POSITIVE, WIDE, Canvas, Chart, blank, mix, plain, share_axis
from reports.curves import FEWEST, too_few
from reports.intervals import funnel
from reports.language import column_digits
from reports.terms import term

if TYPE_CHECKING:
    from reports.kpi import MonthFigures, Value
    from reports.language import Language

ROW = 17  # CSS pixels
BAND = 0.36  # half the height of the funnel's band, in rows


def regions(figures: MonthFigures, words: Language, accent: str, most: int) -> Chart:
    """Draw positive and doubtful rate of each region, the `most` common ones, side by side."""
    return _rates("rates_by_region", "region", words.text("Positive rate by region"), figures, words, most)


def age_bands(figures: MonthFigures, words: Language, accent: str) -> Chart:
    """Draw positive and doubtful rate of each age band, side by side."""
    return _rates("rates_by_age_band", "age_band", words.text("Positive rate by age band"), figures, words, None)


def _rates(name: str, kind: str, title: str, figures: MonthFigures, words: Language, most: int | None) -> Chart:
    refs = (f"positive_rate_by_{kind}", f"doubtful_rate_by_{kind}")
    positive = [value for value in figures.values[refs[0]] if value.value is not None][:most]
    if sum(value.denominator or 0 for value in positive) < FEWEST:
        return Chart(name, None, "", refs, too_few(figures, words))
    found = {value.stratum[kind]: value for value in figures.values[refs[1]]}
    doubtful = [found.get(value.stratum[kind]) for value in positive]
    figure = blank(words, WIDE, 46 + ROW * len(positive), 130, 8, 22, 22)
    panels = (
        ("x", "xaxis", [0, 0.46], positive, POSITIVE, POSITIVE, words.text("positive"), "positive_rate"),
        ("x2", "xaxis2", [0.6, 0.91], doubtful, DOUBTFUL, "#a66a00", words.text("doubtful"), "doubtful_rate"),
    )
    for axis, full, domain, values, color, dark, text, whole in panels:
        top = _top(values)
        extra = {"anchor": "y"} if axis == "x2" else {}
        figure.axis(full, domain=domain, range=[0, top], **extra, **share_axis(words, top))
        _dots(figure, words, values, color, axis, figures.one(whole), kind)
        figure.label(0, 1, text, color=dark, xref=f"{axis} domain", yref="paper", vertical="bottom", shift=(0, 6),
                     weight=600)  # fmt: skip
    figure.axis(
        "yaxis",
        range=[-len(positive) + 0.4, 0.6],
        tickvals=[-index for index in range(len(positive))],
        ticktext=[
            f"{plain(_capital(term(words, kind, value.stratum[kind])))}"
            f"  <span style='color:{FAINT}'>{words.number(value.denominator)}</span>"
            for value in positive
        ],
        tickfont={"size": 10, "color": INK},
        ticklabelstandoff=8,
    )
    highest = max(positive, key=lambda value: value.value or 0)
    alt = words.text(
        "%(title)s; highest: %(stratum)s with %(value)s (%(n)s studies).",
        title=title,
        stratum=term(words, kind, highest.stratum[kind]),
        value=words.value(highest),
        n=words.number(highest.denominator),
    )
    return Chart(name, figure.figure(), alt, refs)


def _top(values: Sequence[Value | None]) -> float:
    return max([0.05, *(min(1.0, 1.02 * (value.high or 0)) for value in values if value is not None)])


def _dots(
    figure: Canvas,
    words: Language,
    values: Sequence[Value | None],
    color: str,
    axis: str,
    whole: Value | None,
    kind: str,
) -> None:
    """Add a dot with interval and number for each value, a line for the whole, and its funnel as grey bands.

    What lies outside of its band differs from the whole by more than chance, and is a diamond in bold.
    """
    drawn = [(-index, value) for index, value in enumerate(values) if value is not None and value.value is not None]
    bands = {}
    if whole is not None and whole.value is not None:
        figure.shape(type="line", x0=whole.value, x1=whole.value, y0=0, y1=1, xref=axis, yref="paper",
                     line={"color": LINE, "width": 1.2, "dash": "dot"}, layer="below")  # fmt: skip
        bands = {row: funnel(whole.value, int(value.denominator or 0)) for row, value in drawn}
        for row, (low, high) in bands.items():
            figure.shape(type="rect", x0=low, x1=high, y0=row - BAND, y1=row + BAND, xref=axis, layer="below",
                         fillcolor="#eef2f5", line={"width": 0})  # fmt: skip
    odd = {row for row, value in drawn if row in bands and not bands[row][0] <= (value.value or 0) <= bands[row][1]}
    digits = column_digits(value for _, value in drawn)
    figure.add(
        "scatter",
        x=[value.value for _, value in drawn],
        y=[row for row, _ in drawn],
        xaxis=axis,
        mode="markers",
        marker={
            "size": [10 if row in odd else 7.5 for row, _ in drawn],
            "color": color,
            "symbol": ["diamond" if row in odd else "circle" for row, _ in drawn],
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [(value.high or 0) - (value.value or 0) for _, value in drawn],
            "arrayminus": [(value.value or 0) - (value.low or 0) for _, value in drawn],
            "color": mix(color, 0.55),
            "thickness": 2.2,
            "width": 0,
        },
        cliponaxis=False,
        hover=[
            hover.of_value(words, _capital(term(words, kind, value.stratum[kind])), value, digits=digits)
            for _, value in drawn
        ],
    )
    for row, value in drawn:
        text = words.value(value, digits)
        figure.label(1, row, f"<b>{text}</b>" if row in odd else text, xref=f"{axis} domain", color=INK,
                     anchor="right", shift=(50, 0))  # fmt: skip


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""Charts of the agreement with the report: its measures, by region, and over thirteen months."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports import hover, notes
from reports.canvas import FAINT, INK, LINE, SOFT, WIDE, Canvas, Chart, blank, mix, plain, share_axis
from reports.concordance import SHARES, STRATIFIED
from reports.curves import FEWEST, no_report
from reports.terms import term
from reports.trends import places

if TYPE_CHECKING:
    from reports.kpi import MonthFigures, Value
    from reports.language import Language

MAIN, OTHER = "positive_or_doubtful", "positive_only"
COEFFICIENTS = ("kappa", "gwet_ac1")
ROW = 17  # CSS pixels of a region
LINE_HEIGHT = 13  # and of one line of a measure
PANELS = (("x", "xaxis", [0, 0.26]), ("x2", "xaxis2", [0.35, 0.61]), ("x3", "xaxis3", [0.7, 0.96]))


def measures(figures: MonthFigures, words: Language, accent: str) -> Chart:
    """Draw every measure with its interval: both readings of doubtful, and corrected where the audit allows it."""
    refs = (*SHARES, *COEFFICIENTS, "corrected_agreement", "corrected_coefficient")
    whole = figures.one("agreement", reading=MAIN)
    rows = [(name, lines) for name in (*SHARES, *COEFFICIENTS) if (lines := _lines(figures, name, accent))]
    if not rows or whole is None or (whole.denominator or 0) < FEWEST:
        return Chart("measures", None, "", refs, no_report(figures, words))
    most = max(len(lines) for _, lines in rows)
    row = LINE_HEIGHT * most + 7
    figure = blank(words, WIDE, 26 + row * len(rows), 232, 148, 4, 22)
    step = LINE_HEIGHT / row
    for index, (name, lines) in enumerate(rows):
        for line, (value, look) in enumerate(lines):
            y = -index + step * (len(lines) - 1) / 2 - step * line
            _dot(figure, value, y, "x", look, hover.of_value(words, _reading(figures, words, value, name), value))
            text = words.value(value)
            text = f"<b>{text}</b>" if look["strong"] else text
            size = 10.5 if look["strong"] else 9.5
            figure.label(1, y, text, xref="paper", anchor="right", shift=(52, 0), color=look["ink"], size=size)
            figure.label(
                1, y, words.interval(value), xref="paper", shift=(60, 0), color=SOFT if look["strong"] else FAINT
            )
    for index in range(1, len(rows)):
        figure.shape(type="line", x0=0, x1=1, y0=0.5 - index, y1=0.5 - index, xref="paper", layer="below",
                     line={"color": LINE if rows[index][0] == COEFFICIENTS[0] else "#f0f3f5", "width": 1})  # fmt: skip
    figure.axis(
        "yaxis",
        range=[-len(rows) + 0.5, 0.5],
        tickvals=[-index for index in range(len(rows))],
        ticktext=[plain(_title(figures, words, name)) for name, _ in rows],
        tickfont={"size": 10, "color": INK},
        ticklabelstandoff=10,
    )
    lows = [value.low if value.low is not None else value.value for _, lines in rows for value, _ in lines]
    start = max(0.0, int(10 * min(low for low in lows if low is not None)) / 10)
    figure.axis("xaxis", range=[start, 1], **share_axis(words, 1, (0.1,) if start >= 0.5 else (0.25,), low=start))
    figure.axis(
        "xaxis", ticktext=[words.number(tick, 1 if start >= 0.5 else 2) for tick in figure.layout["xaxis"]["tickvals"]]
    )
    alt = words.text(
        "Agreement of the AI with the report: %(value)s (95 %% interval %(interval)s) of %(n)s comparable studies.",
        value=words.value(whole),
        interval=words.interval(whole),
        n=words.number(whole.denominator),
    )
    return Chart("measures", figure.figure(), alt, refs)


def _lines(figures: MonthFigures, name: str, accent: str) -> list[tuple[Value, dict[str, Any]]]:
    kind = "corrected_agreement" if name in SHARES else "corrected_coefficient"
    found = (
        (figures.one(name, reading=MAIN), _look(accent, "circle", 8, INK, strong=True)),
        (figures.one(name, reading=OTHER), _look(FAINT, "circle-open", 6.5, FAINT)),
        (figures.one(kind, measure=name, reading=MAIN), _look(accent, "diamond-open", 8, INK)),
    )
    return [(value, look) for value, look in found if value is not None and value.value is not None]


def _look(color: str, symbol: str, size: float, ink: str, *, strong: bool = False) -> dict[str, Any]:
    return {"color": color, "symbol": symbol, "size": size, "ink": ink, "strong": strong}


def _reading(figures: MonthFigures, words: Language, value: Value, name: str) -> str:
    """Return a measure with the reading of doubtful results that it takes."""
    if value.name.startswith("corrected"):
        return f"{_title(figures, words, name)}, {words.text('corrected')}"
    return f"{_title(figures, words, name)}, {_flagging(words, value)}"


def _dot(figure: Canvas, value: Value, y: float, axis: str, look: dict[str, Any], said: str) -> None:
    middle = value.value or 0.0
    low, high = (middle if limit is None else limit for limit in (value.low, value.high))
    figure.add(
        "scatter",
        x=[middle],
        y=[y],
        xaxis=axis,
        mode="markers",
        marker={
            "size": look["size"],
            "color": look["color"],
            "symbol": look["symbol"],
            "line": {"width": 1.4, "color": look["color"]},
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - middle],
            "arrayminus": [middle - low],
            "color": mix(look["color"], 0.55),
            "thickness": 2.4 if look["strong"] else 1.4,
            "width": 0,
        },
        cliponaxis=False,
        hover=[said],
    )


def agreement_by_region(figures: MonthFigures, words: Language, accent: str, most: int) -> Chart:
    """Draw the agreement with positive and with negative reports of each region, the `most` common ones."""
    refs = tuple(f"{name}_by_region" for name in STRATIFIED)
    whole = figures.one("agreement", reading=MAIN)
    shown = [
        str(value.stratum["region"])
        for value in figures.values["agreement_by_region"]
        if value.stratum["reading"] == MAIN and value.value is not None
    ][:most]
    if len(shown) < 2 or whole is None or (whole.denominator or 0) < FEWEST:
        return Chart("agreement_by_region", None, "", refs, _few_regions(figures, words, shown))
    figure = blank(words, WIDE, 46 + ROW * len(shown), 122, 8, 22, 22)
    panels = (
        ("x", "xaxis", [0, 0.4], "positive_percent_agreement", words.text("reports with a fracture")),
        ("x2", "xaxis2", [0.58, 0.87], "negative_percent_agreement", words.text("reports without a fracture")),
    )
    for axis, full, domain, name, text in panels:
        found = {
            (str(value.stratum["region"]), str(value.stratum["reading"])): value
            for value in figures.values[f"{name}_by_region"]
            if value.value is not None
        }
        low = _floor([value.low or 0.0 for value in found.values()])
        extra = {"anchor": "y"} if axis == "x2" else {}
        figure.axis(full, domain=domain, range=[low, 1], **extra, **share_axis(words, 1, (0.1, 0.25), low=low))
        _all_regions(figure, figures.one(name, reading=MAIN), axis)
        for row, region in enumerate(shown):
            other, main = found.get((region, OTHER)), found.get((region, MAIN))
            if other is not None:
                said = hover.of_value(words, _of_region(words, region, other), other)
                _dot(figure, other, -row - 0.2, axis, _look(FAINT, "circle-open", 5, FAINT), said)
            if main is not None:
                said = hover.of_value(words, _of_region(words, region, main), main)
                _dot(figure, main, -row + 0.1, axis, _look(accent, "circle", 7, INK, strong=True), said)
                n = f"  <span style='color:{FAINT}'>/ {words.number(main.denominator)}</span>"
                figure.label(1, -row, words.value(main, 0) + n, xref=f"{axis} domain", color=INK, shift=(10, 0))
        figure.label(0, 1, text, color=INK, xref=f"{axis} domain", yref="paper", vertical="bottom", shift=(0, 6),
                     weight=600)  # fmt: skip
    figure.axis(
        "yaxis",
        range=[-len(shown) + 0.4, 0.6],
        tickvals=[-index for index in range(len(shown))],
        ticktext=[plain(_capital(term(words, "region", region))) for region in shown],
        tickfont={"size": 10, "color": INK},
        ticklabelstandoff=8,
    )
    values = [
        value
        for value in figures.values["positive_percent_agreement_by_region"]
        if value.stratum["reading"] == MAIN and value.value is not None and value.stratum["region"] in shown
    ]
    alt = words.text("Agreement with the report by region, %(n)s regions.", n=words.number(len(shown)))
    if values:
        lowest = min(values, key=lambda value: value.value or 0.0)
        alt = words.text(
            "Agreement with positive reports by region; lowest: %(region)s with %(value)s (%(n)s reports).",
            region=term(words, "region", lowest.stratum["region"]),
            value=words.value(lowest),
            n=words.number(lowest.denominator),
        )
    return Chart("agreement_by_region", figure.figure(), alt, refs)


def _of_region(words: Language, region: str, value: Value) -> str:
    return f"{_capital(term(words, 'region', region))}, {_flagging(words, value)}"


def _flagging(words: Language, value: Value) -> str:
    if value.stratum["reading"] == OTHER:
        return words.text("only positive counts as flagged")
    return words.text("doubtful counts as flagged")


def _few_regions(figures: MonthFigures, words: Language, shown: Sequence[str]) -> str:
    if len(shown) == 1:
        return words.text("All comparable studies are of one region.")
    if any(value.suppressed for value in figures.values["agreement_by_region"]):
        return words.text("Too few studies to show without naming single ones.")
    return no_report(figures, words)


def _all_regions(figure: Canvas, whole: Value | None, axis: str) -> None:
    if whole is not None and whole.value is not None:
        figure.shape(type="line", x0=whole.value, x1=whole.value, y0=0, y1=1, xref=axis, yref="paper", layer="below",
                     line={"color": LINE, "width": 1.2, "dash": "dot"})  # fmt: skip


def agreement_over_time(figures: MonthFigures, words: Language, accent: str, noted: Sequence[notes.Mark] = ()) -> Chart:
    """Draw agreement, whole and with positive and negative reports, over thirteen months, with the model's changes."""
    refs = STRATIFIED
    months = [month for month, _ in figures.history["agreement"]]
    known = {name: _known(figures, name) for name in STRATIFIED}
    if any(len(points) < 2 for points in known.values()):
        reason = words.text("A trend needs at least two months; it will appear here.")
        return Chart("agreement_over_time", None, "", refs, reason)
    changes = places(figures)
    figure = blank(words, WIDE, 154, 40, 10, 34 if changes else 22, 24)
    low = _floor([number for name in STRATIFIED for number in _numbers(figures, name)])
    ticks = [index for index in range(len(months)) if index % 6 == 0]
    for (axis, full, domain), name in zip(PANELS, STRATIFIED, strict=True):
        extra = {} if axis == "x" else {"anchor": "y"}
        # The first month stands left of its axis: below the lowest share, not on it.
        figure.axis(full, domain=domain, range=[-0.4, len(months) - 0.6], tickvals=ticks, ticklabelstandoff=6, **extra)
        figure.axis(full, ticktext=[plain(words.month(months[index], "year")) for index in ticks])
        _limits(figure, figures, name, axis, months)
        other = _known(figures, f"{name}_positive_only")
        _curve(figure, other, axis, {"color": FAINT, "width": 1.2, "dash": "dot"}, 0)
        entries = figures.history[name]
        said = [hover.of_value(words, words.month(entries[index][0]), entries[index][1]) for index, _ in known[name]]
        _curve(figure, known[name], axis, {"color": accent, "width": 1.8}, 4.5, said)
        notes.draw(figure, noted, axis)
        index, last = known[name][-1]
        figure.label(index, last, f"<b>{plain(words.share(last, 0))}</b>", xref=axis, color=INK, shift=(7, 0))
        figure.label(0, 1, _title(figures, words, name), xref=f"{axis} domain", yref="paper", vertical="bottom",
                     shift=(0, 16 if changes else 5), color=INK, weight=600)  # fmt: skip
        for x, text in changes:
            figure.shape(type="line", x0=x, x1=x, y0=0, y1=1, xref=axis, yref="paper",
                         line={"color": INK, "width": 1, "dash": "dot"})  # fmt: skip
            if axis == "x":
                figure.label(x, 1, f"▼ {plain(text[:28])}", yref="paper", vertical="bottom", color=SOFT, shift=(-4, 2))
    figure.axis("yaxis", range=[low, 1.02], ticklabelstandoff=6, **share_axis(words, 1, (0.1, 0.25), low=low))
    index, last = known["agreement"][-1]
    alt = words.text(
        "Agreement with the report over %(n)s months, last %(last)s.", n=len(known["agreement"]), last=words.share(last)
    )
    for _, text in changes:
        alt += " " + words.text("Change of model: %(model)s.", model=text)
    if noted:
        alt += " " + words.text("Annotations: %(notes)s.", notes=notes.legend(noted, words))
    return Chart("agreement_over_time", figure.figure(), alt, refs)


def _known(figures: MonthFigures, name: str) -> list[tuple[int, float]]:
    return [
        (index, value.value)
        for index, (_, value) in enumerate(figures.history[name])
        if value is not None and value.value is not None
    ]


def _numbers(figures: MonthFigures, name: str) -> list[float]:
    own = [value for part in (name, f"{name}_positive_only") for _, value in _known(figures, part)]
    return [*own, *figures.trends[name].low]


def _limits(figure: Canvas, figures: MonthFigures, name: str, axis: str, months: Sequence[str]) -> None:
    control = figures.trends[name]
    if control.mean is None:
        return
    x = [months.index(month) for month in control.months]
    band: dict[str, Any] = {"mode": "lines", "line": {"width": 0, "shape": "hvh"}, "xaxis": axis}
    figure.add("scatter", x=x, y=list(control.high), **band)
    figure.add("scatter", x=x, y=list(control.low), fill="tonexty", fillcolor="#eef2f5", **band)


def _curve(
    figure: Canvas,
    points: Sequence[tuple[int, float]],
    axis: str,
    line: dict[str, Any],
    size: float,
    said: Sequence[str] = (),
) -> None:
    figure.add(
        "scatter",
        x=[index for index, _ in points],
        y=[value for _, value in points],
        xaxis=axis,
        mode="lines+markers" if size else "lines",
        line=line,
        marker={"size": size or 1, "color": line["color"]},
        cliponaxis=False,
        hover=said,
    )


def _floor(numbers: Sequence[float]) -> float:
    """Return where an axis of shares up to 1 begins: at a tenth, with two tenths at least."""
    return min(0.8, max(0.0, int(10 * min(numbers, default=0.0)) / 10))


def _title(figures: MonthFigures, words: Language, name: str) -> str:
    return words.typeset(figures.definitions[name].title.of(words.code))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

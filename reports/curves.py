"""Charts with their uncertainty: scores, time to report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports import hover
from reports.canvas import (
    FAINT,
    INK,
    RESULTS,
    WIDE,
    Canvas,
    Chart,
    blank,
    mix,
    plain,
    share_axis,
    spread,
)
from reports.terms import term

if TYPE_CHECKING:
    import pandas as pd

    from reports.kpi import MonthFigures
    from reports.language import Language

FEWEST = 10
# Hours at which the time axis of the curve has its ticks; it is drawn on a root scale, where the first day has half.
TICKS = (0, 1, 4, 12, 24, 48, 72, 120, 168)


def scores(figures: MonthFigures, words: Language, accent: str) -> Chart:
    """Draw the distribution of scores as bars, that of the site's first three months as a line."""
    refs = ("score_distribution", "score_drift")
    frame = figures.frames["score_distribution"]
    if frame["n"].sum() < FEWEST:
        return Chart("scores", None, "", refs, too_few(figures, words))
    # A bar would give its number of studies away as well as a figure does.
    hidden = {int(value.stratum["bin"]) for value in figures.values["score_distribution"] if value.suppressed}
    frame = frame[~frame["bin"].isin(hidden)]
    figure = blank(words, WIDE, 118, 46, 128, 8, 32)
    figure.add(
        "bar",
        x=(frame["low"] + 0.025).tolist(),
        y=frame["share"].tolist(),
        width=0.044,
        marker={"color": mix(accent, 0.75)},
        hover=[
            hover.note(
                words.text("score %(low)s to %(high)s", low=words.number(low, 2), high=words.number(high, 2)),
                words.share(share),
                hover.studies(words, n),
            )
            for low, high, share, n in zip(*(frame[name] for name in ("low", "high", "share", "n")), strict=True)
        ],
    )
    top = float(frame["share"].max())
    baseline = frame["baseline_share"]
    if not hidden and baseline.notna().all():
        top = max(top, float(baseline.max()))
        figure.add(
            "scatter",
            x=[0.0, *frame["high"].tolist()],
            y=[float(baseline.iloc[0]), *baseline.tolist()],
            mode="lines",
            line={"color": INK, "width": 1.4, "shape": "vh"},
        )
    figure.layout.update(bargap=0)
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    figure.axis(
        "xaxis", range=[0, 1], tickvals=ticks, ticktext=[words.number(tick, 1) for tick in ticks], ticklabelstandoff=3
    )
    figure.axis("yaxis", range=[0, 1.08 * top], ticklabelstandoff=4, **share_axis(words, top))
    figure.label(
        0.5, 0, words.text("score of the study"), yref="paper", anchor="center", vertical="top", shift=(0, -17)
    )
    alt = words.text("Distribution of the scores of the month's studies.")
    if not hidden:
        alt = words.text(
            "Distribution of the scores of %(n)s studies: %(low)s below 0.2.",
            n=words.number(int(frame["n"].sum())),
            low=words.share(float(frame.loc[frame["high"] <= 0.2001, "share"].sum()), 0),
        )
    return Chart("scores", figure.figure(), alt, refs)


def time_to_report(figures: MonthFigures, words: Language, accent: str) -> Chart:
    """Draw the share reported by the hours since the examination, for each AI result, with the target."""
    refs = ("reported_within", "report_turnaround")
    curves = {
        result: part
        for result, part in figures.frames["time_to_report_by_ai_result"].groupby("ai_result", sort=False)
        if len(part) and part["at_risk"].iloc[0] >= FEWEST
    }
    whole = figures.frames["time_to_report"]
    within = {value.stratum["hours"]: value for value in figures.values["reported_within"]}
    if not len(whole) or not curves or not whole["share"].max() > 0:
        return Chart("time_to_report", None, "", refs, no_report(figures, words))
    figure = blank(words, WIDE, 168, 46, 138, 8, 34)
    last = max(float(part["hours"].max()) for part in curves.values())
    top = next((hours for hours in (24.0, 48.0, 72.0, 120.0, 168.0) if last <= hours), 168.0)
    _band(figure, whole, top)
    ends = []
    for result, part in curves.items():
        hours, share = _steps(part, top)
        dash = {"positive": "solid", "doubtful": "dash", "negative": "dot"}[str(result)]
        line = {"color": RESULTS[str(result)], "width": 2.1, "shape": "hv", "dash": dash}
        name = term(words, "ai_result", str(result))
        said = [hover.note(name, words.share(part), words.hours(hour)) for hour, part in zip(hours, share, strict=True)]
        figure.add("scatter", x=[_root(hour) for hour in hours], y=share, mode="lines", line=line, hover=said)
        ends.append((str(result), share[-1], int(part["at_risk"].iloc[0])))
    for (result, _, n), y in zip(ends, _below(spread([end for _, end, _ in ends], 0.11), 0.98), strict=True):
        text = f"{plain(term(words, 'ai_result', result))}  <span style='color:{FAINT}'>{words.number(n)}</span>"
        color = "#a66a00" if result == "doubtful" else RESULTS[result]
        figure.label(_root(top), y, text, color=color, size=10.5, shift=(9, 0), weight=600)
    target = figures.site.turnaround_target_hours
    if target < top:
        figure.shape(type="line", x0=_root(target), x1=_root(target), y0=0, y1=1, layer="below",
                         line={"color": INK, "width": 1, "dash": "dash"})  # fmt: skip
        goal = words.text("target %(hours)s", hours=words.hours(target))
        text = f"{goal}<br><b>{words.value(within.get('target'))}</b>"
        figure.label(_root(target), 0.04, text, color=INK, vertical="bottom", shift=(5, 0))
    ticks = [tick for tick in TICKS if tick <= top]
    figure.axis(
        "xaxis",
        range=[0, _root(top)],
        tickvals=[_root(tick) for tick in ticks],
        ticktext=["0", *(words.hours(tick) if tick >= 48 else f"{tick}\u00a0h" for tick in ticks[1:])],
    )
    figure.axis("yaxis", range=[0, 1.01], ticklabelstandoff=6, **share_axis(words, 1, (0.25,)))
    figure.label(
        0, 0, words.text("time since the examination"), xref="paper", yref="paper", vertical="top", shift=(0, -18)
    )
    alt = words.text(
        "Share of studies with a final report by time since the examination: %(day)s within 24 h, %(target)s within"
        " the target.",
        day=words.value(within.get(24)),
        target=words.value(within.get("target")),
    )
    return Chart("time_to_report", figure.figure(), alt, refs)


def _below(places: list[float], top: float) -> list[float]:
    """Return the places moved down together as far as needed: a label above the axis is not drawn."""
    excess = max(0.0, max(places) - top)
    return [place - excess for place in places]


def _steps(part: pd.DataFrame, top: float) -> tuple[list[float], list[float]]:
    """Return the points of a curve up to `top`, where it is carried on to."""
    kept = part[part["hours"] <= top]
    hours, share = kept["hours"].tolist(), kept["share"].tolist()
    return [*hours, top], [*share, share[-1]]


def _band(figure: Canvas, whole: pd.DataFrame, top: float) -> None:
    known = whole[(whole["hours"] <= top) & whole["low"].notna()]
    if not len(known):
        return
    x = [_root(hour) for hour in known["hours"]]
    unseen: dict[str, Any] = {"mode": "lines", "line": {"width": 0, "shape": "hv"}}
    figure.add("scatter", x=x, y=known["high"].tolist(), **unseen)
    figure.add("scatter", x=x, y=known["low"].tolist(), fill="tonexty", fillcolor="#e4e9ed", **unseen)


def _root(hours: float) -> float:
    return float(max(0.0, hours) ** 0.5)


def too_few(figures: MonthFigures, words: Language) -> str:
    """Return why rates are not drawn."""
    volume = figures.one("volume")
    if volume is None or (not volume.value and not volume.suppressed):
        return words.text("No study this month.")
    return words.text("Too few studies this month for a chart; the numbers are in the attached file.")


def no_report(figures: MonthFigures, words: Language) -> str:
    """Return why times and agreement are not drawn."""
    volume = figures.one("volume")
    without = figures.one("studies_without_report")
    if volume is not None and volume.value and without is not None and without.value == volume.value:
        return words.text("No report was received for the studies of this month.")
    return too_few(figures, words)

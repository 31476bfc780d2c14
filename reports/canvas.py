"""What all charts share: palette, type, axes, safe labels, and labels that do not overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from reports.language import NARROW

if TYPE_CHECKING:
    from reports.language import Language

INK, SOFT, FAINT, LINE, GRID = "#16202a", "#51606e", "#8795a1", "#c3ccd4", "#e6ebef"
# Told apart in black and white by their lightness, and by the common colour vision deficiencies.
POSITIVE, DOUBTFUL, NEGATIVE = "#b42318", "#dd9a2c", "#6f8191"
RESULTS = {"positive": POSITIVE, "doubtful": DOUBTFUL, "negative": NEGATIVE}
SIGNAL = "#b42318"
WIDE, HALF = 672, 324  # CSS pixels: the width of the page, and of one of two columns
SIZE, SMALL = 10.5, 9.5


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of the report.

    `figure` is None where there is nothing to draw, and `reason` then says why; `alt` says in one
    sentence what the chart shows; `refs` are the figures that it is drawn from.
    """

    name: str
    figure: go.Figure | None
    alt: str
    refs: tuple[str, ...]
    reason: str | None = None
    width: int = WIDE


def plain(text: str) -> str:
    """Return text that plotly draws as it is: it takes ``<b>`` and ``<a>`` in labels for markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@dataclass
class Canvas:
    """A chart in the making: plain dictionaries, turned into a plotly figure (and validated) once.

    Adding annotations to a plotly figure one at a time copies those before, each time.
    """

    data: list[dict[str, Any]]
    layout: dict[str, Any]
    axes: dict[str, Any]

    def add(self, kind: str, *, hover: Sequence[str] = (), **trace: Any) -> None:
        """Add a trace of a kind (``bar``, ``scatter``); `hover` is what each of its points says on the screen."""
        said: dict[str, Any] = {"hovertext": list(hover), "hoverinfo": "text"} if hover else {"hoverinfo": "skip"}
        self.data.append({"type": kind, **said, **trace})

    def shape(self, **shape: Any) -> None:
        """Add a line or a rectangle."""
        self.layout["shapes"].append(shape)

    def axis(self, name: str, **settings: Any) -> None:
        """Set an axis (``xaxis``, ``yaxis``, ``xaxis2``)."""
        self.layout[name] = {**self.layout.get(name, self.axes), **settings}

    def label(
        self,
        x: float | str,
        y: float | str,
        text: str,
        *,
        color: str = SOFT,
        size: float = SMALL,
        anchor: str = "left",
        vertical: str = "middle",
        xref: str = "x",
        yref: str = "y",
        shift: tuple[int, int] = (0, 0),
        weight: int = 400,
    ) -> None:
        """Write `text` (already safe) at a point; `anchor` and `vertical` say which side of it the point is on."""
        self.layout["annotations"].append(
            {
                "x": x,
                "y": y,
                "text": text,
                "showarrow": False,
                "xanchor": anchor,
                "yanchor": vertical,
                "xref": xref,
                "yref": yref,
                "xshift": shift[0],
                "yshift": shift[1],
                "align": "left",
                "font": {"size": size, "color": color, "weight": weight},
            }
        )

    def figure(self) -> go.Figure:
        """Return the plotly figure."""
        return go.Figure(data=self.data, layout=self.layout)


def blank(words: Language, width: int, height: int, left: int, right: int, top: int, bottom: int) -> Canvas:
    """Return an empty canvas of a fixed size and margins in CSS pixels, transparent, in the bundled font."""
    axes = {
        "showgrid": False,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "fixedrange": True,
        "automargin": False,
        "tickfont": {"size": SMALL, "color": SOFT},
    }
    layout = {
        "template": "none",
        "width": width,
        "height": height,
        "margin": {"l": left, "r": right, "t": top, "b": bottom, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Inter", "size": SIZE, "color": INK},
        "separators": "," + NARROW if words.code == "fr" else ".,",
        "showlegend": False,
        "hovermode": False,
        "annotations": [],
        "shapes": [],
        "xaxis": axes,
        "yaxis": axes,
    }
    return Canvas([], layout, axes)


def share_axis(
    words: Language, top: float, steps: Sequence[float] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25), low: float = 0.0
) -> dict[str, Any]:
    """Return ticks of an axis of shares from `low` to `top`, at most five or six, written in the language."""
    ticks = _ticks(low, top, steps)
    return {
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [words.share(tick, 0) for tick in ticks],
        "showgrid": True,
        "gridcolor": GRID,
        "gridwidth": 1,
    }


def count_axis(words: Language, top: float, low: float = 0.0) -> dict[str, Any]:
    """Return ticks of an axis of counts from `low` to `top`, at most five or six."""
    ticks = _ticks(low, top, [base * 10**power for power in range(9) for base in (1, 2, 5)])
    return {
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [words.number(tick) for tick in ticks],
        "showgrid": True,
        "gridcolor": GRID,
        "gridwidth": 1,
    }


def hour_axis(words: Language, top: float, low: float = 0.0) -> dict[str, Any]:
    """Return ticks of an axis of hours from `low` to `top`, at most five or six."""
    ticks = _ticks(low, top, (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96, 192, 1000))
    return {
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [words.hours(tick) if tick else "0" for tick in ticks],
        "showgrid": True,
        "gridcolor": GRID,
        "gridwidth": 1,
    }


def _ticks(low: float, top: float, steps: Sequence[float]) -> list[float]:
    """Return the multiples of the first step of which at most five intervals fit between the two ends."""
    step = next((step for step in steps if (top - low) / step <= 5), steps[-1])
    return [step * index for index in range(math.ceil(low / step - 1e-9), int(top / step + 1e-9) + 1)]


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Return the positions moved apart as little as needed to be at least `gap` from each other, in the same order."""
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    placed = list(positions)
    for _ in range(60):
        moved = False
        for lower, upper in pairwise(order):
            lack = gap - (placed[upper] - placed[lower])
            if lack > 1e-9:
                placed[lower] -= lack / 2
                placed[upper] += lack / 2
                moved = True
        if not moved:
            break
    return placed


def mix(color: str, share: float) -> str:
    """Return ``#rrggbb`` mixed with white; `share` is the part of the colour."""
    parts = (int(color[index : index + 2], 16) for index in (1, 3, 5))
    return "#" + "".join(f"{round(255 + share * (part - 255)):02x}" for part in parts)

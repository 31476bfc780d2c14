"""The report's charts for the screen: the same figures, larger, as wide as the page, telling what one points at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.canvas import Chart

LARGER = 1.2  # type of the report is read at 30 cm on paper, ours at arm's length
# What has a length in CSS pixels; line widths stay, widths of bars are in units of the data.
_LENGTHS = frozenset({"size", "l", "r", "t", "b", "height", "xshift", "yshift", "ticklabelstandoff"})


def figure(chart: Chart, scale: float = LARGER) -> str | None:
    """Return a chart as JSON for plotly.js in the browser, or None where there is nothing to draw.

    `scale` 1 is the size of print.
    """
    if chart.figure is None:
        return None
    plain: dict[str, Any] = json.loads(chart.figure.to_json())
    data, layout = _scaled(plain["data"], scale), _scaled(plain["layout"], scale)
    layout["hovermode"] = "closest"
    layout["hoverlabel"] = {
        "bgcolor": "#16202a",
        "bordercolor": "#16202a",
        "align": "left",
        "font": {"family": "Inter", "size": 12.5, "color": "#ffffff"},
        "namelength": 0,
    }
    layout["dragmode"] = False
    for name in [name for name in layout if name.startswith("xaxis")]:
        layout[name].setdefault("tickangle", 0)
    del layout["width"]
    return json.dumps({"data": data, "layout": layout}, separators=(",", ":"))


def _scaled(node: Any, scale: float, key: str = "") -> Any:
    if isinstance(node, dict):
        return {name: _scaled(value, scale, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_scaled(value, scale, key) for value in node]
    if key in _LENGTHS and isinstance(node, int | float) and not isinstance(node, bool):
        return round(node * scale, 2)
    return node

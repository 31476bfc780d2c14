"""Plotly figures to SVG: all figures of a run in one page of one Chromium.

One page with plotly.js and the bundled fonts draws every figure and is read back as text. Starting
the browser takes seconds, a figure a twentieth of one; asking a browser for one figure at a time
(as `Figure.to_image` does) reloads plotly.js for each.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from reports.errors import ReportError
from reports.pages import FONTS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 180
_SVG = "http://www.w3.org/2000/svg"
_RESULT = re.compile(r'<pre id="drawn">(.*?)</pre>', re.DOTALL)
_UID = re.compile(r'<defs id="(?:top)?defs-([0-9a-f]+)"')
_FLAGS = (
    "--headless",
    "--no-sandbox",  # root in a container has no user namespaces; the page holds nothing but our own scripts
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--allow-file-access-from-files",
    "--force-device-scale-factor=1",
    "--font-render-hinting=none",
    "--virtual-time-budget=600000",
    "--dump-dom",
)
_SCRIPT = """
(async () => {
  const drawn = {};
  try {
    await Promise.all(WEIGHTS.map((weight) => document.fonts.load(weight + " 12px Inter")));
    for (const [name, figure] of Object.entries(FIGURES)) {
      const size = {format: "svg", width: figure.layout.width, height: figure.layout.height, imageDataOnly: true};
      drawn[name] = await Plotly.toImage(figure, size);
    }
  } catch (error) {
    drawn["!"] = String(error);
  }
  const out = document.createElement("pre");
  out.id = "drawn";
  out.textContent = JSON.stringify(drawn);
  document.body.replaceChildren(out);
})();
"""


class BrowserMissingError(ReportError):
    """No Chromium on this machine. Install it: ``apt install chromium``."""


class DrawingError(ReportError):
    """Chromium did not draw the charts. Run ``bilan doctor``; the text says at which point it stopped."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as SVG, with its size in CSS pixels."""

    svg: str
    width: int
    height: int


def browser() -> str:
    """Return the path of Chromium.

    Raises
    ------
    BrowserMissingError
        If there is none on the PATH.
    """
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise BrowserMissingError("Chromium draws the charts and is not installed; install it: apt install chromium")


def draw(figures: Mapping[str, Figure]) -> dict[str, Drawing]:
    """Draw figures, each of which gives its `layout.width` and `layout.height`, and return them by name.

    The same figures give the same bytes: identifiers that plotly.js draws at random are replaced.

    Raises
    ------
    BrowserMissingError
        If Chromium is not installed.
    DrawingError
        If it fails or takes longer than `SECONDS`.
    """
    if not figures:
        return {}
    program = browser()
    plain = {name: json.loads(figure.to_json()) for name, figure in figures.items()}
    with tempfile.TemporaryDirectory(prefix="bilan-charts-", ignore_cleanup_errors=True) as folder:
        page = Path(folder) / "page.html"
        page.write_text(_page(plain), encoding="utf-8")
        found = _RESULT.search(_run(program, page, Path(folder)))
    if found is None:
        raise DrawingError("Chromium ended before the charts were drawn; run it by hand to see why")
    drawn: dict[str, str] = json.loads(html.unescape(found[1]))
    if "!" in drawn or drawn.keys() != plain.keys():
        raise DrawingError("plotly.js refused a chart; this is a fault of this version of Bilan")
    return {name: _drawing(svg, plain[name], name) for name, svg in drawn.items()}


def _drawing(svg: str, figure: dict[str, Any], name: str) -> Drawing:
    found = _UID.search(svg)
    if found:
        svg = svg.replace(found[1], f"c{name.replace('_', '')}")
    return Drawing(tidy(svg), figure["layout"]["width"], figure["layout"]["height"])


def tidy(svg: str) -> str:
    """Return an SVG without what is not seen: empty groups, transparent rectangles, class names.

    Half of what plotly.js writes goes, and half of the time that WeasyPrint takes to draw it.
    """
    ET.register_namespace("", _SVG)
    root = ET.fromstring(svg)  # noqa: S314 - made by our own page
    _prune(root)
    return ET.tostring(root, encoding="unicode")


def _prune(element: ET.Element) -> None:
    for attribute in ("class", "data-notex", "data-unformatted", "data-math", "pointer-events"):
        element.attrib.pop(attribute, None)
    for child in list(element):
        _prune(child)
        tag, style = child.tag.removeprefix(f"{{{_SVG}}}"), child.get("style", "")
        unseen = tag == "rect" and (
            "opacity: 0;" in f"{style};".replace(";;", ";") and "stroke-opacity: 1" not in style
        )
        if (tag == "g" and not len(child)) or (
            unseen and child.get("id") is None and element.tag != f"{{{_SVG}}}clipPath"
        ):
            element.remove(child)


def _run(program: str, page: Path, home: Path) -> str:
    command = [program, *_FLAGS, f"--user-data-dir={home / 'profile'}", page.as_uri()]
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "TZ": "UTC", "LANG": "C.UTF-8"}
    # A session of its own, so that a browser that hangs is ended with all its processes.
    process = subprocess.Popen(  # noqa: S603 - a fixed command
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise DrawingError(
            f"Chromium did not end within {SECONDS} seconds; close other programs and try again"
        ) from None
    return output.decode("utf-8", errors="replace")


def _page(figures: Mapping[str, Any]) -> str:
    import plotly  # noqa: PLC0415 - slow to load, and its place is all that is needed

    fonts = resources.files("reports").joinpath("static", "fonts")
    faces = "".join(
        f'@font-face {{ font-family: Inter; font-weight: {weight}; src: url("{_uri(str(fonts.joinpath(file)))}"); }}'
        for weight, file in FONTS.items()
    )
    script = _uri(str(Path(plotly.__file__).parent / "package_data" / "plotly.min.js"))
    # "<" can occur in no other way than within a text: escaped, no text can end the script.
    data = json.dumps(figures, sort_keys=True).replace("<", "\\u003c")
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><style>{faces}</style></head><body>'
        f'<script src="{script}"></script>'
        f"<script>const WEIGHTS = {json.dumps(list(FONTS))}; const FIGURES = {data};{_SCRIPT}</script></body></html>"
    )


@cache
def _uri(path: str) -> str:
    return Path(path).as_uri()

"""Plotly figures to SVG: all figures of a run in one warm page of one Chromium.

One page with plotly.js and the bundled fonts draws every figure; it is spoken to over a pair of pipes
(the DevTools protocol), no port is opened. Starting the browser takes seconds, a figure a twentieth of
one; asking a browser for one figure at a time (as `Figure.to_image` does) reloads plotly.js for each.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.errors import ReportError
from reports.pages import FONTS
from reports.svg import tidy

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 180
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
    "--remote-debugging-pipe",
)
_SCRIPT = """
async function bilanDraw(figures) {
  await Promise.all(WEIGHTS.map((weight) => document.fonts.load(weight + " 12px Inter")));
  const drawn = {};
  for (const [name, figure] of Object.entries(figures)) {
    const size = {format: "svg", width: figure.layout.width, height: figure.layout.height, imageDataOnly: true};
    drawn[name] = await Plotly.toImage(figure, size);
  }
  return JSON.stringify(drawn);
}
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
    with warm() as page:
        return page.draw(figures)


class Page:
    """A page of a running Chromium that draws figures; made by `warm`."""

    def __init__(self, asked: int, answered: int) -> None:
        self._asked, self._answered = asked, answered
        self._waiting = b""
        self._number = 0
        self._session = ""

    def open(self, address: str) -> None:
        """Open our own page, which has plotly.js and the fonts."""
        target = self._call("Target.createTarget", {"url": address})["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = attached["sessionId"]
        end = time.monotonic() + SECONDS
        while self._kind_of_draw() != "function":
            if time.monotonic() > end:
                raise DrawingError("Chromium did not open the page of the charts; run `bilan doctor`")
            time.sleep(0.02)

    def _kind_of_draw(self) -> Any:
        # Before the page is there, an answer may be lost with the empty page that was there first.
        with contextlib.suppress(DrawingError):
            return self._evaluate("typeof bilanDraw")
        return None

    def draw(self, figures: Mapping[str, Figure]) -> dict[str, Drawing]:
        """Draw figures and return them by name; see the function `draw`."""
        return self.draw_plain({name: json.loads(figure.to_json()) for name, figure in figures.items()})

    def draw_plain(self, figures: Mapping[str, dict[str, Any]]) -> dict[str, Drawing]:
        """Draw figures given as plain data (`Figure.to_json`, read)."""
        # JSON is an expression of JavaScript: no text within it can become anything else.
        answer = self._evaluate(f"bilanDraw({json.dumps(figures, sort_keys=True)})")
        drawn: dict[str, str] = json.loads(answer)
        return {name: _drawing(svg, figures[name], name) for name, svg in drawn.items()}

    def measure(self, script: str) -> Any:
        """Evaluate an expression in the page and return its value."""
        return self._evaluate(script)

    def _evaluate(self, script: str) -> Any:
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True}
        answer = self._call("Runtime.evaluate", asked)
        if "exceptionDetails" in answer:
            raise DrawingError("plotly.js refused a chart; this is a fault of this version of Bilan")
        return answer["result"].get("value")

    def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._send(json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._receive())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise DrawingError("Chromium refused to draw; run `bilan doctor`")
                result: dict[str, Any] = answer["result"]
                return result

    def _send(self, content: bytes) -> None:
        view = memoryview(content)
        try:
            while view:
                view = view[os.write(self._asked, view[:65536]) :]
        except BrokenPipeError:
            raise DrawingError(_ENDED) from None

    def _receive(self) -> bytes:
        end = time.monotonic() + SECONDS
        while b"\0" not in self._waiting:
            ready, _, _ = select.select([self._answered], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise DrawingError(
                    f"Chromium did not draw within {SECONDS} seconds; close other programs and try again"
                )
            part = os.read(self._answered, 1 << 20)
            if not part:
                raise DrawingError(_ENDED)
            self._waiting += part
        message, _, self._waiting = self._waiting.partition(b"\0")
        return message


# Chromium reads what it is asked from descriptor 3 and answers on 4; either may be in use for the other.
_EXEC = """
import os, sys
asked, answered = (os.dup(int(text)) for text in sys.argv[1:3])
spare = [os.dup(0) for _ in range(4)]
asked, answered = os.dup(asked), os.dup(answered)
os.dup2(asked, 3)
os.dup2(answered, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_ENDED = "Chromium ended before the charts were drawn; run it by hand to see why"


@contextlib.contextmanager
def warm() -> Iterator[Page]:
    """Start Chromium with our page, to draw any number of figures; it is ended on leaving.

    Raises
    ------
    BrowserMissingError
        If Chromium is not installed.
    DrawingError
        If it does not start.
    """
    program = browser()
    with tempfile.TemporaryDirectory(prefix="bilan-charts-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        (home / "page.html").write_text(_page(), encoding="utf-8")
        theirs, ours = os.pipe(), os.pipe()
        process = _start(program, home, theirs[0], ours[1])
        os.close(theirs[0])
        os.close(ours[1])
        try:
            page = Page(theirs[1], ours[0])
            page.open((home / "page.html").as_uri())
            yield page
        finally:
            os.close(theirs[1])
            os.close(ours[0])
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _drawing(svg: str, figure: dict[str, Any], name: str) -> Drawing:
    found = _UID.search(svg)
    if found:
        svg = svg.replace(found[1], f"c{name.replace('_', '')}")
    return Drawing(tidy(svg), figure["layout"]["width"], figure["layout"]["height"])


def _start(program: str, home: Path, read: int, write: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", "-c", _EXEC, str(read), str(write), program, *_FLAGS]
    command += [f"--user-data-dir={home / 'profile'}", "about:blank"]
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "TZ": "UTC", "LANG": "C.UTF-8"}
    # A session of its own, so that it is ended with all its processes.
    return subprocess.Popen(  # noqa: S603 - a fixed command
        command,
        env=environment,
        pass_fds=(read, write),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _page() -> str:
    import plotly  # noqa: PLC0415 - slow to load, and its place is all that is needed

    fonts = resources.files("reports").joinpath("static", "fonts")
    faces = "".join(
        f'@font-face {{ font-family: Inter; font-weight: {weight}; src: url("{_uri(str(fonts.joinpath(file)))}"); }}'
        for weight, file in FONTS.items()
    )
    script = _uri(str(Path(plotly.__file__).parent / "package_data" / "plotly.min.js"))
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><style>{faces}</style></head><body>'
        f'<script src="{script}"></script><script>const WEIGHTS = {json.dumps(list(FONTS))};{_SCRIPT}</script>'
        "</body></html>"
    )


@cache
def _uri(path: str) -> str:
    return Path(path).as_uri()

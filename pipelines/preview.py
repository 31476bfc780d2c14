"""`bilan month --preview`: the report of a site in the browser, anew after each change of its file."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import config as configuration
from pipelines import month as one
from pipelines.errors import BilanError
from reports import drawing, preview
from reports.errors import ReportError
from reports.pages import FONTS
from warehouse import connect
from warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from reports.drawing import Page

ADDRESS = "127.0.0.1"


class Preview(HTTPServer):
    """Gives one site's report on this machine alone; charts are drawn in one page of one browser."""

    def __init__(self, home: Path, site: str, month: str, page: Page, port: int = 0) -> None:
        super().__init__((ADDRESS, port), Handler)
        self.home, self.site, self.month, self.page = home, site, month, page

    @property
    def address(self) -> str:
        """The address to open."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def version(self) -> str:
        """Return a text that changes when the report would: with settings, logo, templates or data."""
        own = files("reports")
        watched = [
            self.home / "bilan.yaml",
            *sorted((self.home / "sites").glob("*.yaml")),
            self.home / "data" / "published.duckdb",
            *(Path(str(path)) for folder in ("templates", "static") for path in own.joinpath(folder).iterdir()),
        ]
        return str(max((path.stat().st_mtime_ns for path in watched if path.exists()), default=0))

    def render(self, nonce: str) -> str:
        """Return the report as it would be now, or what has to be mended first."""
        try:
            config = configuration.load(self.home)
            one.require_data(config, self.site, self.month)
            with connect.reader(config.published) as connection:
                composition, _, _ = one.compose(config, connection, self.site, self.month)
            wanted = {name: chart.figure for name, chart in composition.charts.items() if chart.figure is not None}
            return preview.page(composition, self.page.draw(wanted), nonce)
        except (BilanError, ReportError, WarehouseError) as error:
            return preview.mistake(str(error), nonce)


class Handler(BaseHTTPRequestHandler):
    """Answers GET of the report, its version and the fonts, to this machine's own name only."""

    server: Preview
    server_version, sys_version = "Bilan", ""

    def do_GET(self) -> None:
        """Answer a request."""
        port = self.server.server_port
        # A page of another site could reach us under its own name: that name is not ours.
        if self.headers.get("Host") not in (f"{ADDRESS}:{port}", f"localhost:{port}"):
            self._answer(HTTPStatus.FORBIDDEN, b"", "text/plain")
        elif self.path == "/":
            nonce = secrets.token_urlsafe(16)
            self._answer(HTTPStatus.OK, self.server.render(nonce).encode(), "text/html; charset=utf-8", nonce)
        elif self.path == "/version":
            self._answer(HTTPStatus.OK, self.server.version().encode(), "text/plain")
        elif self.path.removeprefix("/fonts/") in FONTS.values():
            font = files("reports").joinpath("static", "fonts", self.path.removeprefix("/fonts/"))
            self._answer(HTTPStatus.OK, font.read_bytes(), "font/otf")
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")

    def _answer(self, status: HTTPStatus, content: bytes, kind: str, nonce: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header(
            "Content-Security-Policy",
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src 'self'; connect-src 'self'; "
            f"script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        )
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Log nothing."""


def run(home: Path, site: str, month: str, port: int, say: Any) -> None:
    """Serve until interrupted."""
    with drawing.warm() as page, Preview(home, site, month, page, port) as server:
        say(f"Open {server.address} , edit sites/{site}.yaml and save: the page follows. Ctrl-C ends it.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("")

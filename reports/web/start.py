"""The first page: each user goes straight to what the role is for."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from reports.web.row import SIGNED_IN, Row
from reports.web.visit import Visit


def home(visit: Visit) -> Response:
    """Go to the first entry of the user's navigation."""
    entries = visit.entries
    return RedirectResponse(entries[0].href, 303) if entries else visit.page("home.html.j2")


ROWS = (Row("/", "home", home, SIGNED_IN),)

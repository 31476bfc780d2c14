"""The first page: each user goes straight to what the role is for."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from reports.web.row import SIGNED_IN, Row
from reports.web.user import CLINICIAN, DEPARTMENT_HEAD
from reports.web.visit import Visit


def home(visit: Visit) -> Response:
    """Go to the first entry of the user's navigation; who only heads a department, to the site's month."""
    entries = visit.entries
    if not entries:
        return visit.page("home.html.j2")
    roles = {role for role, _ in visit.who.roles}
    heads = DEPARTMENT_HEAD in roles and CLINICIAN not in roles
    first = next((entry for entry in entries if heads and entry.name == "month"), entries[0])
    return RedirectResponse(first.href, 303)


ROWS = (Row("/", "home", home, SIGNED_IN),)

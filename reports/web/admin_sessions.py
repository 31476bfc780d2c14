"""Administration of sessions: who is signed in, from where; end one."""

from __future__ import annotations

from starlette.responses import Response

from reports.web.admin_users import WHO, manages
from reports.web.row import Row
from reports.web.trail import audited
from reports.web.visit import Visit, missing
from warehouse import accounts, web_sessions
from warehouse.web_sessions import ListedSession


def show(visit: Visit) -> Response:
    """List the open sessions of the accounts within reach."""
    return visit.page("admin_sessions.html.j2", sessions=_within_reach(visit))


def end(visit: Visit) -> Response:
    """End a session."""
    wanted = visit.fields.get("session", "")
    found = next((each for each in _within_reach(visit) if each.session_id == wanted), None)
    if found is None:
        raise missing()
    web_sessions.end(visit.app.store, wanted)
    audited(visit, "session_ended", about=found.user_id)
    return visit.go("admin_sessions")


def _within_reach(visit: Visit) -> list[ListedSession]:
    limits, now = visit.app.settings.limits, visit.app.services.now()
    managed = {each.user_id for each in accounts.every(visit.app.store) if manages(visit, each)}
    return [each for each in web_sessions.listed(visit.app.store, limits, now) if each.user_id in managed]


ROWS = (
    Row("/admin/sessions", "admin_sessions", show, WHO, part="admin_users"),
    Row("/admin/sessions", "admin_sessions_end", end, WHO, methods=("POST",), part="admin_users"),
)

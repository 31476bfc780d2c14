"""The audit trail on a page: filter, turn over, check, export."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from reports.language import message
from reports.web.row import Row
from reports.web.trail import audited
from reports.web.user import ADMINISTRATOR, AUDITOR
from reports.web.visit import Visit
from warehouse import audit
from warehouse.accounts import EVERY_SITE
from warehouse.audit import KINDS, Filter

WHO = frozenset({ADMINISTRATOR, AUDITOR})
PAGE = 100


def show(visit: Visit) -> Response:
    """Show the latest events of the filter."""
    asked = visit.request.query_params
    wanted = _filter(visit)
    found = audit.latest(visit.app.store, wanted, PAGE)
    if wanted.before is None:
        audited(visit, "audit_viewed")
    return visit.page(
        "admin_trail.html.j2",
        events=found,
        older=found[-1]["seq"] if len(found) == PAGE else None,
        kinds=tuple(KINDS),
        event=wanted.event or "",
        since=asked.get("since", ""),
        until=asked.get("until", ""),
        verdict=None,
    )


def verify(visit: Visit) -> Response:
    """Read the whole trail and say whether it is whole."""
    return visit.page("admin_trail_verdict.html.j2", verdict=audit.verify(visit.app.store, visit.app.settings.key))


def export(visit: Visit) -> Response:
    """Send the events that the user may see as JSON lines, with the hashes."""
    audited(visit, "audit_exported")
    sites = _sites(visit)
    rows = (row for row in audit.export(visit.app.store) if sites is None or row["site"] in sites)
    body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    headers = {"Content-Disposition": 'attachment; filename="bilan-audit.jsonl"'}
    return Response(body, media_type="application/jsonl", headers=headers)


def _filter(visit: Visit) -> Filter:
    asked = visit.request.query_params
    event = asked.get("event", "")
    before = asked.get("before", "")
    since, until = _start(visit, asked.get("since", "")), _start(visit, asked.get("until", ""))
    return Filter(
        event=event if event in KINDS else None,
        since=since,
        until=until + timedelta(days=1) if until else None,
        before=int(before) if before.isdecimal() and len(before) < 16 else None,
        sites=_sites(visit),
    )


def _start(visit: Visit, text: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    if not 2000 <= day.year <= 2999:
        return None
    return datetime.combine(day, time(), tzinfo=ZoneInfo(visit.time_zone))


def _sites(visit: Visit) -> tuple[str, ...] | None:
    """Return the sites whose events the user may see; None: all, and those of no site."""
    where = {site for role, site in visit.who.roles if role in WHO}
    return None if EVERY_SITE in where else tuple(sorted(where))


ROWS = (
    Row("/admin/trail", "admin_trail", show, WHO, menu=message("Audit trail")),
    Row("/admin/trail/verify", "admin_trail_verify", verify, WHO, part="admin_trail"),
    Row("/admin/trail/export", "admin_trail_export", export, WHO, part="admin_trail"),
)

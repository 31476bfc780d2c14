"""Administration of a site: the state of its nights, what was set aside and why, and trying it again."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from reports import notice
from reports.language import message
from reports.web.admin_users import WHO
from reports.web.row import Row
from reports.web.trail import audited
from reports.web.visit import Visit, missing
from warehouse import alarms as kept
from warehouse import upkeep

DONE = {
    "accepted": message("The file is accepted now: the next night analyses it."),
    "refused": message("The file was read again and is still refused."),
    "busy": message("A night is running. Try again when it has ended."),
    "gone": message("The file is not in the quarantine any more."),
}
RETRIED = ("quarantined", "not_dicom", "not_hl7")


def nights(visit: Visit) -> Response:
    """Show the alarms and the last nights of the site."""
    with visit.app.published.connection() as connection:
        found = upkeep.nights(connection, visit.here.site)
    with visit.app.store.reading() as store:
        alarms = [
            (alarm, visit.words.text(notice.NAMES[alarm.cause]), _sentence(visit, alarm))
            for alarm in kept.alarms(store, visit.here.site, 10)
        ]
    return visit.page("admin_nights.html.j2", nights=found, alarms=alarms, runs=visit.app.services.runs())


def _sentence(visit: Visit, alarm: kept.Alarm) -> str:
    return notice.sentence(visit.words, alarm.cause, alarm.subject, alarm.figures)


def quarantine(visit: Visit) -> Response:
    """Show what was set aside at the site, with the reasons in words."""
    with visit.app.published.connection() as connection:
        found = upkeep.quarantine(connection, visit.here.site)
        sums = upkeep.quarantine_reasons(connection, visit.here.site)
    done = DONE.get(visit.request.query_params.get("done", ""), "")
    sentence = visit.app.services.reason
    return visit.page(
        "admin_quarantine.html.j2",
        refused=[
            {
                **row,
                "words": [sentence(code, visit.words.code) for code in row["reasons"]],
                "sealed": visit.seal("quarantine", row["content_id"]) if row["outcome"] in RETRIED else None,
            }
            for row in found
        ],
        sums=[{**row, "words": sentence(row["reason"], visit.words.code)} for row in sums],
        done=visit.words.text(done) if done else "",
    )


def retry(visit: Visit) -> Response:
    """Read a refused file again, with today's settings."""
    content_id = visit.unseal("quarantine", visit.fields.get("file", ""))
    with visit.app.published.connection() as connection:
        known = {row["content_id"] for row in upkeep.quarantine(connection, visit.here.site)}
    if content_id not in known:
        raise missing()
    result = visit.app.services.retry(visit.here.site, content_id)
    audited(visit, "quarantine_retried", about=content_id, result=result)
    return RedirectResponse(f"{visit.link('admin_quarantine', site=visit.here.site)}?done={result}", 303)


ROWS = (
    Row("/site/{site}/nights", "admin_nights", nights, WHO, part="admin_users"),
    Row("/site/{site}/quarantine", "admin_quarantine", quarantine, WHO, part="admin_users"),
    Row("/site/{site}/quarantine", "admin_quarantine_retry", retry, WHO, methods=("POST",), part="admin_users"),
)

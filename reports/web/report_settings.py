"""The parameters of a site's monthly report, chosen on the screen, with a preview of what they would make."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from reports.language import message
from reports.screen import whole
from reports.web import report_form
from reports.web.row import Row
from reports.web.site_month import months
from reports.web.trail import audited
from reports.web.user import ADMINISTRATOR, DEPARTMENT_HEAD
from reports.web.visit import Visit, missing
from warehouse import accounts, audit, report_choice
from warehouse.report_choice import ChoiceOutdatedError

EDITORS = frozenset({DEPARTMENT_HEAD, ADMINISTRATOR})
WRONG = {
    "sections": message("Choose at least one section, each once."),
    "blocks": message("A number of a block is outside its limits, or no figure is chosen for one."),
    "accent": message("Write the colour as # and six digits or letters from a to f."),
    "language": message("Choose one of the languages."),
    "turnaround_hours": message("Write the target in hours, more than 0 and at most 2160."),
}
DONE = {
    "saved": message("Saved. The next report is made so; the target counts from the next night on."),
    "reset": message("The parameters of the site's file count again."),
}
OUTDATED = message("Somebody else changed the parameters meanwhile. What they chose is shown here; nothing was saved.")


def show(visit: Visit) -> Response:
    """Show the parameters in force."""
    done = DONE.get(visit.request.query_params.get("done", ""), "")
    return _form(visit, visit.app.services.report_chosen(visit.here.site), done=visit.words.text(done) if done else "")


def save(visit: Visit) -> Response:
    """Keep what was chosen, if it is valid and nobody else was faster."""
    content = report_form.chosen(visit.lists)
    wrong = _problems(visit, content)
    if wrong:
        return _form(visit, _showable(visit, content), wrong=wrong, status=422)
    return _keep(visit, content, "saved")


def reset(visit: Visit) -> Response:
    """Go back to what the site's file says."""
    return _keep(visit, None, "reset")


def preview(visit: Visit) -> Response:
    """Show the report of a month as the form would make it; nothing is kept."""
    content = report_form.chosen(visit.lists)
    wrong = _problems(visit, content)
    if wrong:
        return _form(visit, _showable(visit, content), wrong=wrong, status=422)
    chosen = months(visit)
    month = visit.fields.get("month", "")
    if chosen is None or month not in chosen.known:
        raise missing()
    composition = visit.app.services.report_preview(visit.here.site, month, content)
    if composition is None:
        raise missing()
    audited(visit, "site_viewed", month, preview=True)
    made = whole(composition)
    return visit.page("report_preview.html.j2", made=made, month=month, spoken=composition.words.code)


def _keep(visit: Visit, content: dict[str, Any] | None, done: str) -> Response:
    seen = visit.fields.get("seen", "")
    try:
        with visit.app.store.writing() as app:
            version = report_choice.record(
                app,
                visit.here.site,
                visit.who.user_id,
                content,
                visit.app.services.now(),
                seen=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 9 else -1,
            )
            detail = {"version": version, "what": done}
            audit.append(app, "report_settings_changed", visit.actor, about=visit.here.site, detail=detail)
    except ChoiceOutdatedError:
        in_force = visit.app.services.report_chosen(visit.here.site)
        return _form(visit, in_force, wrong=[visit.words.text(OUTDATED)], status=409)
    answer = visit.go("report_settings", site=visit.here.site)
    answer.headers["location"] += f"?done={done}"
    return answer


def _problems(visit: Visit, content: dict[str, Any]) -> list[str]:
    names = visit.app.services.report_problems(visit.here.site, content)
    return [visit.words.text(WRONG[name]) for name in names]


def _showable(visit: Visit, content: dict[str, Any]) -> dict[str, Any]:
    """Return a choice that was refused, for the form: what cannot be shown in it as it is in force."""
    in_force = visit.app.services.report_chosen(visit.here.site)
    return {**content, "accent": content["accent"] if _is_colour(content["accent"]) else in_force["accent"]}


def _is_colour(text: str) -> bool:
    return len(text) == 7 and text[0] == "#" and all(sign in "0123456789abcdefABCDEF" for sign in text[1:])


def _form(visit: Visit, choice: Any, *, wrong: list[str] | None = None, done: str = "", status: int = 200) -> Response:
    with visit.app.store.reading() as app:
        last = report_choice.last(app, visit.here.site)
    author = accounts.by_id(visit.app.store, last.author) if last else None
    found = months(visit)
    return visit.page(
        "report_settings.html.j2",
        status=status,
        sections=report_form.shown(visit.words, choice),
        choice=choice,
        months=found.known if found else (),
        seen=last.version if last else 0,
        own=last is not None and last.content is not None,
        changed=(author.name if author else "", visit.moment(last.chosen_at)) if last else None,
        wrong=wrong or [],
        done=done,
    )


ROWS = (
    Row("/site/{site}/report-settings", "report_settings", show, EDITORS, part="month"),
    Row("/site/{site}/report-settings", "report_settings_save", save, EDITORS, methods=("POST",), part="month"),
    Row(
        "/site/{site}/report-settings/preview",
        "report_settings_preview",
        preview,
        EDITORS,
        methods=("POST",),
        part="month",
    ),
    Row("/site/{site}/report-settings/reset", "report_settings_reset", reset, EDITORS, methods=("POST",), part="month"),
)

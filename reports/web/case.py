"""One case: its images, its report with the deciding sentence, and the verdicts of the clinicians."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from reports.case_words import capital, case_words
from reports.language import MISSING, message
from reports.terms import term
from reports.web import images, sealed
from reports.web.cases import address, heading
from reports.web.row import Row
from reports.web.settings import ReportText
from reports.web.trail import audited
from reports.web.visit import Visit, missing
from reports.web.worklist import Filters, Listed, filters, overlay, worklist
from warehouse import audit, cases, verdicts
from warehouse.cases import Case, Picture, ReportStep
from warehouse.data_cut import latest_commit
from warehouse.verdicts import Answer, Request, VerdictEvent, VerdictRefusedError

if TYPE_CHECKING:
    from sqlite3 import Connection

    Change = Callable[[Connection, Request], VerdictEvent]

ANSWERS = (
    ("fracture", message("Fracture"), "F"),
    ("no_fracture", message("No fracture"), "N"),
    ("unsure", message("Unsure"), "U"),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One image as the viewer gets it."""

    pixels: str
    thumbnail: str
    heat: str | None
    name: str
    score: str
    columns: int
    rows: int
    boxes: tuple[tuple[float, float, float, float, float], ...]
    burned_in: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the history, with its time at the site."""

    at: str
    what: str
    detail: str
    moment: datetime | None


@dataclass(frozen=True, slots=True)
class Marked:
    """A report's text in three parts, the deciding sentence in the middle."""

    before: str
    sentence: str
    after: str


def _wanted(visit: Visit) -> str:
    return visit.unseal("case", visit.request.path_params["case"])


def _ticket_key(visit: Visit) -> str:
    return f"{visit.app.settings.key.hex()} {visit.who.user_id}"


def _ticket(visit: Visit, study_uid: str) -> str:
    """Return what a verdict brings along that waits for a connection: it opens in each later session of its author."""
    return sealed.seal(_ticket_key(visit), "ticket", f"{visit.here.site}/{study_uid}", visit.app.services.now())


def _judged(visit: Visit) -> str:
    """Return the case of the address; after its author signed in again, that of the ticket."""
    path, ticket, now = visit.request.path_params["case"], visit.fields.get("ticket", ""), visit.app.services.now()
    study_uid = sealed.unseal(visit.secret, "case", path, now)
    if study_uid is None:
        opened = sealed.unseal(_ticket_key(visit), "ticket", ticket, now) or "/"
        site, study_uid = opened.split("/")
        if site != visit.here.site:
            raise missing()
    return study_uid


def _found(visit: Visit, study_uid: str) -> tuple[Listed, list[ReportStep], datetime | None, tuple[VerdictEvent, ...]]:
    with visit.app.published.connection() as connection:
        case = cases.case(connection, visit.here.site, study_uid)
        if case is None:
            raise missing()
        steps = cases.report_steps(connection, visit.here.site, study_uid)
        cut = latest_commit(connection, visit.here.site)
    with visit.app.store.reading() as app:
        events = verdicts.of_study(app, visit.here.site, study_uid)
    return overlay(case, verdicts.counting(events) if events else None), steps, cut, events


def show(visit: Visit) -> Response:
    """Show a case, within the list that leads to it."""
    study_uid, chosen = _wanted(visit), filters(visit.request.query_params)
    listed, steps, cut, events = _found(visit, study_uid)
    around = worklist(visit, chosen)
    before, after, place = around.neighbours(study_uid)
    # The night takes from it which reports were signed after the AI result was seen.
    audited(visit, "case_viewed", study_uid, ai_shown=listed.case.ai_result in ("positive", "doubtful", "negative"))
    case = listed.case
    said = case_words(case, visit.here.time_zone, visit.words, cut)
    return visit.page(
        "case.html.j2",
        case=case,
        said=said,
        action=heading(visit.words, case.action) if case.action else None,
        shown=[_shown(visit, case, image) for image in case.images],
        report=_marked(_text(visit, case, steps)),
        history=_history(visit, case, steps, events),
        person=said.person,
        place=place,
        total=len(around.shown),
        before=address(visit, before, chosen) if before else None,
        after=address(visit, after, chosen) if after else None,
        back=f"{visit.link('cases', site=visit.here.site)}?{chosen.query}".rstrip("?"),
        pacs=visit.app.services.links(visit.here.site, [study_uid]).get(study_uid),
        percent=None if case.score is None else round(100 * case.score),
        day=visit.words.day(case.day),
        **_answers(visit, study_uid, events, chosen),
    )


def _answers(visit: Visit, study_uid: str, events: tuple[VerdictEvent, ...], chosen: Filters) -> dict[str, Any]:
    part = visit.seal("case", study_uid)
    counting = verdicts.counting(events)
    return {
        "answers": [(code, visit.words.text(label), key) for code, label, key in ANSWERS],
        "counting": counting,
        "mine": next((event for event in counting if event.author == visit.who.user_id), None),
        "said_at": {event.event_id: _moment(visit, event.decided_at) for event in events},
        "ticket": _ticket(visit, study_uid),
        "fresh_key": secrets.token_hex(16),
        "post_to": visit.link("verdict", site=visit.here.site, case=part),
        "undo_to": visit.link("verdict_undo", site=visit.here.site, case=part),
        "poll": visit.link("verdicts", site=visit.here.site, case=part),
        "query": chosen.query,
        "revision": events[-1].event_id if events else 0,
    }


def answers(visit: Visit) -> Response:
    """Return the verdicts alone, or 304: what the page asks for every few seconds."""
    study_uid = _wanted(visit)
    with visit.app.published.connection() as connection:
        if cases.case(connection, visit.here.site, study_uid) is None:
            raise missing()
    with visit.app.store.reading() as app:
        events = verdicts.of_study(app, visit.here.site, study_uid)
    return _fragment(visit, study_uid, events)


def _fragment(visit: Visit, study_uid: str, events: tuple[VerdictEvent, ...]) -> Response:
    told = _answers(visit, study_uid, events, filters(visit.request.query_params))
    tag = f'"{told["revision"]}-{visit.seal("period", "")[:16]}-{visit.words.code}"'
    if visit.request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    page = visit.page("case_verdicts.html.j2", **told)
    page.headers["ETag"] = tag
    return page


def judge(visit: Visit) -> Response:
    """Keep a verdict; the same key again is the same verdict."""
    code, comment = visit.fields.get("verdict", ""), visit.fields.get("comment", "").strip()
    if code not in verdicts.VERDICTS or len(comment) > verdicts.LONGEST_COMMENT:
        raise HTTPException(400)
    answer = Answer(code, comment, visit.fields.get("recall") == "yes")

    def keep(app: Connection, request: Request) -> VerdictEvent:
        return verdicts.record(app, request, answer, visit.app.services.now())

    return _change(visit, "verdict_given", keep, verdict=code, recall=answer.recall)


def take_back(visit: Visit) -> Response:
    """Take a verdict of one's own back."""
    number = visit.fields.get("event", "")
    if not number.isdigit() or len(number) > 18:
        raise HTTPException(400)

    def undo(app: Connection, request: Request) -> VerdictEvent:
        return verdicts.undo(app, request, int(number), visit.app.services.now())

    return _change(visit, "verdict_undone", undo)


def _change(visit: Visit, event: str, make: Change, **detail: object) -> Response:
    study_uid, key = _judged(visit), visit.fields.get("key", "")
    if not 16 <= len(key) <= 64 or not key.isalnum():
        raise HTTPException(400)
    listed, *_ = _found(visit, study_uid)
    request = Request(visit.here.site, listed.case.study_uid, visit.who.user_id, visit.who.name, key)
    try:
        with visit.app.store.writing() as app:
            before = verdicts.revision(app, visit.here.site)
            make(app, request)
            if verdicts.revision(app, visit.here.site) > before:
                audit.append(app, event, visit.actor, about=study_uid, detail=detail)
            events = verdicts.of_study(app, visit.here.site, study_uid)
    except VerdictRefusedError:
        raise HTTPException(409) from None
    if visit.partial:
        return _fragment(visit, study_uid, events)
    return RedirectResponse(address(visit, study_uid, filters(visit.request.query_params)), 303)


def _shown(visit: Visit, case: Case, image: Picture) -> Shown:
    words, site = visit.words, visit.here.site
    part = images.seal(visit, case.study_uid, image.instance_uid)
    heat = visit.app.services.heat(site, image.instance_uid) is not None
    return Shown(
        pixels=visit.link("pixels", site=site, image=part),
        thumbnail=visit.link("thumbnail", site=site, image=part),
        heat=visit.link("heat", site=site, image=part) if heat else None,
        name=term(words, "view", image.view) if image.view else words.text("view not given"),
        score=MISSING if image.score is None else words.number(image.score, 2),
        columns=image.columns or 1,
        rows=image.rows or 1,
        boxes=tuple((box.x0, box.y0, box.x1, box.y1, box.score) for box in image.boxes),
        burned_in=not {"BURNED_IN", "TEXT_FOUND"}.isdisjoint(image.flags),
        reason=image.reason,
    )


def _text(visit: Visit, case: Case, steps: list[ReportStep]) -> ReportText | None:
    # The report that gave the label; before a final one, the last that came.
    standing = [step for step in steps if step.label is not None and step.status in ("final", "corrected")]
    for step in (*reversed(standing), *reversed(steps)):
        if step.status != "withdrawn":
            return visit.app.services.report_text(visit.here.site, step.message_id)
    return None


def _marked(report: ReportText | None) -> Marked | None:
    if report is None:
        return None
    start = len(report.text) if report.start is None else report.start
    end = start if report.end is None else report.end
    return Marked(report.text[:start], report.text[start:end], report.text[end:])


def _moment(visit: Visit, at: datetime | None) -> str:
    return visit.words.moment(at, visit.here.time_zone, "day_time")


def _history(visit: Visit, case: Case, steps: list[ReportStep], events: tuple[VerdictEvent, ...]) -> list[Step]:
    words = visit.words

    def step(at: datetime | None, what: str, detail: str = "") -> Step:
        return Step(_moment(visit, at), what, detail, at)

    lines = [step(case.exam_completed or case.exam_started, words.text("Examination"))]
    lines.append(step(case.received, words.text("Images received")))
    for report in steps:
        label = capital(term(words, "report_label", report.label)) if report.label else ""
        state = term(words, "report_state", report.status)
        lines.append(step(report.event_at or report.received_at, words.text("Report, %(state)s", state=state), label))
    for event in events:
        if event.kind == "undo":
            lines.append(step(event.decided_at, words.text("Verdict taken back by %(who)s", who=event.author_name)))
        else:
            said = capital(term(words, "verdict", event.verdict))
            lines.append(step(event.decided_at, words.text("Verdict of %(who)s", who=event.author_name), said))
    return sorted(lines, key=lambda line: (line.moment is None, line.moment or case.received))


ROWS = (
    Row("/site/{site}/cases/{case}", "case", show, images.READERS, part="cases"),
    Row("/site/{site}/cases/{case}/verdicts", "verdicts", answers, images.READERS, part="cases", passive=True),
    Row("/site/{site}/cases/{case}/verdict", "verdict", judge, images.READERS, methods=("POST",), part="cases"),
    Row("/site/{site}/cases/{case}/undo", "verdict_undo", take_back, images.READERS, methods=("POST",), part="cases"),
)

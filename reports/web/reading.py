"""Reports that a person reads: those that the labeller leaves open, and the blind sample that measures the labeller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from reports.language import message
from reports.web.row import Row
from reports.web.trail import audited
from reports.web.user import CLINICIAN, DEPARTMENT_HEAD
from reports.web.visit import Visit, missing
from warehouse import audit, audit_sample, corrections
from warehouse.audit_sample import DrawRefusedError, Reading, ReadingRefusedError
from warehouse.corrections import Correction, CorrectionRefusedError

READERS = frozenset({CLINICIAN, DEPARTMENT_HEAD})
# What a reader can say of a report: label and acuity.
CHOICES = (
    ("present", "acute", message("Fracture, recent or of unstated age")),
    ("present", "followup", message("Known fracture, follow-up")),
    ("absent", "none", message("No fracture")),
    ("absent", "old", message("Old, healed fracture only")),
    ("uncertain", "none", message("Uncertain")),
    ("not_addressed", "none", message("Fracture not addressed")),
)
DONE = {
    "kept": message("Your reading is kept. It counts from the next night on."),
    "drawn": message("The sample is drawn."),
    "meanwhile": message("A colleague answered this report at the same time. That answer counts; yours was not kept."),
    "early": message("The month is not over: draw its sample when it is."),
}


@dataclass(frozen=True, slots=True)
class Open:
    """A report that waits, with its place in an address."""

    day: str
    label: str
    evidence: str | None
    sealed: str


def waiting(visit: Visit) -> Response:
    """List the reports that the labeller leaves to a person."""
    found = _queue(visit)
    audited(visit, "list_viewed")
    shown = [
        Open(visit.words.day(item.day, "short"), item.label, item.evidence, visit.seal("report", item.message_id))
        for item in found
    ]
    return visit.page("reports.html.j2", reports=shown, done=_done(visit))


def one(visit: Visit) -> Response:
    """Show one of these reports, and ask what it says."""
    message_id = _wanted(visit)
    study_uid = next((item.study_uid for item in _queue(visit) if item.message_id == message_id), None)
    if study_uid is None:
        raise missing()
    audited(visit, "report_viewed", study_uid)
    return visit.page(
        "report_read.html.j2",
        title=visit.words.text("What does this report say?"),
        report=visit.app.services.report_text(visit.here.site, message_id),
        choices=_choices(visit),
        sealed=visit.seal("report", message_id),
        post_to=visit.link("report_correct", site=visit.here.site),
        back=visit.link("reports", site=visit.here.site),
        blind=False,
    )


def correct(visit: Visit) -> Response:
    """Keep what a person says of a report over its label, unless somebody was faster; twice the same is once."""
    message_id, (label, acuity) = visit.unseal("report", visit.fields.get("report", "")), _answer(visit)
    now, site, author = visit.app.services.now(), visit.here.site, visit.who.user_id
    waits = any(item.message_id == message_id for item in _published(visit))
    try:
        with visit.app.store.writing() as app:
            known = corrections.standing(app, site, message_id)
            if known is None:
                if not waits:
                    raise missing()
                corrections.record(app, site, message_id, author, label, acuity, now)
                audit.append(app, "label_corrected", visit.actor, about=message_id, detail={"label": label})
    except CorrectionRefusedError:
        raise HTTPException(400) from None
    return _back(visit, "reports", _came(known, author, label, acuity))


def sample(visit: Visit) -> Response:
    """Show how far the audit has come, and the next report of the sample: without AI result or label."""
    with visit.app.store.reading() as app:
        found = audit_sample.pending(app, visit.here.site)
        done = audit_sample.progress(app, visit.here.site)
    report = None
    if found:
        audited(visit, "report_viewed", found[0].study_uid)
        report = visit.app.services.report_text(visit.here.site, found[0].message_id)
    month = _last_month(visit)
    return visit.page(
        "report_sample.html.j2",
        progress=[(visit.words.month(item.month), item.drawn, item.read) for item in done],
        to_draw=visit.words.month(month) if month not in {item.month for item in done} else None,
        report=report,
        choices=_choices(visit),
        sealed=visit.seal("sample", found[0].study_uid) if found else None,
        post_to=visit.link("sample_read", site=visit.here.site),
        done=_done(visit),
    )


def draw(visit: Visit) -> Response:
    """Draw the sample of the last month."""
    site, month, now = visit.here.site, _last_month(visit), visit.app.services.now()
    try:
        with visit.app.published.connection() as connection, visit.app.store.writing() as app:
            audit_sample.draw(connection, app, site, month, now)
            audit.append(app, "sample_drawn", visit.actor, about=month)
    except DrawRefusedError:
        return _back(visit, "sample", "early")
    return _back(visit, "sample", "drawn")


def read(visit: Visit) -> Response:
    """Keep what a person read in a report of the sample, unless somebody was faster; twice the same is once."""
    study_uid, (label, acuity) = visit.unseal("sample", visit.fields.get("report", "")), _answer(visit)
    now, site, author = visit.app.services.now(), visit.here.site, visit.who.user_id
    try:
        with visit.app.store.writing() as app:
            known = audit_sample.standing(app, site, study_uid)
            if known is None:
                audit_sample.record(app, site, study_uid, author, label, acuity, now)
                audit.append(app, "report_read_blind", visit.actor, about=study_uid, detail={"label": label})
    except ReadingRefusedError:
        raise missing() from None
    return _back(visit, "sample", _came(known, author, label, acuity))


def _came(known: Correction | Reading | None, author: str, label: str, acuity: str) -> str:
    """Return what became of an answer, given the one that was there before it."""
    ours = known is None or (known.author, known.label, known.acuity) == (author, label, acuity)
    return "kept" if ours else "meanwhile"


def _queue(visit: Visit) -> list[corrections.Queued]:
    """Return what waits in the published copy, without what was corrected since."""
    found = _published(visit)
    with visit.app.store.reading() as app:
        corrected = {item.message_id for item in corrections.corrections(app, visit.here.site)}
    return [item for item in found if item.message_id not in corrected]


def _published(visit: Visit) -> list[corrections.Queued]:
    with visit.app.published.connection() as connection:
        return corrections.queue(connection, visit.here.site)


def _wanted(visit: Visit) -> str:
    return visit.unseal("report", visit.request.path_params["report"])


def _answer(visit: Visit) -> tuple[str, str]:
    for label, acuity, _ in CHOICES:
        if visit.fields.get("answer") == f"{label}/{acuity}":
            return label, acuity
    raise HTTPException(400)


def _choices(visit: Visit) -> list[tuple[str, str]]:
    return [(f"{label}/{acuity}", visit.words.text(text)) for label, acuity, text in CHOICES]


def _last_month(visit: Visit) -> str:
    today: date = visit.app.services.now().date()
    return f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"


def _done(visit: Visit) -> str:
    told = DONE.get(visit.request.query_params.get("done", ""), "")
    return visit.words.text(told) if told else ""


def _back(visit: Visit, name: str, done: str) -> Response:
    answer = visit.go(name, site=visit.here.site)
    answer.headers["location"] += f"?done={done}"
    return answer


ROWS = (
    Row("/site/{site}/reports", "reports", waiting, READERS, menu=message("Reports to read")),
    Row("/site/{site}/reports", "report_correct", correct, READERS, methods=("POST",), part="reports"),
    Row("/site/{site}/reports/{report}", "report", one, READERS, part="reports"),
    Row("/site/{site}/sample", "sample", sample, READERS, part="reports"),
    Row("/site/{site}/sample", "sample_read", read, READERS, methods=("POST",), part="reports"),
    Row("/site/{site}/sample/draw", "sample_draw", draw, READERS, methods=("POST",), part="reports"),
)

"""The flagged list: what needs action first, refreshed by itself, and its exports."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from starlette.responses import Response

from reports.case_words import CaseWords, case_words
from reports.language import MISSING, Language, message
from reports.terms import term
from reports.web import images, list_export
from reports.web.row import Row
from reports.web.trail import audited
from reports.web.visit import Visit
from reports.web.worklist import NIGHTS, OPEN, PAGE, STATUSES, Filters, Listed, Worklist, filters, worklist
from warehouse import cases
from warehouse.cases import Picture
from warehouse.verdicts import VerdictEvent

HEADINGS = {
    "positive_report_absent": message("Read again: AI positive, report without fracture"),
    "positive_unreported": message("Report first: AI positive, no report yet"),
    "doubtful": message("Look at: AI doubtful"),
    "negative_report_present": message("Fracture in the report, AI negative"),
    "report_undecided": message("Flagged, report uncertain or silent on fracture"),
    "settled": message("Settled"),
    "not_analysed": message("Not analysed by the AI"),
}
SHORT = {
    "positive_report_absent": message("Read again"),
    "positive_unreported": message("Report first"),
    "doubtful": message("Doubtful"),
    "negative_report_present": message("Report only"),
    "report_undecided": message("Undecided"),
    "settled": message("Settled"),
    "not_analysed": message("Not analysed"),
}


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One small picture with its boxes, in its own pixels."""

    source: str
    columns: int
    rows: int
    boxes: tuple[tuple[float, float, float, float], ...]
    alt: str


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the list."""

    mark: str
    href: str
    said: CaseWords
    ai_result: str
    percent: int | None
    evidence: str | None
    day: str | None
    thumbnails: tuple[Thumbnail, ...]
    more: int
    verdict: str | None
    verdict_by: str | None
    recall: bool
    simulated: bool
    outside_scope: bool
    pacs: str | None


def show(visit: Visit) -> Response:
    """Show the list."""
    found = worklist(visit, filters(visit.request.query_params))
    audited(visit, "list_viewed", shown=len(found.shown))
    return visit.page("cases.html.j2", **context(visit, found), tag=etag(visit, found))


def rows(visit: Visit) -> Response:
    """Return the rows alone, or 304 where nothing has changed: what the page asks for every half minute."""
    found = worklist(visit, filters(visit.request.query_params))
    tag = etag(visit, found)
    if visit.request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    page = visit.page("case_rows.html.j2", **context(visit, found), tag=tag)
    page.headers["ETag"] = tag
    return page


def etag(visit: Visit, found: Worklist) -> str:
    """Return what changes when anything of the rows does: data, verdicts, filters, sealed addresses, language."""
    # A sealed address changes with its period: rows that are older must be replaced before they stop opening.
    parts = (found.version, start(visit), visit.words.code, visit.seal("period", ""))
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}"'


def start(visit: Visit) -> int:
    """Return the place of the first row of the page, from 0."""
    asked = visit.request.query_params.get("from", "")
    return int(asked) // PAGE * PAGE if asked.isdigit() and len(asked) < 7 else 0


def context(visit: Visit, found: Worklist) -> dict[str, Any]:
    """Return what the templates of the list show."""
    first = start(visit)
    window = found.shown[first : first + PAGE]
    by_action = found.by_action
    return {
        "found": found,
        "groups": [
            (action, heading(visit.words, action), list(group))
            for action, group in groupby(_lines(visit, found, window), lambda pair: pair[0])
        ],
        "totals": {action: sum(item.case.action == action for item in found.shown) for action in HEADINGS},
        "chips": [
            (
                action,
                visit.words.text(label),
                by_action[action],
                found.filters.status == action,
                _chip(visit, found, action),
            )
            for action, label in SHORT.items()
        ],
        "first": first,
        "page": PAGE,
        "open": sum(by_action[action] for action in OPEN),
        "nights": NIGHTS,
        "statuses": [(status, status_words(visit.words, status)) for status in STATUSES],
        "here": visit.link("cases", site=visit.here.site),
        "query": found.filters.query,
    }


def _chip(visit: Visit, found: Worklist, action: str) -> str:
    chosen = replace(found.filters, status="all" if found.filters.status == action else action)
    return f"{visit.link('cases', site=visit.here.site)}?{chosen.query}"


def heading(words: Language, action: str) -> str:
    """Return what a group of cases is called."""
    return words.text(HEADINGS[action])


def status_words(words: Language, status: str) -> str:
    """Return what a status filter is called."""
    if status == "all":
        return words.text("All")
    return words.text("To do") if status == "open" else words.text(SHORT[status])


def mark(visit: Visit, study_uid: str) -> str:
    """Return a name for a row that stays the same while the page is open, and says nothing."""
    return hmac.new(visit.secret.encode(), study_uid.encode(), hashlib.sha256).hexdigest()[:12]


def address(visit: Visit, study_uid: str, chosen: Filters) -> str:
    """Return the address of a case, within the list that leads to it."""
    link = visit.link("case", site=visit.here.site, case=visit.seal("case", study_uid))
    return f"{link}?{chosen.query}" if chosen.query else link


def _lines(visit: Visit, found: Worklist, window: tuple[Listed, ...]) -> list[tuple[str, Line]]:
    uids = [item.case.study_uid for item in window]
    with visit.app.published.connection() as connection:
        pictures = cases.pictures(connection, visit.here.site, uids)
    links = visit.app.services.links(visit.here.site, uids) if uids else {}
    several = found.night.first != found.night.last
    return [
        (
            str(item.case.action),
            _line(visit, found, item, pictures.get(item.case.study_uid, ()), links.get(item.case.study_uid), several),
        )
        for item in window
    ]


def _line(
    visit: Visit, found: Worklist, item: Listed, pictures: tuple[Picture, ...], pacs: str | None, several: bool
) -> Line:
    case = replace(item.case, images=pictures)
    said = case_words(case, visit.here.time_zone, visit.words, found.night.cut)
    last: VerdictEvent | None = item.verdicts[-1] if item.verdicts else None
    return Line(
        mark=mark(visit, case.study_uid),
        href=address(visit, case.study_uid, found.filters),
        said=said,
        ai_result=case.ai_result,
        percent=None if case.score is None else round(100 * case.score),
        evidence=case.evidence,
        day=visit.words.day(case.day, "short") if several else None,
        thumbnails=tuple(thumbnail for image in pictures[:2] if (thumbnail := _thumbnail(visit, case, image))),
        more=max(0, len(pictures) - 2),
        verdict=case.verdict,
        verdict_by=last.author_name if last else None,
        recall=any(event.recall for event in item.verdicts),
        simulated=case.origin == "simulated",
        outside_scope=case.outside_scope,
        pacs=pacs,
    )


def _thumbnail(visit: Visit, case: cases.Case, image: Picture) -> Thumbnail | None:
    if not image.rows or not image.columns:
        return None
    words = visit.words
    return Thumbnail(
        source=visit.link(
            "thumbnail", site=visit.here.site, image=images.seal(visit, case.study_uid, image.instance_uid)
        ),
        columns=image.columns,
        rows=image.rows,
        boxes=tuple((box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0) for box in image.boxes),
        alt=words.text(
            "Radiograph, %(region)s, view %(view)s, score %(score)s",
            region=term(words, "region", case.region or "unknown"),
            view=term(words, "view", image.view) if image.view else MISSING,
            score=words.number(image.score, 2),
        ),
    )


def export(visit: Visit) -> Response:
    """Send the list, filtered as it is shown, as CSV, XLSX or PDF."""
    kind = visit.request.path_params["kind"]
    found = worklist(visit, filters(visit.request.query_params))
    made = list_export.made(visit, found, kind)
    audited(visit, "list_exported", kind=kind, shown=len(found.shown))
    return made


ROWS = (
    Row("/site/{site}/cases", "cases", show, images.READERS, menu=message("Flagged cases")),
    Row("/site/{site}/cases/rows", "case_rows", rows, images.READERS, part="cases", passive=True),
    Row("/site/{site}/cases/list.{kind}", "cases_export", export, images.READERS, part="cases"),
)

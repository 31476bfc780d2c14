"""Discordances of a month: AI and report part, in either direction; reviewed or not, and with which verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from reports.case_words import capital
from reports.language import message
from reports.terms import term
from reports.web.cases import address
from reports.web.row import Row
from reports.web.site_month import months
from reports.web.trail import audited
from reports.web.user import CLINICIAN, DEPARTMENT_HEAD
from reports.web.visit import Visit
from reports.web.worklist import Filters
from warehouse import discordance, verdicts
from warehouse.discordance import DIRECTIONS, Discordance

if TYPE_CHECKING:
    from warehouse.verdicts import VerdictEvent

REVIEWERS = frozenset({CLINICIAN, DEPARTMENT_HEAD})
TITLES = {
    "ai_positive_report_absent": message("AI positive or doubtful, report without fracture"),
    "ai_negative_report_present": message("AI negative, report with fracture"),
}
STATES = ("open", "closed")


@dataclass(frozen=True, slots=True)
class Judged:
    """A discordance with the verdict of this minute, and who gave it where the application knows."""

    item: Discordance
    verdict: str | None
    by: str
    at: str

    @property
    def state(self) -> str:
        """``closed`` with a verdict, else ``open``."""
        return "open" if self.verdict is None else "closed"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the list in words."""

    href: str
    day: str
    region: str
    person: str
    ai: str
    ai_result: str
    evidence: str
    known: str
    verdict: str
    verdict_code: str | None
    by: str
    independent: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Count:
    """How one direction stands: studies, reviewed, and of those with which verdict."""

    title: str
    studies: int
    reviewed: int
    verdicts: tuple[tuple[str, int], ...]


def show(visit: Visit) -> Response:
    """List the discordances of a month, those known longest first."""
    chosen = months(visit)
    if chosen is None:
        return visit.page("site_empty.html.j2")
    with visit.app.published.connection() as connection:
        found = discordance.listed(connection, visit.here.site, chosen.chosen)
    with visit.app.store.reading() as app:
        judged = verdicts.judged(app, visit.here.site)
    audited(visit, "list_viewed", chosen.chosen)
    listed = [_judged(visit, item, judged) for item in found]
    asked = visit.request.query_params
    direction = asked.get("direction", "") if asked.get("direction") in DIRECTIONS else ""
    state = asked.get("state", "") if asked.get("state") in STATES else ""
    shown = [each for each in listed if direction in ("", each.item.direction) and state in ("", each.state)]
    return visit.page(
        "site_discordances.html.j2",
        months=chosen,
        counts=[_count(visit, each, listed) for each in DIRECTIONS],
        groups=[(visit.words.text(TITLES[each]), _lines(visit, each, shown)) for each in DIRECTIONS],
        titles=[(each, visit.words.text(TITLES[each])) for each in DIRECTIONS],
        direction=direction,
        state=state,
        total=len(listed),
    )


def _judged(visit: Visit, item: Discordance, judged: Mapping[str, Sequence[VerdictEvent]]) -> Judged:
    """Put the application's verdict over that of the last night: it knows what was taken back since."""
    events = judged.get(item.study_uid)
    if events is None:
        return Judged(item, item.verdict, "", visit.moment(item.verdict_at) if item.verdict_at else "")
    if not events:
        return Judged(item, None, "", "")
    return Judged(item, events[-1].verdict, events[-1].author_name, visit.moment(events[-1].decided_at))


def _count(visit: Visit, direction: str, listed: Sequence[Judged]) -> Count:
    mine = [each for each in listed if each.item.direction == direction]
    given = [each.verdict for each in mine if each.verdict is not None]
    by_verdict = tuple(
        (term(visit.words, "verdict", code), given.count(code)) for code in verdicts.VERDICTS if code in given
    )
    return Count(visit.words.text(TITLES[direction]), len(mine), len(given), by_verdict)


def _lines(visit: Visit, direction: str, shown: Sequence[Judged]) -> list[Line]:
    return [_line(visit, each) for each in shown if each.item.direction == direction]


def _line(visit: Visit, each: Judged) -> Line:
    words, item = visit.words, each.item
    side = term(words, "laterality", item.laterality) if item.laterality else ""
    person = [term(words, "age_band", item.age_band or "unknown"), term(words, "sex", item.sex) if item.sex else ""]
    region = capital(term(words, "region", item.region or "unknown"))
    independent = {
        True: words.text("written without the AI result"),
        False: words.text("written knowing the AI result"),
        None: "",
    }
    return Line(
        href=address(visit, item.study_uid, Filters(day=item.day)),
        day=words.day(item.day, "weekday"),
        region=f"{region}, {side}" if side else region,
        person=" · ".join(part for part in person if part),
        ai=f"{term(words, 'ai_result', item.ai_result)}, {words.number(item.score, 2)}",
        ai_result=item.ai_result,
        evidence=item.evidence or "",
        known=visit.moment(item.known_at) if item.known_at else "",
        verdict=term(words, "verdict", each.verdict) if each.verdict else "",
        verdict_code=each.verdict,
        by=" · ".join(part for part in (each.by, each.at) if part),
        independent=independent[item.report_independent],
        simulated=item.origin == "simulated",
    )


ROWS = (Row("/site/{site}/discordances", "discordances", show, REVIEWERS, menu=message("Discordances")),)

"""The portfolio of a partnership manager: a line for each of the manager's sites, who needs attention, a workbook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from reports import business_review, portfolio_book, small_charts
from reports.attention import RULES, Reason, next_step, sentence
from reports.language import Language, message
from reports.portfolio import Line, Portfolio, portfolio, with_statuses
from reports.portfolio_words import SECTORS, STAGES, agreement, count, share
from reports.web.row import Row
from reports.web.trail import audited
from reports.web.user import PARTNERSHIP_MANAGER, User
from reports.web.visit import Visit
from warehouse import hub_sites, portfolio_notes, status
from warehouse.accounts import EVERY_SITE
from warehouse.hub_sites import PartnerSite

WHO = frozenset({PARTNERSHIP_MANAGER})
GROUP = "group:"
PAGE = 50
MOST_IN_FUNNEL = 300  # sites: more is a cloud, and a filter is at hand
MOST_IN_REVIEW = 200  # sites: more is no review of one partner
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILTERS: dict[str, tuple[str, Callable[[Line], str]]] = {
    "country": (message("Country"), lambda line: line.site.country),
    "sector": (message("Sector"), lambda line: line.site.sector),
    "group": (message("Group"), lambda line: line.site.site_group or ""),
    "manager": (message("Partnership manager"), lambda line: line.site.manager or ""),
    "stage": (message("Stage"), lambda line: line.site.stage),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter of the page: its name, its label, what can be chosen (value, text), what is."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    chosen: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something for the attention list: a site and its reason; `until` is the day of its snooze."""

    line: Line
    reason: Reason
    why: str
    next: str
    until: date | None


def whole(visit: Visit) -> Portfolio | None:
    """Return what the hub knows of the user's sites; None where this machine is no hub.

    It is computed once for each publication, day and set of places, so that nobody waits for sites of others.
    """
    hub = visit.app.hub
    if hub is None or not hub.path.is_file():
        return None
    today = visit.app.services.now().date()
    places = frozenset(place for role, place in visit.who.roles if role == PARTNERSHIP_MANAGER)
    if visit.app.kept.get("key") != (hub.identity, today):
        visit.app.kept.clear()
        visit.app.kept["key"] = (hub.identity, today)
    found: Portfolio | None = visit.app.kept.get(places)
    if found is None:
        with hub.connection() as connection:
            mine = own(visit.who, hub_sites.sites(connection))
            found = portfolio(connection, visit.app.settings.model_versions, today, mine)
        visit.app.kept[places] = found
    return with_statuses(found, status.heard(visit.app.store), today)


def own(user: User, sites: Sequence[PartnerSite]) -> list[PartnerSite]:
    """Return the sites that a user follows: each, those of a group, or all."""
    places = {place for role, place in user.roles if role == PARTNERSHIP_MANAGER}
    if EVERY_SITE in places:
        return list(sites)
    groups = {place.removeprefix(GROUP) for place in places if place.startswith(GROUP)} - {""}
    return [site for site in sites if site.site in places or (site.site_group or "") in groups]


def chosen(visit: Visit, lines: Sequence[Line]) -> list[Line]:
    """Return the lines that the filters of the address leave."""
    asked = visit.request.query_params
    found = [line for line in lines if all(asked.get(name, "") in ("", of(line)) for name, (_, of) in FILTERS.items())]
    search = asked.get("search", "").strip().casefold()
    return [line for line in found if search in line.site.name.casefold() or search in line.site.site]


def show(visit: Visit) -> Response:
    """Show the lines, 50 a page, by name."""
    found = whole(visit)
    if found is None:
        return visit.page("portfolio_none.html.j2")
    mine = found.lines
    lines = chosen(visit, mine)
    number = visit.request.query_params.get("page", "1")
    page = max(1, int(number)) if number.isdigit() and len(number) < 6 else 1
    page = min(page, max(1, -(-len(lines) // PAGE)))
    shown = lines[PAGE * (page - 1) : PAGE * page]
    audited(visit, "portfolio_viewed", sites=len(mine))
    snoozed = portfolio_notes.snoozes(visit.app.store, visit.app.services.now().date())
    return visit.page(
        "portfolio.html.j2",
        lines=[(line, _cells(visit.words, line, found.span[-13:]), _open(line, snoozed)) for line in shown],
        choices=_choices(visit, mine),
        search=visit.request.query_params.get("search", ""),
        n=len(lines),
        page=page,
        pages=max(1, -(-len(lines) // PAGE)),
        query=_query(visit),
        funnel=_funnel(visit.words, lines),
        attention=sum(_open(line, snoozed) for line in lines),
        quarters=_quarters(found.span),
    )


def attention(visit: Visit) -> Response:
    """Show who needs attention and why, the most urgent first."""
    found = whole(visit)
    if found is None:
        return visit.page("portfolio_none.html.j2")
    lines = chosen(visit, found.lines)
    audited(visit, "portfolio_viewed", sites=len(lines))
    snoozed = portfolio_notes.snoozes(visit.app.store, visit.app.services.now().date())
    every = wanted(visit, lines, {})
    return visit.page(
        "portfolio_attention.html.j2",
        wanted=[item for item in every if (item.line.site.site, item.reason.rule) not in snoozed][:200],
        asleep=[
            Wanted(item.line, item.reason, item.why, item.next, snoozed[key])
            for item in every
            if (key := (item.line.site.site, item.reason.rule)) in snoozed
        ][:200],
        query=_query(visit),
    )


def export(visit: Visit) -> Response:
    """Return the lines that the filters leave as a workbook."""
    found = whole(visit)
    lines = chosen(visit, found.lines) if found else []
    audited(visit, "portfolio_exported", sites=len(lines))
    name = f"portfolio-{visit.app.services.now():%Y-%m-%d}.xlsx"
    return Response(
        portfolio_book.workbook(lines, visit.words),
        media_type=XLSX,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def review(visit: Visit) -> Response:
    """Return the quarter of the sites that the filters leave as a PDF."""
    found = whole(visit)
    lines = chosen(visit, found.lines) if found else []
    try:
        asked = business_review.quarter(visit.request.query_params.get("quarter", ""))
    except ValueError:
        raise HTTPException(400) from None
    if not lines or len(lines) > MOST_IN_REVIEW:
        raise HTTPException(400)
    audited(visit, "portfolio_exported", sites=len(lines))
    query = visit.request.query_params
    title = query.get("group") or query.get("manager") or visit.words.text("Portfolio")
    notes = portfolio_notes.notes(visit.app.store)
    content = business_review.review(lines, asked, visit.words, title, notes, visit.app.services.now())
    return Response(
        content,
        media_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="review-{asked.year}-Q{asked.number}.pdf"'},
    )


def _quarters(span: Sequence[str]) -> list[str]:
    """Return the last four quarters that are over in the months shown, the newest first."""
    ends = [month for month in span if month[5:] in ("03", "06", "09", "12")]
    return [f"{month[:4]}-Q{int(month[5:]) // 3}" for month in reversed(ends)][:4]


def wanted(visit: Visit, lines: Sequence[Line], snoozed: dict[tuple[str, str], date]) -> list[Wanted]:
    """Return every reason of the lines that is not set aside, the most urgent rule first."""
    order = list(RULES)
    found = [
        Wanted(line, reason, sentence(visit.words, reason), next_step(visit.words, reason), None)
        for line in lines
        for reason in line.reasons
        if (line.site.site, reason.rule) not in snoozed
    ]
    return sorted(found, key=lambda item: (order.index(item.reason.rule), item.line.site.name))


def _open(line: Line, snoozed: dict[tuple[str, str], date]) -> int:
    return sum((line.site.site, reason.rule) not in snoozed for reason in line.reasons)


def _cells(words: Language, line: Line, span: Sequence[str]) -> dict[str, object]:
    told = {month.month: month.studies for month in line.months}
    last = line.last
    volumes = [told.get(month) for month in span]
    alt = words.text("Studies of thirteen months, the last one: %(n)s", n=words.number(last.studies if last else None))
    contract = line.site.contract_studies_per_month
    return {
        "spark": small_charts.sparkline([None if value is None else float(value) for value in volumes], alt),
        "studies": count(words, line, "studies"),
        "contract": words.share(last.studies / contract, 0) if last and last.studies and contract else "",
        "signal": _signal(line),
        "positive": share(words, last.positive if last else None),
        "within": share(words, last.within_24 if last else None),
        "median": words.hours(last.median_hours) if last else "",
        "late": bool(last and last.median_hours is not None and last.median_hours > last.target_hours),
        "agreement": agreement(words, line),
        "opened": count(words, line, "cases_opened"),
        "judged": count(words, line, "judged"),
        "complete": words.share(last.complete if last else None, 0),
        "stage": words.text(STAGES[line.site.stage]),
        "sector": words.text(SECTORS[line.site.sector]),
    }


def _signal(line: Line) -> str:
    """Return ``up``, ``down`` or nothing: what the control chart of the volume says of the last month."""
    found = line.trends["volume"].of(line.last.month) if line.last else ()
    return "" if not found else "down" if found[0].direction < 0 else "up"


def _funnel(words: Language, lines: Sequence[Line]) -> dict[str, object] | None:
    dots = [
        small_charts.Dot(
            line.last.positive.denominator,
            line.last.positive.value,
            f"{line.site.name}: {share(words, line.last.positive)} ({words.number(line.last.positive.denominator)})",
        )
        for line in lines
        if line.last and line.last.positive is not None
    ]
    if not 3 <= len(dots) <= MOST_IN_FUNNEL:
        return None
    odd = small_charts.outside(dots)
    alt = words.text(
        "Positive rate of %(n)s sites by number of studies: %(odd)s outside the limits.",
        n=words.number(len(dots)),
        odd=words.number(len(odd)),
    )
    return {"chart": small_charts.funnel(dots, alt, words.text("studies of the month")), "alt": alt, "odd": odd[:12]}


def _choices(visit: Visit, lines: Sequence[Line]) -> list[Choice]:
    texts = {**STAGES, **SECTORS}
    found = []
    for name, (label, of) in FILTERS.items():
        values = sorted({of(line) for line in lines} - {""})
        options = [(value, visit.words.text(texts[value]) if value in texts else value) for value in values]
        found.append(Choice(name, visit.words.text(label), options, visit.request.query_params.get(name, "")))
    return [choice for choice in found if len(choice.options) > 1]


def _query(visit: Visit) -> str:
    """Return the filters of the address, to be kept by links and by the workbook."""
    asked = visit.request.query_params
    return urlencode([(name, asked[name]) for name in (*FILTERS, "search") if asked.get(name)])


ROWS = (
    Row("/portfolio", "portfolio", show, WHO, menu=message("Portfolio")),
    Row("/portfolio/attention", "portfolio_attention", attention, WHO, part="portfolio"),
    Row("/portfolio/export", "portfolio_export", export, WHO, part="portfolio"),
    Row("/portfolio/review", "portfolio_review", review, WHO, part="portfolio"),
)

"""One site of the portfolio: 24 months with annotations, reasons and snoozes, and its anonymous peers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from reports import small_charts
from reports.attention import RULES, next_step, sentence
from reports.hub_month import HubMonth
from reports.language import MISSING, Language
from reports.notice import NAMES
from reports.portfolio import Line, Peers, Portfolio, peers
from reports.portfolio_words import FIGURES, SECTORS, STAGES
from reports.terms import term
from reports.trend import Point, Trend, signals
from reports.web.portfolio import WHO, whole
from reports.web.row import Row
from reports.web.trail import audited
from reports.web.visit import Visit, missing
from warehouse import audit, portfolio_notes
from warehouse.portfolio_notes import Note

LONGEST = 120  # letters of an annotation
SNOOZE_DAYS = ("7", "30", "90")
_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")


def show(visit: Visit) -> Response:
    """Show the site's history."""
    found, line = _line(visit)
    audited(visit, "site_viewed", line.site.site)
    today = visit.app.services.now().date()
    notes = portfolio_notes.notes(visit.app.store, line.site.site)
    snoozed = portfolio_notes.snoozes(visit.app.store, today)
    words = visit.words
    return visit.page(
        "portfolio_site.html.j2",
        line=line,
        stage=words.text(STAGES[line.site.stage]),
        sector=words.text(SECTORS[line.site.sector]),
        reasons=[
            (reason.rule, sentence(words, reason), next_step(words, reason), snoozed.get((line.site.site, reason.rule)))
            for reason in line.reasons
        ],
        charts=_charts(words, line, found.span, notes),
        table=list(reversed(line.months)),
        notes=notes,
        months=[(month, words.month(month)) for month in reversed(found.span)],
        newest=found.span[-1],
        peers=[(words.text(FIGURES[each.figure]), each) for each in _peers(visit, line)],
        heard=_heard(visit, line),
        snooze_days=SNOOZE_DAYS,
        longest=LONGEST,
    )


def note(visit: Visit) -> Response:
    """Keep an annotation of a month."""
    _, line = _line(visit)
    month, text = visit.fields.get("month", ""), " ".join(visit.fields.get("text", "").split())
    if not _MONTH.fullmatch(month) or not 0 < len(text) <= LONGEST or not text.isprintable():
        raise HTTPException(400)
    with visit.app.store.writing() as app:
        portfolio_notes.add(app, line.site.site, month, text, visit.who.user_id, visit.app.services.now())
        audit.append(app, "portfolio_noted", visit.actor, about=line.site.site, detail={"month": month})
    return _back(visit, line)


def unnote(visit: Visit) -> Response:
    """Take an annotation away."""
    _, line = _line(visit)
    number = visit.fields.get("note", "")
    with visit.app.store.writing() as app:
        if not number.isdecimal() or len(number) > 12 or not portfolio_notes.remove(
            app, line.site.site, int(number), visit.app.services.now()
        ):  # fmt: skip
            raise missing()
        audit.append(app, "portfolio_noted", visit.actor, about=line.site.site, detail={"removed": int(number)})
    return _back(visit, line)


def snooze(visit: Visit) -> Response:
    """Set a reason aside for some days, or (0 days) show it again."""
    _, line = _line(visit)
    rule, days = visit.fields.get("rule", ""), visit.fields.get("days", "")
    if rule not in RULES or days not in (*SNOOZE_DAYS, "0"):
        raise HTTPException(400)
    now = visit.app.services.now()
    with visit.app.store.writing() as app:
        if days == "0":
            portfolio_notes.wake(app, line.site.site, rule)
        else:
            until = now.date() + timedelta(days=int(days))
            portfolio_notes.snooze(app, line.site.site, rule, until, visit.who.user_id, now)
        detail = {"rule": rule, "days": int(days)}
        audit.append(app, "portfolio_snoozed", visit.actor, about=line.site.site, detail=detail)
    return visit.go("portfolio_attention") if visit.fields.get("back") == "attention" else _back(visit, line)


def _line(visit: Visit) -> tuple[Portfolio, Line]:
    """Return the site of the address; not found where it is not the user's, as where there is none."""
    found = whole(visit)
    line = found.of(visit.request.path_params["place"]) if found else None
    if found is None or line is None:
        raise missing()
    return found, line


def _peers(visit: Visit, line: Line) -> list[Peers]:
    if visit.app.hub is None:
        return []
    with visit.app.hub.connection() as connection:
        return peers(connection, line)


def _heard(visit: Visit, line: Line) -> list[tuple[str, str]]:
    """Return the last daily status in words; nothing where the site sends none."""
    if line.heard is None:
        return []
    told, words = line.heard.status, visit.words
    nights = [
        f"{words.day(date.fromisoformat(night.day), 'short')} {term(words, 'status', night.state)}"
        for night in told.nights
    ]
    causes = [words.text(NAMES[cause]) for cause in told.alarms]
    return [
        (words.text("Received on"), visit.moment(line.heard.received_at)),
        (words.text("Last nights"), ", ".join(nights) or MISSING),
        (words.text("Open alarms"), ", ".join(causes) or words.text("no alarm")),
        (words.text("Version of Bilan"), told.program),
        (words.text("Model in use"), f"{told.model} {told.model_version}".strip() or MISSING),
    ]


def _back(visit: Visit, line: Line) -> Response:
    return visit.go("portfolio_site", place=line.site.site)


def _charts(words: Language, line: Line, span: Sequence[str], notes: Sequence[Note]) -> list[tuple[str, Markup]]:
    marks: dict[str, list[str]] = {}
    for each in notes:
        marks.setdefault(each.month, []).append(each.text)
    volume: Callable[[HubMonth], float | None] = lambda month: month.studies  # noqa: E731
    shares: dict[str, Callable[[HubMonth], float | None]] = {
        name: (lambda month, name=name: getattr(month, name).value if getattr(month, name) else None)  # type: ignore[misc]
        for name in FIGURES
    }
    made = [_chart(words, words.text("Studies"), line, span, marks, volume, line.trends["volume"], words.number)]
    for name, title in FIGURES.items():
        trend = line.trends["positive"] if name == "positive" else _shares(line, name)
        made.append(
            _chart(
                words, words.text(title), line, span, marks, shares[name], trend, lambda value: words.share(value, 0)
            )
        )
    opened: Callable[[HubMonth], float | None] = lambda month: month.cases_opened  # noqa: E731
    empty = signals([], "xmr")
    made.append(_chart(words, words.text("Cases opened"), line, span, marks, opened, empty, words.number))
    return made


def _shares(line: Line, name: str) -> Trend:
    found = [(month.month, getattr(month, name)) for month in line.months if getattr(month, name) is not None]
    return signals([Point(month, share.value, share.denominator) for month, share in found], "p")


def _chart(
    words: Language,
    title: str,
    line: Line,
    span: Sequence[str],
    marks: dict[str, list[str]],
    of: Callable[[HubMonth], float | None],
    trend: Trend,
    shown: Callable[[float], str],
) -> tuple[str, Markup]:
    told = {month.month: month for month in line.months}
    values = [of(told[month]) if month in told else None for month in span]
    limits = dict(zip(trend.months, zip(trend.low, trend.high, strict=True), strict=True)) if trend.low else {}
    top = max([value for value in values if value is not None] + [high for _, high in limits.values()], default=0.0)
    odd = {signal.month for signal in trend.signals}
    if all(value is None for value in values):
        return title, Markup()
    known = [(month, value) for month, value in zip(span, values, strict=True) if value is not None]
    alt = words.text(
        "%(title)s over %(n)s months, last %(value)s in %(month)s; %(odd)s signals.",
        title=title,
        n=words.number(len(known)),
        value=shown(known[-1][1]),
        month=words.month(known[-1][0]),
        odd=words.number(len(odd)),
    )
    series = small_charts.Series(
        months=span,
        values=values,
        labels=[words.month(month, "year") if place % 4 == 3 else "" for place, month in enumerate(span)],
        tips=[
            ", ".join([f"{words.month(month)}: {'' if value is None else shown(value)}", *marks.get(month, [])])
            for month, value in zip(span, values, strict=True)
        ],
        ticks=[(0.0, shown(0)), (top / 2, shown(top / 2)), (top, shown(top))] if top else [],
        mean=trend.mean,
        limits=[limits.get(month) for month in span],
        odd=frozenset(odd),
        notes=frozenset(marks),
    )
    return title, small_charts.history(series, alt)


ROWS = (
    Row("/portfolio/sites/{place}", "portfolio_site", show, WHO, part="portfolio"),
    Row("/portfolio/sites/{place}/note", "portfolio_note", note, WHO, methods=("POST",), part="portfolio"),
    Row("/portfolio/sites/{place}/unnote", "portfolio_unnote", unnote, WHO, methods=("POST",), part="portfolio"),
    Row("/portfolio/sites/{place}/snooze", "portfolio_snooze", snooze, WHO, methods=("POST",), part="portfolio"),
)

"""The quarterly review of a partner or group of sites: one PDF from aggregates, in French or English."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from markupsafe import Markup

from reports import pages, pdf, small_charts
from reports.attention import next_step, sentence
from reports.hub_month import HubMonth, Share, share
from reports.language import MISSING, Language
from reports.portfolio_words import SECTORS, STAGES
from reports.portfolio_words import share as share_words

if TYPE_CHECKING:
    from reports.portfolio import Line
    from warehouse.portfolio_notes import Note

MOST = 60  # reasons printed


@dataclass(frozen=True, slots=True)
class Quarter:
    """Three months: ``2026-Q3`` has July to September."""

    year: int
    number: int

    @property
    def months(self) -> tuple[str, ...]:
        """The months, oldest first."""
        return tuple(f"{self.year}-{3 * self.number - 2 + place:02d}" for place in range(3))

    @property
    def before(self) -> Quarter:
        """The quarter before."""
        return Quarter(self.year, self.number - 1) if self.number > 1 else Quarter(self.year - 1, 4)


@dataclass(frozen=True, slots=True)
class Sums:
    """What some months of a site add up to; `told` of them were told, `few` with a volume that is withheld."""

    told: int
    few: int
    studies: int
    positive: Share | None
    within_24: Share | None
    confirmed: Share | None
    opened: int
    nights_bad: int
    nights_due: int


def quarter(text: str) -> Quarter:
    """Return a quarter written ``2026-Q3``.

    Raises
    ------
    ValueError
        If it is none.
    """
    year, _, number = text.partition("-Q")
    if len(year) != 4 or not year.isdecimal() or number not in ("1", "2", "3", "4"):
        raise ValueError("write the quarter as 2026-Q3")
    return Quarter(int(year), int(number))


def sums(months: Sequence[HubMonth]) -> Sums:
    """Return what months add up to: a share is of those months that tell both of its counts."""
    return Sums(
        told=len(months),
        few=sum(month.studies is None for month in months),
        studies=sum(month.studies or 0 for month in months),
        positive=_pooled([month.positive for month in months]),
        within_24=_pooled([month.within_24 for month in months]),
        confirmed=_pooled([month.confirmed for month in months]),
        opened=sum(month.cases_opened or 0 for month in months),
        nights_bad=sum(month.nights_bad for month in months),
        nights_due=sum(month.nights_due for month in months),
    )


def _pooled(shares: Sequence[Share | None]) -> Share | None:
    known = [each for each in shares if each is not None]
    exact = all(each.exact for each in known)
    return (
        share(sum(each.numerator for each in known), sum(each.denominator for each in known), exact) if known else None
    )


def review(
    lines: Sequence[Line], of: Quarter, words: Language, title: str, notes: Sequence[Note], now: datetime
) -> bytes:
    """Return the PDF of these sites' quarter; `title` names the partner or the group."""
    rows = [_row(line, of, words) for line in lines]
    whole = sums([month for line in lines for month in line.months if month.month in of.months])
    before = sums([month for line in lines for month in line.months if month.month in of.before.months])
    markup = pages.page(
        words,
        "business_review.html.j2",
        title=title,
        quarter=words.text("Q%(number)s %(year)s", number=of.number, year=of.year),
        span=f"{words.month(of.months[0])} – {words.month(of.months[-1])}",
        n=len(lines),
        tiles=_tiles(words, whole, before, lines),
        rows=rows,
        totals=_totals(words, lines, of),
        funnel=_funnel(words, rows),
        reasons=_reasons(words, lines)[:MOST],
        notes=_notes(words, lines, of, notes),
        made=words.day(now.astimezone(UTC).date(), "long"),
        style=pages.trusted(pages.asset("business_review.css")),
    )
    return pdf.write(markup, created=now, attachments={}, descriptions={}).content


def _tiles(words: Language, whole: Sums, before: Sums, lines: Sequence[Line]) -> list[tuple[str, str, str]]:
    change = ""
    if before.studies and before.told == whole.told:
        change = words.text(
            "%(change)s against the quarter before",
            change=_signed(words, whole.studies / before.studies - 1),
        )
    live = sum(line.site.stage == "live" for line in lines)
    return [
        (words.text("Studies"), words.number(whole.studies), change),
        (words.text("Positive rate"), share_words(words, whole.positive), _n(words, whole.positive)),
        (words.text("Reported within 24 hours"), share_words(words, whole.within_24), _n(words, whole.within_24)),
        (
            words.text("Flagged, confirmed by the report"),
            share_words(words, whole.confirmed),
            _n(words, whole.confirmed),
        ),
        (words.text("Cases opened"), words.number(whole.opened), ""),
        (
            words.text("Sites in service"),
            words.number(live),
            words.plural("of %(n)s site", "of %(n)s sites", len(lines)),
        ),
    ]


def _signed(words: Language, change: float) -> str:
    rounded = round(change, 2)
    sign = "" if rounded == 0 else "+" if rounded > 0 else "−"
    return f"{sign}{words.share(abs(rounded), 0)}"


def _reasons(words: Language, lines: Sequence[Line]) -> list[tuple[str, str, str]]:
    return [
        (line.site.name, sentence(words, reason), next_step(words, reason)) for line in lines for reason in line.reasons
    ]


def _notes(words: Language, lines: Sequence[Line], of: Quarter, notes: Sequence[Note]) -> list[tuple[str, str, str]]:
    names = {line.site.site: line.site.name for line in lines}
    return [
        (words.month(note.month), names[note.site], note.text)
        for note in notes
        if note.month in of.months and note.site in names
    ]


def _n(words: Language, found: Share | None) -> str:
    return "" if found is None else words.plural("of %(n)s study", "of %(n)s studies", found.denominator)


@dataclass(frozen=True, slots=True)
class _Row:
    line: Line
    sums: Sums
    cells: tuple[str, ...]
    spark: Markup
    place: str


def _row(line: Line, of: Quarter, words: Language) -> _Row:
    told = {month.month: month for month in line.months}
    here = sums([told[month] for month in of.months if month in told])
    contract = line.site.contract_studies_per_month
    cells = (
        _volume(words, here),
        words.share(here.studies / contract / here.told, 0) if contract and here.told and not here.few else MISSING,
        share_words(words, here.positive),
        share_words(words, here.within_24),
        share_words(words, here.confirmed),
        words.number(here.opened) if here.told else MISSING,
        f"{words.number(here.nights_bad)} / {words.number(here.nights_due)}" if here.told else MISSING,
        line.last.version if line.last else MISSING,
    )
    values = [None if month.studies is None else float(month.studies) for month in line.months[-13:]]
    alt = words.text("Studies of the last %(n)s months", n=words.number(len(values)))
    place = " · ".join([line.site.country, words.text(SECTORS[line.site.sector]), words.text(STAGES[line.site.stage])])
    return _Row(line, here, cells, _picture(small_charts.sparkline(values, alt), alt), place)


def _volume(words: Language, found: Sums) -> str:
    if not found.told:
        return words.text("nothing told")
    return f"≥\u00a0{words.number(found.studies)}" if found.few or found.told < 3 else words.number(found.studies)


def _totals(words: Language, lines: Sequence[Line], of: Quarter) -> list[tuple[str, str, str, str, str]]:
    """Return each month of the two quarters: sites that told it, studies, positive rate, in time."""
    found = []
    for month in (*of.before.months, *of.months):
        told: list[HubMonth] = [each for line in lines for each in line.months if each.month == month]
        added = sums(told)
        found.append(
            (
                words.month(month),
                words.number(len(told)),
                words.number(added.studies),
                share_words(words, added.positive),
                share_words(words, added.within_24),
            )
        )
    return found


def _funnel(words: Language, rows: Sequence[_Row]) -> Markup | None:
    dots = [
        small_charts.Dot(row.sums.positive.denominator, row.sums.positive.value, row.line.site.name)
        for row in rows
        if row.sums.positive is not None
    ]
    if len(dots) < 3:
        return None
    odd = small_charts.outside(dots)
    alt = words.text(
        "Positive rate of %(n)s sites by number of studies: %(odd)s outside the limits.",
        n=words.number(len(dots)),
        odd=", ".join(dot.name for dot in odd) or words.number(0),
    )
    return _picture(small_charts.funnel(dots, alt, words.text("studies of the quarter")), alt)


def _picture(drawn: Markup, alt: str) -> Markup:
    """Return an SVG as a picture with its colours inside: a PDF takes no style from the page into it."""
    if not drawn:
        return Markup()
    style = f"<style>{pages.asset('small_charts.css')}</style>"
    text = str(drawn).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(">", f">{style}", 1)
    return Markup('<img src="{}" alt="{}">').format(pages.data_uri(text.encode(), "image/svg+xml"), alt)

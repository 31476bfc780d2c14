"""A line of the portfolio in words: the cells of its table, in the page and in the workbook."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from reports.language import MISSING, Language, message

if TYPE_CHECKING:
    from reports.hub_month import Share
    from reports.portfolio import Line

STAGES = {"set_up": message("set-up"), "shadow": message("shadow"), "live": message("live")}
SECTORS = {"public": message("public"), "private": message("private")}
FIGURES = {
    "positive": message("Positive rate"),
    "within_24": message("Reported within 24 hours"),
    "confirmed": message("Flagged, confirmed by the report"),
}
COLUMNS = (
    message("Site"),
    message("Country"),
    message("Sector"),
    message("Group"),
    message("Partnership manager"),
    message("Stage"),
    message("Month"),
    message("Studies"),
    message("Contract"),
    message("Positive rate"),
    message("Reported within 24 hours"),
    message("Median time to report"),
    message("Flagged, confirmed by the report"),
    message("Agreement"),
    message("Cases opened"),
    message("Verdicts"),
    message("Files taken"),
    message("Nights failed or missed"),
    message("Model"),
    message("Versions behind"),
    message("Last contact"),
)


def fewer(words: Language, k: int) -> str:
    """Return what stands for a withheld count."""
    return f"<\u00a0{words.number(k)}"


def share(words: Language, found: Share | None) -> str:
    """Return a share, with a mark where its denominator is not certain."""
    if found is None:
        return MISSING
    digits = 1 if found.denominator >= 100 else 0
    return words.share(found.value, digits) if found.exact else f"≈\u00a0{words.share(found.value, digits)}"


def agreement(words: Language, line: Line) -> str:
    """Return the range in which the agreement lies."""
    found = line.last.agreement if line.last else None
    if found is None:
        return MISSING
    low, high = found
    if round(100 * low) == round(100 * high):
        return words.share(low, 0)
    return f"{words.number(100 * low)}–{words.share(high, 0)}"


def count(words: Language, line: Line, name: str) -> str:
    """Return a count of the last month; withheld ones as "fewer than the threshold"."""
    if line.last is None:
        return MISSING
    value = getattr(line.last, name)
    return words.text("few") if value is None else words.number(value)


def cells(words: Language, line: Line) -> list[str]:
    """Return a line's cells, in the order of `COLUMNS`."""
    site, last = line.site, line.last
    return [
        site.name,
        site.country,
        words.text(SECTORS[site.sector]),
        site.site_group or "",
        site.manager or "",
        words.text(STAGES[site.stage]),
        words.month(last.month, "year") if last else MISSING,
        count(words, line, "studies"),
        words.number(site.contract_studies_per_month),
        share(words, last.positive if last else None),
        share(words, last.within_24 if last else None),
        words.hours(last.median_hours if last else None),
        share(words, last.confirmed if last else None),
        agreement(words, line),
        count(words, line, "cases_opened"),
        count(words, line, "judged"),
        words.share(last.complete if last else None, 0),
        words.number(last.nights_bad if last else None),
        last.version if last else MISSING,
        words.number(line.lag),
        words.day(line.contact.astimezone(UTC).date(), "short") if line.contact else MISSING,
    ]

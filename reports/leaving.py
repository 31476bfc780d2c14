"""The page that says what leaves the hospital: every field of a bundle, its value, where it goes.

It is what a data protection officer reads and approves before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reports import pages, pdf
from reports.aggregate_words import cell_name, table_name
from reports.language import MISSING, Language, language, message
from reports.notice import NAMES as CAUSE_NAMES
from reports.terms import term
from warehouse.aggregates import LAYOUT, SCHEMA_FILE, schema_sha256

NAMES = {"fr": "ce-qui-quitte-votre-hopital", "en": "what-leaves-your-hospital"}
OTHERS = {
    "site": message("Short name of the site"),
    "month": message("Month told"),
    "data_cut": message("Day up to which reports counted"),
    "program": message("Version of Bilan"),
    "small_cell": message("Smallest count that is told"),
    "turnaround_target_hours": message("The site's own target for reports, hours"),
    "images": message("Images analysed, rounded to tens"),
    "models": message("Models in use: name and version"),
    "nights": message("Nights of the month, by how they went"),
    "alarms": message("What went wrong on the machine: counts"),
}
PARTS = {
    "missed_at_end": message("missed in a row at the end"),
    "failed_steps": message("steps of nights that failed"),
    "restored": message("stores that were restored"),
}
NUMBERING = {
    "schema": message("Name of the schema"),
    "seq": message("Number of the bundle, from 1"),
    "previous": message("Fingerprint of the bundle before"),
    "restates": message("Whether the month was told before"),
    "made_on": message("Day on which the bundle is made"),
}

DAILY = {
    "schema": message("Name of the schema"),
    "site": message("Short name of the site"),
    "seq": message("Number of the status, from 1"),
    "made_on": message("Day on which it is made"),
    "program": message("Version of Bilan"),
    "model": message("Model in use"),
    "model_version": message("Version of the model"),
    "nights": message("The last seven nights, by day and how they went"),
    "alarms": message("Alarms that are open, by cause"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """What the page is about: `told` is the content of a bundle, `code` stands for exactly this page.

    `address` and `folder` are where bundles go without being carried; `approvals` those before, with their times;
    `daily` is what the daily status would say now, None where it is off.
    """

    told: Mapping[str, Any]
    name: str
    code: str
    address: str | None
    folder: str | None
    sealed: bool
    approvals: Sequence[tuple[datetime, str]]
    daily: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One field: its name for people, its name in the file, its value; `depth` is how far it is indented."""

    name: str
    field: str
    value: str
    withheld: bool = False


def render(page: Page, code: str) -> dict[str, bytes]:
    """Return the page in a language as ``html`` and ``pdf``."""
    words = language(code)
    markup = markup_of(page, words)
    created = datetime.fromisoformat(f"{page.told['data_cut']}T00:00:00+00:00")
    return {
        "html": markup.encode(),
        "pdf": pdf.write(markup, created=created, attachments={}, descriptions={}).content,
    }


def markup_of(page: Page, words: Language) -> str:
    """Return the page as HTML that needs nothing else."""
    told = page.told["tables"]
    tables = [
        (table_name(words, name), name, [_cell(words, name, cell, told[name][cell]) for cell in table.cells])
        for name, table in LAYOUT.items()
    ]
    return pages.page(
        words,
        "leaving.html.j2",
        page=page,
        month=words.month(str(page.told["month"])),
        k=words.number(page.told["small_cell"]),
        tables=tables,
        others=[Line(words.text(name), field, _plain(words, page.told[field])) for field, name in OTHERS.items()],
        numbering=[Line(words.text(name), field, "") for field, name in NUMBERING.items()],
        daily=None
        if page.daily is None
        else [
            Line(words.text(name), field, _daily(words, field, page.daily.get(field))) for field, name in DAILY.items()
        ],
        withheld=sum(line.withheld for _, _, lines in tables for line in lines),
        cells=sum(len(lines) for _, _, lines in tables),
        approvals=[(words.moment(at.astimezone(UTC), "UTC"), by) for at, by in page.approvals],
        schema_file=SCHEMA_FILE,
        schema_sha256=schema_sha256(),
        style=pages.trusted(pages.asset("leaving.css")),
    )


def _cell(words: Language, table: str, cell: str, count: int | None) -> Line:
    shown = words.text("withheld") if count is None else words.number(count)
    return Line(cell_name(words, table, cell), f"{table}.{cell}", shown, count is None)


def _plain(words: Language, value: Any) -> str:
    if value is None:
        return words.text("withheld")
    if isinstance(value, Mapping):
        return ", ".join(f"{_part(words, key)} {number}" for key, number in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(f"{each['name']} {each['version']}" for each in value) or MISSING
    return words.number(value) if isinstance(value, int | float) else str(value)


def _daily(words: Language, field: str, value: Any) -> str:
    if field == "nights":
        nights = [f"{night['day']} {term(words, 'status', night['state'])}" for night in value]
        return ", ".join(nights) or MISSING
    if field == "alarms":
        return ", ".join(words.text(CAUSE_NAMES[cause]) for cause in value) or words.text("no alarm")
    return "" if value is None else str(value)


def _part(words: Language, key: str) -> str:
    """Return the name of a part of the nights or of the alarms."""
    return words.text(PARTS[key]) if key in PARTS else term(words, "status", key)

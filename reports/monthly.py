"""The monthly report of a site: one PDF, with its figures attached and beside it as JSON and CSV."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports import (
    actions,
    agreement_tables,
    benchmark,
    curves,
    drawing,
    examples,
    interactive,
    later,
    layout,
    logo,
    notes,
    pages,
    pdf,
    shadow,
    tables,
    text,
    tiles,
)
from reports import charts as drawn_figures
from reports.canvas import Chart
from reports.daily import harmless
from reports.definition import Provenance, ReportDefinition
from reports.drawing import Drawing
from reports.glossary import glossary
from reports.history import months_up_to
from reports.kpi import MonthFigures, month_figures, to_json
from reports.language import Language, language
from warehouse import discordance, returned
from warehouse.figure import rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from warehouse.discordance import Discordance
    from warehouse.returned import Returned

SHEET = "monthly.css"
# Sections that have nothing to say of a month without studies.
MEASURED = ("activity", "findings", "turnaround", "agreement")
CSV_COLUMNS = (
    "figure",
    "stratum",
    "value",
    "low",
    "high",
    "numerator",
    "denominator",
    "unit",
    "suppressed",
    "excluded",
    "query",
)


@dataclass(frozen=True, slots=True)
class MonthlyReport:
    """What was written; `data_cut` is UTC, the hash is that of ``figures.json``."""

    pdf: Path
    json: Path
    csv: Path
    pages: int
    data_cut: datetime
    figures_sha256: str


@dataclass(frozen=True, slots=True)
class Composition:
    """A report before its charts are drawn; `simulated_before` is the simulated share of the 12 months before.

    `discordant` holds the month's discordant studies where the site asks for examples, `noted` the annotations of the
    thirteen months, `returned` what the partner's hub had given back at the data cut.
    """

    figures: MonthFigures
    words: Language
    definition: ReportDefinition
    provenance: Provenance
    charts: Mapping[str, Chart]
    simulated_before: float
    discordant: tuple[Discordance, ...] = ()
    noted: tuple[notes.Mark, ...] = ()
    returned: Returned | None = None


def render(
    connection: DuckDBPyConnection,
    site: str,
    month: str,
    definition: ReportDefinition,
    out: Path,
    *,
    provenance: Provenance | None = None,
    issue: int = 1,
    data_cut: datetime | None = None,
) -> MonthlyReport:
    """Write the report of a month ``YYYY-MM`` into the folder `out`: ``report.pdf`` and its figures.

    Later issues of the same month are ``report-2.pdf`` and so on. The same data cut, definition,
    provenance and versions give the same bytes.

    Raises
    ------
    warehouse.site.UnknownSiteError
        If the warehouse does not know the site.
    reports.drawing.BrowserMissingError
        If Chromium is not installed.
    ValueError
        If `month` is not a month.
    """
    composition = compose(connection, site, month, definition, provenance or Provenance(), data_cut)
    (drawings,) = draw([composition])
    return publish(composition, drawings, out, issue)


def compose(
    connection: DuckDBPyConnection,
    site: str,
    month: str,
    definition: ReportDefinition,
    provenance: Provenance,
    data_cut: datetime | None = None,
    *,
    words: Language | None = None,
) -> Composition:
    """Compute the figures of a report and build its charts; the connection is not needed after this.

    `words` is the reader's language on the screen; a report is written in its own.
    """
    figures = month_figures(connection, site, month, data_cut)
    words = words or language(definition.language or figures.site.language)
    first = date.fromisoformat(f"{months_up_to(month)[0]}-01")
    (before,) = rows(connection, "simulated_share", site, first, figures.start, figures.data_cut)
    simulated = before["numerator"] / before["denominator"] if before["denominator"] else 0.0
    blocks = [block for section in definition.sections for block in definition.blocks[section]]
    back = returned.at(connection, site, figures.data_cut)
    noted = notes.marks([*definition.notes, *(back.notes if back else ())], months_up_to(month))
    made = drawn_figures.charts(figures, words, definition.accent, blocks, noted)
    shown = any(block.name == examples.BLOCK for block in blocks)
    discordant = tuple(discordance.listed(connection, site, month)) if shown else ()
    return Composition(figures, words, definition, provenance, made, simulated, discordant, noted, back)


def draw(compositions: Sequence[Composition]) -> list[dict[str, Drawing]]:
    """Draw the charts of any number of reports in one run of the browser.

    Raises
    ------
    reports.drawing.BrowserMissingError
        If Chromium is not installed.
    reports.drawing.DrawingError
        If Chromium fails.
    """
    wanted = {
        f"{index}_{name}": chart.figure
        for index, composition in enumerate(compositions)
        for name, chart in composition.charts.items()
        if chart.figure is not None
    }
    drawn = drawing.draw(wanted)
    return [
        {name: drawn[f"{index}_{name}"] for name, chart in composition.charts.items() if chart.figure is not None}
        for index, composition in enumerate(compositions)
    ]


def draw_one(composition: Composition) -> dict[str, Drawing]:
    """Draw the charts of one report."""
    (drawn,) = draw([composition])
    return drawn


def publish(composition: Composition, drawings: Mapping[str, Drawing], out: Path, issue: int = 1) -> MonthlyReport:
    """Write a composed report with its drawn charts; see `render`."""
    figures, words = composition.figures, composition.words
    data = plain(figures)
    sheet = table(figures)
    digest = hashlib.sha256(data).hexdigest()
    made = pdf.write(
        page(composition, drawings, digest, styled=False),
        sheet=SHEET,
        created=figures.data_cut,
        attachments={"figures.json": data, "figures.csv": sheet},
        descriptions={
            "figures.json": words.text("Every figure of this report, with intervals, denominators and exclusions"),
            "figures.csv": words.text("The same figures as a table"),
        },
    )
    files = names(issue)
    written = MonthlyReport(
        out / files["pdf"],
        out / files["json"],
        out / files["csv"],
        made.pages,
        figures.data_cut,
        digest,
    )
    pages.write(written.json, data)
    pages.write(written.csv, sheet)
    pages.write(written.pdf, made.content)
    return written


def names(issue: int) -> dict[str, str]:
    """Return the names of the files of an issue, by kind."""
    suffix = "" if issue == 1 else f"-{issue}"
    return {"pdf": f"report{suffix}.pdf", "json": f"figures{suffix}.json", "csv": f"figures{suffix}.csv"}


def plain(figures: MonthFigures) -> bytes:
    """Return all figures as the content of ``figures.json``."""
    return json.dumps(to_json(figures), ensure_ascii=False, indent=1).encode()


def page(composition: Composition, drawings: Mapping[str, Drawing], figures_sha256: str, *, styled: bool = True) -> str:
    """Return the report as one HTML page, all charts within it; its style sheet too, unless `styled` is False."""
    words = composition.words
    filled = context(composition, drawings, figures_sha256)
    return pages.page(
        words,
        "monthly.html.j2",
        **filled,
        sections=sections(composition, filled),
        style=pages.trusted(pages.asset(SHEET)) if styled else "",
    )


def sections(composition: Composition, context: Mapping[str, Any]) -> list[layout.Section]:
    """Return the sections of a report in their order, filled in from its `context`."""
    figures, words, definition = composition.figures, composition.words, composition.definition
    empty = _nothing(figures)
    # The method page last, wherever it stands: it defines what the others cite.
    written = {
        name: _without_studies(name, words)
        if empty and name in MEASURED
        else layout.section(name, definition.blocks[name], words, context)
        for name in sorted(definition.sections, key=lambda name: name == "method")
    }
    return [written[name] for name in definition.sections]


def _nothing(figures: MonthFigures) -> bool:
    volume = figures.one("volume")
    return volume is None or (not volume.value and not volume.suppressed)


def _without_studies(name: str, words: Language) -> layout.Section:
    why = Markup('<p class="why">{}</p>').format(words.text("No study this month."))
    return layout.Section(name, layout.titles(words)[name], why, ())


def context(
    composition: Composition, drawings: Mapping[str, Drawing], figures_sha256: str, *, live: float = 0
) -> dict[str, Any]:
    """Return what the templates of a report are filled in with.

    `live` is the size of charts that a browser draws, 1 as in print; 0: charts are pictures.
    """
    figures, words, definition = composition.figures, composition.words, composition.definition
    ink = pages.readable(definition.accent)
    shown = {block.name for section in definition.sections for block in definition.blocks[section]}
    tiled = [
        block.options["figures"]
        for section in definition.sections
        for block in definition.blocks[section]
        if block.name == "tiles"
    ]
    titles = layout.titles(words)
    places = layout.Places()
    return {
        "figures": figures,
        "site": figures.site,
        "month": _capital(words.month(figures.month)),
        "made_from": composition.provenance,
        "accent": ink,
        "tint": pages.tint(definition.accent, 0.1),
        "logo": logo.address(definition.logo) if definition.logo else None,
        "chart": _charts(composition, drawings, live=live),
        "live": live,
        "made": composition.charts,
        "shown": shown,
        "defined": "definitions" in shown,
        "headings": [(name, titles[name]) for name in definition.sections if name != "summary"],
        "number": places,
        "cited": lambda: [_defined(figures, name, place, words) for name, place in places.items()],
        "halves": layout.halves,
        "tiles_of": lambda names: tiles.tiles(figures, words, ink, names),
        "sentences_of": lambda most: text.sentences(figures, words, most, *tiled[:1]),
        "actions_of": lambda most: actions.actions(figures, words, most, *tiled[:1]),
        "title_of": lambda name: text.title(figures, name, words),
        "glossary_of": glossary(words),
        "changed": later.addenda(figures, words, composition.provenance.addenda),
        "no_report": curves.no_report(figures, words),
        "tables": tables,
        "shadows": shadow.pairs,
        "examples_of": lambda most: examples.examples(figures, words, composition.discordant, most),
        "concordance": agreement_tables,
        "holidays": drawn_figures.public_holidays(figures.site.country, figures.start, figures.end),
        "volume": figures.one("volume"),
        "last_day": figures.end - timedelta(days=1),
        "simulated": (share.value or 0.0) if (share := figures.one("simulated_share")) else 0.0,
        "noted": notes.legend(composition.noted, words),
        "beside": benchmark.benchmark(composition.returned, figures.month, words),
        "simulated_before": composition.simulated_before,
        "complete": _complete(figures),
        "figures_sha256": figures_sha256,
    }


@dataclass(frozen=True, slots=True)
class Entry:
    """One definition of the method page in one language; what its query's own figure says is not said again."""

    place: int
    title: str
    definition: str
    denominator: str
    exclusions: str


def _defined(figures: MonthFigures, name: str, place: int, words: Language) -> Entry:
    own = figures.definitions[name]
    whole = figures.definitions.get(own.sql.removesuffix(".sql"), own)
    inherited = whole.name != own.name
    denominator = "" if inherited and own.denominator == whole.denominator else own.denominator.of(words.code)
    nothing = own.exclusions.en == "none" or (inherited and own.exclusions == whole.exclusions)
    return Entry(
        place,
        words.typeset(own.title.of(words.code)),
        words.typeset(own.definition.of(words.code).rstrip(".") + "."),
        words.typeset(denominator),
        "" if nothing else words.typeset(own.exclusions.of(words.code)),
    )


def _complete(figures: MonthFigures) -> Mapping[str, Any]:
    """Return the sums of the line on completeness."""
    offered: dict[str, int] = {}
    for value in figures.values["offered"]:
        offered[str(value.stratum["kind"])] = int(value.denominator or 0)
    nights = {str(value.stratum["status"]): int(value.value or 0) for value in figures.values["nights"]}
    expected = max((int(value.denominator or 0) for value in figures.values["nights"]), default=0)
    done = nights.get("complete", 0) + nights.get("late", 0)
    return {"offered": offered, "nights": nights, "expected": expected, "done": done}


def _charts(composition: Composition, drawings: Mapping[str, Drawing], *, live: float) -> dict[str, dict[str, Any]]:
    shown = {}
    for name, chart in composition.charts.items():
        made = drawings.get(name)
        shown[name] = {
            "source": pages.data_uri(made.svg.encode(), "image/svg+xml") if made else None,
            "figure": interactive.figure(chart, live) if live else None,
            "width": made.width if made else chart.width,
            "alt": chart.alt,
            "reason": chart.reason,
            "refs": chart.refs,
        }
    return shown


def table(figures: MonthFigures) -> bytes:
    """Return all figures as CSV: UTF-8 with BOM, point as decimal sign, one row for each value."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for value in (value for values in figures.values.values() for value in values):
        plain = value.as_dict()
        stratum = "; ".join(f"{key}={part}" for key, part in plain["stratum"].items())
        left_out = "; ".join(f"{key}={part}" for key, part in plain["excluded"].items())
        numbers = [plain[key] for key in ("value", "low", "high", "numerator", "denominator")]
        cells = [value.name, stratum, *numbers, plain["unit"], int(plain["suppressed"]), left_out, plain["sql"]]
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])
    return b"\xef\xbb\xbf" + sheet.getvalue().encode()


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]

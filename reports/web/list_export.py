"""The list for elsewhere: CSV and XLSX that no spreadsheet takes for formulas, and a PDF."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import timedelta

from starlette.responses import Response

from reports import pages, pdf
from reports.case_words import case_words
from reports.daily import cells, table
from reports.terms import TERMS, term
from reports.web.visit import Visit, missing
from reports.web.worklist import Worklist
from warehouse.cases import Case
from warehouse.site import SiteFacts, site_facts

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
MOST_IN_PDF = 500  # rows: more is a table for a spreadsheet


def made(visit: Visit, found: Worklist, kind: str) -> Response:
    """Return the list as a file of a kind of `MEDIA_TYPES`; not found for any other."""
    if kind not in MEDIA_TYPES:
        raise missing()
    shown = [listed.case for listed in found.shown]
    links = visit.app.services.links(visit.here.site, [case.study_uid for case in shown])
    with visit.app.published.connection() as connection:
        facts = site_facts(connection, visit.here.site, found.night.last + timedelta(days=1))
    if kind == "csv":
        content = table(shown, facts, visit.words, found.night.cut, links)
    elif kind == "xlsx":
        content = _workbook(visit, found, shown, facts, links)
    else:
        content = _pdf(visit, found, shown)
    name = f"{visit.here.site}-{found.night.last.isoformat()}.{kind}"
    return Response(
        content,
        media_type=MEDIA_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _workbook(visit: Visit, found: Worklist, shown: list[Case], facts: SiteFacts, links: Mapping[str, str]) -> bytes:
    import xlsxwriter  # noqa: PLC0415 - only when asked for

    words = visit.words
    content = io.BytesIO()
    # Nothing that a cell holds becomes a formula, a number or a link by its looks.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        book.set_properties({"created": found.night.cut.replace(tzinfo=None) if found.night.cut else None})
        sheet = book.add_worksheet(words.text("Flagged cases")[:31])
        sheet.freeze_panes(1, 0)
        head = book.add_format({"bold": True, "bottom": 1})
        for column, name in enumerate(TERMS["column"]):
            sheet.write_string(0, column, term(words, "column", name), head)
        for row, case in enumerate(shown, 1):
            for column, cell in enumerate(cells(case, facts, words, found.night.cut, links)):
                sheet.write_string(row, column, cell)
        sheet.autofit(400)
        if shown:
            sheet.autofilter(0, 0, len(shown), len(TERMS["column"]) - 1)
    return content.getvalue()


def _pdf(visit: Visit, found: Worklist, shown: list[Case]) -> bytes:
    words, zone, cut = visit.words, visit.here.time_zone, found.night.cut
    markup = pages.page(
        words,
        "web/case_list_pdf.html.j2",
        site=visit.here,
        found=found,
        lines=[(case, case_words(case, zone, words, cut)) for case in shown[:MOST_IN_PDF]],
        left_out=max(0, len(shown) - MOST_IN_PDF),
        style=pages.trusted(pages.asset("case_list_pdf.css")),
    )
    created = cut or visit.app.services.now()
    return pdf.write(markup, created=created, attachments={}, descriptions={}).content

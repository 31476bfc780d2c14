"""The portfolio as a workbook: the lines, the months behind them, the reasons; no cell is ever a formula."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports.attention import next_step, sentence
from reports.language import Language, message
from reports.portfolio_words import COLUMNS, cells

if TYPE_CHECKING:
    from reports.portfolio import Line

MONTHLY = (
    "site", "month", "studies", "flagged", "not_flagged", "positive", "doubtful", "negative", "flagged_fracture",
    "flagged_no_fracture", "flagged_not_compared", "not_flagged_fracture", "not_flagged_no_fracture",
    "not_flagged_not_compared", "within_24", "not_within_24", "unreported", "files", "files_accepted", "sign_ins",
    "cases_opened", "judged", "nights_complete", "nights_late", "nights_failed", "nights_missed", "model_version",
)  # fmt: skip
REASONS = (message("Site"), message("Why"), message("Next step"))


def workbook(lines: Sequence[Line], words: Language) -> bytes:
    """Return the workbook: counts as numbers, withheld ones as empty cells, everything else as text."""
    import xlsxwriter  # noqa: PLC0415 - only when asked for

    content = io.BytesIO()
    # Names come from elsewhere: nothing that a cell holds becomes a formula, a number or a link by its looks.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        head = book.add_format({"bold": True, "bottom": 1})
        _sheet(
            book,
            words.text("Portfolio"),
            [words.text(name) for name in COLUMNS],
            [cells(words, line) for line in lines],
            head,
        )
        months = [[month.row[name] for name in MONTHLY] for line in lines for month in line.months]
        _sheet(book, words.text("Months"), list(MONTHLY), months, head)
        found = [
            [line.site.name, sentence(words, reason), next_step(words, reason)]
            for line in lines
            for reason in line.reasons
        ]
        _sheet(book, words.text("Attention"), [words.text(name) for name in REASONS], found, head)
    return content.getvalue()


def _sheet(book: Any, name: str, heads: Sequence[str], rows: Sequence[Sequence[object]], head: Any) -> None:
    sheet = book.add_worksheet(name[:31])
    sheet.freeze_panes(1, 1)
    for column, text in enumerate(heads):
        sheet.write_string(0, column, text, head)
    for place, row in enumerate(rows, 1):
        for column, cell in enumerate(row):
            if isinstance(cell, int | float):
                sheet.write_number(place, column, cell)
            elif cell is not None:
                sheet.write_string(place, column, str(cell))
    sheet.autofit(400)
    if rows:
        sheet.autofilter(0, 0, len(rows), len(heads) - 1)

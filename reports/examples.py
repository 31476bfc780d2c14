"""Single discordant studies as examples, where a site asks for them: what was said of each, never whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.language import MISSING
from reports.terms import term
from warehouse.discordance import DIRECTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.kpi import MonthFigures
    from reports.language import Language
    from warehouse.discordance import Discordance

BLOCK = "discordant_examples"


@dataclass(frozen=True, slots=True)
class Example:
    """One discordant study in words: no day, no pseudonym, no age, no sex."""

    direction: str
    region: str
    ai: str
    score: str
    sentence: str
    verdict: str


def chosen(figures: MonthFigures, found: Sequence[Discordance], most: int) -> list[Discordance]:
    """Return at most `most` examples of each direction, those on which AI and report part most.

    What came after the data cut is not in the report. Where a site withholds small numbers it shows no single study.
    """
    if figures.site.small_cell > 1:
        return []
    known = [item for item in found if item.report_final is not None and item.report_final <= figures.data_cut]
    kept: list[Discordance] = []
    for direction in DIRECTIONS:
        part = [item for item in known if item.direction == direction]
        sign = -1 if direction == DIRECTIONS[0] else 1
        kept += sorted(part, key=lambda item: (sign * (item.score or 0.0), item.study_uid))[:most]
    return kept


def examples(figures: MonthFigures, words: Language, found: Sequence[Discordance], most: int) -> list[Example]:
    """Return the examples of a month in words."""
    return [
        Example(
            words.text("AI positive or doubtful, report without fracture")
            if item.direction == DIRECTIONS[0]
            else words.text("AI negative, report with fracture"),
            term(words, "region", item.region or "unknown"),
            term(words, "ai_result", item.ai_result),
            words.number(item.score, 2),
            f"«\u202f{item.evidence}\u202f»" if item.evidence and words.code == "fr" else item.evidence or MISSING,
            term(words, "verdict", item.verdict)
            if item.verdict and item.verdict_at and item.verdict_at <= figures.data_cut
            else words.text("not reviewed yet"),
        )
        for item in chosen(figures, found, most)
    ]

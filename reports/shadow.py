"""Two models side by side on the same studies: the one that flags, and the one in its shadow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.tabulate import Row, Table, blank
from reports.terms import term
from reports.value import Value, count, rate

if TYPE_CHECKING:
    from reports.kpi import MonthFigures
    from reports.language import Language

RESULTS = ("positive", "doubtful", "negative")
SIDES = ("flagging", "shadow")
MEASURES = ("shadow_agreement", "shadow_present", "shadow_absent")
NAMES = ("shadow_cells", "shadow_excluded", *MEASURES)


def comparing(rows: Sequence[Row]) -> dict[str, Table]:
    """Return cells, exclusions and measures of each shadow from the rows of `shadow_cells`."""
    tables: dict[str, Table] = {name: [] for name in NAMES}
    for shadow in dict.fromkeys(row["shadow"] for row in rows):
        mine = [row for row in rows if row["shadow"] == shadow]
        pairs = [row for row in mine if row["reason"] is None]
        compared = sum(row["numerator"] for row in pairs)
        reasons: dict[str, int | None] = {row["reason"]: row["numerator"] for row in mine if row["reason"] is not None}
        tables["shadow_cells"] += [
            count(
                blank("shadow_cells", {"shadow": shadow, "ai": ai, "result": result}, reasons),
                sum(row["numerator"] for row in pairs if (row["ai"], row["result"]) == (ai, result)),
                compared,
            )
            for ai in RESULTS
            for result in RESULTS
        ]
        tables["shadow_excluded"] += [
            count(blank("shadow_excluded", {"shadow": shadow, "reason": reason}), number or 0, mine[0]["denominator"])
            for reason, number in reasons.items()
        ]
        for side, key in zip(SIDES, ("ai", "result"), strict=True):
            for name, value in _measures(pairs, key, {"shadow": shadow, "side": side}):
                tables[name].append(value)
    return tables


def _measures(pairs: Sequence[Row], key: str, stratum: dict[str, str]) -> list[tuple[str, Value]]:
    def studies(label: str, flagged: bool) -> int:
        return sum(row["numerator"] for row in pairs if row["label"] == label and (row[key] != "negative") is flagged)

    seen, missed = studies("present", flagged=True), studies("present", flagged=False)
    alarms, calm = studies("absent", flagged=True), studies("absent", flagged=False)
    undecided: dict[str, int | None] = {"no_label": sum(row["numerator"] for row in pairs if row["label"] is None)}
    shares = ((seen + calm, seen + missed + alarms + calm), (seen, seen + missed), (calm, alarms + calm))
    return [
        (name, rate(blank(name, stratum, undecided), numerator, denominator))
        for name, (numerator, denominator) in zip(MEASURES, shares, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of words: its name and its cells."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """The comparison with one shadow in words: the cross table, the measures of both, what was left out."""

    shadow: str
    compared: str
    cross: tuple[Line, ...]
    measures: tuple[Line, ...]
    excluded: tuple[Line, ...]


def pairs(figures: MonthFigures, words: Language) -> list[Pair]:
    """Return the comparison with each shadow of the month; none where no shadow ran."""
    found = []
    for shadow in dict.fromkeys(str(value.stratum["shadow"]) for value in figures.values["shadow_cells"]):
        cells = {
            (value.stratum["ai"], value.stratum["result"]): value
            for value in figures.values["shadow_cells"]
            if value.stratum["shadow"] == shadow
        }
        first = cells["positive", "positive"]
        found.append(
            Pair(
                shadow=shadow,
                compared=words.value(first) if first.suppressed else words.number(first.denominator),
                cross=tuple(
                    Line(
                        _capital(term(words, "ai_result", ai)),
                        tuple(words.value(cells[ai, result]) for result in RESULTS),
                    )
                    for ai in RESULTS
                ),
                measures=tuple(_measure(figures, words, name, shadow) for name in MEASURES),
                excluded=tuple(
                    Line(term(words, "excluded", value.stratum["reason"]), (words.value(value),))
                    for value in figures.values["shadow_excluded"]
                    if value.stratum["shadow"] == shadow
                ),
            )
        )
    return found


def _measure(figures: MonthFigures, words: Language, name: str, shadow: str) -> Line:
    cells = []
    for side in SIDES:
        value = figures.one(name, shadow=shadow, side=side)
        shown = words.value(value)
        if value is not None and value.value is not None:
            shown += f" ({words.number(value.numerator)}/{words.number(value.denominator)})"
        cells += [shown, words.interval(value)]
    return Line(words.typeset(figures.definitions[name].title.of(words.code)), tuple(cells))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

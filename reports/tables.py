"""The tables of the monthly report: rows of words and numbers, ready for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from reports.language import WITHHELD
from reports.terms import TERMS, term

if TYPE_CHECKING:
    from reports.kpi import MonthFigures, Value
    from reports.language import Language


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its name, its cells, and the part of the whole that a bar shows, if any."""

    name: str
    cells: tuple[str, ...]
    part: float | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True)
class TwoByTwo:
    """The 2 x 2 of AI and report; `parts` are shares of all comparable studies, for the shading."""

    cells: Mapping[tuple[str, str], str]
    parts: Mapping[tuple[str, str], float]
    doubtful: Mapping[str, str]
    total: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """Offers by outcome for one kind, and whether the outcomes add up to the total."""

    kind: str
    total: str
    rows: list[Row] = field(default_factory=list)


def counted(figures: MonthFigures, words: Language, name: str, stratum: str, most: int | None = None) -> list[Row]:
    """Return one row for each stratum of a count, with its share of the whole."""
    rows = []
    for value in figures.values[name][:most]:
        part = value.value / value.denominator if value.value is not None and value.denominator else None
        word = term(words, stratum, value.stratum[stratum]) if stratum in TERMS else str(value.stratum[stratum])
        rows.append(Row(_capital(word), (words.value(value), words.share(part, 0) if part is not None else ""), part))
    return rows


def devices(figures: MonthFigures, words: Language, most: int) -> list[Row]:
    """Return one row for each of the `most` used devices, called by its rank and the first digits of its pseudonym."""
    rows = []
    for index, value in enumerate(figures.values["volume_by_device"][:most], 1):
        pseudonym = str(value.stratum["device"])
        name = words.text("Device %(n)s", n=index) + f" ({pseudonym[:6]})"
        if pseudonym == "unknown":
            name = words.text("Device not given")
        part = value.value / value.denominator if value.value is not None and value.denominator else None
        rows.append(Row(name, (words.value(value), words.share(part, 0) if part is not None else ""), part))
    return rows


def turnaround(figures: MonthFigures, words: Language) -> list[Row]:
    """Return number, median and 90th percentile of turnaround: all, by AI result, by opening hours."""
    rows = _quantiles(figures.values["report_turnaround"], words.text("All studies"), words, strong=True)
    for name, stratum in (("report_turnaround_by_ai_result", "ai_result"), ("report_turnaround_by_opening", "opening")):
        for code in dict.fromkeys(value.stratum[stratum] for value in figures.values[name]):
            part = [value for value in figures.values[name] if value.stratum[stratum] == code]
            if stratum == "ai_result":
                word = words.text("AI: %(result)s", result=term(words, "ai_result", code))
            else:
                word = words.text("In opening hours") if code == "open" else words.text("Nights, weekends and evenings")
            rows += _quantiles(part, word, words)
    return rows


def _quantiles(values: Sequence[Value], name: str, words: Language, *, strong: bool = False) -> list[Row]:
    found = {value.stratum["quantile"]: value for value in values}
    median, p90 = found.get("median"), found.get("p90")
    if median is None:
        return []
    waiting = median.excluded.get("unreported", 0)
    cells = (
        WITHHELD if median.suppressed else words.number(median.denominator),
        WITHHELD if waiting is None else words.number(waiting),
        words.value(median),
        words.interval(median),
        words.value(p90),
        words.interval(p90),
    )
    return [Row(_capital(name), cells, strong=strong)]


def within(figures: MonthFigures, words: Language) -> list[Row]:
    """Return the share reported within each time, with its interval."""
    rows = []
    for value in figures.values["reported_within"]:
        target = value.stratum["hours"] == "target"
        hours = figures.site.turnaround_target_hours if target else float(value.stratum["hours"])
        name = words.text("target, %(hours)s", hours=words.hours(hours)) if target else words.hours(hours)
        rows.append(Row(name, (words.value(value), words.interval(value)), value.value, strong=target))
    return rows


def delays(figures: MonthFigures, words: Language) -> list[Row]:
    """Return median and 90th percentile of AI delay and of order to examination."""
    rows = []
    for name in ("ai_delay", "order_to_exam"):
        found = {value.stratum["quantile"]: value for value in figures.values[name]}
        median, p90 = found["median"], found["p90"]
        n = WITHHELD if median.suppressed else words.number(median.denominator)
        title = words.typeset(figures.definitions[name].title.of(words.code))
        rows.append(Row(title, (n, words.value(median), words.value(p90))))
    return rows


def two_by_two(figures: MonthFigures, words: Language) -> TwoByTwo | None:
    """Return the 2 x 2 with doubtful counted as positive, or None where nothing can be compared."""
    cells = {(str(v.stratum["ai"]), str(v.stratum["label"])): v for v in figures.values["agreement_cells"]}
    hidden = any(value.suppressed for value in cells.values())
    total = sum(value.value or 0 for value in cells.values())
    if not hidden and not total:
        return None
    sums = {
        (side, label): sum(cells[ai, label].value or 0 for ai in results)
        for side, results in (("flagged", ("positive", "doubtful")), ("negative", ("negative",)))
        for label in ("present", "absent")
    }
    return TwoByTwo(
        cells={key: WITHHELD if hidden else words.number(number) for key, number in sums.items()},
        parts={key: 0.0 if hidden else number / total for key, number in sums.items()},
        doubtful={
            label: WITHHELD if hidden else words.value(cells["doubtful", label]) for label in ("present", "absent")
        },
        total=WITHHELD if hidden else words.number(total),
    )


def ledgers(figures: MonthFigures, words: Language) -> list[Ledger]:
    """Return for DICOM files and for messages the offers by outcome, in the order of the outcomes."""
    found = []
    for kind in ("dicom", "message"):
        values = {
            value.stratum["outcome"]: value for value in figures.values["offered"] if value.stratum["kind"] == kind
        }
        if not values:
            continue
        total = max(value.denominator or 0 for value in values.values())
        parts = {code: (values[code].value or 0) / (total or 1) for code in TERMS["outcome"] if code in values}
        rows = [
            Row(
                _capital(term(words, "outcome", code)),
                (words.value(values[code]), WITHHELD if values[code].suppressed else words.share(part)),
                part,
            )
            for code, part in parts.items()
        ]
        found.append(Ledger(_capital(term(words, "kind", kind)), words.number(total), rows))
    return found


def reasons(figures: MonthFigures, words: Language, sentences: Mapping[str, str]) -> list[Row]:
    """Return why files and messages were set aside, in words."""
    return [
        Row(
            words.typeset(sentences.get(str(value.stratum["reason"]), str(value.stratum["reason"]))),
            (term(words, "kind", value.stratum["kind"]), words.value(value)),
        )
        for value in figures.values["quarantine_reasons"]
    ]


def nights(figures: MonthFigures, words: Language) -> list[Row]:
    """Return the nights of each status that occurred."""
    values = figures.values["nights"]
    return [
        Row(_capital(term(words, "status", value.stratum["status"])), (words.value(value),), None)
        for value in values
        if value.value or value.stratum["status"] == "complete"
    ]


def drift(figures: MonthFigures, words: Language) -> list[Row]:
    """Return each stability index beside what chance alone would give, and its reading; empty if none is judged."""
    rows = []
    pairs = [("score_drift", "score_drift_limit"), ("case_mix_drift", "case_mix_drift_limit")]
    for name, limit_name in pairs:
        limits = {tuple(value.stratum.items()): value for value in figures.values[limit_name]}
        for value in figures.values[name]:
            if name == "case_mix_drift" and not value.stratum:
                continue  # a month without studies has no mix
            limit = limits.get(tuple(value.stratum.items()))
            word = term(words, "mix", value.stratum["mix"]) if value.stratum else words.text("scores")
            rows.append(Row(_capital(word), (words.value(value), words.value(limit), _moved(value, limit, words))))
    judged = any(value.value is not None or value.suppressed for name, _ in pairs for value in figures.values[name])
    return rows if judged else []


def _moved(value: Value, limit: Value | None, words: Language) -> str:
    if value.value is None:
        return words.text("not judged in the first three months") if not value.suppressed else WITHHELD
    if value.value > 0.1 and limit is not None and limit.value is not None and value.value <= limit.value:
        # Few studies scatter: that is neither stable nor moved.
        return words.text("no more than chance")
    if value.value > 0.2:
        return words.text("moved: to be looked into")
    if value.value > 0.1:
        return words.text("some movement: watch")
    return words.text("stable")


def models(figures: MonthFigures, words: Language) -> list[Row]:
    """Return the models of the month with version, hash, first and last day, and studies."""
    rows = []
    for value in figures.values["models"]:
        part = value.stratum
        name = f"{part['model']} {part['version']}"
        first, last = (words.day(date.fromisoformat(str(part[key])), "long") for key in ("first_day", "last_day"))
        rows.append(Row(name, (str(part["sha256"])[:16], first, last, words.value(value))))
    return rows


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

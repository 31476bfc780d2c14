"""The tables and sentences of the section on agreement: what is left out, the labeller's error, discordances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.concordance import SHARES, STRATIFIED
from reports.correction import FEWEST_AUDITED, REFERENCE
from reports.language import MISSING, WITHHELD
from reports.tables import Row
from reports.terms import term

if TYPE_CHECKING:
    from reports.kpi import MonthFigures, Value
    from reports.language import Language

MAIN = "positive_or_doubtful"
LABELS = ("present", "absent")


def excluded(figures: MonthFigures, words: Language) -> list[Row]:
    """Return the studies that could not be compared, by reason, and the reports that found no study."""
    rows = [
        Row(_capital(term(words, "excluded", value.stratum["reason"])), (words.value(value),))
        for value in figures.values["agreement_excluded"]
    ]
    unmatched = figures.one("unmatched_reports")
    if unmatched is not None and (unmatched.value or unmatched.suppressed):
        rows.append(Row(words.text("Beside these: reports without their study"), (words.value(unmatched),)))
    return rows


def independence(figures: MonthFigures, words: Language) -> list[Row]:
    """Return the agreement by whether the author of the report had seen the AI result; empty where nobody knows."""
    found = [value for value in figures.values["agreement_by_independence"] if value.stratum["reading"] == MAIN]
    if not any(value.stratum["independence"] != "unknown" for value in found):
        return []
    rows = []
    for value in found:
        code = str(value.stratum["independence"])
        cells = [WITHHELD if value.suppressed else words.number(value.denominator)]
        for name in STRATIFIED:
            own = figures.one(f"{name}_by_independence", independence=code, reading=MAIN)
            cells += [words.value(own), words.interval(own)]
        rows.append(Row(_capital(term(words, "independence", code)), tuple(cells)))
    return rows


def labeller(figures: MonthFigures, words: Language) -> list[Row]:
    """Return each share as read, corrected, and with all undecided reports against the AI and for it."""
    rows = []
    for name in SHARES:
        raw = figures.one(name, reading=MAIN)
        corrected = figures.one("corrected_agreement", measure=name, reading=MAIN)
        bounds = [
            words.value(figures.one("agreement_bound", measure=name, reading=MAIN, undecided=assumed))
            for assumed in ("against", "for")
        ]
        title = words.typeset(figures.definitions[name].title.of(words.code))
        cells = (words.value(raw), words.interval(raw), words.value(corrected), words.interval(corrected), *bounds)
        rows.append(Row(title, cells))
    return rows


def costs(figures: MonthFigures, words: Language) -> str | None:
    """Return the sentence on what the labeller's error costs at this site's figures; None where none can be said."""
    reference = figures.one("labeller_cost", reading=MAIN, labeller="reference")
    if reference is None or reference.value is None:
        return None
    sentence = words.text(
        "Reports are read by a program: one that recognised %(found)s of the reports with a fracture and %(cleared)s of"
        " the others would, by its errors alone, lower the agreement with positive reports of this site by about"
        " %(points)s.",
        found=words.share(REFERENCE[0], 0),
        cleared=words.share(REFERENCE[1], 0),
        points=_points(words, reference.value),
    )
    audited = figures.one("labeller_cost", reading=MAIN, labeller="audited")
    if audited is not None and audited.value is not None and _read(figures, words) is None:
        more = words.text("With the errors measured here: about %(points)s.", points=_points(words, audited.value))
        return f"{sentence} {more}"
    return sentence


def _points(words: Language, share: float) -> str:
    return ("−" if share < 0 else "") + words.points(share, 0 if abs(share) >= 0.02 else 1)


def audit(figures: MonthFigures, words: Language) -> list[str]:
    """Return the sentences on the audit: how many were read, with what result, and why nothing is corrected."""
    cells = figures.values["labeller_audit"]
    read, drawn = sum(value.value or 0 for value in cells), sum(value.denominator or 0 for value in cells)
    if any(value.suppressed for value in cells):
        return [words.text("Too few studies to show without naming single ones.")]
    if not drawn:
        return [
            words.text(
                "Not corrected: no report of this site has been drawn and read blind to the AI yet (see the"
                " application, or bilan audit-sample)."
            )
        ]
    sentences = [
        words.text(
            "Over twelve months, %(read)s of %(drawn)s reports drawn at random were read by a person who knew neither"
            " the AI result nor the automatic reading.",
            read=words.number(read),
            drawn=words.number(drawn),
        )
    ]
    found = {label: figures.one("labeller_predictive_value", label=label) for label in LABELS}
    if all(value is not None and value.value is not None for value in found.values()):
        sentences.append(
            words.text(
                "The automatic reading was right in %(present)s (%(present_interval)s) of the reports that it read as a"
                " fracture and in %(absent)s (%(absent_interval)s) of those that it read as none.",
                present=words.value(found["present"]),
                present_interval=words.interval(found["present"]),
                absent=words.value(found["absent"]),
                absent_interval=words.interval(found["absent"]),
            )
        )
    refused = _read(figures, words)
    if refused is not None:
        sentences.append(refused)
    return sentences


def _read(figures: MonthFigures, words: Language) -> str | None:
    """Return why the measures are not corrected, or None where they are."""
    if any(value.value is not None for value in figures.values["corrected_agreement"]):
        return None
    numbers = {
        label: sum(value.value or 0 for value in figures.values["labeller_audit"] if value.stratum["label"] == label)
        for label in LABELS
    }
    if min(numbers.values()) < FEWEST_AUDITED:
        return words.text(
            "Not corrected: %(fewest)s reports of each kind must be read; so far %(present)s of a fracture and"
            " %(absent)s without.",
            fewest=words.number(FEWEST_AUDITED),
            present=words.number(numbers["present"]),
            absent=words.number(numbers["absent"]),
        )
    return words.text(
        "Not corrected: the errors found are too many, or too unevenly spread over what was read, for a stable result."
    )


def discordances(figures: MonthFigures, words: Language) -> list[Row]:
    """Return each direction: how many, reviewed, verdicts, median time to review with its interval."""
    names = {
        "ai_positive_report_absent": words.text("AI positive or doubtful, report without fracture"),
        "ai_negative_report_present": words.text("AI negative, report with fracture"),
    }
    rows = []
    for value in figures.values["discordances"]:
        direction = value.stratum["direction"]
        reviewed = figures.one("discordances_reviewed", direction=direction)
        hours = figures.one("discordance_review_hours", direction=direction)
        verdicts = [
            words.value(figures.one("discordance_verdicts", direction=direction, verdict=code))
            for code in ("fracture", "no_fracture", "unsure")
        ]
        cells = (words.value(value), _numerator(reviewed, words), *verdicts, words.value(hours), words.interval(hours))
        rows.append(Row(names[str(direction)], cells))
    return rows


def _numerator(value: Value | None, words: Language) -> str:
    if value is None:
        return MISSING
    return WITHHELD if value.suppressed else words.number(value.numerator)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

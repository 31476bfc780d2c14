"""What the month asks to be done, by rules, each with the figures that it rests on and the section to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.blocks import TILES
from reports.text import figure_of, title, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.kpi import MonthFigures
    from reports.language import Language

# The section in which a key figure is looked into.
SECTION_OF = {
    "volume": "activity",
    "positive_rate": "findings",
    "doubtful_rate": "findings",
    "report_turnaround_median": "turnaround",
    "report_turnaround_p90": "turnaround",
    "reported_within_24h": "turnaround",
    "reported_within_target": "turnaround",
}
DRIFT = 0.2  # of the stability index, from which a mix is looked into


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, the figures that it rests on, and the section with more of it."""

    text: str
    refs: tuple[str, ...]
    section: str


def actions(figures: MonthFigures, words: Language, most: int = 4, watched: Sequence[str] = TILES) -> list[Action]:
    """Return at most `most` things to do, the most pressing first; none where the month asks for nothing."""
    found = [
        *_silent(figures, words),
        *_review(figures, words),
        *_waiting(figures, words),
        *_nights(figures, words),
        *_unusual(figures, words, watched),
        *_drift(figures, words),
    ]
    return found[:most]


def _silent(figures: MonthFigures, words: Language) -> list[Action]:
    volume = figures.one("volume")
    images = any(value.denominator for value in figures.values["offered"] if value.stratum["kind"] == "dicom")
    if images or volume is None or volume.value or volume.suppressed:
        return []
    text = words.text("No image arrived: ask whoever runs the connection to the PACS whether that is right.")
    return [Action(text, ("volume", "offered"), "completeness")]


def _review(figures: MonthFigures, words: Language) -> list[Action]:
    seen = {value.stratum["direction"]: value.numerator for value in figures.values["discordances_reviewed"]}
    left = 0
    for value in figures.values["discordances"]:
        reviewed = seen.get(value.stratum["direction"])
        if value.value is None or (reviewed is None and value.value):
            return []  # withheld: what is left would tell it
        left += int(value.value) - int(reviewed or 0)
    if not left:
        return []
    text = words.plural(
        "Have the discordant study that nobody has looked at yet read again.",
        "Have the %(n)s discordant studies that nobody has looked at yet read again.",
        left,
    )
    return [Action(text, ("discordances", "discordances_reviewed"), "agreement")]


def _waiting(figures: MonthFigures, words: Language) -> list[Action]:
    late = figures.one("unreported", waiting="over_24h")
    if late is None or not late.value:
        return []
    volume, waiting = figures.one("volume"), figures.one("unreported", waiting="any")
    if volume is not None and waiting is not None and waiting.value == volume.value:
        text = words.text("Find out why no report arrives: ask whoever runs the connection to the information system.")
        return [Action(text, ("unreported",), "turnaround")]
    text = words.plural(
        "See to the study that has waited for more than 24 hours for its report.",
        "See to the %(n)s studies that have waited for more than 24 hours for their reports.",
        int(late.value),
    )
    return [Action(text, ("unreported",), "turnaround")]


def _nights(figures: MonthFigures, words: Language) -> list[Action]:
    lost = sum(
        int(value.value or 0)
        for value in figures.values["nights"]
        if value.stratum["status"] in ("failed", "missed", "running")
    )
    if not lost:
        return []
    text = words.plural(
        "Ask the administrator why one night did not run to its end, and run it again.",
        "Ask the administrator why %(n)s nights did not run to their end, and run them again.",
        lost,
    )
    return [Action(text, ("nights",), "completeness")]


def _unusual(figures: MonthFigures, words: Language, watched: Sequence[str]) -> list[Action]:
    found = []
    for name in watched:
        tone, said = verdict(figures, name, words)
        if tone == "odd":
            # "Report turnaround, median" stands as it is: only the first letter of a sentence is a capital.
            text = words.text("Look into: %(title)s (%(said)s).", title=_lower(title(figures, name, words)), said=said)
            found.append(Action(text, (figure_of(name),), SECTION_OF.get(name, "agreement")))
    return found


def _drift(figures: MonthFigures, words: Language) -> list[Action]:
    moved = [
        name
        for name in ("score_drift", "case_mix_drift")
        for value in figures.values[name]
        if value.value is not None
        and value.value > DRIFT
        and any(
            limit.value is not None and dict(limit.stratum) == dict(value.stratum) and value.value > limit.value
            for limit in figures.values[f"{name}_limit"]
        )
    ]
    if not moved:
        return []
    text = words.text("Find out what has changed: the mix of scores or of studies is not that of the first months.")
    return [Action(text, tuple(dict.fromkeys(moved)), "completeness")]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text

"""Sentences written from the figures by rules, each with the figures that it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.blocks import TILES
from reports.language import MISSING

if TYPE_CHECKING:
    from reports.kpi import MonthFigures, Value
    from reports.language import Language
    from warehouse.figure import Definition

FEW = 20  # below which a count changes by a number, not by a percentage
# What a figure of `history` is a quantile or a limit of.
WHOLES = {
    "report_turnaround_median": "report_turnaround",
    "report_turnaround_p90": "report_turnaround",
    "reported_within_24h": "reported_within",
    "reported_within_target": "reported_within",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence; `refs` names the figures in it, `rank` how much it matters (1: most)."""

    text: str
    refs: tuple[str, ...]
    rank: int


def sentences(figures: MonthFigures, words: Language, most: int = 5, watched: Sequence[str] = TILES) -> list[Sentence]:
    """Return at most `most` sentences on the month, the most important ones, in the order of the report.

    An unusual month is said of the `watched` key figures.

    A rule without anything to say gives no sentence; a month without studies gives one that says so.
    """
    volume = figures.one("volume")
    if volume is None or (not volume.value and not volume.suppressed):
        text = words.text("No study in scope was received for %(month)s.", month=words.month(figures.month))
        return [Sentence(text, ("volume",), 1), *_outages(figures, words)]
    rules: tuple[Callable[[MonthFigures, Language], list[Sentence]], ...] = (
        _volume,
        _positives,
        _turnaround,
        _waiting,
        _agreement,
        _caught,
        lambda figures, words: _signals(figures, words, watched),
        _model,
        _outages,
    )
    written = [sentence for rule in rules for sentence in rule(figures, words)]
    kept = sorted(range(len(written)), key=lambda index: (written[index].rank, index))[:most]
    return [written[index] for index in sorted(kept)]


def change(words: Language, now: Value | None, before: Value | None) -> str | None:
    """Return the change from `before` to `now` with its sign, or None where one is unknown.

    Counts change by a percentage (small ones by a number), shares by points, durations by a duration.
    """
    if now is None or before is None or now.value is None or before.value is None:
        return None
    difference = now.value - before.value
    sign = "+" if difference > 0 else "−" if difference < 0 else "±"
    if now.unit == "share":
        return ("±" if round(100 * difference, 1) == 0 else sign) + words.points(difference)
    if now.unit == "hours":
        return sign + words.hours(abs(difference))
    if abs(before.value) < FEW:
        return sign + words.number(abs(difference))
    part = abs(difference) / before.value
    return ("±" if round(100 * part) == 0 else sign) + words.share(part, 0)


def neighbours(figures: MonthFigures, name: str) -> tuple[Value | None, Value | None, Value | None]:
    """Return a key figure this month, the month before, and the same month last year."""
    entries = figures.history[name]
    return entries[-1][1], entries[-2][1], entries[0][1]


def verdict(figures: MonthFigures, name: str, words: Language) -> tuple[str, str]:
    """Return whether the month is unusual for a key figure: a tone (``odd``, ``usual``, ``early``) and words."""
    control = figures.trends[name]
    if control.reason is not None:
        return "early", words.text("fewer than 12 months: no limits yet")
    found = {signal.rule: signal.direction for signal in control.of(figures.month)}
    if "outside_limits" in found:
        high = found["outside_limits"] > 0
        return "odd", words.text("unusually high") if high else words.text("unusually low")
    if "shift" in found:
        high = found["shift"] > 0
        return "odd", words.text("lastingly higher") if high else words.text("lastingly lower")
    if "trend" in found:
        high = found["trend"] > 0
        return "odd", words.text("rising month after month") if high else words.text("falling month after month")
    if "two_of_three" in found:
        high = found["two_of_three"] > 0
        return "odd", words.text("close to the upper limit") if high else words.text("close to the lower limit")
    if figures.month not in control.months:
        return "early", words.text("not judged")
    return "usual", words.text("usual variation")


def title(figures: MonthFigures, name: str, words: Language) -> str:
    """Return the title of a figure or of a key figure, in print."""
    return titled(figures.definitions, name, words)


def titled(definitions: Mapping[str, Definition], name: str, words: Language) -> str:
    """Return the title of a figure or of a key figure by the definitions, in print."""
    own = {
        "report_turnaround_median": words.text("Report turnaround, median"),
        "report_turnaround_p90": words.text("Report turnaround, 90th percentile"),
        "reported_within_24h": words.text("Share reported within 24 hours"),
        "reported_within_target": words.text("Share reported within the target"),
    }
    return own.get(name) or words.typeset(definitions[name].title.of(words.code))


def figure_of(name: str) -> str:
    """Return the figure by whose definition a key figure is cited."""
    return WHOLES.get(name, name)


def _volume(figures: MonthFigures, words: Language) -> list[Sentence]:
    now, before, year = neighbours(figures, "volume")
    if now is None or now.value is None:
        return []
    n = int(now.value)
    head = words.plural(
        "In %(month)s, the department performed one study in scope",
        "In %(month)s, the department performed %(n)s studies in scope",
        n,
        month=words.month(figures.month),
    )
    parts = []
    if (step := change(words, now, before)) is not None:
        parts.append(words.text("%(change)s on the month before", change=step))
    if (step := change(words, now, year)) is not None:
        parts.append(words.text("%(change)s on the same month last year", change=step))
    return [Sentence(head + (f" ({', '.join(parts)})." if parts else "."), ("volume",), 1)]


def _positives(figures: MonthFigures, words: Language) -> list[Sentence]:
    positive, doubtful = figures.one("positive_rate"), figures.one("doubtful_rate")
    if positive is None or positive.value is None or not positive.denominator:
        return []
    text = words.text(
        "The AI found %(positive)s of the analysed studies positive (%(n)s of %(all)s) and %(doubtful)s doubtful.",
        positive=words.value(positive),
        n=words.number(positive.numerator),
        all=words.number(positive.denominator),
        doubtful=words.value(doubtful),
    )
    return [Sentence(text, ("positive_rate", "doubtful_rate"), 2)]


def _turnaround(figures: MonthFigures, words: Language) -> list[Sentence]:
    median = figures.one("report_turnaround", quantile="median")
    p90 = figures.one("report_turnaround", quantile="p90")
    within = figures.one("reported_within", hours="target")
    if median is None or median.value is None or p90 is None or p90.value is None:
        return []
    text = words.text(
        "Half of the reports were final within %(median)s and nine out of ten within %(p90)s; %(share)s of the"
        " studies were reported within the target of %(target)s.",
        median=words.value(median),
        p90=words.value(p90),
        share=words.value(within),
        target=words.hours(figures.site.turnaround_target_hours),
    )
    return [Sentence(text, ("report_turnaround", "reported_within"), 1)]


def _waiting(figures: MonthFigures, words: Language) -> list[Sentence]:
    late = figures.one("unreported", waiting="over_24h")
    volume = figures.one("volume")
    if late is None or not late.value:
        return []
    waiting = figures.one("unreported", waiting="any")
    if volume is not None and waiting is not None and waiting.value == volume.value:
        text = words.text("No study had a final report at the data cut.")
        return [Sentence(text, ("unreported",), 1)]
    text = words.plural(
        "One study had been waiting for its final report for more than 24 hours at the data cut.",
        "%(n)s studies had been waiting for their final report for more than 24 hours at the data cut.",
        int(late.value),
    )
    return [Sentence(text, ("unreported",), 2)]


def _agreement(figures: MonthFigures, words: Language) -> list[Sentence]:
    whole = figures.one("agreement", reading="positive_or_doubtful")
    if whole is None or whole.value is None or not whole.denominator:
        return []
    discordant = [value.value or 0 for value in figures.values["discordances"]]
    text = words.plural(
        "AI and report agree in %(value)s of %(all)s comparable studies; one is discordant.",
        "AI and report agree in %(value)s of %(all)s comparable studies; %(n)s are discordant.",
        int(sum(discordant)),
        value=words.value(whole),
        all=words.number(whole.denominator),
    )
    return [Sentence(text, ("agreement", "discordances"), 2)]


def _caught(figures: MonthFigures, words: Language) -> list[Sentence]:
    caught = figures.one("caught_by_safety_net")
    if caught is None or not caught.value:
        return []
    text = words.plural(
        "One fracture that the report did not mention was confirmed by a clinician after the AI's flag.",
        "%(n)s fractures that the reports did not mention were confirmed by a clinician after the AI's flag.",
        int(caught.value),
    )
    return [Sentence(text, ("caught_by_safety_net",), 1)]


def _model(figures: MonthFigures, words: Language) -> list[Sentence]:
    return [
        Sentence(
            words.text(
                "The model changed on %(day)s, to %(model)s: months before and after are not the same measurement.",
                day=words.day(change.day, "long"),
                model=f"{change.model} {change.version}",
            ),
            ("models",),
            1,
        )
        for change in figures.model_changes
        if figures.start <= change.day < figures.end
    ]


def _signals(figures: MonthFigures, words: Language, watched: Sequence[str]) -> list[Sentence]:
    written = []
    for name in watched:
        tone, said = verdict(figures, name, words)
        if tone == "odd":
            text = words.text(
                "Out of the ordinary: %(title)s, %(said)s (%(value)s).",
                title=_lower(title(figures, name, words)),
                said=said,
                value=words.value(figures.history[name][-1][1]) or MISSING,
            )
            written.append(Sentence(text, (figure_of(name),), 1))
    return written


def _outages(figures: MonthFigures, words: Language) -> list[Sentence]:
    lost = sum(
        value.value or 0
        for value in figures.values["nights"]
        if value.stratum["status"] in ("failed", "missed", "running")
    )
    if not lost:
        return []
    text = words.plural(
        "One night did not run to its end: figures of that day may be incomplete.",
        "%(n)s nights did not run to their end: figures of those days may be incomplete.",
        int(lost),
    )
    return [Sentence(text, ("nights",), 1)]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text

"""What a choice of thresholds would have meant on a site's last months: as figures, as JSON and as a page of text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from scipy import special

from reports.agreement import Estimate, share
from reports.language import DASH, MISSING, Language
from reports.terms import term
from warehouse import thresholds
from warehouse.site import site_facts

if TYPE_CHECKING:
    from warehouse.figure import Connection

GRID = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
POINTS = ("doubtful", "positive")


@dataclass(frozen=True, slots=True)
class Choice:
    """What flagging from one score on would have meant; shares with Wilson's 95 % interval.

    Attributes
    ----------
    roles
        Which thresholds this is: ``current doubtful``, ``asked positive`` and so on; of a mere
        candidate none.
    flagged, flagged_per_day
        Studies flagged, and their mean over the days with a scored study (interval by Student's t
        over days, which vary more than chance alone).
    agreement
        Of the comparable studies, those where flag and report agree.
    missed
        Of the studies whose report says fracture, those not flagged.
    false_alarms
        Of the studies whose report says no fracture, those flagged.
    """

    threshold: float
    roles: tuple[str, ...]
    flagged: int
    flagged_per_day: Estimate
    agreement: Estimate
    missed: Estimate
    false_alarms: Estimate


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every choice over the local days from `start` until before `end`; times UTC."""

    site: str
    start: date
    end: date
    data_cut: datetime
    days: int
    period: thresholds.Period
    current: Mapping[str, float]
    asked: Mapping[str, float]
    choices: tuple[Choice, ...]


def compare(
    connection: Connection, site: str, start: date, end: date, cut: datetime, asked: Mapping[str, float]
) -> Comparison | None:
    """Compute what each candidate, the current thresholds and those asked for would have meant.

    `asked` has ``doubtful`` and ``positive``, or nothing. None where no study has a score.
    """
    period = thresholds.period(connection, site, start, end, cut)
    if period.model_sha256 is None or not period.scored:
        return None
    facts = site_facts(connection, site, end)
    own = {"doubtful": facts.threshold_doubtful, "positive": facts.threshold_positive}
    models = {"doubtful": period.threshold_doubtful, "positive": period.threshold_positive}
    chosen = {point: models[point] if own[point] is None else own[point] for point in POINTS}
    current = {point: value for point, value in chosen.items() if value is not None}
    wanted = {*GRID, *current.values(), *asked.values()}
    counts = thresholds.choices(connection, site, start, end, cut, period.model_sha256, wanted)
    return Comparison(
        site=site,
        start=start,
        end=end,
        data_cut=cut,
        days=counts[0].days,
        period=period,
        current=current,
        asked=asked,
        choices=tuple(_choice(found, current, asked) for found in counts),
    )


def _choice(found: thresholds.Counts, current: Mapping[str, float], asked: Mapping[str, float]) -> Choice:
    roles = [
        f"{whose} {point}"
        for whose, points in (("current", current), ("asked", asked))
        for point in POINTS
        if points.get(point) == found.threshold
    ]
    agreeing = found.present_flagged + found.absent - found.absent_flagged
    return Choice(
        threshold=found.threshold,
        roles=tuple(roles),
        flagged=found.flagged,
        flagged_per_day=per_day(found.flagged_mean, found.flagged_spread, found.flagged, found.days),
        agreement=share(agreeing, found.present + found.absent),
        missed=share(found.present - found.present_flagged, found.present),
        false_alarms=share(found.absent_flagged, found.absent),
    )


def per_day(mean: float, spread: float | None, total: int, days: int) -> Estimate:
    """Return a mean over days with Student's 95 % interval; none of one day, or where all days are alike."""
    if not spread or days < 2:
        return Estimate(mean, None, None, total, days)
    half = float(special.stdtrit(days - 1, 0.975)) * spread / math.sqrt(days)
    return Estimate(mean, max(0.0, mean - half), mean + half, total, days)


def to_json(found: Comparison) -> dict[str, Any]:
    """Return the comparison as plain data."""
    data = asdict(found)
    data["last_day"] = (data.pop("end") - timedelta(days=1)).isoformat()
    data["first_day"] = data.pop("start").isoformat()
    data["data_cut"] = found.data_cut.isoformat()
    return data


def page(found: Comparison, words: Language) -> str:
    """Return the comparison as text: what it rests on, one line for each choice, how to read it."""
    period = found.period
    lines = [
        words.text(
            "%(site)s, %(first)s to %(last)s: studies with a score by %(model)s: %(scored)s (days with one: %(days)s)",
            site=found.site,
            first=words.day(found.start, "long"),
            last=words.day(found.end - timedelta(days=1), "long"),
            scored=words.number(period.scored),
            model=f"{period.model_name} {period.model_version}",
            days=words.number(found.days),
        ),
        words.text("Of these with a report that says fracture or none: %(n)s", n=words.number(period.comparable)),
        *_left_out(words.text("Left out, without a score of this model"), period.left_out, words),
        *_left_out(words.text("Not compared with the report"), period.not_comparable, words),
    ]
    if period.simulated:
        lines.append(
            words.text("Demonstration: %(n)s of these studies are simulated.", n=words.number(period.simulated))
        )
    head = (
        words.text("threshold"),
        words.text("flagged per day"),
        words.text("agreement"),
        words.text("missed"),
        words.text("false alarms"),
        "",
    )
    rows = [head, *(_cells(choice, words) for choice in found.choices)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines += [
        "",
        *("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows),
    ]
    return "\n".join([*lines, "", *_notes(words)]) + "\n"


def _left_out(what: str, reasons: Mapping[str, int], words: Language) -> list[str]:
    if not reasons:
        return []
    named = (f"{term(words, 'excluded', reason)} {words.number(n)}" for reason, n in sorted(reasons.items()))
    return [words.typeset(f"{what}{' :' if words.code == 'fr' else ':'} {', '.join(named)}.")]


def _cells(choice: Choice, words: Language) -> Sequence[str]:
    day = choice.flagged_per_day
    spread = "" if day.low is None else f" ({words.number(day.low, 1)}{DASH}{words.number(day.high, 1)})"
    roles = ", ".join(term(words, "threshold", role) for role in choice.roles)
    return (
        words.number(choice.threshold, 3),
        words.number(day.value, 1) + spread,
        _share(choice.agreement, words),
        _share(choice.missed, words),
        _share(choice.false_alarms, words),
        f"◄ {roles}" if roles else "",
    )


def _share(found: Estimate, words: Language) -> str:
    if found.value is None:
        return MISSING
    limits = f"{words.number(100 * (found.low or 0), 1)}{DASH}{words.share(found.high)}"
    return f"{words.number(found.numerator)}/{words.number(found.denominator)} = {words.share(found.value)} ({limits})"


def _notes(words: Language) -> list[str]:
    return [
        words.text(
            "Flagged: highest score of the study at or above the threshold. At the doubtful threshold that is every"
            " flagged study, at the positive one those called positive."
        ),
        words.text(
            "Missed: the report says fracture and the study is not flagged. False alarm: the report says no fracture"
            " and the study is flagged. The report is a reference, not the truth. In brackets: 95 %% intervals."
        ),
        words.text("Not a medical device."),
    ]

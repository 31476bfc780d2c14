"""When a study was ordered and reported: nights and weekends wait for the morning. All times UTC."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random

from inference.simulation.site import SiteModel
from inference.simulation.study import ReportState

# Shares of what a report says, beside a fracture: chosen to resemble an emergency department's mix.
UNCERTAIN = 0.045
NOT_ADDRESSED = 0.035
FOLLOW_UP = 0.05
OLD = 0.035


def order_time(rng: Random, patient_class: str, started: datetime) -> datetime | None:
    """Return when the examination was asked for; one order in fifty has no time."""
    if rng.random() < 0.02:
        return None
    minutes = {"E": _spread(rng, 28, 0.6), "I": _spread(rng, 340, 0.9), "O": _spread(rng, 6 * 1440, 0.8)}
    return started - timedelta(seconds=round(minutes[patient_class] * 60))


def slowness(site: SiteModel, day: date) -> float:
    """Return the factor by which reporting was slower on a day."""
    return math.prod(spell.slower for spell in site.spells if spell.first <= day <= spell.last)


def reports(
    rng: Random, site: SiteModel, completed: datetime, patient_class: str, *, reading: tuple[str, str], fracture: bool
) -> tuple[ReportState, ...]:
    """Return the states of one study's report in order of emission; empty for one never reported."""
    rates = site.reporting
    if rng.random() < rates.never:
        return ()
    label, acuity = reading
    final = _final_time(rng, site, completed, patient_class)
    states: list[tuple[str, datetime, str | None, str | None]] = []
    early = _after(completed, _spread(rng, 0.7, 0.5))
    if rng.random() < rates.preliminary and early < final - timedelta(minutes=20):
        states.append(("preliminary", early, *_draft(rng, label, acuity)))
    corrected = rng.random() < rates.corrected or (fracture and label == "absent" and rng.random() < 0.35)
    first = ("absent", "none") if corrected and fracture and label == "present" and rng.random() < 0.5 else reading
    states.append(("final", final, *first))
    if corrected:
        amended = ("present", "acute") if fracture else reading
        states.append(("corrected", _after(final, _spread(rng, 20, 0.8)), *amended))
    if rng.random() < rates.withdrawn:
        states.append(("withdrawn", _after(states[-1][1], _spread(rng, 3, 0.7)), None, None))
    told = [_told(rng, *state) for state in states]
    return tuple(sorted(told, key=lambda state: state.emitted_at))


def _final_time(rng: Random, site: SiteModel, completed: datetime, patient_class: str) -> datetime:
    local, rates = completed.astimezone(site.zone), site.reporting
    median = rates.urgent if patient_class == "E" else rates.routine
    factor = slowness(site, local.date())
    chance = rng.random()
    if chance < 0.004:  # the machine's clock was ahead: the report is older than the examination
        return completed - timedelta(seconds=rng.randrange(600, 3000))
    if chance < 0.004 + rates.slow * factor:
        return _after(completed, _spread(rng, 44, 0.5))
    if site.is_open(local):
        return _after(completed, _spread(rng, median * factor, 0.75))
    if rng.random() < rates.on_call:
        return _after(completed, _spread(rng, rates.on_call_hours * factor, 0.5))
    opening = site.next_opening(local).astimezone(UTC)
    return _after(opening, _spread(rng, (0.4 + 0.45 * median) * factor, 0.7))


def _draft(rng: Random, label: str, acuity: str) -> tuple[str, str]:
    # A resident's first word is now and then more cautious than the final report.
    return ("uncertain", "none") if label in ("present", "absent") and rng.random() < 0.08 else (label, acuity)


def _told(rng: Random, status: str, at: datetime, label: str | None, acuity: str | None) -> ReportState:
    # An interface is seldom down for long; a correction may then overtake the report it corrects.
    delay = rng.randrange(3 * 3600, 26 * 3600) if rng.random() < 0.012 else rng.randrange(5, 150)
    control = f"CANARICTL{rng.randrange(10**9):09d}"
    return ReportState(status, at, at + timedelta(seconds=delay), control, label, acuity)


def reading(rng: Random, region_shown: bool, fracture: bool, missed: bool) -> tuple[str, str]:
    """Return label and acuity of the final report, given what is there.

    Acuity is acute, followup or none for present, acute or none for uncertain, old or none for absent.
    """
    chance = rng.random()
    if not region_shown:
        return ("not_addressed", "none")
    if fracture and not missed:
        if chance < UNCERTAIN:
            return ("uncertain", "none")
        return ("present", "followup") if chance < UNCERTAIN + FOLLOW_UP else ("present", "acute")
    shares: Sequence[tuple[float, tuple[str, str]]] = (
        (UNCERTAIN, ("uncertain", "none")),
        (NOT_ADDRESSED, ("not_addressed", "none")),
        (OLD, ("absent", "old")),
    )
    for share, answer in shares:
        if chance < share:
            return answer
        chance -= share
    return ("absent", "none")


def _spread(rng: Random, median: float, sigma: float) -> float:
    return median * math.exp(rng.gauss(0, sigma))


def _after(moment: datetime, hours: float) -> datetime:
    return moment + timedelta(seconds=max(60, round(hours * 3600)))

"""The population: which studies a site makes on which day. A day's studies depend on nothing but site, seed and day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random

from inference.simulation import people, timeline
from inference.simulation.region import REGIONS, Region
from inference.simulation.site import Device, SiteModel
from inference.simulation.study import SimulatedStudy, View

DEFAULT_SEED = 20261
# Relative volume by month, January first: ice in winter, sport and gardens in early summer.
SEASON = (1.06, 1.03, 1.0, 0.98, 1.02, 1.05, 0.97, 0.9, 1.03, 1.0, 0.96, 1.0)


def plan(site: SiteModel, first: date, last: date, seed: int = DEFAULT_SEED) -> list[SimulatedStudy]:
    """Return a site's studies of the local days `first` to `last`, both included, by time of completion.

    Deterministic: the same arguments give the same studies, and a longer stretch of days gives the
    same studies for the days that both have.
    """
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    return [study for day in days for study in _day(site, day, seed)]


def busyness(site: SiteModel, day: date) -> float:
    """Return the number of studies expected on a day."""
    weekday = site.weekday_weights[day.isoweekday() - 1] * 7 / sum(site.weekday_weights)
    spells = math.prod(spell.busier for spell in site.spells if spell.first <= day <= spell.last)
    return site.studies_per_day * weekday * SEASON[day.month - 1] * spells


def _day(site: SiteModel, day: date, seed: int) -> list[SimulatedStudy]:
    rng = Random(f"{seed}/{site.site}/{day.isoformat()}")  # noqa: S311 - a simulation, nothing secret
    count = _poisson(rng, busyness(site, day))
    starts = sorted(_start(rng, site, day) for _ in range(count))
    studies = [_study(rng, site, start) for start in starts]
    # An examination that runs past midnight belongs to the day of its end: keep it in this day's night.
    return sorted((study for study in studies if study.day == day), key=lambda study: study.exam_completed)


def _poisson(rng: Random, mean: float) -> int:
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


def _start(rng: Random, site: SiteModel, day: date) -> datetime:
    weights = site.weekend_hours if day.isoweekday() >= 6 else site.hours
    hour = rng.choices(range(24), weights)[0]
    local = datetime(day.year, day.month, day.day, hour, rng.randrange(60), rng.randrange(60), tzinfo=site.zone)
    # Through UTC and back: an hour that the clock skips in spring becomes the one after it.
    return local.astimezone(UTC)


def _study(rng: Random, site: SiteModel, started: datetime) -> SimulatedStudy:
    day = started.astimezone(site.zone).date()
    patient_class = _pick(rng, site.classes)
    region = REGIONS[_pick(rng, site.regions)]
    device = rng.choice([item for item in site.devices if item.in_use_from <= day])
    age = _age(rng, region.name, patient_class)
    person = people.patient(site.site, _number(rng), site.language, day, age)
    fracture = rng.random() < _risk(site, region, patient_class, age, day)
    missed = fracture and rng.random() < site.miss_rate
    words = timeline.reading(rng, region.in_scope, fracture, missed)
    views = _views(rng, region.views, device, started, fracture)
    completed = views[-1].acquired_at
    return SimulatedStudy(
        site=site.site,
        day=completed.astimezone(site.zone).date(),
        patient=person,
        study_uid=people.uid(rng),
        accession_number=people.accession(rng),
        region=region.name,
        laterality=rng.choice("LR") if region.paired else None,
        in_scope=region.in_scope,
        device=device,
        patient_class=patient_class,
        ordered=timeline.order_time(rng, patient_class, started),
        exam_started=views[0].acquired_at,
        exam_completed=completed,
        views=views,
        fracture=fracture,
        missed=missed,
        reports=timeline.reports(rng, site, completed, patient_class, reading=words, fracture=fracture),
    )


def _number(rng: Random) -> int:
    # One study in twelve is of a patient of the hospital's regulars: patients are fewer than studies.
    return rng.randrange(400) if rng.random() < 1 / 12 else rng.randrange(1000, 9_000_000)


def _views(
    rng: Random, positions: Sequence[str], device: Device, started: datetime, fracture: bool
) -> tuple[View, ...]:
    chosen = list(positions)
    if len(chosen) > 1 and rng.random() < 0.08:
        chosen = chosen[:1]
    elif len(chosen) > 1 and rng.random() < 0.12:
        chosen.append("LAO")
    one_series = rng.random() < 0.5 and device.time_from != "SeriesDate"
    series, moment = people.uid(rng), started
    syntax = rng.choices(device.transfer_syntaxes, [3, 1][: len(device.transfer_syntaxes)])[0]
    hidden = rng.randrange(1, len(chosen)) if fracture and len(chosen) > 1 and rng.random() < 0.3 else None
    views = []
    for index, position in enumerate(chosen):
        views.append(
            View(
                instance_uid=people.uid(rng),
                series_uid=series if one_series else people.uid(rng),
                position=position,
                acquired_at=moment,
                shows_fracture=fracture and index != hidden,
                transfer_syntax=syntax,
                seed=rng.randrange(2**31),
            )
        )
        moment += timedelta(seconds=rng.randrange(50, 240))
    return tuple(views)


def _age(rng: Random, region: str, patient_class: str) -> int:
    if region in ("hip", "pelvis", "thigh") and patient_class != "O":
        return min(99, max(40, round(rng.gauss(79, 10))))
    kind = rng.random()
    if kind < (0.24 if patient_class == "E" else 0.08):
        return rng.randrange(1, 16)
    if kind < 0.72:
        return rng.randrange(16, 65)
    return min(99, round(65 + rng.expovariate(1 / 11)))


def _risk(site: SiteModel, region: Region, patient_class: str, age: int, day: date) -> float:
    risk = site.fracture_rate * region.breaks * {"E": 1.15, "I": 1.1, "O": 0.62}[patient_class]
    if age >= 75:
        risk *= 1.35
    if region.name in ("wrist", "hip", "ankle") and day.month in (12, 1, 2):
        risk *= 1.25
    return min(0.75, risk)


def _pick(rng: Random, shares: Sequence[tuple[str, float]]) -> str:
    return rng.choices([name for name, _ in shares], [share for _, share in shares])[0]

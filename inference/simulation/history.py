"""Earlier months at the level of findings: rows for the warehouse, without images or messages.

The rows have the columns of the tables `study`, `ledger`, `night` and `verdict`; their identifiers
are random hexadecimal digits that look like pseudonyms and belong to nobody. Every study row says
``origin = 'simulated'``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from statistics import NormalDist

from inference.simulation import broken, broken_messages
from inference.simulation.night import night_of, owed
from inference.simulation.plan import DEFAULT_SEED, plan
from inference.simulation.site import SiteModel, Spell
from inference.simulation.study import ReportState, SimulatedStudy, age_band


@dataclass(frozen=True, slots=True)
class HistoryStudy:
    """A row of the table `study` (same column names, same meaning)."""

    site: str
    day: date
    study_uid: str
    patient_id: str | None
    modality: str
    region: str | None
    laterality: str | None
    device: str | None
    sex: str | None
    age_band: str | None
    patient_class: str | None
    images: int
    images_inferred: int
    ordered: datetime | None
    exam_started: datetime | None
    exam_completed: datetime | None
    received: datetime
    ai_completed: datetime | None
    report_preliminary: datetime | None
    report_final: datetime | None
    report_corrected: datetime | None
    score: float | None
    ai_result: str
    model_sha256: str | None
    report_state: str
    report_label: str | None
    report_acuity: str | None
    report_message_id: str | None
    verdict: str | None
    verdict_at: datetime | None
    clock_skew: bool
    origin: str
    report_independent: bool | None = None
    report_tier: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryOffer:
    """A row of the table `ledger`."""

    site: str
    offer_id: str
    kind: str
    source: str
    night: date
    received_at: datetime
    place_id: str
    stamp: str
    content_id: str
    outcome: str
    reasons: tuple[str, ...]
    study_uid: str | None
    instance_uid: str | None
    message_id: str | None
    key_id: str


@dataclass(frozen=True, slots=True)
class HistoryNight:
    """A row of the table `night`."""

    site: str
    day: date
    started_at: datetime
    completed_at: datetime | None
    status: str
    error: str | None


@dataclass(frozen=True, slots=True)
class HistoryVerdict:
    """A row of the table `verdict`."""

    site: str
    study_uid: str
    author: str
    verdict: str
    decided_at: datetime
    key_id: str
    recall: bool = False
    undone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The rows of one site's past, and which of its studies truly had a fracture (by study_uid)."""

    studies: tuple[HistoryStudy, ...]
    offers: tuple[HistoryOffer, ...]
    nights: tuple[HistoryNight, ...]
    verdicts: tuple[HistoryVerdict, ...]
    fractures: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reader:
    """The simulated AI: its thresholds, and the hash that it is known by.

    Scores are logistic of a normal; (mean, spread) in logits for `fracture` and for `none`.
    """

    doubtful: float
    positive: float
    model_sha256: str
    fracture: tuple[float, float]
    none: tuple[float, float]

    def score(self, rng: Random, fracture: bool) -> float:
        """Return a score in 0..1."""
        return 1 / (1 + math.exp(-rng.gauss(*(self.fracture if fracture else self.none))))

    def result(self, score: float) -> str:
        """Return positive, doubtful or negative."""
        return "positive" if score >= self.positive else "doubtful" if score >= self.doubtful else "negative"


def reader(
    doubtful: float,
    positive: float,
    model_sha256: str,
    sensitivity: tuple[float, float] = (0.93, 0.76),
    specificity: tuple[float, float] = (0.8, 0.965),
) -> Reader:
    """Return a simulated AI that has these sensitivities and specificities at its two thresholds."""
    found = _normal(doubtful, positive, (1 - sensitivity[0], 1 - sensitivity[1]))
    return Reader(doubtful, positive, model_sha256, found, _normal(doubtful, positive, specificity))


def _normal(doubtful: float, positive: float, below: tuple[float, float]) -> tuple[float, float]:
    """Return mean and spread of the normal of logits with these shares below the two thresholds."""
    logits = [math.log(point / (1 - point)) for point in (doubtful, positive)]
    quantiles = [NormalDist().inv_cdf(share) for share in below]
    spread = (logits[1] - logits[0]) / (quantiles[1] - quantiles[0])
    return logits[0] - quantiles[0] * spread, spread


def eventful(site: SiteModel, last: date) -> SiteModel:
    """Return the site with something that happened to it in the 13 months before `last`.

    A public hospital lost radiologists for two months, a private group opened a room, a hospital
    abroad gained a reporting radiographer: trend charts have something true to show.
    """

    def back(days: int) -> date:
        return last - timedelta(days=days)

    spells: tuple[Spell, ...]
    if site.sector == "private":
        spells = (Spell(back(150), date.max, busier=1.22),)
    elif site.language == "fr":
        spells = (Spell(back(135), back(78), slower=1.9),)
    else:
        spells = (Spell(date.min, back(120), slower=1.5), Spell(back(62), back(41), busier=1.25))
    return replace(site, spells=spells)


def history(
    site: SiteModel, first: date, last: date, reader: Reader, *, seed: int = DEFAULT_SEED, until: datetime | None = None
) -> History:
    """Return the rows of a site's local days `first` to `last`, both included.

    Parameters
    ----------
    site
        Usually `eventful(site, last)`, so that there is a trend.
    until
        What is sent after this instant (UTC) is not known yet; by default the cutoff of the night
        of `last`.
    """
    rng = Random(f"history/{seed}/{site.site}")  # noqa: S311 - a simulation, nothing secret
    until = until or site.cutoff(last).astimezone(UTC)
    nights = {night.day: night for night in _nights(rng, site, first, last)}
    planned = plan(site, first, last, seed)
    studies: list[HistoryStudy] = []
    verdicts: list[HistoryVerdict] = []
    fractures: set[str] = set()
    key = "0" * 16
    for study in (study for study in planned if study.in_scope):
        row = _study(rng, study, nights[study.day], reader, until)
        verdict = _verdict(rng, row, study.fracture, key, until)
        if verdict is not None:
            verdicts.append(verdict)
            row = replace(row, verdict=verdict.verdict, verdict_at=verdict.decided_at)
        if study.fracture:
            fractures.add(row.study_uid)
        studies.append(row)
    offers = _offers(rng, site, planned, nights, key)
    return History(tuple(studies), tuple(offers), tuple(nights.values()), tuple(verdicts), frozenset(fractures))


def _digits(rng: Random) -> str:
    return f"{rng.getrandbits(128):032x}"


def _nights(rng: Random, site: SiteModel, first: date, last: date) -> Iterable[HistoryNight]:
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        started = site.cutoff(day).astimezone(UTC)
        chance = rng.random()
        outcome: tuple[str, datetime | None, str | None]
        if chance < 0.004:
            outcome = ("failed", None, "SOURCE_UNREACHABLE")
        elif chance < 0.02:
            outcome = ("late", started + timedelta(minutes=rng.randrange(170, 420)), None)
        else:
            outcome = ("complete", started + timedelta(seconds=rng.randrange(240, 1500)), None)
        status, completed, error = outcome
        yield HistoryNight(site.site, day, started, completed, status, error)


def _study(rng: Random, study: SimulatedStudy, night: HistoryNight, reader: Reader, until: datetime) -> HistoryStudy:
    known = [report for report in study.reports if report.emitted_at <= until]
    standing = study.last_reading(until)
    chance = rng.random()
    processed, failed = chance >= 0.004, 0.004 <= chance < 0.011
    score = reader.score(rng, study.fracture) if processed and not failed else None
    done = (night.completed_at or night.started_at + timedelta(days=1)) - timedelta(seconds=rng.randrange(20, 200))
    times = {
        state: [report.at for report in known if report.status == state]
        for state in ("preliminary", "final", "corrected")
    }
    final = min(times["final"] or times["corrected"], default=None)
    return HistoryStudy(
        site=study.site,
        day=study.day,
        study_uid=_digits(rng),
        patient_id=digits_of(study.patient.patient_id),
        modality=study.modality,
        region=study.region,
        laterality=study.laterality,
        device=digits_of(study.device.serial),
        sex=study.patient.sex,
        age_band=age_band(study.age()),
        patient_class=study.patient_class if known else None,
        images=len(study.views),
        images_inferred=0 if score is None else len(study.views),
        ordered=study.ordered if known else None,
        exam_started=study.exam_started,
        exam_completed=study.exam_completed,
        received=night.started_at,
        ai_completed=done if processed else None,
        report_preliminary=min(times["preliminary"], default=None),
        report_final=final,
        report_corrected=max(times["corrected"], default=None),
        score=score,
        ai_result="not_processed" if not processed else "failed" if score is None else reader.result(score),
        model_sha256=reader.model_sha256 if processed else None,
        report_state=_state(known, standing),
        report_label=standing.label if standing else None,
        report_acuity=standing.acuity if standing else None,
        report_message_id=_digits(rng) if standing else None,
        verdict=None,
        verdict_at=None,
        clock_skew=final is not None and final < study.exam_completed,
        origin="simulated",
        report_tier="decided" if standing else None,
    )


def digits_of(value: str) -> str:
    """Return 32 hexadecimal digits for a made-up identifier: the same value gives the same digits."""
    return _digits(Random(f"digits/{value}"))  # noqa: S311 - nothing here identifies anybody


def _state(known: list[ReportState], standing: ReportState | None) -> str:
    if standing is not None:
        return standing.status
    if not known:
        return "unreported"
    return "withdrawn" if any(report.status == "withdrawn" for report in known) else "preliminary"


def _verdict(rng: Random, row: HistoryStudy, fracture: bool, key: str, until: datetime) -> HistoryVerdict | None:
    """Return the clinician's answer on a discordant case; two in three are looked at, most within two days."""
    missed = row.ai_result == "positive" and row.report_label == "absent"
    unseen = row.ai_result == "negative" and row.report_label == "present"
    if not (missed or unseen) or rng.random() > 0.68 or row.ai_completed is None or row.report_final is None:
        return None
    told = max(row.ai_completed, row.report_final)
    at = told + timedelta(seconds=round(3600 * 9 * math.exp(rng.gauss(0, 0.9))))
    if at > until:
        return None
    truth = "fracture" if fracture else "no_fracture"
    answer = "unsure" if rng.random() < 0.07 else truth
    author = digits_of(f"{row.site}/author/{rng.randrange(3)}")
    return HistoryVerdict(row.site, row.study_uid, author, answer, at, key)


def _offers(
    rng: Random, site: SiteModel, planned: list[SimulatedStudy], nights: dict[date, HistoryNight], key: str
) -> list[HistoryOffer]:
    """Return the ledger: all images and messages of the plan, and a steady trickle of broken ones."""
    offers: list[HistoryOffer] = []

    def offer(kind: str, day: date, outcome: str, *reasons: str) -> None:
        if day in nights:
            source = "pacs-drop" if kind == "dicom" else "ris-drop"
            number = rng.getrandbits(128 * 3)
            digits = f"{number:096x}"
            received = nights[day].started_at
            offers.append(
                HistoryOffer(
                    site.site,
                    digits[:32],
                    kind,
                    source,
                    day,
                    received,
                    digits[32:64],
                    "simulated",
                    digits[64:],
                    outcome,
                    reasons,
                    None,
                    None,
                    None,
                    key,
                )
            )

    files = [(case.outcome, case.reason) for case in broken.CASES.values() if case.outcome != "accepted_not_inferred"]
    messages = [(outcome, reason) for case in broken_messages.MESSAGE_CASES.values() for outcome, reason in case.owed]
    for study in planned:
        for _ in study.views:
            scope = ("accepted",) if study.in_scope else ("accepted_not_inferred", "NOT_ELIGIBLE_BODY_PART")
            offer("dicom", study.day, *scope)
        if rng.random() < 0.025:
            offer("dicom", study.day, *rng.choice([*files, ("duplicate", "DUPLICATE"), ("duplicate", "DUPLICATE")]))
        for report in study.reports:
            outcome, reason = owed(study, report)
            night = min(night_of(site, study, report), max(nights))
            offer("message", night, outcome, *([reason] if reason else []))
        if rng.random() < 0.02:
            offer("message", study.day, *rng.choice([*messages, ("unmatched", "UNMATCHED")]))
    return offers

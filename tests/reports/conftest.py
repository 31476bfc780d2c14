"""A warehouse of simulated sites, filled through the public writers: what the reports are drawn from."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from PIL import Image, ImageDraw

from reports.kpi import MonthFigures, month_figures
from warehouse.connect import migrate, reader, writer
from warehouse.load import load
from warehouse.rows import LedgerRow, ModelRow, NightRow
from warehouse.site import SiteFacts
from warehouse.study import StudyRow

MONTH = "2026-06"
DAY = date(2026, 6, 29)  # a Monday: the day of the lists
MODEL = "ab" * 32
KEY = "0" * 16
REGIONS = ("wrist", "hand", "ankle", "foot", "knee", "finger", "elbow", "shoulder", "forearm", "hip", "toe", "clavicle")
WEIGHTS = (22, 16, 18, 12, 9, 8, 6, 5, 4, 3, 2, 1)
BANDS = ("0-4", "5-14", "15-24", "25-44", "45-64", "65-79", "80+")


@dataclass(frozen=True)
class Plan:
    """How one simulated site behaves."""

    site: str
    name: str
    language: str
    country: str
    time_zone: str
    per_day: float
    first: date
    reports: bool = True
    origin: str = "simulated"
    delay: float = 3.0


PLANS = (
    Plan("saint-aubin", "Hôpital Saint-Aubin", "fr", "FR", "Europe/Paris", 30, date(2025, 5, 1)),
    Plan("westbrook", "Westbrook Orthopaedic Centre", "en", "GB", "Europe/London", 12, date(2025, 5, 1), delay=9),
    Plan("tiny", "Maison médicale des Prés", "fr", "FR", "Europe/Paris", 0.1, date(2026, 2, 1)),
    Plan("silent", "Clinique du Parc", "fr", "FR", "Europe/Paris", 8, date(2025, 5, 1), reports=False),
    Plan("young", "Harbour Imaging", "en", "GB", "Europe/London", 10, date(2026, 6, 1)),
    Plan("empty", "Cabinet vide", "fr", "FR", "Europe/Paris", 0, date(2026, 6, 1)),
)
END = date(2026, 7, 1)


def pseudonym(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def facts(plan: Plan, **changes: Any) -> SiteFacts:
    row = {
        "site": plan.site,
        "valid_from": plan.first,
        "name": plan.name,
        "country": plan.country,
        "language": plan.language,
        "time_zone": plan.time_zone,
        "sector": "public",
        "opening_start": "08:00",
        "opening_end": "18:30",
        "opening_weekdays": (1, 2, 3, 4, 5),
        "turnaround_target_hours": 24.0,
        "small_cell": 1,
        "threshold_doubtful": None,
        "threshold_positive": None,
    }
    return SiteFacts(**(row | changes))


def _hour(rng: random.Random) -> float:
    return min(23.99, max(0.0, rng.choice((rng.gauss(11, 2.5), rng.gauss(16, 3), rng.uniform(0, 24)))))


def study(plan: Plan, day: date, index: int, rng: random.Random) -> StudyRow:
    zone = ZoneInfo(plan.time_zone)
    hour = _hour(rng)
    completed = datetime.combine(day, time(int(hour), int(hour % 1 * 60)), zone).astimezone(UTC)
    region = rng.choices(REGIONS, WEIGHTS)[0]
    band = rng.choices(BANDS, (4, 14, 14, 22, 22, 14, 10))[0]
    fracture = rng.random() < (0.16 + 0.1 * (region == "wrist") + 0.08 * (band == "80+"))
    score = min(0.999, max(0.001, rng.betavariate(7, 2) if fracture and rng.random() < 0.9 else rng.betavariate(1, 9)))
    failed = rng.random() < 0.005
    result = "failed" if failed else "positive" if score >= 0.6 else "doubtful" if score >= 0.35 else "negative"
    reported = plan.reports and rng.random() < 0.97
    wait = rng.lognormvariate(0, 0.9) * plan.delay * (2.5 if day.isoweekday() > 5 else 1)
    said = rng.choices(("uncertain", "not_addressed", "present" if fracture else "absent"), (3, 3, 94))[0]
    acuity = "acute" if said == "present" else "none"
    if said == "present" and rng.random() < 0.08:
        acuity = "followup"
    discordant = result in ("positive", "doubtful") and said == "absent"
    reviewed = reported and discordant and rng.random() < 0.6
    final = completed + timedelta(hours=wait) if reported else None
    key = (plan.site, day.isoformat(), index)
    return StudyRow(
        site=plan.site,
        day=day,
        study_uid=pseudonym("study", *key),
        patient_id=pseudonym("patient", plan.site, rng.randrange(4000)),
        modality=rng.choice(("DX", "DX", "DX", "CR")),
        region=region,
        laterality=rng.choice(("L", "R", None)),
        device=pseudonym("device", rng.randrange(3)),
        sex=rng.choice("FM"),
        age_band=band,
        patient_class=rng.choices(("E", "O", "I", None), (55, 30, 12, 3))[0],
        images=rng.choice((2, 2, 3)),
        images_inferred=0 if failed else 2,
        ordered=completed - timedelta(minutes=rng.uniform(10, 200)),
        exam_started=completed - timedelta(minutes=4),
        exam_completed=completed,
        received=completed + timedelta(minutes=20),
        ai_completed=None if failed else completed + timedelta(minutes=20 + rng.uniform(5, 400)),
        report_preliminary=None,
        report_final=final,
        report_corrected=None,
        score=None if failed else round(score, 4),
        ai_result=result,
        model_sha256=None if failed else MODEL,
        report_state="final" if reported else "unreported",
        report_label=said if reported else None,
        report_acuity=acuity if reported else None,
        report_message_id=pseudonym("message", *key) if reported else None,
        verdict=rng.choice(("fracture", "no_fracture", "no_fracture")) if reviewed else None,
        verdict_at=final + timedelta(hours=rng.uniform(1, 60)) if reviewed and final else None,
        clock_skew=rng.random() < 0.004,
        origin="measured" if day >= date(2026, 6, 24) else plan.origin,
    )


def studies(plan: Plan) -> list[StudyRow]:
    rng = random.Random(plan.site)
    rows = []
    day = plan.first
    while day < END:
        season = 1 + 0.15 * (day.month in (1, 7)) - 0.3 * (day.isoweekday() > 5)
        expected = plan.per_day * season
        n = int(expected) + (rng.random() < expected % 1)
        n = max(0, round(rng.gauss(n, n**0.5))) if plan.per_day >= 1 else n
        rows += [study(plan, day, index, rng) for index in range(n)]
        day += timedelta(days=1)
    if plan.site == "tiny":
        kept = [row for row in rows if row.day < date(2026, 6, 1)]
        return kept + [study(plan, date(2026, 6, day), 0, rng) for day in (3, 12, 29)]
    return rows


def nights(plan: Plan) -> list[NightRow]:
    rows = []
    day = max(plan.first, date(2026, 6, 1))
    while day < END:
        done = datetime.combine(day + timedelta(days=1), time(5), UTC)
        status = {date(2026, 6, 9): "late", date(2026, 6, 17): "failed"}.get(day, "complete")
        if day != date(2026, 6, 18):
            rows.append(NightRow(plan.site, day, done, done + timedelta(minutes=9), status, None))
        day += timedelta(days=1)
    return rows


OUTCOMES = (
    ("dicom", "accepted", "", 180),
    ("dicom", "accepted_flagged", "LOSSY", 12),
    ("dicom", "accepted_not_inferred", "NOT_ELIGIBLE_BODY_PART", 21),
    ("dicom", "duplicate", "DUPLICATE", 4),
    ("dicom", "quarantined", "TRUNCATED", 3),
    ("dicom", "quarantined", "PIXEL_DECODE", 1),
    ("dicom", "not_dicom", "NOT_DICOM", 2),
    ("message", "accepted", "", 96),
    ("message", "unmatched", "", 5),
    ("message", "duplicate", "DUPLICATE", 2),
    ("message", "quarantined", "BAD_MSH", 1),
)


def ledger(plan: Plan) -> list[LedgerRow]:
    rows = []
    for night in (DAY - timedelta(days=1), DAY):
        for kind, outcome, reason, n in OUTCOMES:
            for index in range(n):
                key = pseudonym("offer", plan.site, night, kind, outcome, reason, index)
                received = datetime.combine(night, time(22), UTC)
                reasons = (reason,) if reason else ()
                rows.append(
                    LedgerRow(
                        plan.site,
                        key,
                        kind,
                        "pacs",
                        night,
                        received,
                        key,
                        "1",
                        key,
                        outcome,
                        reasons,
                        None,
                        None,
                        None,
                        KEY,
                    )
                )
    return rows


@dataclass(frozen=True)
class ImageRow:
    site: str
    day: date
    study_uid: str
    series_uid: str
    instance_uid: str
    sop_class_uid: str
    modality: str
    region: str | None
    laterality: str | None
    view: str | None
    rows: int
    columns: int
    transfer_syntax_uid: str
    received_at: datetime
    in_scope: bool
    flags: tuple[str, ...]
    key_id: str


@dataclass(frozen=True)
class FindingRow:
    site: str
    study_uid: str
    instance_uid: str
    code: str
    status: str
    score: float | None
    boxes: tuple[dict[str, float], ...]
    reason: str | None
    model_name: str
    model_version: str
    model_sha256: str
    ai_completed: datetime
    key_id: str


@dataclass(frozen=True)
class LabelRow:
    site: str
    message_id: str
    label: str
    acuity: str
    tier: str
    language: str
    evidence: str | None
    rules: tuple[str, ...]
    pack: str


def images(row: StudyRow) -> tuple[list[ImageRow], list[FindingRow]]:
    shots, found = [], []
    for index, view in ((0, "AP"), (1, "LL")):
        name = pseudonym("image", row.study_uid, index)
        shots.append(
            ImageRow(
                row.site,
                row.day,
                row.study_uid,
                pseudonym("series", row.study_uid),
                name,
                "1.2.840.10008.5.1.4.1.1.1.1",
                row.modality,
                row.region,
                row.laterality,
                view,
                2000,
                1600,
                "1.2.840.10008.1.2.1",
                row.received,
                True,
                (),
                KEY,
            )
        )
        ok = row.score is not None
        score = None if row.score is None else round(row.score * (1 - 0.3 * index), 4)
        boxes = (
            ({"x0": 500.0, "y0": 800.0, "x1": 1000.0, "y1": 1300.0, "score": score},) if score and score > 0.3 else ()
        )
        found.append(
            FindingRow(
                row.site,
                row.study_uid,
                name,
                "fracture",
                "ok" if ok else "failed",
                score,
                boxes,
                None if ok else "PIXEL_DECODE",
                "default",
                "1.0",
                MODEL,
                row.ai_completed or row.received,
                KEY,
            )
        )
    return shots, found


SENTENCES = {
    "fr": {
        "present": "Fracture non déplacée de l'extrémité distale.",
        "absent": "Pas de lésion osseuse traumatique récente.",
        "uncertain": "Aspect douteux, à recontrôler.",
        "not_addressed": None,
    },
    "en": {
        "present": "Undisplaced fracture of the distal end.",
        "absent": "No acute bony injury.",
        "uncertain": "Equivocal lucency, follow up.",
        "not_addressed": None,
    },
}


def label(row: StudyRow, language: str) -> LabelRow:
    assert row.report_message_id and row.report_label and row.report_acuity
    sentence = SENTENCES[language][row.report_label]
    return LabelRow(
        row.site, row.report_message_id, row.report_label, row.report_acuity, "decided", language, sentence, (), "1"
    )


def fill(path: Path, plans: tuple[Plan, ...] = PLANS, **changes: Any) -> None:
    """Write a warehouse with these sites; `changes` go into the row of each site."""
    migrate(path)
    with writer(path) as connection:
        for plan in plans:
            load(connection, "site", [facts(plan, **changes)])
            rows = studies(plan)
            load(connection, "study", rows)
            load(connection, "night", nights(plan))
            if plan.per_day >= 1:
                load(connection, "ledger", ledger(plan))
            recent = [row for row in rows if row.day >= DAY - timedelta(days=1)]
            pairs = [images(row) for row in recent]
            load(connection, "instance", [shot for shots, _ in pairs for shot in shots])
            load(connection, "finding", [finding for _, found in pairs for finding in found])
            load(connection, "report_label", [label(row, plan.language) for row in recent if row.report_message_id])
        load(connection, "model", [ModelRow(MODEL, "default", "1.0", 0.35, 0.6, datetime(2025, 5, 1, tzinfo=UTC))])


def thumbnails(folder: Path, rows: list[StudyRow]) -> None:
    """Draw a thumbnail for each image of these studies."""
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        for index in (0, 1):
            picture = Image.new("L", (205, 256), 12)
            pen = ImageDraw.Draw(picture)
            pen.rounded_rectangle((70, -20, 100, 170), 14, fill=170)
            pen.rounded_rectangle((112, -20, 136, 176), 12, fill=150)
            pen.ellipse((60, 150, 150, 240), fill=120 + 30 * index)
            picture.save(folder / f"{pseudonym('image', row.study_uid, index)}.png")


@pytest.fixture(scope="session")
def warehouse_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The simulated sites in one warehouse file."""
    path = tmp_path_factory.mktemp("reports") / "warehouse.duckdb"
    fill(path)
    yield path


@pytest.fixture(scope="session")
def simulated() -> ModuleType:
    """This module: its sites, and the rows that it wrote."""
    return sys.modules[__name__]


@pytest.fixture(scope="session")
def month(warehouse_file: Path) -> Callable[[str], MonthFigures]:
    """The figures of a site, computed once."""

    @cache
    def of(site: str) -> MonthFigures:
        with reader(warehouse_file) as connection:
            return month_figures(connection, site, MONTH)

    return of

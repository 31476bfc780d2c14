"""Pairs of a study and its report at random moments of three zones, both nights of clock changes among them.

The truth is made in UTC and told as scanners and reporting systems tell it: with an offset or without,
by one attribute or another, not at all, or absurdly. A local time is ambiguous where two moments show it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from inference import hl7
from inference.moments import Moments, read_moments
from inference.records import Instance, ReportEvent
from inference.settings import GateSettings
from pipelines import intake
from warehouse import connect, study
from warehouse.load import load
from warehouse.pseudonym import Pseudonymiser
from warehouse.site import SiteFacts

PAIRS = 10_000 if os.environ.get("BILAN_DRILLS") == "full" else 3_000
NOW = datetime(2026, 12, 31, 12, tzinfo=UTC)
# Autumn's and spring's night of each; Lord Howe moves its clocks by half an hour.
ZONES = {
    "paris": ("Europe/Paris", (datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC))),
    "new-york": ("America/New_York", (datetime(2026, 11, 1, 6, tzinfo=UTC), datetime(2026, 3, 8, 7, tzinfo=UTC))),
    "lord-howe": (
        "Australia/Lord_Howe",
        (datetime(2026, 4, 4, 15, tzinfo=UTC), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ),
}
FOREIGN = timezone(timedelta(hours=5, minutes=45))


class Tags:
    """A header that holds these attributes alone."""

    def __init__(self, **values: str) -> None:
        self._values = {int(tag.removeprefix("t"), 16): value for tag, value in values.items()}

    def string(self, tag: int) -> str:
        return self._values.get(tag, "")


@dataclass(frozen=True)
class Truth:
    """What must come out: the moment (None: declared unknown), the local day (None: of receipt), refused or not."""

    at: datetime | None
    day: date | None
    wrong: bool = False


def moment(rng: Random, changes: tuple[datetime, ...]) -> datetime:
    if rng.random() < 0.6:  # the hours around a clock change
        return rng.choice(changes) + timedelta(seconds=rng.randrange(-4 * 3600, 4 * 3600))
    return datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=rng.randrange(340 * 86400))


def shown_once(at: datetime, zone: ZoneInfo) -> bool:
    """Whether no other moment shows the same local time: asked of the clock alone, minute by minute."""
    wall = at.astimezone(zone).replace(tzinfo=None, fold=0)
    near = (at + timedelta(minutes=minutes) for minutes in range(-120, 121) if minutes)
    return all(other.astimezone(zone).replace(tzinfo=None, fold=0) != wall for other in near)


def image(rng: Random, at: datetime, zone: ZoneInfo) -> tuple[Tags, Truth]:
    wall = at.astimezone(zone)
    known = Truth(at if shown_once(at, zone) else None, wall.date())
    day, clock = f"{wall:%Y%m%d}", f"{wall:%H%M%S}"
    other = at.astimezone(FOREIGN)
    kind = rng.randrange(9)
    if kind == 0:
        return Tags(t0008002A=f"{other:%Y%m%d%H%M%S%z}"), Truth(at, wall.date())
    if kind == 1:
        given = {"t00080022": f"{other:%Y%m%d}", "t00080032": f"{other:%H%M%S}", "t00080201": f"{other:%z}"}
        return Tags(**given), Truth(at, wall.date())
    if kind == 2:
        return Tags(t0008002A=f"{day}{clock}"), known
    if kind == 3:
        return Tags(t00080023=day, t00080033=f"{clock}.000000"), known
    if kind == 4:
        return Tags(t00080022=day), Truth(None, wall.date())
    if kind == 5:
        return Tags(), Truth(None, None)
    if kind == 6:
        absurd = rng.choice(["20991231", "18011231", "20261345", "yesterday"])
        return Tags(t00080022=absurd, t00080032=clock), Truth(None, None, wrong=True)
    return Tags(t00080022=day, t00080032=clock), known


def report(rng: Random, at: datetime, zone: ZoneInfo) -> tuple[str, Truth]:
    wall, other = at.astimezone(zone), at.astimezone(FOREIGN)
    kind = rng.randrange(6)
    if kind == 0:
        return f"{other:%Y%m%d%H%M%S%z}", Truth(at, None)
    if kind == 1:
        return "", Truth(None, None)
    if kind == 2:
        return rng.choice(["20991231120000", "20261345000000", "yesterday"]), Truth(None, None, wrong=True)
    return f"{wall:%Y%m%d%H%M%S}", Truth(at if shown_once(at, zone) else None, None)


def message(number: int, stamp: str) -> bytes:
    lines = [
        f"MSH|^~\\&|RIS|H|B|H|20261231||ORU^R01|C{number}|P|2.5",
        f"PID|1||P{number}^^^H^PI",
        f"OBR|1||A{number}|XR" + "|" * 18 + f"{stamp}|||F",
        "OBX|1|TX|R||Pas de fracture.||||||F",
    ]
    return "\r".join(lines).encode()


def instance(number: int, found: Moments) -> Instance:
    flags = ("AMBIGUOUS_TIME",) if found.ambiguous else ()
    return Instance(
        patient_id=f"P{number}",
        study_uid=f"1.2.{number}",
        series_uid=f"1.2.{number}.1",
        instance_uid=f"1.2.{number}.1.1",
        accession_number=f"A{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
        modality="DX",
        region="wrist",
        laterality="L",
        view="AP",
        device="D",
        sex="F",
        age_band="25-44",
        rows=100,
        columns=80,
        bits_stored=12,
        photometric="MONOCHROME2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        acquired_at=found.acquired_at,
        acquired_from=found.acquired_from,
        study_at=found.study_at,
        in_scope=True,
        flags=flags,
        exam_date=found.exam_date,
    )


@pytest.mark.parametrize("site", ZONES)
def test_every_duration_is_right_to_the_second_or_unknown_and_every_study_in_one_day(site: str, tmp_path: Path) -> None:
    name, changes = ZONES[site]
    zone, rng = ZoneInfo(name), Random(site)
    mask = Pseudonymiser(bytes(range(32)))
    settings = GateSettings(time_zone=zone)
    gate = intake.Intake.__new__(intake.Intake)
    object.__setattr__(gate, "now", NOW)
    object.__setattr__(gate, "site", type("Site", (), {"zone": zone}))
    images: list[Instance] = []
    events: list[ReportEvent] = []
    expected: dict[str, tuple[Truth, Truth | None]] = {}
    seen = {"ambiguous": 0, "wrong": 0, "known": 0}
    for number in range(PAIRS // len(ZONES) + 1):
        begun = moment(rng, changes)
        signed = begun + timedelta(seconds=rng.randrange(-600, 7 * 86400 if rng.random() < 0.3 else 7200))
        tags, truth = image(rng, begun, zone)
        stamp, told = report(rng, signed, zone)
        found = read_moments(tags, zone, NOW, 24.0)
        assert found.wrong is truth.wrong
        assert found.acquired_at == truth.at
        (entry,) = hl7.read(message(number, stamp), settings, NOW)
        assert isinstance(entry, tuple) is not told.wrong
        seen["wrong"] += truth.wrong
        seen["ambiguous"] += found.ambiguous
        if truth.wrong:
            continue
        images.append(instance(number, found))
        if isinstance(entry, tuple):
            assert all(isinstance(event, ReportEvent) for event in entry)
            events += [event for event in entry if isinstance(event, ReportEvent)]
        expected[mask.of("study_uid", f"1.2.{number}")] = (truth, None if told.wrong else told)
        seen["known"] += truth.at is not None and told.at is not None
    assert all(n > PAIRS // 500 for n in seen.values()), seen  # each kind was met often

    connect.migrate(tmp_path / "w.duckdb")
    with connect.writer(tmp_path / "w.duckdb") as connection:
        facts = SiteFacts(
            site=site, valid_from=date(2020, 1, 1), name=site, country="FR", language="fr", time_zone=name,
            sector="public", opening_start="08:00", opening_end="18:00", opening_weekdays=(1,),
            turnaround_target_hours=24.0, small_cell=1, threshold_doubtful=0.3, threshold_positive=0.5,
        )  # fmt: skip
        load(connection, "site", [facts])
        given = {"site": site, "pseudonymiser": mask, "received_at": NOW}
        load(connection, "instance", images, day=[gate.day(one) for one in images], **given)
        load(
            connection,
            "report_event",
            events,
            offer_id=[mask.of("offer_id", str(n)) for n in range(len(events))],
            **given,
        )
        study.rebuild(connection, site)
        sql = "select study_uid, day, exam_completed, report_final from study"
        rows = connection.execute(sql).fetchall()
    assert len(rows) == len({row[0] for row in rows}) == len(expected)
    for uid, day, completed, final in rows:
        truth, told = expected[uid]
        assert day == (truth.day or NOW.astimezone(zone).date())
        assert completed == truth.at
        assert final == (told.at if told else None)

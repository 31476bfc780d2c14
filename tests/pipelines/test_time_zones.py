"""Sites in other time zones and the nights on which clocks change: one schedule tick, one day, right durations.

Truth comes from offsets written down here, and from the simulator, which knows every moment in UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._utils.schedules import schedule_execution_time_iterator

from inference.simulation import night as simulated
from inference.simulation.plan import plan
from inference.simulation.site import SAINT_AUBIN
from inference.simulation.study import SimulatedStudy
from pipelines import config, demo, late, night
from pipelines.config import Config
from pipelines.definitions import build
from pipelines.init import init
from warehouse import connect, figure, pseudonym

# Zone: until when (UTC) which offset holds in 2026, from the published rules of each country.
FOREVER = datetime(2027, 1, 1, tzinfo=UTC)
OFFSETS = {
    "Europe/Paris": (
        (datetime(2026, 3, 29, 1, tzinfo=UTC), 1),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), 2),
        (FOREVER, 1),
    ),
    "Indian/Reunion": ((FOREVER, 4),),
    "America/Toronto": (
        (datetime(2026, 3, 8, 7, tzinfo=UTC), -5),
        (datetime(2026, 11, 1, 6, tzinfo=UTC), -4),
        (FOREVER, -5),
    ),
}
NIGHTS = [
    ("Europe/Paris", date(2026, 3, 29)),
    ("Europe/Paris", date(2026, 10, 25)),
    ("Indian/Reunion", date(2026, 10, 25)),
    ("America/Toronto", date(2026, 3, 8)),
    ("America/Toronto", date(2026, 11, 1)),
]


def local(zone: str, moment: datetime) -> datetime:
    hours = next(offset for until, offset in OFFSETS[zone] if moment < until)
    return (moment + timedelta(hours=hours)).replace(tzinfo=None)


@pytest.fixture
def home(tmp_path: Path) -> Callable[[str, str], Path]:
    def make(zone: str, hour: str) -> Path:
        init(tmp_path / "home", "here")
        path = tmp_path / "home/sites/here.yaml"
        text = yaml.safe_load(path.read_text(encoding="utf-8"))
        text.update(time_zone=zone, night={"hour": hour, "list_time": "07:30"})
        path.write_text(yaml.safe_dump(text), encoding="utf-8")
        return tmp_path / "home"

    return make


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


@pytest.mark.parametrize("hour", ["05:00", "02:30"])  # a half past two does not come on one night, and twice on another
@pytest.mark.parametrize("zone", sorted(OFFSETS))
def test_each_day_is_asked_for_once_while_clocks_change(
    instance: dg.DagsterInstance, home: Callable[[str, str], Path], zone: str, hour: str
) -> None:
    place = home(zone, hour)
    definitions, site = build(place), config.load(place).site("here")
    [schedule] = [one for one in definitions.schedules or [] if one.name == "night_here"]
    cron = str(schedule.cron_schedule)  # type: ignore[union-attr]
    for change in (date(2026, 3, 8), date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1)):
        first, last = change - timedelta(days=2), change + timedelta(days=1)
        start = datetime(first.year, first.month, first.day, 12, tzinfo=UTC)
        asked: list[str] = []
        for moment in schedule_execution_time_iterator(start.timestamp(), cron, zone):
            context = dg.build_schedule_context(instance=instance, scheduled_execution_time=moment.astimezone(UTC))
            asked.append(schedule(context).partition_key.split("|")[0])  # type: ignore[operator]
            # As soon as it comes its night is due, also where the clock skips the hour.
            assert late.last_due(site, moment) == date.fromisoformat(asked[-1])
            if asked[-1] == last.isoformat():
                break
        assert asked == [(first + timedelta(days=offset)).isoformat() for offset in range((last - first).days + 1)]


def site_at(zone: str, home: Path) -> tuple[Any, Config]:
    model = replace(SAINT_AUBIN, time_zone=zone, studies_per_day=150.0)
    (home / "sites").mkdir(parents=True)
    (home / "keys").mkdir()
    (home / "bilan.yaml").write_text("simulated_clock: true\nworkers: 1\n")
    settings = {**demo.site_file(model, home), "pacs_link": None}
    for source in settings["sources"]:
        Path(source["path"]).mkdir(parents=True)
    (home / "sites" / f"{model.site}.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    (home / "keys" / f"{model.site}.key").touch(mode=0o600)
    (home / "keys" / f"{model.site}.key").write_text("5a" * 32)
    return model, config.load(home)


def chosen(studies: list[SimulatedStudy], zone: str, day: date) -> list[SimulatedStudy]:
    """Return the day's first and last studies, those nearest to its change of clock, and its neighbours'."""
    change = next((until for until, _ in OFFSETS[zone] if until.date() == day), studies[0].exam_completed)
    of_day = [study for study in studies if study.day == day]
    near = sorted(of_day, key=lambda study: abs(study.exam_completed - change))[:3]
    before = [study for study in studies if study.day < day][-1]
    after = next(study for study in studies if study.day > day)
    found = {study.study_uid: study for study in (before, of_day[0], *near, of_day[-1], after)}
    return list(found.values())


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "day"), NIGHTS)
def test_each_study_has_one_day_and_its_true_durations(tmp_path: Path, zone: str, day: date) -> None:
    model, loaded = site_at(zone, tmp_path / "home")
    around = [day + timedelta(days=offset) for offset in (-1, 0, 1)]
    studies = [study for study in plan(model, around[0], around[-1]) if study.in_scope]
    studies = chosen(studies, zone, day)
    for one in around:
        inbox = loaded.home / "inbox" / model.site
        simulated.write_night(studies, model, one, inbox / "dicom", inbox / "hl7", cases=())
    night.begin(loaded, model.site, [day])
    night.take_images(loaded, model.site, [around[-1]])
    night.take_messages(loaded, model.site, [around[-1]])
    night.assemble(loaded, model.site, [around[-1]])
    mask = pseudonym.Pseudonymiser(bytes.fromhex("5a" * 32))
    with connect.reader(loaded.published) as connection:
        rows = connection.execute(
            "select study_uid, day, exam_started, exam_completed, report_final from study"
        ).fetchall()
        end = around[-1] + timedelta(days=1)
        delays = figure.rows(
            connection, "turnaround_durations", model.site, around[0], end, cut=loaded.now(model.site, end)
        )
    found = {row[0]: row[1:] for row in rows}
    assert len(rows) == len(studies) == len(found)
    hours = []
    for study in studies:
        told_day, started, completed, final = found[mask.of("study_uid", study.study_uid)]
        assert told_day == study.day == local(zone, study.exam_completed).date()
        assert abs((completed - study.exam_completed).total_seconds()) < 1
        assert completed - started == study.exam_completed - study.exam_started
        signed = [
            report.at
            for report in study.reports
            if report.status == "final" and simulated.night_of(model, study, report) <= around[-1]
        ]
        assert (final is None) == (not signed)
        if signed:
            assert abs((final - min(signed)).total_seconds()) < 1
            hours.append((min(signed) - study.exam_completed).total_seconds() / 3600)
    observed = sorted(each for row in delays if row["observed"] for each in row["hours"])
    assert observed == pytest.approx(sorted(hour for hour in hours if hour >= 0), abs=1 / 3600)


@pytest.mark.parametrize(("zone", "day"), NIGHTS)
def test_a_moment_belongs_to_exactly_one_local_day(warehouse_of: Any, zone: str, day: date) -> None:
    """A study every ten minutes over three days, through the study table: 23, 24 or 25 hours a day."""
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=36)
    moments = [first + timedelta(minutes=10 * step) for step in range(6 * 96)]
    expected = Counter(local(zone, moment).date() for moment in moments)
    assert warehouse_of(zone, moments) == expected
    change = [until for until, _ in OFFSETS[zone] if until.date() == day]
    whole = 24 if not change else 24 + (1 if change[0].month > 6 else -1)
    assert expected[day] == 6 * whole


@pytest.fixture
def warehouse_of(tmp_path: Path) -> Callable[[str, list[datetime]], Counter[date]]:
    from inference.records import Instance  # noqa: PLC0415
    from warehouse import study  # noqa: PLC0415
    from warehouse.load import load  # noqa: PLC0415
    from warehouse.site import SiteFacts  # noqa: PLC0415

    def fill(zone: str, moments: list[datetime]) -> Counter[date]:
        path = tmp_path / "warehouse.duckdb"
        mask = pseudonym.Pseudonymiser(bytes(32))
        facts = SiteFacts(
            site="here",
            valid_from=date(1970, 1, 1),
            name="Here",
            country="FR",
            language="fr",
            time_zone=zone,
            sector="public",
            opening_start="08:00",
            opening_end="18:00",
            opening_weekdays=(1, 2, 3, 4, 5),
            turnaround_target_hours=24.0,
            small_cell=1,
            threshold_doubtful=None,
            threshold_positive=None,
        )
        images = [
            Instance(
                patient_id="P",
                study_uid=f"1.{number}",
                series_uid="1",
                instance_uid=f"1.{number}.1",
                accession_number=None,
                sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
                modality="DX",
                region="wrist",
                laterality=None,
                view=None,
                device=None,
                sex=None,
                age_band=None,
                rows=1,
                columns=1,
                bits_stored=12,
                photometric="MONOCHROME2",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                acquired_at=moment,
                acquired_from="AcquisitionDateTime",
                study_at=None,
                in_scope=True,
                flags=(),
            )
            for number, moment in enumerate(moments)
        ]
        connect.migrate(path)
        with connect.writer(path) as connection:
            load(connection, "site", [facts])
            load(connection, "instance", images, site="here", pseudonymiser=mask, received_at=moments[-1])
            study.rebuild(connection, "here")
            rows = connection.execute("select day, count(*) from study group by day").fetchall()
        return Counter(dict(rows))

    return fill

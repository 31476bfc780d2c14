"""A machine that was off for three nights, by Dagster's own evaluation on an instance of the test's own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import pytest

from pipelines import late, night
from pipelines.config import Config
from pipelines.definitions import build
from pipelines.defs import sensors
from warehouse import connect, nights
from warehouse.publish import publish

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")]
DAYS = [date(2026, 10, 23) + timedelta(days=offset) for offset in range(4)]  # the clock went back on the third


def simulated_nights() -> ModuleType:
    path = Path(__file__).with_name("test_night.py")
    spec = importlib.util.spec_from_file_location("nights_of_sensors", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["nights_of_sensors"] = module
    spec.loader.exec_module(module)
    return module


made = simulated_nights()
SITE = made.SITE.site
BACK = datetime(2026, 10, 27, 9, 0, tzinfo=made.SITE.zone).astimezone(UTC)


@pytest.fixture(scope="module", autouse=True)
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as one:
        yield one


@pytest.fixture
def off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The night of the first day ran; the machine was off for the three after it, and is back at nine."""
    made.make(tmp_path / "home")
    (tmp_path / "home" / "bilan.yaml").write_text("workers: 1\n")
    config = made.config.load(tmp_path / "home")
    night.begin(config, SITE, DAYS[:1])
    with connect.writer(config.warehouse) as connection:
        nights.close(connection, SITE, DAYS[0], BACK - timedelta(days=3), "complete")
    publish(config.warehouse, config.published)
    monkeypatch.setattr(sensors, "_evaluated_at", lambda: BACK)
    return config


def asked(instance: dg.DagsterInstance, config: Config, name: str, cursor: str | None = None) -> list[dg.RunRequest]:
    definitions = build(config.home)
    sensor = next(one for one in definitions.sensors or [] if one.name == name)
    context = dg.build_sensor_context(instance=instance, resources=definitions.resources, cursor=cursor)
    result: Any = sensor(context)  # type: ignore[operator]
    return list(result)


def test_the_sensors_are_those_documented_and_run_by_themselves(off: Config) -> None:
    found = {sensor.name: sensor.default_status for sensor in build(off.home).sensors or []}
    assert set(found) == {"sites", "missed_nights", "missed_months", "late_images", "open_months", "alarms", "status"}
    assert set(found.values()) == {dg.DefaultSensorStatus.RUNNING}


def test_three_missed_nights_run_oldest_first_and_once(instance: dg.DagsterInstance, off: Config) -> None:
    wanted = [f"{day.isoformat()}|{SITE}" for day in DAYS[1:]]
    requests = asked(instance, off, "missed_nights")
    assert [request.partition_key for request in requests] == wanted
    assert len({request.run_key for request in requests}) == 3
    # The scheduler's own tick, which Dagster makes up for on its return, leaves it to the sensor.
    schedule = next(one for one in build(off.home).schedules or [] if one.name == f"night_{SITE.replace('-', '_')}")
    tick = datetime(2026, 10, 27, 5, 0, tzinfo=made.SITE.zone).astimezone(UTC)
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=tick, repository_def=build(off.home).get_repository_def()
    )
    skipped = schedule(context)  # type: ignore[operator]
    assert isinstance(skipped, dg.SkipReason)
    # Its images wait in the folder, of all three days.
    made.deliver(off, [study for study in made.plan(made.SITE, DAYS[1], DAYS[3]) if study.in_scope][::8], DAYS[1])
    job = build(off.home).resolve_job_def("night")
    for request in requests:
        key = dg.MultiPartitionKey(dict(zip(("day", "site"), str(request.partition_key).split("|"), strict=True)))
        assert job.execute_in_process(instance=instance, partition_key=key).success
    with connect.reader(off.published) as connection:
        rows = connection.execute("select day, status from night order by started_at, day").fetchall()
    # By these tags a run in progress is known.
    assert {run.tags["dagster/partition/site"] for run in instance.get_runs()} == {SITE}
    assert rows == [(DAYS[0], "complete"), *((day, "late") for day in DAYS[1:])]
    assert asked(instance, off, "missed_nights") == []
    request = schedule(context)  # type: ignore[operator]
    assert isinstance(request, dg.RunRequest) and request.partition_key == wanted[-1]


def test_nothing_is_asked_for_beside_a_night_that_runs(
    instance: dg.DagsterInstance, off: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "_busy", lambda _instance, site: site == SITE)
    assert asked(instance, off, "missed_nights") == []
    assert asked(instance, off, "late_images") == []


def test_a_night_in_progress_is_seen(instance: dg.DagsterInstance, off: Config) -> None:
    assert not sensors._busy(instance, SITE)
    job = build(off.home).resolve_job_def("night")
    tags = {"dagster/partition/site": SITE, "dagster/partition/day": "2026-10-24"}
    run = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    assert sensors._busy(instance, SITE) and not sensors._busy(instance, "another")
    instance.delete_run(run.run_id)


def test_a_failed_night_is_tried_again_once_a_day(
    instance: dg.DagsterInstance, off: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in DAYS[1:]:
        night.begin(off, SITE, [day])
        with connect.writer(off.warehouse) as connection:
            nights.fail(connection, SITE, day, "study", "SOURCE_UNREACHABLE")
    publish(off.warehouse, off.published)
    first = [request.run_key for request in asked(instance, off, "missed_nights")]
    assert first == [request.run_key for request in asked(instance, off, "missed_nights")]
    monkeypatch.setattr(sensors, "_evaluated_at", lambda: BACK + timedelta(hours=15, minutes=1))  # past midnight
    assert set(first).isdisjoint(request.run_key for request in asked(instance, off, "missed_nights"))
    # A night that failed holds back no month.
    monkeypatch.setattr(late, "owed_months", lambda *_: ["2026-09"])
    assert [request.partition_key for request in asked(instance, off, "missed_months")] == [f"2026-09|{SITE}"]


def test_months_wait_for_missed_nights(
    instance: dg.DagsterInstance, off: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "owed_months", lambda *_: ["2026-09"])
    assert asked(instance, off, "missed_months") == []


def test_late_images_ask_for_their_night_and_open_months_once_for_each_state(
    instance: dg.DagsterInstance, off: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[datetime | None] = []

    def look(_config: Config, _site: str, since: datetime | None, _now: datetime) -> late.Waiting:
        seen.append(since)
        return late.Waiting(DAYS[2], "t1")

    monkeypatch.setattr(late, "late_image", look)
    [request] = asked(instance, off, "late_images")
    assert (request.partition_key, request.run_key) == (f"2026-10-25|{SITE}", f"{SITE}-2026-10-25-late-t1")
    asked(instance, off, "late_images", cursor="2026-10-27T07:00:00+00:00")
    assert seen == [None, datetime(2026, 10, 27, 7, 0, tzinfo=UTC)]
    keys: Callable[[], list[str | None]] = lambda: [one.run_key for one in asked(instance, off, "open_months")]  # noqa: E731
    before = keys()
    assert len(before) == 1 and before == keys()
    with connect.writer(off.warehouse) as connection:
        nights.close(connection, SITE, DAYS[0], BACK, "complete")
    publish(off.warehouse, off.published)
    assert keys() != before

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import yaml

from pipelines.definitions import build
from pipelines.init import init


@pytest.fixture(scope="module", autouse=True)
def instance() -> Iterator[dg.DagsterInstance]:
    """One instance for all: building definitions looks at the last one made, even after its end."""
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    init(tmp_path / "home", "paris")
    example = yaml.safe_load((tmp_path / "home/sites/paris.yaml").read_text(encoding="utf-8"))
    example.update(time_zone="America/Toronto", country="CA", language="en")
    (tmp_path / "home/sites/toronto.yaml").write_text(yaml.safe_dump(example), encoding="utf-8")
    return tmp_path / "home"


def test_the_graph_is_the_one_documented(home: Path) -> None:
    graph = build(home).resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "study": set(),
        "report_event": set(),
        "finding": {"study"},
        "report_label": {"report_event"},
        "flagged_case": {"finding", "report_label"},
        "site_month": {"flagged_case"},
        "monthly_report": {"site_month"},
    }
    checks = {key.name for key in graph.asset_check_keys}
    assert checks == {
        *("conservation", "missing_times", "sudden_silence", "positive_rate_jump", "model_hash"),
        *("no_images", "ris_silent", "source_unreachable", "quarantine_rising", "positive_rate", "night_late"),
    }


def test_every_site_has_its_schedules_in_its_own_zone(home: Path) -> None:
    schedules = {schedule.name: schedule for schedule in build(home).schedules or []}
    assert {name: (s.cron_schedule, s.execution_timezone) for name, s in schedules.items()} == {  # type: ignore[union-attr]
        "night_paris": ("0 5 * * *", "Europe/Paris"),
        "month_paris": ("30 7 2 * *", "Europe/Paris"),
        "night_toronto": ("0 5 * * *", "America/Toronto"),
        "month_toronto": ("30 7 2 * *", "America/Toronto"),
    }


@pytest.mark.parametrize(
    ("name", "zone", "local", "partition"),
    [
        ("night_paris", "Europe/Paris", datetime(2026, 10, 25, 5, 0), "2026-10-24|paris"),
        ("night_toronto", "America/Toronto", datetime(2026, 11, 1, 5, 0), "2026-10-31|toronto"),
        ("month_paris", "Europe/Paris", datetime(2026, 1, 2, 7, 30), "2025-12|paris"),
    ],
)
def test_a_schedule_asks_for_the_day_or_month_before(
    instance: dg.DagsterInstance, home: Path, name: str, zone: str, local: datetime, partition: str
) -> None:
    definitions = build(home)
    schedule = next(item for item in definitions.schedules or [] if item.name == name)
    moment = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=moment, repository_def=definitions.get_repository_def()
    )
    request = schedule(context)  # type: ignore[operator]
    assert request.partition_key == partition
    assert name.split("_")[1] in instance.get_dynamic_partitions("site")


def test_without_a_home_the_graph_is_shown_and_no_site(tmp_path: Path) -> None:
    definitions = build(tmp_path / "nowhere")
    assert definitions.schedules == []
    assert len(list(definitions.resolve_asset_graph().get_all_asset_keys())) == 7


def test_the_sensor_adds_new_sites_and_forgets_none(instance: dg.DagsterInstance, home: Path) -> None:
    definitions = build(home)
    sensor = next(iter(definitions.sensors or []))
    instance.add_dynamic_partitions("site", ["closed", "paris", "toronto"])
    instance.delete_dynamic_partition("site", "toronto")
    context = dg.build_sensor_context(instance=instance, resources=definitions.resources)
    result = sensor(context)  # type: ignore[operator]
    added = [key for request in result.dynamic_partitions_requests for key in request.partition_keys]
    assert added == ["toronto"]

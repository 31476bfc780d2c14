"""Months before: oldest first, resumed after a kill, each night and each month once."""

from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipelines import backfill, month, night
from pipelines.config import Config
from pipelines.errors import ConfigError
from warehouse import connect, nights

pytestmark = [pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")]


def simulated_nights() -> ModuleType:
    path = Path(__file__).with_name("test_night.py")
    spec = importlib.util.spec_from_file_location("nights_of_backfill", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["nights_of_backfill"] = module
    spec.loader.exec_module(module)
    return module


made = simulated_nights()
SITE = made.SITE.site
# The tenth day of October is not over at this site, whose nights begin at five.
NOW = datetime(2026, 10, 11, 4, 59, tzinfo=made.SITE.zone).astimezone(UTC)


def test_pieces_are_weeks_that_end_with_their_month_and_miss_no_day() -> None:
    found = list(backfill.pieces(date(2026, 1, 1), date(2026, 3, 3)))
    assert [(piece[0].day, piece[-1].day) for piece in found] == [
        *[(1, 7), (8, 14), (15, 21), (22, 28), (29, 31)],
        *[(1, 7), (8, 14), (15, 21), (22, 28)],
        (1, 3),
    ]
    days = [day for piece in found for day in piece]
    assert days == [date(2026, 1, 1) + timedelta(days=offset) for offset in range(62)]
    assert all(piece[0].month == piece[-1].month for piece in found)


@pytest.mark.parametrize(
    ("seconds", "words"), [(45, "45 s"), (725, "12 min"), (22200, "6 h 10 min"), (5400, "1 h 30 min")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert backfill.duration(seconds) == words


@pytest.fixture
def site(tmp_path: Path) -> Config:
    made.make(tmp_path / "home")
    (tmp_path / "home" / "bilan.yaml").write_text("workers: 1\n")
    return made.config.load(tmp_path / "home")  # type: ignore[no-any-return]


def test_a_stretch_without_a_night_that_is_over_is_refused(site: Config) -> None:
    for first, last in (("2026-11", "2026-12"), ("2026-09", "2026-08")):
        with pytest.raises(ConfigError, match="--from, --to"):
            next(backfill.run(site, SITE, first, last, NOW))


def states(config: Config) -> dict[date, tuple[str, str | None]]:
    with connect.writer(config.warehouse) as connection:
        days = [date(2026, 9, 24) + timedelta(days=offset) for offset in range(20)]
        return nights.states(connection, SITE, days)


@pytest.mark.slow
def test_a_killed_backfill_goes_on_where_it_ended(site: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [date(2026, 9, 30), date(2026, 10, 3), date(2026, 10, 9)]
    studies = [next(one for one in made.plan(made.SITE, day, day) if one.in_scope) for day in days]
    for study in studies:
        made.deliver(site, [study], study.day)
    issued: list[str] = []

    def report(_config: Config, _site: str, name: str) -> dict[str, Any]:
        issued.append(name)
        return {"issue": 1, "made": [f"{name}.pdf"]}

    monkeypatch.setattr(month, "run", report)
    analysed: list[date] = []
    infer = night.infer_images

    def dies_in_october(config: Config, name: str, piece: list[date], *rest: Any) -> dict[str, int]:
        if piece[0] >= date(2026, 10, 1):
            raise KeyboardInterrupt
        analysed.append(piece[0])
        return infer(config, name, piece, *rest)

    monkeypatch.setattr(night, "infer_images", dies_in_october)
    steps: list[backfill.Step] = []
    with pytest.raises(KeyboardInterrupt):
        steps.extend(backfill.run(site, SITE, "2026-09", "2026-10", NOW))
    monkeypatch.setattr(night, "infer_images", infer)
    assert analysed == [date(2026, 9, day) for day in (1, 8, 15, 22, 29)]  # oldest first
    assert issued == ["2026-09"]
    again = list(backfill.run(site, SITE, "2026-09", "2026-10", NOW))
    # September's nights are passed over; its month is asked for again, since the stub kept no issue.
    assert [step.days for step in again if step.days] == [
        tuple(date(2026, 10, day) for day in range(1, 8)),
        (date(2026, 10, 8), date(2026, 10, 9)),
    ]
    last = again[-1]
    assert (last.days_done, last.days_all, last.seconds_left) == (39, 39, 0)
    assert issued == ["2026-09", "2026-09"]  # October is not over
    assert {day for day, (status, _) in states(site).items() if status == "late"} == {
        date(2026, 9, 24) + timedelta(days=offset) for offset in range(16)
    }
    with connect.reader(site.published) as connection:
        found = connection.execute("select day, ai_result <> 'not_processed' from study order by day").fetchall()
    assert found == [(day, True) for day in days]
    for day in days:
        assert (site.list_folder(SITE, day) / "list.html").is_file()
    # A third time there is nothing to do.
    assert [step.days for step in backfill.run(site, SITE, "2026-10", "2026-10", NOW)] == [(), ()]


@pytest.mark.slow
def test_a_night_that_fails_stops_nothing_and_is_tried_again(site: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(month, "run", lambda *_: {"issue": 1, "made": []})
    hl7 = site.home / "inbox" / SITE / "hl7"
    hl7.rename(hl7.with_name("away"))
    steps = list(backfill.run(site, SITE, "2026-10", "2026-10", NOW))
    assert [step.failed for step in steps] == [("SOURCE_UNREACHABLE",)] * 2
    hl7.with_name("away").rename(hl7)
    assert [(len(step.days), step.failed) for step in backfill.run(site, SITE, "2026-10", "2026-10", NOW)] == [
        (7, ()),
        (2, ()),
    ]

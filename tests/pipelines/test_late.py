"""Six weeks late, by real nights with moved clocks: the list of the day and the next month's addendum tell it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from inference.simulation import hl7_writer
from inference.simulation.study import SimulatedStudy, age_band
from pipelines import late, month, withdraw
from pipelines.config import Config
from pipelines.sources.offered import Offered
from warehouse import addenda, connect, figure, freeze, load, nights, pseudonym
from warehouse.publish import publish
from warehouse.rows import LedgerRow

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")]
DAY, LATER = date(2026, 9, 14), date(2026, 10, 26)
MASK = pseudonym.Pseudonymiser(bytes.fromhex("5a" * 32))


def simulated_nights() -> ModuleType:
    path = Path(__file__).with_name("test_night.py")
    spec = importlib.util.spec_from_file_location("nights_of_late", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["nights_of_late"] = module
    spec.loader.exec_module(module)
    return module


made = simulated_nights()
SITE = made.SITE


class Story:
    """One September day whose studies meet what can happen to them in the six weeks after."""

    def __init__(self, home: Path) -> None:
        self.config: Config = made.make(home)
        studies = [study for study in made.plan(SITE, DAY, DAY) if study.in_scope]
        # Each of another patient, and at least these six.
        self.late, self.unread, self.cancelled, self.deleted, self.corrected, self.merged, *rest = studies[:7]
        self.first = [
            replace(study, reports=())
            if study in (self.unread, self.cancelled)
            else replace(study, reports=study.reports[:1])
            for study in studies[:7]
            if study is not self.late
        ]
        self.rest = rest

    def inbox(self, kind: str) -> Path:
        return self.config.home / "inbox" / SITE.site / kind

    def send(self, name: str, *segments: str) -> None:
        head = f"MSH|^~\\&|RIS|H|BILAN||20261025101500||{name}|{name}|P|2.5.1"
        path = self.inbox("hl7") / f"{name.replace('^', '-')}.hl7"
        path.write_bytes("".join(f"{part}\r" for part in (head, *segments)).encode())

    def late_night(self) -> None:
        made.deliver(self.config, [self.late], DAY)
        signed = datetime(2026, 10, 25, 9, tzinfo=UTC)
        report = replace(made_report(self.unread), at=signed, emitted_at=signed)
        (self.inbox("hl7") / "late.hl7").write_bytes(hl7_writer.message(self.unread, report, SITE))
        numbers = [one.patient.patient_id for one in (self.corrected, self.merged, self.cancelled)]
        other = "F" if self.corrected.patient.sex == "M" else "M"
        self.send("ADT^A08", "EVN", f"PID|1||{numbers[0]}^^^H^PI||X^Y||19300101|{other}")
        self.send("ADT^A40", "EVN", f"PID|1||{numbers[0]}^^^H^PI||X^Y", f"MRG|{numbers[1]}^^^H^PI")
        order = self.cancelled.accession_number
        self.send("ORM^O01", f"PID|1||{numbers[2]}^^^H^PI", f"ORC|CA|{order}|{order}", f"OBR|1|{order}|{order}|XR")
        csv = f"accession_number\n{self.deleted.accession_number}\nunknown\n"
        assert withdraw.withdraw(self.config, SITE.site, csv.encode()) == {
            "site": SITE.site,
            "read": 2,
            "changed": 1,
            "unknown_lines": [3],
        }


def made_report(study: SimulatedStudy) -> Any:
    return next(report for report in study.reports if report.status == "final")


def row(config: Config, study: SimulatedStudy) -> tuple[Any, ...] | None:
    sql = "select sex, age_band, report_state from study where study_uid = $study"
    with connect.reader(config.published) as connection:
        found = connection.execute(sql, {"study": MASK.of("study_uid", study.study_uid)}).fetchone()
    return None if found is None else tuple(found)


def patients(config: Config) -> float:
    with connect.reader(config.published) as connection:
        [found] = figure.rows(
            connection, "patients", SITE.site, date(2026, 9, 1), date(2026, 10, 1), datetime(2026, 10, 8, tzinfo=UTC)
        )
    return float(found["numerator"])


def issue(config: Config, name: str) -> tuple[int, list[addenda.Addendum]]:
    """As `pipelines.month.run`, without drawing the pages."""
    with connect.reader(config.published) as connection:
        composition, data, told = month.compose(config, connection, SITE.site, name)
        shown = addenda.snapshot(connection, SITE.site, name, composition.figures.data_cut)
    number = month._issue(config, composition, data, shown, told)
    publish(config.warehouse, config.published)
    return number, told


def test_what_comes_six_weeks_late_is_on_the_days_list_and_in_the_addendum(tmp_path: Path) -> None:
    story = Story(tmp_path / "home")
    config = story.config
    made.deliver(config, story.first, DAY)
    made.run(config, DAY)
    made.run(config, date(2026, 9, 30))
    assert issue(config, "2026-09") == (1, [])
    counted, people = len(story.first), patients(config)
    unread = sum(row(config, study)[2] in ("unreported", "preliminary") for study in story.first)  # type: ignore[index]
    listed = config.list_folder(SITE.site, DAY) / "list.html"
    before = listed.read_bytes()

    story.late_night()
    made.run(config, LATER)

    # The studies are what the truth says.
    assert row(config, story.late) is not None
    assert row(config, story.cancelled) is None
    assert row(config, story.deleted) is None
    sex = "F" if story.corrected.patient.sex == "M" else "M"
    assert row(config, story.corrected)[:2] == (sex, "80+")  # type: ignore[index]
    # Merged with the corrected one: what was told of a patient holds for all studies of that patient.
    assert row(config, story.merged)[:2] == (sex, "80+")  # type: ignore[index]
    for study in story.rest:
        assert row(config, study)[:2] == (study.patient.sex, age_band(study.age()))  # type: ignore[index]
    # One came, two went, two became one.
    assert patients(config) == people + 1 - 2 - 1
    # The day's list is made anew, six weeks after its night.
    assert listed.read_bytes() != before

    # September's own issue stands; October's tells.
    with connect.reader(config.published) as connection:
        assert freeze.last_issue(connection, SITE.site, "2026-09").issue == 1  # type: ignore[union-attr]
    number, told = issue(config, "2026-10")
    [addendum] = told
    assert (number, addendum.month, addendum.issue) == (1, "2026-09", 1)
    assert addendum.reasons == {"late_study": 1, "removed": 2, "late_report": 1}
    changes = {change.figure: (change.old.numerator, change.new.numerator) for change in addendum.changes}
    assert changes["volume"] == (counted, counted - 1)
    gone = [story.cancelled, *([story.deleted] if not story.deleted.reports else [])]
    assert changes["unreported"][0] == unread
    with connect.reader(config.published) as connection:
        sql = "select count(*) from study where day = $day and report_final is null"
        [(waiting,)] = connection.execute(sql, {"day": DAY}).fetchall()
    assert changes["unreported"][1] == waiting
    assert len(gone) >= 1

    # Once: the same night again changes nothing, and the next issue tells nothing new.
    after = listed.read_bytes()
    made.run(config, LATER)
    assert listed.read_bytes() == after
    made.run(config, date(2026, 11, 3))
    assert issue(config, "2026-11") == (1, [])

    # And it can be undone.
    csv = f"study_uid\n{story.deleted.study_uid}\n".encode()
    assert withdraw.withdraw(config, SITE.site, csv, undo=True)["changed"] == 1
    made.run(config, date(2026, 11, 4))
    assert row(config, story.deleted) is not None


@pytest.fixture
def clocked(tmp_path: Path) -> Iterator[Config]:
    """A site with the real clock, whose first night was that of 1 October 2026."""
    config = made.make(tmp_path / "home")
    (config.home / "bilan.yaml").write_text("workers: 1\n")
    config = made.config.load(config.home)
    keep(config, date(2026, 10, 1), "complete")
    yield config


def keep(config: Config, day: date, status: str) -> None:
    made.night.begin(config, SITE.site, [day])
    with connect.writer(config.warehouse) as connection:
        if status == "failed":
            nights.fail(connection, SITE.site, day, "study", "SOURCE_UNREACHABLE")
        if status != "running":
            nights.close(connection, SITE.site, day, datetime.now(UTC), "complete")
    publish(config.warehouse, config.published)


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, minute, tzinfo=SITE.zone).astimezone(UTC)


def owed(config: Config, now: datetime) -> list[tuple[int, str | None]]:
    return [(item.day.day, item.status) for item in late.owed_nights(config, SITE.site, now)]


def test_nights_are_owed_once_their_hour_has_come_oldest_first(clocked: Config) -> None:
    assert SITE.night_hour == "05:00"
    assert owed(clocked, local(3, 4, 59)) == []
    assert owed(clocked, local(3, 5)) == [(2, None)]
    assert owed(clocked, local(6, 12)) == [(2, None), (3, None), (4, None), (5, None)]
    keep(clocked, date(2026, 10, 3), "failed")
    keep(clocked, date(2026, 10, 5), "running")
    assert owed(clocked, local(6, 12)) == [(2, None), (3, "failed"), (4, None), (5, "running")]
    # A week later the failed one is not tried any more; a missing one is.
    assert owed(clocked, local(11, 12))[:3] == [(2, None), (4, None), (5, "running")]


def test_a_long_outage_is_caught_up_by_a_month_at_most(clocked: Config) -> None:
    found = late.owed_nights(clocked, SITE.site, datetime(2027, 3, 1, 12, tzinfo=UTC))
    assert [found[0].day, found[-1].day, len(found)] == [date(2027, 1, 29), date(2027, 2, 28), 31]


def test_a_month_is_owed_from_its_second_day_on_and_not_once_issued(clocked: Config) -> None:
    keep(clocked, date(2026, 9, 30), "complete")

    def months(day: int, hour: int, minute: int) -> list[str]:
        return late.owed_months(clocked, SITE.site, local(day, hour, minute))

    assert months(2, 7, 29) == []
    assert months(2, 7, 30) == ["2026-09"]
    assert late.open_months(clocked, SITE.site, local(2, 7))[0] == ["2026-09", "2026-10"]
    issue(clocked, "2026-09")
    assert months(2, 7, 30) == []
    assert late.open_months(clocked, SITE.site, local(2, 7))[0] == ["2026-10"]


def test_an_image_of_a_day_that_is_over_is_seen_and_todays_is_not(clocked: Config) -> None:
    day = date(2026, 10, 2)
    studies = [study for study in made.plan(SITE, day, day + timedelta(days=1)) if study.in_scope]
    today = [study for study in studies if study.day > day][:2]
    late_one = next(study for study in studies if study.day == day)
    keep(clocked, day, "complete")
    now = local(3, 12)
    made.deliver(clocked, today, day + timedelta(days=1))
    assert late.late_image(clocked, SITE.site, None, now) is None
    made.deliver(clocked, [late_one], day)
    found = late.late_image(clocked, SITE.site, None, now)
    assert found and found.day == day
    assert late.late_image(clocked, SITE.site, None, now) == found
    # The sender's time of modification says nothing of when it came; a look long after the last sees no old file.
    for path in (clocked.home / "inbox").rglob("*.dcm"):
        os.utime(path, (0, 0))
    again = late.late_image(clocked, SITE.site, datetime.now(UTC), now)
    assert again and again.day == day and again.token != found.token
    assert late.late_image(clocked, SITE.site, datetime.now(UTC) + timedelta(hours=2), now) is None
    # Taken, it waits no more.
    made.run(clocked, day)
    assert late.late_image(clocked, SITE.site, None, now) is None


class Listing:
    """A PACS that lists these images of whatever day, and hands none over."""

    def __init__(self, *uids: str) -> None:
        self.uids = uids

    def changed(self, _days: Any) -> Iterator[Offered]:
        for uid in self.uids:
            yield Offered("pacs-drop", Path("nowhere"), uid, "listed", instance_uid=uid)


def test_what_a_pacs_lists_and_keeps_is_asked_for_once(clocked: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    now = local(3, 12)

    def look(*uids: str) -> late.Waiting | None:
        monkeypatch.setattr(late.connected, "source", lambda *_: Listing(*uids))
        return late.late_image(clocked, SITE.site, None, now)

    assert look() is None
    first = look("1.2.3", "1.2.4")
    assert first and first.day == date(2026, 10, 2)
    # The run's key is made of the token: while the same images wait, Dagster asks for no second run.
    assert look("1.2.4", "1.2.3") == first
    assert look("1.2.3", "1.2.4", "1.2.5") != first
    with connect.writer(clocked.warehouse) as connection:
        at = datetime(2026, 10, 3, tzinfo=UTC)
        for number, uid in enumerate(("1.2.3", "1.2.4")):
            name = f"{number:032x}"
            known = (name, MASK.of("instance_uid", uid))
            offer = (SITE.site, name, "dicom", "a", at.date(), at, name, "1", name, "accepted", (), *known, None, "k")
            load.load(connection, "ledger", [LedgerRow(*offer)])
    publish(clocked.warehouse, clocked.published)
    assert look("1.2.3", "1.2.4") is None

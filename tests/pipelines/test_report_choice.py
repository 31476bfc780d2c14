"""What was chosen of a report on the screen counts over the site's file, where it can be used; nothing else does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from inference.simulation.site import SAINT_AUBIN
from pipelines import config, demo, doctor, month, night, report_choice
from pipelines.config import Config
from reports.definition import ReportDefinition
from warehouse import connect
from warehouse import report_choice as stored
from warehouse.app_store import AppStore
from warehouse.site import site_facts

NOW = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
SITE = SAINT_AUBIN.site


@pytest.fixture
def home(tmp_path: Path) -> Config:
    demo.create(tmp_path, lambda said: None)
    return config.load(tmp_path)


def choose(home: Config, **changes: Any) -> None:
    store = AppStore(home.app_store)
    store.migrate()
    content = {**report_choice.plain(report_choice.of(home, SITE)), **changes}
    with store.writing() as app:
        last = stored.last(app, SITE)
        stored.record(app, SITE, "someone", content, NOW, seen=last.version if last else 0)


def test_without_a_choice_the_file_counts_and_no_database_is_made(home: Config) -> None:
    assert report_choice.of(home, SITE) == home.site(SITE)
    assert not home.app_store.exists()


def test_a_choice_counts_for_the_report_and_for_the_target_of_the_next_night(home: Config) -> None:
    choose(home, sections=["turnaround", "summary"], language="en", turnaround_hours=5.5)
    made = report_choice.of(home, SITE)
    assert made.report.sections == ("turnaround", "summary")
    assert made.model_copy(update={"report": None, "targets": None}) == home.site(SITE).model_copy(
        update={"report": None, "targets": None}
    )
    night.begin(home, SITE, [date(2026, 11, 23)])
    with connect.writer(home.warehouse) as connection:
        facts = site_facts(connection, SITE, date(2026, 12, 1))
    assert facts.turnaround_target_hours == 5.5
    assert facts.language == "fr"  # of the site: the report's own is another matter


def test_a_choice_that_this_version_does_not_understand_stops_nothing_and_is_told(home: Config) -> None:
    choose(home, blocks={"summary": ["a_block_of_another_version"]}, accent="#112233")
    assert report_choice.of(home, SITE) == home.site(SITE)
    (found,) = [result for result in doctor.report_choices(home) if not result.ok]
    assert found.name == f"report of {SITE}"
    choose(home)
    assert list(doctor.report_choices(home)) == []


def test_going_back_to_the_file_leaves_the_history(home: Config) -> None:
    choose(home, accent="#112233")
    with AppStore(home.app_store).writing() as app:
        stored.record(app, SITE, "someone", None, NOW, seen=1)
    assert report_choice.of(home, SITE) == home.site(SITE)
    with AppStore(home.app_store).reading() as app:
        assert app.execute("select count(*) from report_choice").fetchone()[0] == 2
    with AppStore(home.app_store).writing() as app, pytest.raises(stored.ChoiceOutdatedError):
        stored.record(app, SITE, "someone", None, NOW, seen=1)


def test_a_definition_without_a_language_is_written_as_before_there_was_one() -> None:
    # Otherwise every month issued earlier would get a new issue.
    assert '"language"' not in month._as_json(ReportDefinition())
    assert '"language": "en"' in month._as_json(ReportDefinition(language="en"))

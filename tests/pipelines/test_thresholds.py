"""`bilan thresholds` on a home whose published copy holds the studies of a site."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import Config
from pipelines.thresholds import months_before
from warehouse import connect, load
from warehouse.rows import ModelRow, NightRow
from warehouse.site import SiteFacts
from warehouse.study import StudyRow

AT = datetime(2026, 6, 29, 9, tzinfo=UTC)


def a_study(number: int, score: float, label: str) -> StudyRow:
    return StudyRow(
        site="saint-aubin", day=date(2026, 6, 29), study_uid=f"{number:032x}", patient_id=None, modality="DX",
        region="hand", laterality=None, device=None, sex=None, age_band=None, patient_class=None, images=1,
        images_inferred=1, ordered=None, exam_started=AT, exam_completed=AT, received=AT, ai_completed=AT,
        report_preliminary=None, report_final=AT, report_corrected=None, score=score, ai_result="negative",
        model_sha256="ab", report_state="final", report_label=label, report_acuity="acute", report_message_id=None,
        verdict=None, verdict_at=None, clock_skew=False,
    )  # fmt: skip


@pytest.fixture
def home(make_home: Callable[..., Config]) -> Config:
    loaded = make_home(model={"doubtful": 0.5, "positive": 0.7})
    connect.migrate(loaded.published)
    site = SiteFacts(
        "saint-aubin", date(2026, 1, 1), "Saint-Aubin", "FR", "fr", "Europe/Paris", "public", "08:00", "18:30",
        (1, 2), 24.0, 1, 0.5, 0.7,
    )  # fmt: skip
    rows = [
        a_study(1, 0.9, "present"),
        a_study(2, 0.3, "present"),
        a_study(3, 0.6, "absent"),
        a_study(4, 0.1, "absent"),
    ]
    with connect.writer(loaded.published) as connection:
        load.load(connection, "site", [site])
        load.load(connection, "model", [ModelRow("ab", "toy", "1", 0.2, 0.4, AT)])
        load.load(connection, "study", rows)
        load.load(connection, "night", [NightRow("saint-aubin", date(2026, 6, 29), AT, AT, "complete", None)])
    return loaded


def test_the_command_prints_every_choice(home: Config) -> None:
    arguments = ["thresholds", "--site", "saint-aubin", "--home", str(home.home)]
    done = CliRunner().invoke(app, [*arguments, "--doubtful", "0.25", "--positive", "0.8", "--json"])
    assert done.exit_code == 0, done.stderr
    data = json.loads(done.stdout)
    assert (data["first_day"], data["last_day"]) == ("2026-03-30", "2026-06-29")
    choices = {choice["threshold"]: choice for choice in data["choices"]}
    # By hand: from 0.25 on three of four are flagged, one of them wrongly; from 0.5 on two, and one fracture is missed.
    assert (choices[0.25]["flagged"], choices[0.25]["missed"]["numerator"]) == (3, 0)
    assert choices[0.25]["false_alarms"]["numerator"] == 1
    assert (choices[0.5]["missed"]["numerator"], choices[0.5]["missed"]["denominator"]) == (1, 2)
    assert "current doubtful" in choices[0.5]["roles"]
    assert choices[0.8]["roles"] == ["asked positive"]
    words = CliRunner().invoke(app, arguments)
    assert words.exit_code == 0
    assert "1/2 = 50" in words.stdout
    assert "signalés par jour" in words.stdout


@pytest.mark.parametrize("wrong", [["--doubtful", "0.5"], ["--doubtful", "0.9", "--positive", "0.5"]])
def test_half_a_choice_or_a_reversed_one_is_refused(home: Config, wrong: list[str]) -> None:
    done = CliRunner().invoke(app, ["thresholds", "--site", "saint-aubin", "--home", str(home.home), *wrong])
    assert done.exit_code == 2


def test_months_end_where_shorter_ones_do() -> None:
    assert months_before(date(2026, 5, 31), 3) == date(2026, 2, 28)
    assert months_before(date(2026, 1, 15), 3) == date(2025, 10, 15)

"""What thresholds would have meant, against the same counted here from the rows that were written."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from reports import thresholds
from reports.language import language
from warehouse.connect import migrate, reader, writer
from warehouse.load import load
from warehouse.rows import ModelRow

START, END = date(2026, 4, 1), date(2026, 7, 1)
CUT = datetime(2026, 7, 2, tzinfo=UTC)


def compared(path: Path, site: str, **asked: float) -> thresholds.Comparison:
    with reader(path) as connection:
        found = thresholds.compare(connection, site, START, END, CUT, asked)
    assert found is not None
    return found


def wilson(numerator: int, denominator: int) -> Any:
    return pytest.approx(proportion_confint(numerator, denominator, method="wilson"), abs=1e-9)


@pytest.mark.parametrize("site", ["saint-aubin", "westbrook"])
def test_every_choice_equals_what_is_counted_from_the_rows(
    warehouse_file: Path, simulated: ModuleType, site: str
) -> None:
    plan = next(plan for plan in simulated.PLANS if plan.site == site)
    rows = [row for row in simulated.studies(plan) if START <= row.day < END]
    scored = [row for row in rows if row.score is not None]
    days = sorted({row.day for row in scored})
    found = compared(warehouse_file, site, doubtful=0.123, positive=0.55)
    assert found.days == len(days)
    assert (found.period.studies, found.period.scored) == (len(rows), len(scored))
    assert found.period.left_out == {"failed": len(rows) - len(scored)}

    def said(row: Any) -> str | None:
        final = row.report_state == "final" and row.report_final <= CUT
        return row.report_label if final and row.report_acuity not in ("followup", "old") else None

    present = [row for row in scored if said(row) == "present"]
    absent = [row for row in scored if said(row) == "absent"]
    assert found.period.comparable == len(present) + len(absent)
    assert sum(found.period.not_comparable.values()) == len(scored) - len(present) - len(absent)
    assert [choice.threshold for choice in found.choices] == sorted({*thresholds.GRID, 0.35, 0.6, 0.123, 0.55})
    for choice in found.choices:
        by_day = Counter(row.day for row in scored if row.score >= choice.threshold)
        counts = [by_day[day] for day in days]
        assert choice.flagged == sum(counts)
        assert choice.flagged_per_day.value == pytest.approx(sum(counts) / len(days))
        low, high = stats.t.interval(0.95, len(days) - 1, sum(counts) / len(days), stats.sem(counts))
        limits = (choice.flagged_per_day.low, choice.flagged_per_day.high)
        assert limits == pytest.approx((max(0.0, low), high), abs=1e-9)
        missed = sum(row.score < choice.threshold for row in present)
        alarms = sum(row.score >= choice.threshold for row in absent)
        assert (choice.missed.numerator, choice.missed.denominator) == (missed, len(present))
        assert (choice.missed.low, choice.missed.high) == wilson(missed, len(present))
        assert (choice.false_alarms.numerator, choice.false_alarms.denominator) == (alarms, len(absent))
        assert (choice.false_alarms.low, choice.false_alarms.high) == wilson(alarms, len(absent))
        agreeing = len(present) - missed + len(absent) - alarms
        assert choice.agreement.numerator == agreeing
        assert choice.agreement.value == pytest.approx(agreeing / (len(present) + len(absent)))
    roles = {choice.threshold: choice.roles for choice in found.choices if choice.roles}
    assert roles == {
        0.35: ("current doubtful",),
        0.6: ("current positive",),
        0.123: ("asked doubtful",),
        0.55: ("asked positive",),
    }


def test_json_is_plain_and_the_page_is_in_the_sites_language(warehouse_file: Path) -> None:
    found = compared(warehouse_file, "saint-aubin")
    data = json.loads(json.dumps(thresholds.to_json(found)))
    assert (data["first_day"], data["last_day"]) == ("2026-04-01", "2026-06-30")
    assert len(data["choices"]) == len(found.choices)
    french, english = (thresholds.page(found, language(code)) for code in ("fr", "en"))
    assert "signalés par jour" in french and "douteux aujourd’hui" in french and "0,350" in french
    assert "flagged per day" in english and "doubtful now" in english and "0.350" in english
    assert "dispositif médical" in french and "medical device" in english
    now = next(choice for choice in found.choices if "current doubtful" in choice.roles)
    assert f"{now.missed.numerator}/{now.missed.denominator} = " in english


@pytest.fixture
def changed(tmp_path: Path, simulated: ModuleType) -> Path:
    """One site that changed its model at the end of May and sets its own doubtful threshold."""
    plan = replace(simulated.PLANS[1], site="changed", first=date(2026, 5, 1))
    path = tmp_path / "warehouse.duckdb"
    migrate(path)
    rows = [
        replace(row, model_sha256="cd" * 32) if row.score is not None and row.day >= date(2026, 6, 1) else row
        for row in simulated.studies(plan)
    ]
    with writer(path) as connection:
        load(connection, "site", [simulated.facts(plan, threshold_doubtful=0.2)])
        first = datetime(2026, 5, 1, tzinfo=UTC)
        load(connection, "model", [ModelRow(simulated.MODEL, "old", "1", 0.35, 0.6, first)])
        load(connection, "model", [ModelRow("cd" * 32, "new", "2", 0.4, 0.7, first + timedelta(days=31))])
        load(connection, "study", rows)
    return path


def test_scores_of_an_earlier_model_are_left_out_and_counted(changed: Path, simulated: ModuleType) -> None:
    found = compared(changed, "changed")
    plan = replace(simulated.PLANS[1], site="changed", first=date(2026, 5, 1))
    scored = [row for row in simulated.studies(plan) if row.score is not None and row.day < END]
    assert found.period.model_name == "new"
    assert found.period.scored == sum(row.day >= date(2026, 6, 1) for row in scored) > 0
    assert found.period.left_out["other_model"] == sum(row.day < date(2026, 6, 1) for row in scored) > 0
    assert found.current == {"doubtful": 0.2, "positive": 0.7}  # the site's own, and the model's
    assert "result of another model" in thresholds.page(found, language("en"))


def test_reports_that_wait_for_a_person_are_not_compared(changed: Path) -> None:
    before = compared(changed, "changed")
    with writer(changed) as connection:
        connection.execute("""
            update study set report_tier = 'review'
            where study_uid in (
                select study_uid from study
                where day = date '2026-06-10' and score is not null
                    and report_state = 'final' and report_label = 'absent'
            )
        """)
        queued = connection.execute("select count(*) from study where report_tier = 'review'").fetchone()[0]
    after = compared(changed, "changed")
    assert after.period.not_comparable["queued"] == queued > 0
    assert after.period.comparable == before.period.comparable - queued
    for old, new in zip(before.choices, after.choices, strict=True):
        assert new.false_alarms.denominator == old.false_alarms.denominator - queued
        assert new.missed == old.missed


def test_nothing_scored_is_no_comparison(changed: Path) -> None:
    with reader(changed) as connection:
        assert thresholds.compare(connection, "changed", date(2025, 1, 1), date(2025, 2, 1), CUT, {}) is None


def test_one_day_or_days_all_alike_have_no_interval() -> None:
    assert thresholds.per_day(4.0, None, 4, 1).low is None
    assert thresholds.per_day(4.0, 0.0, 8, 2).high is None
    whole = thresholds.per_day(0.5, 1.0, 2, 4)
    assert whole.low == 0.0
    assert whole.high == pytest.approx(0.5 + stats.t.ppf(0.975, 3) / math.sqrt(4))

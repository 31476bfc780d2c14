"""Issues of a month: the same data is the same issue, other data the next one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from warehouse import connect, freeze
from warehouse.errors import NaiveTimeError
from warehouse.load import load
from warehouse.rows import NightRow
from warehouse.study import StudyRow

NOW = datetime(2025, 4, 1, 4, tzinfo=UTC)


def studies(site: str, days: list[date]) -> list[StudyRow]:
    blank = StudyRow(**dict.fromkeys(StudyRow.__slots__))
    filled = replace(
        blank,
        site=site,
        modality="DX",
        images=2,
        images_inferred=2,
        received=NOW - timedelta(days=9),
        exam_completed=NOW - timedelta(days=10, microseconds=1),
        score=0.1 + 0.2,
        ai_result="negative",
        report_state="unreported",
        clock_skew=False,
        origin="simulated",
    )
    return [replace(filled, day=day, study_uid=f"{number:032x}") for number, day in enumerate(days)]


DAYS = [date(2025, 2, 28), date(2025, 3, 1), date(2025, 3, 31), date(2025, 3, 15), date(2025, 4, 1)]


def test_the_hash_does_not_depend_on_the_order_of_rows(warehouse: Path, connection: Any, make: Any) -> None:
    rows = studies(make.site, DAYS)
    load(connection, "study", rows)
    first = freeze.data_sha256(connection, make.site, "2025-03")
    connection.execute("delete from study")
    load(connection, "study", rows[::-1])
    assert freeze.data_sha256(connection, make.site, "2025-03") == first


def test_the_hash_is_of_the_month_and_the_site(connection: Any, make: Any) -> None:
    load(connection, "study", studies(make.site, DAYS))
    before = freeze.data_sha256(connection, make.site, "2025-03")
    others = "study_uid in ('00000000000000000000000000000000', '00000000000000000000000000000004')"
    connection.execute(f"update study set images = 9 where {others}")
    load(connection, "study", studies("elsewhere", DAYS))
    assert freeze.data_sha256(connection, make.site, "2025-03") == before
    nothing = {freeze.data_sha256(connection, make.site, month) for month in ("2024-12", "2025-05")}
    assert len(nothing) == 1 and before not in nothing


@pytest.mark.parametrize(
    "change",
    [
        "images = 3",
        "score = 0.3",
        "exam_completed = exam_completed + interval 1 microsecond",
        "report_label = 'absent'",
    ],
)
def test_any_change_of_a_study_changes_the_hash(connection: Any, make: Any, change: str) -> None:
    load(connection, "study", studies(make.site, DAYS))
    before = freeze.data_sha256(connection, make.site, "2025-03")
    connection.execute(f"update study set {change} where day = '2025-03-31'")
    assert freeze.data_sha256(connection, make.site, "2025-03") != before


def test_december_ends_with_the_year(connection: Any, make: Any) -> None:
    load(connection, "study", studies(make.site, [date(2024, 12, 31), date(2025, 1, 1)]))
    assert freeze.has_data(connection, make.site, "2024-12") and freeze.has_data(connection, make.site, "2025-01")
    assert not freeze.has_data(connection, make.site, "2024-11")
    assert freeze.data_sha256(connection, make.site, "2024-12") != freeze.data_sha256(connection, make.site, "2025-01")


def test_a_night_without_studies_is_data(connection: Any, make: Any) -> None:
    assert not freeze.has_data(connection, make.site, "2025-03")
    load(connection, "night", [NightRow(make.site, date(2025, 3, 31), NOW, None, "failed", "X")])
    assert freeze.has_data(connection, make.site, "2025-03")
    assert not freeze.has_data(connection, "elsewhere", "2025-03")


def issue(warehouse: Path, **changes: Any) -> freeze.Issued:
    given: dict[str, Any] = {
        "site": "saint-aubin",
        "month": "2025-03",
        "data_cut": NOW,
        "data_sha256": "d1",
        "figures_sha256": "f1",
        "definition": "{}",
        "now": NOW,
    }
    return freeze.issue(warehouse, **{**given, **changes})


def test_the_same_data_and_definition_are_the_same_issue(warehouse: Path) -> None:
    first = issue(warehouse)
    later = NOW + timedelta(days=3)
    assert first.issue == 1
    assert issue(warehouse, now=later, data_cut=later, figures_sha256="f2") == first
    assert issue(warehouse, data_sha256="d2", now=later).issue == 2
    assert issue(warehouse, data_sha256="d2", definition='{"accent":"#000"}').issue == 3
    # Back to what it was is news again: the last issue said something else.
    assert issue(warehouse).issue == 4
    assert issue(warehouse, month="2025-04").issue == issue(warehouse, site="elsewhere").issue == 1
    with connect.writer(warehouse) as connection:
        kept = connection.execute("select month, issue from issued where site = 'saint-aubin' order by all").fetchall()
        last = freeze.last_issue(connection, "saint-aubin", "2025-03")
        assert freeze.last_issue(connection, "saint-aubin", "2020-01") is None
    assert kept == [*(("2025-03", number) for number in range(1, 5)), ("2025-04", 1)]
    assert last is not None and last.issue == 4


def test_times_are_kept_as_moments(warehouse: Path) -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    assert issue(warehouse, now=tokyo).issued_at == NOW
    again = issue(warehouse)
    assert again.issued_at == NOW and again.issued_at.utcoffset() == timedelta(0)
    with pytest.raises(NaiveTimeError):
        issue(warehouse, now=datetime(2025, 4, 1))

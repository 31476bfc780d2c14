"""Sex and age band as messages corrected them: the last sent counts, for every study of the patient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from inference.age import band_at
from warehouse import connect, demographics, identified, study


@dataclass(frozen=True)
class Message:
    message_id: str
    patient_id: str
    birth_date: date | None
    sex: str | None
    sent_at: datetime | None


def rows(connection: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = connection.execute(
        "select sex, age_band from study order by exam_completed"
    ).fetchall()
    return found


def test_the_last_sent_counts_whatever_the_order_and_stays_when_it_is_forgotten(
    warehouse: Path, make: Any, tmp_path: Path
) -> None:
    path = tmp_path / "identified.sqlite"
    sent = make.noon
    told = [
        Message("m1", "CANARY-P1", date(1950, 3, 11), None, sent),
        Message("m2", "CANARY-P1", date(1950, 3, 10), None, sent + timedelta(days=1)),
        Message("m3", "CANARY-P1", None, "M", sent + timedelta(days=2)),
        Message("m4", "CANARY-P2", date(2024, 1, 1), "F", None),
    ]
    # A birthday on the day of the examination is a year more than one on the day after it.
    assert (band_at(date(1950, 3, 10), date(2025, 3, 10)), band_at(date(1960, 3, 11), date(2025, 3, 10))) == (
        "65-79",
        "45-64",
    )
    with connect.writer(warehouse) as connection:
        images = [make.instance("1"), make.instance("2", acquired_at=make.noon + timedelta(days=1)),
                  make.instance("3", patient_id="CANARY-P3", acquired_at=make.noon + timedelta(days=2))]  # fmt: skip
        make.keep(connection, "instance", images, day=[image.acquired_at.date() for image in images])
        study.rebuild(connection, make.site)
        assert rows(connection) == [("F", "25-44")] * 3
        for some in (told[2:], told[:2]):
            identified.correct(path, make.site, make.mask, some)
            identified.correct(path, make.site, make.mask, some)  # sent again, it is the same
        demographics.settle(connection, make.site, identified.told(path, make.site), band_at)
        study.rebuild(connection, make.site)
        assert rows(connection) == [("M", "65-79"), ("M", "65-79"), ("F", "25-44")]
        assert "CANARY" not in str(connection.execute("select * from demographic").fetchall())
        assert identified.forget(path, make.site, datetime(2026, 1, 1, tzinfo=UTC)) == 0
        assert identified.told(path, make.site) == []
        demographics.settle(connection, make.site, [], band_at)
        assert study.rebuild(connection, make.site) == []
        assert rows(connection)[0] == ("M", "65-79")

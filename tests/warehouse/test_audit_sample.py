"""The audit sample: drawn alike by anyone, blind, kept once; readings kept as given and copied by the night."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from warehouse import audit_sample, freeze, study
from warehouse.app_store import AppStore
from warehouse.audit_sample import Drawn, DrawRefusedError, ReadingRefusedError
from warehouse.load import load

MONTH = "2025-03"
LATER = datetime(2025, 4, 9, 8, tzinfo=UTC)
# AI score and label of the studies, number of them.
CELLS = {
    ("flagged", "present"): (0.9, "present", 12),
    ("flagged", "absent"): (0.4, "absent", 7),
    ("negative", "present"): (0.1, "present", 3),
    ("negative", "absent"): (0.05, "absent", 20),
}


@pytest.fixture
def store(tmp_path: Path) -> AppStore:
    made = AppStore(tmp_path / "app.sqlite")
    made.migrate()
    return made


@pytest.fixture
def filled(connection: Any, make: Any) -> Any:
    """A warehouse with studies in all four cells, and some that cannot be compared."""
    number = 0
    for score, label, n in CELLS.values():
        for _ in range(n):
            number += 1
            add(connection, make, f"{number}", score, label)
    add(connection, make, "uncertain", 0.9, "uncertain", tier="review")
    add(connection, make, "review", 0.9, "present", tier="review")
    add(connection, make, "old", 0.9, "absent", acuity="old")
    add(connection, make, "preliminary", 0.9, "present", status="preliminary")
    study.rebuild(connection, make.site)
    return connection


def add(connection: Any, make: Any, name: str, score: float, label: str, status: str = "final", **changes: Any) -> None:
    image = make.instance(name, patient_id=f"CANARY-P-{name}")
    event = make.event(name, name, status, patient_id=f"CANARY-P-{name}")
    make.keep(connection, "instance", [image], day=make.noon.date())
    make.keep(connection, "finding", [make.finding(image, score)])
    make.keep(connection, "report_event", [event])
    make.keep(connection, "report_label", [make.label(event, label, **changes)])


def draw(filled: Any, store: AppStore, make: Any, per_cell: int = 5, now: datetime = LATER) -> int:
    with store.writing() as app:
        return audit_sample.draw(filled, app, make.site, MONTH, now, per_cell)


def stored(store: AppStore) -> list[dict[str, Any]]:
    with sqlite3.connect(store.path) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("select * from audit_sample order by study_uid")]


def test_each_cell_gives_the_first_by_the_hash(filled: Any, store: AppStore, make: Any) -> None:
    assert draw(filled, store, make) == 5 + 5 + 3 + 5
    rows = stored(store)
    assert Counter((row["cell_ai"], row["cell_label"]) for row in rows) == {
        cell: min(5, n) for cell, (*_, n) in CELLS.items()
    }
    number = 0
    for cell, (*_, n) in CELLS.items():
        studies = [make.mask.of("study_uid", f"CANARY-{number + index + 1}") for index in range(n)]
        number += n
        order = sorted(studies, key=lambda uid: hashlib.sha256(f"{make.site}/{MONTH}/{uid}".encode()).hexdigest())
        mine = [row for row in rows if (row["cell_ai"], row["cell_label"]) == cell]
        assert [row["study_uid"] for row in sorted(mine, key=lambda row: row["place"])] == order[:5]
        assert {row["population"] for row in mine} == {n}


def test_a_month_is_drawn_once(filled: Any, store: AppStore, make: Any) -> None:
    draw(filled, store, make)
    before = stored(store)
    add(filled, make, "late", 0.9, "present")
    study.rebuild(filled, make.site)
    assert draw(filled, store, make, per_cell=9, now=LATER + timedelta(days=3)) == len(before)
    assert stored(store) == before


def test_another_store_draws_the_same(filled: Any, store: AppStore, make: Any, tmp_path: Path) -> None:
    draw(filled, store, make)
    other = AppStore(tmp_path / "other" / "app.sqlite")
    other.migrate()
    draw(filled, other, make)
    assert stored(other) == stored(store)


def test_no_sample_before_the_month_is_over(filled: Any, store: AppStore, make: Any) -> None:
    # Midnight of 1 April in Paris is 22:00 UTC.
    with pytest.raises(DrawRefusedError, match="not over"):
        draw(filled, store, make, now=datetime(2025, 3, 31, 21, 59, tzinfo=UTC))
    assert draw(filled, store, make, now=datetime(2025, 3, 31, 22, 0, tzinfo=UTC)) == 18


def test_what_waits_tells_nothing_of_the_cell(filled: Any, store: AppStore, make: Any) -> None:
    draw(filled, store, make)
    assert {field.name for field in fields(Drawn)} == {"month", "study_uid", "message_id"}
    with store.reading() as app:
        waiting = audit_sample.pending(app, make.site)
    assert len(waiting) == 18
    cells = {row["study_uid"]: (row["cell_ai"], row["cell_label"]) for row in stored(store)}
    order = [cells[report.study_uid] for report in waiting]
    # Stopping after any full round leaves a balanced sample; within a round the cells come in no fixed order.
    assert Counter(order[:12]) == dict.fromkeys(CELLS, 3)
    rounds = {tuple(order[index : index + 4]) for index in (0, 4, 8)}
    assert len(rounds) > 1


def test_readings_are_kept_and_the_rest_waits(filled: Any, store: AppStore, make: Any) -> None:
    draw(filled, store, make)
    with store.writing() as app:
        first, second, *_ = audit_sample.pending(app, make.site, MONTH)
        audit_sample.record(app, make.site, first.study_uid, "anne", "present", "acute", LATER)
        audit_sample.record(app, make.site, second.study_uid, "anne", "uncertain", "none", LATER)
        audit_sample.record(app, make.site, first.study_uid, "anne", "absent", "none", LATER + timedelta(hours=1))
        waiting = audit_sample.pending(app, make.site, MONTH)
        assert audit_sample.drawn(app, make.site, first.study_uid) == first
        (progress,) = audit_sample.progress(app, make.site)
        mine = audit_sample.readings(app, make.site, "anne")
        assert audit_sample.readings(app, make.site, "bruno") == []
    assert len(waiting) == 16 and first not in waiting and second not in waiting
    assert asdict(progress) == {"month": MONTH, "drawn": 18, "read": 2}
    assert [(reading.label, reading.read_at) for reading in mine if reading.study_uid == first.study_uid] == [
        ("present", LATER),
        ("absent", LATER + timedelta(hours=1)),
    ]
    assert {reading.message_id for reading in mine} == {first.message_id, second.message_id}


@pytest.mark.parametrize(
    ("study_uid", "label", "acuity"),
    [
        (None, "fracture", "acute"),
        (None, "present", "new"),
        ("0" * 32, "present", "acute"),
        ("'; drop", "absent", "none"),
    ],
)
def test_what_is_no_reading_is_refused(
    filled: Any, store: AppStore, make: Any, study_uid: str | None, label: str, acuity: str
) -> None:
    draw(filled, store, make)
    with store.writing() as app:
        known = audit_sample.pending(app, make.site)[0].study_uid
        with pytest.raises(ReadingRefusedError) as caught:
            audit_sample.record(app, make.site, study_uid or known, "anne", label, acuity, LATER)
        assert study_uid is None or study_uid not in str(caught.value)
        assert audit_sample.progress(app, make.site)[0].read == 0
        with pytest.raises(ReadingRefusedError):
            audit_sample.record(app, "elsewhere", known, "anne", "absent", "none", LATER)


def test_no_reading_is_changed_behind_the_auditors_back(filled: Any, store: AppStore, make: Any) -> None:
    draw(filled, store, make)
    with store.writing() as app:
        report = audit_sample.pending(app, make.site)[0]
        audit_sample.record(app, make.site, report.study_uid, "anne", "present", "acute", LATER)
    with pytest.raises(sqlite3.IntegrityError, match="kept as they were"), store.writing() as app:
        app.execute("update report_reading set label = 'absent'")


def test_the_night_copies_samples_and_readings(filled: Any, store: AppStore, make: Any) -> None:
    draw(filled, store, make)
    with store.writing() as app:
        report = audit_sample.pending(app, make.site)[0]
        audit_sample.record(app, make.site, report.study_uid, "CANARY-anne", "present", "acute", LATER)
    with store.reading() as app:
        assert audit_sample.keep(app, filled, make.site, make.mask) == 1
        assert audit_sample.keep(app, filled, make.site, make.mask) == 0
        assert audit_sample.keep(app, filled, "elsewhere", make.mask) == 0
    assert filled.table("audit_sample").count("*").fetchall() == [(18,)]
    (row,) = filled.table("report_reading").fetchall()
    assert row[:3] == (make.site, report.study_uid, report.message_id)
    assert row[3] == make.mask.of("author", "CANARY-anne")
    assert row[4:6] == ("present", "acute")
    assert row[6] == LATER
    assert "CANARY" not in str(row)


def test_simulated_studies_have_no_report_to_read(connection: Any, store: AppStore, make: Any) -> None:
    add(connection, make, "1", 0.9, "present")
    study.rebuild(connection, make.site)
    names = [column[0] for column in connection.table("study").description]
    real = study.StudyRow(**dict(zip(names, connection.table("study").fetchall()[0], strict=True)))
    simulated = replace(real, study_uid="a" * 32, report_message_id="b" * 32, origin="simulated")
    load(connection, "study", [simulated])
    assert draw(connection, store, make) == 1


def test_what_was_read_belongs_to_the_data_of_the_months_that_it_counts_in(
    filled: Any, store: AppStore, make: Any
) -> None:
    """March is closed on 8 April at midnight, before the sample was drawn: its issue stays, April's is another."""

    def hashes() -> list[str]:
        return [freeze.data_sha256(filled, make.site, month) for month in ("2025-03", "2025-04", "2026-03")]

    before = hashes()
    draw(filled, store, make)
    with store.reading() as app:
        audit_sample.keep(app, filled, make.site, make.mask)
    drawn = hashes()
    # March 2026 looks back to April 2025.
    assert [old == new for old, new in zip(before, drawn, strict=True)] == [True, False, True]
    with store.writing() as app:
        report = audit_sample.pending(app, make.site)[0]
        audit_sample.record(app, make.site, report.study_uid, "anne", "present", "acute", LATER)
        audit_sample.keep(app, filled, make.site, make.mask)
    assert [old == new for old, new in zip(drawn, hashes(), strict=True)] == [True, False, True]
    assert hashes() == hashes()

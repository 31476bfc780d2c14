from __future__ import annotations

import hashlib
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from warehouse import audit, audit_head
from warehouse.app_store import AppStore
from warehouse.audit import Actor, Filter

BY = Actor("u1", "192.0.2.7", datetime(2026, 11, 24, 7, 30, tzinfo=UTC), "north")


@pytest.fixture
def store(tmp_path: Path) -> AppStore:
    made = AppStore(tmp_path / "app.sqlite")
    made.migrate()
    for number in range(1, 6):
        audit.record(made, "case_viewed", BY, about=f"case {number}", detail={"n": number})
    return made


def tamper(store: AppStore, *statements: str) -> None:
    """Change the file behind the application's back, as whoever owns it can."""
    connection = sqlite3.connect(store.path)
    with connection:
        connection.execute("drop trigger audit_event_is_never_changed")
        connection.execute("drop trigger audit_event_is_never_deleted")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_an_untouched_trail_is_whole(store: AppStore) -> None:
    found = audit.verify(store)
    assert (found.rows, found.problems) == (5, ())
    assert found.head == audit_head.read(audit_head.place(store.path))


def test_rows_of_kinds_that_were_renamed_since_still_verify(store: AppStore) -> None:
    # Until the kinds of the reading screens came, drawing a sample was written so.
    audit.record(store, "site_viewed", BY, about="2026-10")
    kinds = dict(audit.KINDS)
    try:
        audit.KINDS = {"case_viewed": kinds["case_viewed"]}  # type: ignore[misc]
        assert audit.verify(store).problems == ()
    finally:
        audit.KINDS = kinds  # type: ignore[misc]


def test_an_empty_trail_is_whole(tmp_path: Path) -> None:
    store = AppStore(tmp_path / "app.sqlite")
    store.migrate()
    assert audit.verify(store) == audit.Verdict(0, None, ())


def test_each_hash_can_be_computed_by_others(store: AppStore) -> None:
    previous = "0" * 64
    for row in audit.export(store):
        content = {name: value for name, value in row.items() if name != "hash"}
        text = json.dumps(dict(sorted(content.items())), ensure_ascii=False)
        assert row["previous"] == previous
        assert row["hash"] == hashlib.sha256(text.encode()).hexdigest()
        previous = row["hash"]


def test_rows_cannot_be_changed_or_deleted_through_sql(store: AppStore) -> None:
    connection = sqlite3.connect(store.path)
    for statement in ("update audit_event set object = 'x'", "delete from audit_event"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "column", ["at", "event", "user_id", "site", "object", "detail", "address", "code", "previous"]
)
def test_a_changed_field_is_found(store: AppStore, column: str) -> None:
    tamper(store, f"update audit_event set {column} = {column} || 'x' where seq = 3")
    assert any("row 3" in problem for problem in audit.verify(store).problems)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_deleted_row_is_found(store: AppStore, seq: int) -> None:
    tamper(store, f"delete from audit_event where seq = {seq}")
    assert audit.verify(store).problems


def test_rows_cut_off_the_end_and_a_trail_thrown_away_are_found(store: AppStore) -> None:
    tamper(store, "delete from audit_event where seq > 3")
    assert audit.verify(store).problems == ("the trail ends at row 3, but row 5 had been written: its end was cut off",)
    connection = sqlite3.connect(store.path)
    with connection:
        connection.execute("delete from audit_event")
    connection.close()
    assert "cut off" in audit.verify(store).problems[0]


def test_a_trail_written_anew_with_right_hashes_is_found(store: AppStore, tmp_path: Path) -> None:
    other = AppStore(tmp_path / "other" / "app.sqlite")
    other.migrate()
    for number in range(1, 7):
        audit.record(other, "case_viewed", BY, about=f"another {number}")
    audit_head.place(other.path).write_bytes(audit_head.place(store.path).read_bytes())
    assert audit.verify(other).problems == ("row 5 is not the one that was noted in audit-head.json",)


def test_a_missing_side_file_is_said(store: AppStore) -> None:
    audit_head.place(store.path).unlink()
    assert "missing or damaged" in audit.verify(store).problems[0]


def test_a_head_never_goes_back(store: AppStore) -> None:
    place = audit_head.place(store.path)
    head = audit_head.read(place)
    audit_head.note(place, audit_head.Head(2, "0" * 64))
    assert audit_head.read(place) == head
    assert place.stat().st_mode & 0o777 == 0o600


def test_what_is_undone_leaves_neither_row_nor_head(store: AppStore) -> None:
    with pytest.raises(RuntimeError), store.writing() as connection:
        audit.append(connection, "case_viewed", BY)
        raise RuntimeError
    assert audit.verify(store) == audit.Verdict(5, audit_head.read(audit_head.place(store.path)), ())


def test_the_latest_events_can_be_filtered_and_turned_over(store: AppStore) -> None:
    audit.record(store, "signed_in", Actor("u2", "192.0.2.8", BY.now), outcome=4)
    assert [row["seq"] for row in audit.latest(store, Filter(), 2)] == [6, 5]
    assert [row["seq"] for row in audit.latest(store, Filter(before=5), 2)] == [4, 3]
    assert [row["outcome"] for row in audit.latest(store, Filter(event="signed_in"), 9)] == [4]
    assert len(audit.latest(store, Filter(user_id="u1"), 9)) == 5
    assert audit.latest(store, Filter(until=BY.now), 9) == []


def test_events_bear_the_codes_of_dicom() -> None:
    # PS3.16 CID 400 and 401; PS3.15 A.5.3.
    assert {kind.code for kind in audit.KINDS.values()} <= {
        "110100",
        "110101",
        "110103",
        "110106",
        "110107",
        "110110",
        "110112",
        "110113",
        "110114",
    }
    assert audit.KINDS["signed_in"] == audit.Kind("110114", "110122", "E")
    assert audit.KINDS["case_viewed"] == audit.Kind("110103", "", "R")
    assert audit.KINDS["role_granted"].type_code == "110136"
    # Drawing is a query; a blind reading makes a record, a correction updates one.
    assert audit.KINDS["sample_drawn"] == audit.Kind("110112", "", "E")
    assert audit.KINDS["report_read_blind"] == audit.Kind("110110", "", "C")
    assert audit.KINDS["label_corrected"] == audit.Kind("110110", "", "U")

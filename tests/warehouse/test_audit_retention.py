"""The trail after its old rows went: still whole, and whatever was done to it is still found."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from warehouse import audit, audit_retention
from warehouse.app_store import AppStore
from warehouse.audit import Actor
from warehouse.audit_retention import Expired

START = datetime(2025, 1, 1, tzinfo=UTC)
KEY, OTHER = bytes(range(32)), bytes(32)
DAYS = 10


def at(day: float) -> Actor:
    return Actor("u1", "192.0.2.7", START + timedelta(days=day), "north")


@pytest.fixture
def store(tmp_path: Path) -> AppStore:
    """Ten rows, one a day."""
    made = AppStore(tmp_path / "app.sqlite")
    made.migrate()
    for day in range(DAYS):
        audit.record(made, "case_viewed", at(day), about=f"case {day}")
    return made


def rows(store: AppStore) -> list[tuple[int, str]]:
    return [(row["seq"], row["event"]) for row in audit.export(store)]


def tamper(store: AppStore, *statements: str) -> None:
    connection = sqlite3.connect(store.path)
    with connection:
        for name in ("event_is_never_changed", "event_is_never_deleted", "checkpoint_is_never_deleted"):
            connection.execute(f"drop trigger if exists audit_{name}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_dry_run_says_what_a_cut_removes_and_removes_nothing(store: AppStore) -> None:
    before = START + timedelta(days=4)
    assert audit_retention.expired(store, before) == Expired(4, 4)
    assert len(rows(store)) == DAYS
    assert audit_retention.cut(store, before, at(20), KEY) == Expired(4, 4)
    assert rows(store) == [*((seq, "case_viewed") for seq in range(5, 11)), (11, "audit_trimmed")]
    assert audit_retention.expired(store, before) == Expired(0, 0)
    assert audit_retention.cut(store, before, at(21), KEY) == Expired(0, 0)


def test_what_is_left_is_whole_with_the_key_and_without_and_goes_on(store: AppStore) -> None:
    whole = {row["seq"]: row["hash"] for row in audit.export(store)}
    for cut, day in ((3, 20), (7, 21)):
        audit_retention.cut(store, START + timedelta(days=cut), at(day), KEY)
        audit.record(store, "signed_in", at(day))
        for key in (None, KEY):
            assert audit.verify(store, key).problems == ()
    found = audit.verify(store, KEY)
    assert (found.rows, found.head.seq if found.head else 0) == (7, 14)
    # The hashes of what is left are those of before: a head noted elsewhere still proves them.
    assert {seq: whole[seq] for seq in (8, 9, 10)} == {
        row["seq"]: row["hash"] for row in audit.export(store) if row["seq"] <= 10
    }
    # Everything may have grown old.
    audit_retention.cut(store, START + timedelta(days=400), at(400), KEY)
    assert rows(store) == [(15, "audit_trimmed")]
    assert audit.verify(store, KEY).problems == ()


def test_a_clock_that_was_set_back_removes_nothing_behind_a_younger_row(store: AppStore) -> None:
    audit.record(store, "signed_in", at(0))  # row 11, as old as the first
    assert audit_retention.expired(store, START + timedelta(days=5)) == Expired(5, 5)


def test_through_sql_no_row_can_be_deleted_that_no_checkpoint_covers(store: AppStore) -> None:
    audit_retention.cut(store, START + timedelta(days=4), at(20), KEY)
    connection = sqlite3.connect(store.path)
    for statement in (
        "delete from audit_event where seq = 5",
        "delete from audit_event",
        "update audit_checkpoint set through = 9",
        "delete from audit_checkpoint",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statements",
    [
        ["delete from audit_event where seq <= 6"],
        ["delete from audit_event where seq <= 6", "insert into audit_checkpoint values (6, '{hash6}', 'x')"],
        ["delete from audit_checkpoint"],
        ["update audit_event set detail = '{{}}' where event = 'audit_trimmed'"],
        ["delete from audit_event where seq = 8"],
    ],
)
def test_rows_that_went_another_way_are_missed(store: AppStore, statements: list[str]) -> None:
    hashes = {row["seq"]: row["hash"] for row in audit.export(store)}
    audit_retention.cut(store, START + timedelta(days=4), at(20), KEY)
    assert audit.verify(store).problems == ()
    tamper(store, *(statement.format(hash6=hashes[6]) for statement in statements))
    assert audit.verify(store).problems


def test_a_cut_that_another_key_sealed_is_found_with_the_key_alone(store: AppStore) -> None:
    audit_retention.cut(store, START + timedelta(days=4), at(20), OTHER)
    assert audit.verify(store).problems == ()
    assert audit.verify(store, KEY).problems == ("rows up to 4 were removed, and no row with a right seal says so",)


def test_the_row_of_a_cut_tells_what_was_removed(store: AppStore) -> None:
    last = next(row["hash"] for row in audit.export(store) if row["seq"] == 4)
    audit_retention.cut(store, START + timedelta(days=4), at(20), KEY)
    told = json.loads(next(row for row in audit.export(store) if row["event"] == "audit_trimmed")["detail"])
    seal = told.pop("seal")
    assert told == {"through": 4, "hash": last, "rows": 4, "before": "2025-01-05T00:00:00.000000+00:00"}
    assert seal == audit.seal(told, KEY) != audit.seal(told, OTHER)

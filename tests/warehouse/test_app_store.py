from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from warehouse import app_store
from warehouse.app_store import AppStore, app_migrations, as_text, as_time, change, rows
from warehouse.errors import NaiveTimeError, SchemaVersionError, StorePermissionError


@pytest.fixture
def store(tmp_path: Path) -> AppStore:
    made = AppStore(tmp_path / "app.sqlite")
    made.migrate()
    return made


def test_migrations_are_numbered_once_and_applied_once(store: AppStore) -> None:
    numbers = [step.version for step in app_migrations()]
    assert numbers == sorted(set(numbers))
    assert store.migrate() == 0
    with store.reading() as connection:
        assert [row["version"] for row in rows(connection, "applied_app_migrations")] == numbers


def test_the_database_is_its_owners_alone_and_has_a_write_ahead_log(store: AppStore) -> None:
    assert store.path.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
    connection.close()
    store.path.chmod(0o644)
    with pytest.raises(StorePermissionError), store.reading():
        pass


def test_a_database_of_a_newer_version_is_refused(store: AppStore) -> None:
    with store.writing() as connection:
        change(connection, "note_app_migration", {"version": 9999, "name": "9999_later.sql", "sha256": "0" * 64})
    with pytest.raises(SchemaVersionError, match="newer version"):
        store.migrate()


def test_a_migration_that_fails_leaves_nothing_behind(store: AppStore, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = app_store.AppMigration(
        9998, "9998_broken.sql", "create table half (x text);\ncreate table half (x text);\n", "0"
    )
    monkeypatch.setattr(app_store, "app_migrations", lambda: (*app_migrations(), broken))
    with pytest.raises(sqlite3.OperationalError):
        store.migrate()
    with store.reading() as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("select * from half")


def test_what_raises_is_undone(store: AppStore) -> None:
    with pytest.raises(RuntimeError), store.writing() as connection:
        change(connection, "note_app_migration", {"version": 77, "name": "x", "sha256": "0"})
        raise RuntimeError
    with store.reading() as connection:
        assert 77 not in [row["version"] for row in rows(connection, "applied_app_migrations")]


def test_writers_wait_for_each_other_and_readers_for_nobody(store: AppStore) -> None:
    def write(number: int) -> None:
        with store.writing() as connection:
            change(connection, "note_app_migration", {"version": number, "name": "x", "sha256": "0"})

    before = len(app_migrations())
    with store.reading() as reading:
        assert len(rows(reading, "applied_app_migrations")) == before
        threads = [threading.Thread(target=write, args=(number,)) for number in range(100, 108)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(rows(reading, "applied_app_migrations")) == before
    with store.reading() as reading:
        assert len(rows(reading, "applied_app_migrations")) == before + 8


def test_times_sort_as_text_whatever_their_zone() -> None:
    early = datetime(2026, 11, 24, 7, 0, tzinfo=timezone(timedelta(hours=2)))
    late = datetime(2026, 11, 24, 5, 0, 0, 1, tzinfo=UTC)
    assert early < late and as_text(early) < as_text(late)
    assert as_time(as_text(early)) == early
    with pytest.raises(NaiveTimeError):
        as_text(datetime(2026, 11, 24))

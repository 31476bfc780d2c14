"""One writer, many readers, migrations that are whole or not there."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from warehouse import connect
from warehouse.connect import Migration
from warehouse.errors import (
    SchemaVersionError,
    TransactionOpenError,
    WarehouseBusyError,
    WarehouseDamagedError,
    WarehouseError,
)


def tables(path: Path) -> set[str]:
    with duckdb.connect(str(path)) as connection:
        return {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}


def test_a_new_database_gets_every_migration_once(tmp_path: Path) -> None:
    path = tmp_path / "data" / "w.duckdb"
    assert connect.migrate(path) == len(connect.migrations())
    assert connect.migrate(path) == 0
    with connect.writer(path) as connection:
        noted = connection.execute("select version, sha256 from schema_version order by version").fetchall()
    assert noted == [(step.version, step.sha256) for step in connect.migrations()]
    versions = [step.version for step in connect.migrations()]
    assert versions[0] == 1 and versions == sorted(set(versions))


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Migration(99, "0099_bad.sql", "create table half (a integer); create table half (a integer);", "00")
    monkeypatch.setattr(connect, "migrations", lambda *_: (bad,))
    path = tmp_path / "w.duckdb"
    with pytest.raises(duckdb.CatalogException):
        connect.migrate(path)
    assert not path.exists()
    duckdb.connect(str(path)).close()  # one that is there already
    with pytest.raises(duckdb.CatalogException):
        connect.migrate(path)
    assert tables(path) == {"schema_version"}


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ("insert into schema_version values (999, '0999_later.sql', 'x', now())", "newer version"),
        ("update schema_version set sha256 = 'other'", "other migrations"),
        ("delete from schema_version", "older than this version"),
    ],
)
def test_a_database_of_another_version_is_refused(warehouse: Path, change: str, remedy: str) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(change)
    for opened in (connect.writer(warehouse), connect.reader(warehouse)):
        with pytest.raises(SchemaVersionError, match=remedy), opened:
            pass
    if "older" not in remedy:
        with pytest.raises(SchemaVersionError, match=remedy):
            connect.migrate(warehouse)


@pytest.mark.parametrize("opened", [connect.writer, connect.reader])
def test_connections_reach_no_file_and_no_python_variable(warehouse: Path, opened: Any) -> None:
    secret = warehouse.with_name("secret.csv")
    secret.write_text("a\n1\n")
    variable = pa.table({"a": [1]})
    with opened(warehouse) as connection:
        for query in (
            f"select * from read_csv('{secret}')",
            f"copy site to '{secret}.out'",
            f"attach '{warehouse}.other' as other",
            "install httpfs",
            "set enable_external_access = true",
            "set TimeZone = 'Europe/Paris'",
            "select * from variable",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(query)
        assert connection.execute("select current_setting('TimeZone')").fetchall() == [("UTC",)]
    assert variable.num_rows == 1 and not Path(f"{secret}.out").exists()


def test_a_reader_spills_nothing_into_the_current_folder(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with connect.reader(warehouse) as connection:
        assert connection.execute("select current_setting('temp_directory')").fetchall() == [("",)]


def test_a_reader_cannot_write(warehouse: Path) -> None:
    with connect.reader(warehouse) as connection, pytest.raises(duckdb.Error):
        connection.execute("delete from site")


def test_readers_do_not_exclude_each_other(warehouse: Path) -> None:
    with connect.reader(warehouse) as one, connect.reader(warehouse) as two:
        assert (
            one.execute("select count(*) from site").fetchall() == two.execute("select count(*) from site").fetchall()
        )


def test_nothing_published_is_said(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="nothing has been published"), connect.reader(tmp_path / "none.duckdb"):
        pass


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "it's broken.duckdb"
    path.write_bytes(b"CANARY" * 5000)
    for opened in (connect.writer(path), connect.reader(path)):
        with pytest.raises(WarehouseError, match=r"cannot be (opened|read)") as caught, opened:
            pass
        assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("kind", [duckdb.IOException, duckdb.FatalException, duckdb.SerializationException])
def test_a_copy_found_damaged_while_read_is_said_without_what_it_holds(warehouse: Path, kind: type[Exception]) -> None:
    with pytest.raises(WarehouseDamagedError, match="run `bilan night`") as caught, connect.reader(warehouse):
        raise kind("CANARY")
    assert "CANARY" not in str(caught.value)


def test_a_path_with_a_quote_can_be_read(warehouse: Path) -> None:
    odd = warehouse.with_name("l'hôpital.duckdb")
    warehouse.rename(odd)
    with connect.reader(odd) as connection:
        assert connection.execute("select count(*) from site").fetchall() == [(1,)]


def test_a_second_writer_waits_for_the_first(warehouse: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with connect.writer(warehouse, wait_minutes=1):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with connect.writer(warehouse):
        inside.set()
        time.sleep(0.5)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_writer_that_waits_too_long_says_so(warehouse: Path) -> None:
    with connect.writer(warehouse), pytest.raises(WarehouseBusyError, match="another run"):
        connect.migrate(warehouse, wait_minutes=0)


HOLDER = """
import sys
from pathlib import Path
from warehouse import connect
with connect.writer(Path(sys.argv[1])) as connection:
    connection.execute("update site set name = 'changed'")
    print("in", flush=True)
    sys.stdin.read()
"""


def test_a_writer_in_another_process_excludes_and_frees_when_killed(warehouse: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == "in\n"
        with pytest.raises(WarehouseBusyError), connect.writer(warehouse, wait_minutes=0):
            pass
        holder.kill()
        holder.wait()
    with connect.writer(warehouse, wait_minutes=0) as connection:  # committed before the kill: in the log, replayed
        assert connection.execute("select name from site").fetchall() == [("changed",)]


def test_a_transaction_is_whole_or_undone(connection: Any) -> None:
    with pytest.raises(RuntimeError, match="midway"), connect.transaction(connection):
        connection.execute("delete from site")
        raise RuntimeError("midway")
    assert connection.execute("select count(*) from site").fetchall() == [(1,)]
    with connect.transaction(connection):
        connection.execute("delete from site")
    assert connection.execute("select count(*) from site").fetchall() == [(0,)]


def test_a_transaction_in_a_transaction_loses_both(connection: Any) -> None:
    with pytest.raises(TransactionOpenError), connect.transaction(connection):
        connection.execute("delete from site")
        with connect.transaction(connection):
            pass
    assert connection.execute("select count(*) from site").fetchall() == [(1,)]


def test_a_database_whose_making_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    (tmp_path / ".warehouse.duckdb.new").write_bytes(b"\0" * 5000)
    (tmp_path / ".warehouse.duckdb.new.wal").write_bytes(b"\0" * 50)
    assert connect.migrate(path) == len(connect.migrations())
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []
    with connect.writer(path) as connection:
        assert connection.execute("select count(*) from site").fetchall() == [(0,)]

"""The readers' copy: always whole, replaced in one step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from warehouse import connect, publish
from warehouse.errors import WarehouseBusyError, WarehouseError


def rename(warehouse: Path, name: str) -> None:
    with connect.writer(warehouse) as connection:
        connection.execute("update site set name = $name", {"name": name})


def name_in(connection: Any) -> str:
    return connection.execute("select name from site").fetchall()[0][0]


@pytest.fixture
def published(warehouse: Path) -> Path:
    return warehouse.parent / "published.duckdb"


def test_a_copy_is_the_warehouse_and_can_be_read_while_it_is_written(warehouse: Path, published: Path) -> None:
    rename(warehouse, "one")
    publish.publish(warehouse, published)
    with connect.writer(warehouse) as writing, connect.reader(published) as reading:
        writing.execute("update site set name = 'two'")
        assert name_in(reading) == "one"


def test_an_open_copy_stays_and_the_next_reader_sees_the_new_one(warehouse: Path, published: Path) -> None:
    rename(warehouse, "one")
    publish.publish(warehouse, published)
    with connect.reader(published) as old:
        rename(warehouse, "two")
        publish.publish(warehouse, published)
        with connect.reader(published) as new:
            assert (name_in(old), name_in(new)) == ("one", "two")


def test_only_the_copy_is_left_behind(warehouse: Path, published: Path) -> None:
    publish.publish(warehouse, published)
    names = {path.name for path in warehouse.parent.iterdir()}
    assert names == {"warehouse.duckdb", "warehouse.duckdb.lock", "published.duckdb"}


def test_a_copy_that_fails_leaves_the_one_before(
    warehouse: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename(warehouse, "one")
    publish.publish(warehouse, published)
    rename(warehouse, "two")

    def full_disk(arguments: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        Path(arguments[-1]).write_bytes(b"half")
        return subprocess.CompletedProcess(arguments, 1)

    monkeypatch.setattr(publish.subprocess, "run", full_disk)
    with pytest.raises(WarehouseError, match="free space"):
        publish.publish(warehouse, published)
    monkeypatch.undo()
    with connect.reader(published) as connection:
        assert name_in(connection) == "one"
    assert {path.name for path in published.parent.glob("published*")} == {"published.duckdb"}


def test_what_a_crash_left_half_copied_is_overwritten(warehouse: Path, published: Path) -> None:
    published.with_name("published.duckdb.publishing").write_bytes(b"half" * 10_000_000)
    publish.publish(warehouse, published)
    with connect.reader(published) as connection:
        assert name_in(connection) == "Hôpital Saint-Aubin"


def test_publishing_waits_for_the_writer(warehouse: Path, published: Path) -> None:
    with connect.writer(warehouse), pytest.raises(WarehouseBusyError):
        publish.publish(warehouse, published, wait_minutes=0)
    assert not published.exists()


READER = """
import sys
from pathlib import Path
from warehouse import connect
print("ready", flush=True)
seen = set()
for _ in range(60):
    with connect.reader(Path(sys.argv[1])) as connection:
        seen.update(connection.execute("select count(*), count(distinct name) from site").fetchall())
print(sorted(seen))
"""


def test_readers_in_another_process_never_see_half_a_copy(warehouse: Path, published: Path) -> None:
    publish.publish(warehouse, published)
    reader = subprocess.Popen([sys.executable, "-c", READER, str(published)], stdout=subprocess.PIPE, text=True)
    with reader:
        assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
        while reader.poll() is None:
            publish.publish(warehouse, published)
        assert reader.stdout.read() == "[(1, 1)]\n"
    assert reader.returncode == 0

"""Damage of the warehouse is found, told and mended from the published copy."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from warehouse import connect, publish, recover
from warehouse.errors import WarehouseBusyError, WarehouseDamagedError

NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)


@pytest.fixture
def published(warehouse: Path) -> Path:
    with connect.writer(warehouse) as connection:
        connection.execute(
            "insert into incident select timestamptz '2020-01-01' + to_seconds(i), 'restored', now(), "
            "md5(i::varchar) || md5((i + 1)::varchar) from range(20000) t(i)"
        )
    copy = warehouse.parent / "published.duckdb"
    publish.publish(warehouse, copy)
    os.utime(copy, (NOW.timestamp() - 3600,) * 2)
    return copy


def damage(path: Path, share: float) -> None:
    """Overwrite a fifth of the file, as a failing disk would: DuckDB may not use every block of it."""
    data = bytearray(path.read_bytes())
    place = int(len(data) * share)
    end = place + len(data) // 5
    data[place:end] = bytes(255 - byte for byte in data[place:end])
    path.write_bytes(bytes(data))


def count(path: Path) -> int:
    with connect.writer(path) as connection:
        return int(connection.execute("select count(*) from incident").fetchall()[0][0])


def test_a_whole_warehouse_is_left_alone(warehouse: Path, published: Path) -> None:
    before = warehouse.read_bytes()
    assert recover.restore_if_damaged(warehouse, published, NOW) is None
    assert warehouse.read_bytes() == before


def test_without_a_warehouse_there_is_nothing_to_mend(tmp_path: Path) -> None:
    assert recover.restore_if_damaged(tmp_path / "none.duckdb", tmp_path / "neither.duckdb", NOW) is None


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4])
def test_damage_is_found_and_the_copy_put_in_its_place(warehouse: Path, published: Path, share: float) -> None:
    damage(warehouse, share)
    damaged = warehouse.read_bytes()
    found = recover.restore_if_damaged(warehouse, published, NOW)
    assert found is not None
    assert found.lost_from == NOW - timedelta(hours=1)
    assert (warehouse.parent / found.damaged).read_bytes() == damaged
    assert count(warehouse) == 20001
    with connect.writer(warehouse) as connection:
        assert recover.incidents(connection, NOW) == [found]
    assert recover.restore_if_damaged(warehouse, published, NOW + timedelta(days=1)) is None


def test_a_cut_file_is_damage_too(warehouse: Path, published: Path) -> None:
    os.truncate(warehouse, warehouse.stat().st_size // 2)
    assert recover.restore_if_damaged(warehouse, published, NOW) is not None
    assert count(warehouse) == 20001


@pytest.mark.parametrize("copy", ["none", "damaged"])
def test_without_a_whole_copy_nothing_is_touched(warehouse: Path, published: Path, copy: str) -> None:
    damage(warehouse, 0.5)
    damage(published, 0.5)
    if copy == "none":
        published.unlink()
    before = warehouse.read_bytes()
    with pytest.raises(WarehouseDamagedError, match="restore a back-up"):
        recover.restore_if_damaged(warehouse, published, NOW)
    assert warehouse.read_bytes() == before


def test_a_file_in_use_is_no_damage(warehouse: Path, published: Path, tmp_path: Path) -> None:
    # Within one process DuckDB shares the file; another process is refused.
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(WarehouseBusyError):
            recover.restore_if_damaged(warehouse, published, NOW)
        other.communicate("")

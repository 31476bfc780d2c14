"""Readers that stay up: each publication is seen by the next reader, and pulls no chair from under another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from warehouse import connect
from warehouse.errors import WarehouseError
from warehouse.publish import publish
from warehouse.published import Published


@pytest.fixture
def published(warehouse: Path, tmp_path: Path) -> Iterator[tuple[Path, Published]]:
    target = tmp_path / "published.duckdb"
    publish(warehouse, target)
    pool = Published(target)
    yield warehouse, pool
    pool.close()


def sites(connection: Any) -> int:
    return int(connection.execute("select count(*) from site").fetchall()[0][0])


def add_site(warehouse: Path, pool: Published, name: str) -> None:
    with connect.writer(warehouse) as connection:
        connection.execute(
            "insert into site by name select * replace ($name as site) from site limit 1", {"name": name}
        )
    publish(warehouse, pool.path)


def test_the_next_reader_sees_the_new_copy_and_this_one_keeps_its_own(published: tuple[Path, Published]) -> None:
    warehouse, pool = published
    with pool.connection() as before:
        identity = pool.identity
        assert sites(before) == 1
        add_site(warehouse, pool, "second")
        assert pool.identity != identity
        with pool.connection() as after:
            assert (sites(before), sites(after)) == (1, 2)
    with pool.connection() as later:
        assert sites(later) == 2


def test_every_connection_is_locked_down_and_speaks_utc(
    published: tuple[Path, Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, pool = published
    with pool.connection() as first, pool.connection() as second:
        for connection in (first, second):
            assert connection.execute(
                "select current_setting('TimeZone'), current_setting('enable_external_access'), "
                "current_setting('lock_configuration'), current_setting('python_enable_replacements')"
            ).fetchall() == [("UTC", False, True, False)]


def test_many_threads_read_while_it_is_published_again(published: tuple[Path, Published]) -> None:
    warehouse, pool = published
    done, failures, seen = threading.Event(), [], set()

    def read() -> None:
        try:
            while not done.is_set():
                with pool.connection() as connection:
                    seen.add(sites(connection))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must know
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(3):
        add_site(warehouse, pool, f"site-{number}")
    with pool.connection() as connection:
        assert sites(connection) == 4
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert max(seen) <= 4


def test_nothing_published_yet(tmp_path: Path) -> None:
    pool = Published(tmp_path / "published.duckdb")
    with pytest.raises(WarehouseError, match="bilan night"), pool.connection():
        pass
    pool.close()

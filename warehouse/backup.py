"""Copies of the databases that are whole, and that belong together, while everything goes on."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.connect import SITES, writer
from warehouse.publish import copy_whole
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MAGIC = b"SQLite format 3\0"
_WAIT_SECONDS = 60.0


@contextmanager
def held(warehouse: Path, target: Path, wait_minutes: float = 30.0, schema: str = SITES) -> Iterator[None]:
    """Copy the warehouse (or a hub's) to `target`, and let nobody write while the block copies what belongs to it.

    Raises
    ------
    WarehouseBusyError
        If another run keeps the warehouse longer than `wait_minutes`.
    WarehouseError
        If it cannot be copied.
    """
    with writer(warehouse, wait_minutes, schema) as connection:
        connection.execute("checkpoint")
        copy_whole(warehouse, target)
        yield


def is_sqlite(path: Path) -> bool:
    """Say whether a file is an SQLite database, whatever its name."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy an SQLite database as one moment shows it, while others write it; only its owner can read the copy."""
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=_WAIT_SECONDS)) as theirs,
        closing(sqlite3.connect(target)) as ours,
    ):
        theirs.backup(ours)
        # A back-up is one file: without this the copy would keep its log beside it.
        ours.execute("pragma journal_mode = delete")


def last_nights(connection: DuckDBPyConnection) -> dict[str, date]:
    """Return the last night of each site."""
    return dict(connection.execute(statement("last_nights")).fetchall())


def key_ids(connection: DuckDBPyConnection, sites: Iterable[str]) -> dict[str, str]:
    """Return the key under which each site's last delivery got its pseudonyms."""
    found = dict(connection.execute(statement("last_keys")).fetchall())
    return {site: found[site] for site in sites if site in found}

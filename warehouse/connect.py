"""The one way to the database: a single writer under a file lock, readers of published copies, migrations."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import duckdb

from warehouse.errors import (
    SchemaVersionError,
    TransactionOpenError,
    WarehouseBusyError,
    WarehouseDamagedError,
    WarehouseError,
)
from warehouse.statement import statement

_POLL_SECONDS = 0.2
# Two schemas, each a folder of migrations: the sites' warehouse, and the hub's store of aggregates.
SITES, HUB = "migrations", "hub_migrations"
_UNREADABLE = "the published copy cannot be read; run `bilan night` to publish it anew"
_NOTHING = {
    SITES: "nothing has been published yet; run `bilan night` first",
    HUB: "the hub has nothing to show yet; run `bilan hub import` first",
}


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema: ``0001_spine.sql`` has version 1."""

    version: int
    name: str
    sql: str
    sha256: str


@cache
def migrations(schema: str = SITES) -> tuple[Migration, ...]:
    """Return the migrations of a schema in this version of Bilan, in order, read from the installed package."""
    folder = resources.files("warehouse").joinpath(schema)
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda item: item.name)
    return tuple(_migration(item.name, item.read_bytes()) for item in files)


def _migration(name: str, content: bytes) -> Migration:
    return Migration(int(name.split("_", maxsplit=1)[0]), name, content.decode(), hashlib.sha256(content).hexdigest())


@contextmanager
def lock(path: Path, wait_minutes: float = 30.0) -> Iterator[None]:
    """Hold the warehouse's file lock, waiting for whoever has it.

    The lock is of the open file (`flock`), so it excludes threads of this process as well as other
    processes, and the kernel frees it when its holder dies.

    Raises
    ------
    WarehouseBusyError
        If another run still has it after `wait_minutes`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait_minutes * 60
        while not _acquired(descriptor):
            if time.monotonic() >= deadline:
                raise WarehouseBusyError(
                    f"another run has been writing to the warehouse for {wait_minutes:g} minutes; "
                    "wait until it ends and run this again"
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _acquired(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def writer(path: Path, wait_minutes: float = 30.0, schema: str = SITES) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for writing; one writer at a time on the whole machine.

    Raises
    ------
    WarehouseBusyError
        If another run keeps the warehouse longer than `wait_minutes`.
    SchemaVersionError
        If the database is not at the schema of this version of Bilan.
    """
    with lock(path, wait_minutes):
        connection = _open(path)
        try:
            _check_version(connection, schema)
            yield connection
        finally:
            connection.close()


@contextmanager
def reader(path: Path, schema: str = SITES) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a published copy read-only.

    Any number of readers, in any thread or process. A reader keeps seeing the copy that it opened
    when a new one is published over it; the next reader sees the new one.

    Raises
    ------
    WarehouseError
        If there is no copy yet.
    WarehouseDamagedError
        If it cannot be opened or read.
    SchemaVersionError
        If the copy is not at the schema of this version of Bilan.
    """
    if not path.is_file():
        raise WarehouseError(_NOTHING[schema])
    # DuckDB caches databases by path within a process: opened directly, a replaced file would show
    # its old content. A private database that attaches the file always opens what is there now.
    # Without a folder for it, nothing is ever spilled beside whatever folder the reader runs in.
    connection = duckdb.connect(":memory:", config={"temp_directory": ""})
    try:
        try:
            # `attach` takes no parameter: a path is quoted here, the one place where it must be.
            quoted = str(path.absolute()).replace("'", "''")
            connection.execute(f"attach '{quoted}' as warehouse (read_only)")
        except duckdb.Error:
            raise WarehouseDamagedError(_UNREADABLE) from None
        connection.execute("use warehouse")
        connection.execute(statement("lock_down"))
        try:
            _check_version(connection, schema)
            yield connection
        except (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException):
            # What a damaged page holds is not told.
            raise WarehouseDamagedError(_UNREADABLE) from None
    finally:
        connection.close()


def beside(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return another connection to the database that `connection` reads, for another thread; the caller closes it."""
    [(catalog,)] = connection.execute(statement("current_catalog")).fetchall()
    another = connection.cursor()
    try:
        # `use` takes no parameter either. A cursor starts in the database that was opened, not in the attached one.
        quoted = catalog.replace('"', '""')
        another.execute(f'use "{quoted}"')
    except BaseException:
        another.close()
        raise
    return another


def migrate(path: Path, wait_minutes: float = 30.0, schema: str = SITES) -> int:
    """Bring the database at `path` to this version's schema, making it if there is none.

    Each migration is applied in one transaction together with its entry in `schema_version`.
    Returns the number of migrations applied now.

    Raises
    ------
    WarehouseBusyError
        As for `writer`.
    SchemaVersionError
        If the database was made by a newer version, or by other migrations than these.
    """
    with lock(path, wait_minutes):
        if not path.exists():
            return _make(path, schema)
        connection = _open(path)
        try:
            return apply_migrations(connection, schema)
        finally:
            connection.close()


def _make(path: Path, schema: str) -> int:
    """Make the database beside its place and put it there whole: killed in between it leaves none, no damaged one."""
    aside = path.with_name(f".{path.name}.new")
    for left in (aside, aside.with_name(f"{aside.name}.wal")):
        left.unlink(missing_ok=True)
    connection = _open(aside)
    try:
        made = apply_migrations(connection, schema)
    finally:
        connection.close()  # writes what is still in the log into the file
    sync(aside)
    aside.replace(path)
    sync(path.parent)
    return made


def sync(path: Path) -> None:
    """Force a file, or a folder's names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def apply_migrations(connection: duckdb.DuckDBPyConnection, schema: str = SITES) -> int:
    """Apply to an open database the migrations that it lacks; return how many."""
    with transaction(connection):
        connection.execute(statement("schema_version"))
    applied = _applied(connection)
    _refuse_foreign(applied, schema)
    lacking = [migration for migration in migrations(schema) if migration.version not in applied]
    for migration in lacking:
        with transaction(connection):
            connection.execute(migration.sql)
            note = {"version": migration.version, "name": migration.name, "sha256": migration.sha256}
            connection.execute(statement("note_migration"), note)
    return len(lacking)


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what is done inside, or undo all of it when it raises. Does not nest.

    Raises
    ------
    TransactionOpenError
        If a transaction is open already; DuckDB gives that one up too.
    """
    try:
        connection.execute("begin transaction")
    except duckdb.TransactionException:
        raise TransactionOpenError("a transaction is open already") from None
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(str(path))
    except duckdb.Error:
        raise WarehouseError(
            "the warehouse cannot be opened: it is in use by another program, or damaged (restore the last back-up)"
        ) from None
    try:
        connection.execute(statement("lock_down"))
    except BaseException:
        connection.close()
        raise
    return connection


def _applied(connection: duckdb.DuckDBPyConnection) -> dict[int, str]:
    try:
        return dict(connection.execute(statement("applied_migrations")).fetchall())
    except duckdb.CatalogException:
        return {}


def _refuse_foreign(applied: dict[int, str], schema: str) -> None:
    known = {migration.version: migration.sha256 for migration in migrations(schema)}
    if any(version not in known for version in applied):
        raise SchemaVersionError("the warehouse was written by a newer version of Bilan; install that one or later")
    if any(known[version] != sha256 for version, sha256 in applied.items()):
        raise SchemaVersionError("the warehouse was made with other migrations than these; restore a matching back-up")


def _check_version(connection: duckdb.DuckDBPyConnection, schema: str) -> None:
    applied = _applied(connection)
    if not applied and not connection.execute(statement("tables")).fetchall():
        raise WarehouseError(_NOTHING[schema])
    _refuse_foreign(applied, schema)
    if len(applied) < len(migrations(schema)):
        raise SchemaVersionError("the warehouse is older than this version of Bilan; run `bilan night` to update it")

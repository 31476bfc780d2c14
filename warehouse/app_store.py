"""`app.sqlite`: what the web application writes (accounts, sessions, verdicts, audit trail), by numbered migrations.

Many web threads write it while a night runs. SQLite's write-ahead log lets them read on while one
writes; a writer waits for its turn. Statements are files in ``warehouse/app_queries``.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from warehouse import audit_head
from warehouse.audit_head import Head
from warehouse.errors import NaiveTimeError, SchemaVersionError, StorePermissionError, WarehouseBusyError
from warehouse.statement import statement

_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class AppMigration:
    """One numbered step of the application's schema: ``0001_accounts.sql`` has version 1."""

    version: int
    name: str
    sql: str
    sha256: str


@cache
def app_migrations() -> tuple[AppMigration, ...]:
    """Return the migrations of this version of Bilan in order, read from the installed package."""
    folder = resources.files("warehouse").joinpath("app_migrations")
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda item: item.name)
    return tuple(
        AppMigration(
            int(item.name.split("_", maxsplit=1)[0]),
            item.name,
            item.read_text(encoding="utf-8"),
            hashlib.sha256(item.read_bytes()).hexdigest(),
        )
        for item in files
    )


class AppConnection(sqlite3.Connection):
    """A connection that knows the last audit row appended through it, to be anchored after the commit."""

    head: Head | None = None


@dataclass(frozen=True, slots=True)
class AppStore:
    """The application's own database. Connections are short-lived: one for each piece of work."""

    path: Path

    @contextmanager
    def reading(self) -> Iterator[AppConnection]:
        """Open for reading; what is seen does not change within the block."""
        with self._open() as connection:
            connection.execute("begin")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[AppConnection]:
        """Open for writing: all that is done in the block is committed together, or nothing."""
        with self._open() as connection:
            # At once, not at the first write: two that read first and write then could not both go on.
            connection.execute("begin immediate")
            try:
                yield connection
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")
            # After, never before: a head beyond the trail's end would look like rows cut off.
            if connection.head is not None:
                audit_head.note(audit_head.place(self.path), connection.head)

    def migrate(self) -> int:
        """Bring the database to this version's schema, making it if there is none; return the steps applied.

        Raises
        ------
        SchemaVersionError
            If the database was made by a newer version, or by other migrations than these.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with self._open() as connection:
            connection.execute("pragma journal_mode = wal")
        with self.writing() as connection:
            connection.execute(statement("app_migration", "app_queries"))
            applied = {row["version"]: row["sha256"] for row in rows(connection, "applied_app_migrations")}
            _refuse_foreign(applied)
            lacking = [step for step in app_migrations() if step.version not in applied]
            for step in lacking:
                for piece in _statements(step.sql):
                    connection.execute(piece)
                noted = {"version": step.version, "name": step.name, "sha256": step.sha256}
                change(connection, "note_app_migration", noted)
        return len(lacking)

    def current(self) -> bool:
        """Say whether the database can be read and has this version's schema; nothing is changed."""
        try:
            with self.reading() as connection:
                applied = {row["version"]: row["sha256"] for row in rows(connection, "applied_app_migrations")}
        except sqlite3.Error:
            return False
        return applied == {step.version: step.sha256 for step in app_migrations()}

    def compact(self) -> None:
        """Write the file anew without what was deleted, and empty its log.

        Raises
        ------
        WarehouseBusyError
            If another program keeps it busy; what is committed stands.
        """
        with self._open() as connection:
            try:
                connection.execute("vacuum")
                (busy, *_), *_ = connection.execute("pragma wal_checkpoint(truncate)").fetchall()
            except sqlite3.OperationalError:
                busy = 1
        if busy:
            raise WarehouseBusyError("app.sqlite is in use; run this again, or wait for the next night")

    @contextmanager
    def _open(self) -> Iterator[AppConnection]:
        if self.path.exists() and self.path.stat().st_mode & 0o077:
            raise StorePermissionError("app.sqlite can be read by others; run `chmod 600` on it")
        connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None, factory=AppConnection)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("pragma foreign_keys = on")
            # A verdict must survive a power cut; WAL's default would lose the last ones.
            connection.execute("pragma synchronous = full")
            yield connection
        finally:
            connection.close()


def rows(connection: sqlite3.Connection, name: str, parameters: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
    """Run ``app_queries/<name>.sql`` and return its rows, each readable by column name."""
    return connection.execute(statement(name, "app_queries"), dict(parameters or {})).fetchall()


def change(connection: sqlite3.Connection, name: str, parameters: Mapping[str, Any] | None = None) -> int:
    """Run ``app_queries/<name>.sql`` and return how many rows it changed."""
    return connection.execute(statement(name, "app_queries"), dict(parameters or {})).rowcount


def as_text(moment: datetime) -> str:
    """Return a time as it is stored: UTC, fixed width, so that text sorts as time does.

    Raises
    ------
    NaiveTimeError
        If the time has no time zone.
    """
    if moment.tzinfo is None:
        raise NaiveTimeError("app.sqlite needs times with a time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def as_time(text: str) -> datetime:
    """Return a stored time, zone-aware, in UTC."""
    return datetime.fromisoformat(text)


def _refuse_foreign(applied: dict[int, str]) -> None:
    known = {step.version: step.sha256 for step in app_migrations()}
    if any(version not in known for version in applied):
        raise SchemaVersionError("app.sqlite was written by a newer version of Bilan; install that one or later")
    if any(known[version] != sha256 for version, sha256 in applied.items()):
        raise SchemaVersionError("app.sqlite was made with other migrations than these; restore a matching back-up")


def _statements(script: str) -> Iterator[str]:
    # `executescript` would commit on its own: each statement is run within the migration's transaction.
    piece = ""
    for line in script.splitlines(keepends=True):
        piece += line
        if sqlite3.complete_statement(piece):
            yield piece
            piece = ""

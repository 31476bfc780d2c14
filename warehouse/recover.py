"""A damaged warehouse: found before it is written to, replaced by the last published copy, the loss told."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from warehouse.connect import apply_migrations, lock, transaction
from warehouse.errors import WarehouseBusyError, WarehouseDamagedError
from warehouse.publish import copy_whole
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Incident:
    """One restoration. What was written from `lost_from` to `happened_at` (UTC) is gone from the store.

    `damaged` is the name of the damaged file, kept beside the warehouse for whoever wants to look.
    """

    happened_at: datetime
    lost_from: datetime
    damaged: str


def restore_if_damaged(warehouse: Path, published: Path, now: datetime, wait_minutes: float = 30.0) -> Incident | None:
    """Read the whole warehouse and, where it is damaged, put the last published copy in its place.

    DuckDB keeps a checksum of each block and compares it when the block is read, so every table is
    read through (about a second for ten million rows). Files and messages taken after the copy was
    published are offers that the restored ledger does not know: the next night takes them again.

    Parameters
    ----------
    now
        Our own clock, UTC.

    Returns
    -------
    Incident or None
        None where the warehouse is whole, or there is none yet.

    Raises
    ------
    WarehouseBusyError
        If another program has the warehouse open.
    WarehouseDamagedError
        If it is damaged and there is no whole published copy to go back to.
    """
    if not warehouse.exists():
        return None
    with lock(warehouse, wait_minutes):
        if is_whole(warehouse):
            return None
        if not published.is_file() or not is_whole(published):
            raise WarehouseDamagedError("the warehouse is damaged and no whole copy was published; restore a back-up")
        incident = Incident(
            happened_at=now,
            lost_from=datetime.fromtimestamp(published.stat().st_mtime, UTC),
            damaged=f"{warehouse.stem}.damaged-{now:%Y%m%dT%H%M%SZ}{warehouse.suffix}",
        )
        _replace(warehouse, published, incident)
    return incident


def is_whole(path: Path) -> bool:
    """Return whether the database at `path` opens and every block of it can be read.

    Raises
    ------
    WarehouseBusyError
        If another program has it open.
    """
    try:
        with closing(duckdb.connect(str(path))) as connection:
            connection.execute(statement("lock_down"))
            for (table,) in connection.execute(statement("tables")).fetchall():
                connection.execute(statement("read_through").replace("{table}", f'"{table}"')).fetchall()
    except duckdb.Error as error:
        if "lock on file" in str(error):
            raise WarehouseBusyError("another program has the warehouse open; end it and run this again") from None
        return False
    return True


def incidents(connection: DuckDBPyConnection, since: datetime) -> list[Incident]:
    """Return the restorations found since a time (UTC), the oldest first."""
    return [Incident(*row) for row in connection.execute(statement("incidents"), {"since": since}).fetchall()]


def _replace(warehouse: Path, published: Path, incident: Incident) -> None:
    """Prepare the restored warehouse beside the damaged one, then swap them: a kill in between leaves either."""
    aside = warehouse.with_name(f"{warehouse.name}.restoring")
    aside.with_name(aside.name + ".wal").unlink(missing_ok=True)
    copy_whole(published, aside)
    with closing(duckdb.connect(str(aside))) as connection:
        connection.execute(statement("lock_down"))
        apply_migrations(connection)
        told = {
            "happened_at": incident.happened_at,
            "lost_from": incident.lost_from,
            "damaged": incident.damaged,
        }
        with transaction(connection):
            connection.execute(statement("add_incident"), told)
        connection.execute("checkpoint")
    log = warehouse.with_name(warehouse.name + ".wal")
    kept = warehouse.with_name(incident.damaged)
    kept.unlink(missing_ok=True)
    os.link(warehouse, kept)  # the damaged file has two names for a moment, so that one always stands
    if log.exists():
        log.replace(kept.with_name(kept.name + ".wal"))
    aside.replace(warehouse)

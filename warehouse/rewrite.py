"""The warehouse written anew: every row that it holds into a fresh file, so that nothing deleted stays on disk.

DuckDB marks deleted rows and reuses their blocks later; until then their bytes can be read in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.connect import apply_migrations, lock, sync, transaction
from warehouse.errors import WarehouseError
from warehouse.statement import statement

Change = Callable[[str, pa.Table], pa.Table]
Finish = Callable[[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection], None]
_ASIDE = ".rewriting"
_ROWS = 100_000
# The fresh file says itself which migrations made it.
_OWN = "schema_version"


def unchanged(table: str, rows: pa.Table) -> pa.Table:
    """Return the rows as they are."""
    return rows


def rewrite(
    warehouse: Path,
    change: Change = unchanged,
    finish: Finish | None = None,
    before: Callable[[], None] | None = None,
    aside: Path | None = None,
    wait_minutes: float = 30.0,
) -> None:
    """Write the warehouse into a fresh file and put it in the old one's place by one rename.

    A kill at any moment leaves the old file or the new one. Takes the writer's lock.

    Parameters
    ----------
    change
        What becomes of a batch of a table's rows on their way.
    finish
        Called with the old and the fresh database before this one takes the old one's place.
    before
        Called when the fresh file is whole on disk, right before the rename that puts it in place.
    aside
        Where the fresh file is made, on the same file system.

    Raises
    ------
    WarehouseBusyError
        If another run keeps the warehouse longer than `wait_minutes`.
    WarehouseError
        If it cannot be read or written.
    """
    aside = aside or warehouse.with_name(warehouse.name + _ASIDE)
    with lock(warehouse, wait_minutes):
        remove(aside)
        try:
            with closing(duckdb.connect(str(warehouse))) as source, closing(duckdb.connect(str(aside))) as target:
                source.execute(statement("lock_down"))
                target.execute(statement("lock_down"))
                apply_migrations(target)
                with transaction(target):
                    for (table,) in source.execute(statement("tables")).fetchall():
                        if table != _OWN:
                            _copy(source, target, table, change)
                if finish is not None:
                    finish(source, target)
                target.execute("checkpoint")
                # All that the old file's log holds is in the file: no log may be left for the new one to be read with.
                source.execute("checkpoint")
        except duckdb.Error:
            remove(aside)
            raise WarehouseError("the warehouse cannot be written anew; check the free space of data/") from None
        if warehouse.with_name(warehouse.name + ".wal").exists():
            raise WarehouseError("the warehouse's log cannot be emptied; end every other program that has it open")
        sync(aside)
        if before is not None:
            before()
        aside.replace(warehouse)
        sync(warehouse.parent)


def remove(aside: Path) -> None:
    """Remove what an earlier, interrupted rewriting left."""
    for path in (aside, aside.with_name(aside.name + ".wal")):
        path.unlink(missing_ok=True)


def _copy(source: duckdb.DuckDBPyConnection, target: duckdb.DuckDBPyConnection, table: str, change: Change) -> None:
    for batch in source.table(table).to_arrow_reader(_ROWS):
        target.register("incoming", change(table, pa.Table.from_batches([batch])))
        try:
            target.execute(statement("replace_table").replace("{table}", table))
        finally:
            target.unregister("incoming")

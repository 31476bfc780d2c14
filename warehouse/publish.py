"""The readers' copy: whole or not there, replaced in one step."""

from __future__ import annotations

import subprocess
from pathlib import Path

from warehouse.connect import SITES, sync, writer
from warehouse.errors import WarehouseError

_ASIDE = ".publishing"


def publish(warehouse: Path, published: Path, wait_minutes: float = 30.0, schema: str = SITES) -> None:
    """Publish what is committed: copy, force to disk, rename over the copy before.

    Takes the writer's lock while it copies. Readers that have the old copy open keep it. A copy
    that was cut short by a crash is never visible, and the next call overwrites it.

    Raises
    ------
    WarehouseBusyError
        If another run keeps the warehouse longer than `wait_minutes`.
    WarehouseError
        If the copy cannot be made, for example because the disk is full.
    """
    aside = published.with_name(published.name + _ASIDE)
    with writer(warehouse, wait_minutes, schema) as connection:
        # After this all that is committed is in the database file itself, none in its log.
        connection.execute("checkpoint")
        copy_whole(warehouse, aside)
        aside.replace(published)
    sync(published.parent)


def copy_whole(source: Path, target: Path) -> None:
    """Copy a database file and force it to disk.

    Raises
    ------
    WarehouseError
        If it cannot be copied; what was copied of it is removed.
    """
    # Another process copies: if this one opened and closed the file, the kernel would drop the lock
    # that DuckDB holds on it (POSIX: a process loses its locks when it closes any descriptor).
    done = subprocess.run(  # noqa: S603 - fixed program, own paths
        ["/bin/cp", "--reflink=auto", "--", str(source), str(target)], check=False, capture_output=True
    )
    if done.returncode:
        target.unlink(missing_ok=True)
        raise WarehouseError("the readers' copy cannot be made; check the free space and permissions of data/")
    sync(target)

"""A folder where files arrive: list what is stable, whatever its nesting or its ending."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipelines.errors import SourceUnreachableError

# What transfer tools call a file that is not yet whole.
PARTIAL = (".part", ".partial", ".tmp", ".filepart", ".crdownload")


@dataclass(frozen=True, slots=True)
class Offered:
    """One stable file of a source. `place` is its path in the source; `stamp` is size and mtime."""

    source: str
    path: Path
    place: str
    stamp: str
    size: int


def stable(source: str, root: Path, now: datetime, stable_seconds: float) -> Iterator[Offered]:
    """Yield every file under `root` that has not changed for `stable_seconds`, in path order.

    Symbolic links below `root` are not followed: a source offers its own files only. Hidden files
    and those that transfer tools mark as partial are left until they are renamed.

    Raises
    ------
    SourceUnreachableError
        If the folder, or one below it, cannot be listed.
    """
    if not root.is_dir():
        raise SourceUnreachableError(
            f"source {source}: its folder cannot be opened; check that it exists and is mounted"
        )

    def refuse(_error: OSError) -> None:
        raise SourceUnreachableError(f"source {source}: a folder in it cannot be listed; check its permissions")

    for folder, folders, names in os.walk(root, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            if name.startswith(".") or name.lower().endswith(PARTIAL):
                continue
            path = Path(folder) / name
            try:
                status = path.stat(follow_symlinks=False)
            except FileNotFoundError:  # taken away by the sender between listing and looking
                continue
            if not path.is_file() or path.is_symlink():
                continue
            if abs(now.timestamp() - status.st_mtime) < stable_seconds:
                continue
            yield Offered(
                source, path, str(path.relative_to(root)), f"{status.st_size}-{status.st_mtime_ns}", status.st_size
            )

"""A folder where files arrive: list what is stable, whatever its nesting or its ending."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines.errors import SourceUnreachableError
from pipelines.sources.offered import Offered

# What transfer tools call a file that is not yet whole.
PARTIAL = (".part", ".partial", ".tmp", ".filepart", ".crdownload")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as a source: it lists files that are whole; nothing in it is changed or removed."""

    name: str
    path: Path
    stable_seconds: float

    def changed(self, days: Sequence[date]) -> Iterator[Offered]:  # noqa: ARG002 - a folder gives all that it has
        """List every stable file, whatever its day."""
        # Stability is a matter of the machine's clock, also when ours is simulated.
        return stable(self.name, self.path, datetime.now(UTC), self.stable_seconds)

    def fetch(self, offered: Offered) -> Offered | None:
        """Return the file as it lies there."""
        return offered

    def done(self, offered: Offered) -> None:
        """Leave the file: the folder is not ours."""


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
            yield Offered(source, path, str(path.relative_to(root)), f"{status.st_size}-{status.st_mtime_ns}")

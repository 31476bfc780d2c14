"""The published copy for a program that stays up: opened once, opened anew after each publication."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.connect import SITES, beside, reader
from warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass
class _Copy:
    """One opened copy, those who read it now, and connections that nobody uses."""

    identity: tuple[int, int, int]
    root: DuckDBPyConnection
    stack: ExitStack
    readers: int = 0
    idle: list[DuckDBPyConnection] = field(default_factory=list)


class Published:
    """Connections to the published copy for many threads.

    A reader keeps the copy with which it began until it ends; the first reader after a publication
    opens the new one, and the old one is closed when its last reader ends.

    Parameters
    ----------
    path
        The published copy.
    schema
        Of the sites' warehouse, or `warehouse.connect.HUB`.
    """

    def __init__(self, path: Path, schema: str = SITES) -> None:
        self.path = path
        self.schema = schema
        self._lock = threading.Lock()
        self._copy: _Copy | None = None

    @contextmanager
    def connection(self) -> Iterator[DuckDBPyConnection]:
        """Lend a connection of the caller's own to the newest copy.

        Raises
        ------
        WarehouseError
            If there is no copy yet, or it cannot be opened.
        SchemaVersionError
            If the copy is not at the schema of this version of Bilan.
        """
        copy, connection = self._take()
        try:
            yield connection
        finally:
            self._give_back(copy, connection)

    @property
    def identity(self) -> tuple[int, int, int]:
        """What tells one publication from the next: nothing read before holds after it changes."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            raise WarehouseError("nothing has been published yet; run `bilan night` first") from None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def close(self) -> None:
        """Close what nobody reads any more."""
        with self._lock:
            copy, self._copy = self._copy, None
            if copy is not None and not copy.readers:
                copy.stack.close()

    def _take(self) -> tuple[_Copy, DuckDBPyConnection]:
        with self._lock:
            identity = self.identity
            if self._copy is None or self._copy.identity != identity:
                stack = ExitStack()
                fresh = _Copy(identity, stack.enter_context(reader(self.path, self.schema)), stack)
                if self._copy is not None and not self._copy.readers:
                    self._copy.stack.close()
                self._copy = fresh
            copy = self._copy
            connection = copy.idle.pop() if copy.idle else beside(copy.root)
            copy.readers += 1
            return copy, connection

    def _give_back(self, copy: _Copy, connection: DuckDBPyConnection) -> None:
        with self._lock:
            copy.readers -= 1
            copy.idle.append(connection)
            if copy is not self._copy and not copy.readers:
                for idle in copy.idle:
                    idle.close()
                copy.stack.close()

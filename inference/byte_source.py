"""Bytes at an offset, of a file through a small window or of memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

_WINDOW = 1 << 16


class Source(Protocol):
    """Bytes at an offset; `size` is how many there are."""

    size: int

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset`."""


class FileSource:
    """A file read through a window, so that its size costs no memory."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self._start = 0
        self._window = b""

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset`."""
        begin = offset - self._start
        if begin < 0 or begin + count > len(self._window):
            if count > _WINDOW:
                return os.pread(self._descriptor, count, offset)
            self._window = os.pread(self._descriptor, _WINDOW, offset)
            self._start, begin = offset, 0
        return self._window[begin : begin + count]


class MemorySource:
    """Bytes in memory: an inflated data set."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = memoryview(data)
        self.size = len(data)

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset`."""
        return bytes(self._data[offset : offset + count])


@contextmanager
def opened(path: Path) -> Iterator[FileSource]:
    """Open a file to be read at offsets.

    Raises
    ------
    OSError
        If the disk or the permissions forbid it: the source's trouble, not the file's.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        yield FileSource(descriptor)
    finally:
        os.close(descriptor)

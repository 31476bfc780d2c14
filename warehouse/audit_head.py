"""The head of the audit trail, kept beside the database: rows cut off its end are missed."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Head:
    """Number and hash of the last row."""

    seq: int
    hash: str


def place(store: Path) -> Path:
    """Return the side file of a database."""
    return store.with_name("audit-head.json")


def read(path: Path) -> Head | None:
    """Return the head that was last noted, or None: none yet, or not readable."""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        return Head(int(noted["seq"]), str(noted["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note(path: Path, head: Head) -> None:
    """Note a head, unless a later one is noted already: two writers may come here in either order."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        known = read(path)
        if known is None or known.seq < head.seq:
            aside = path.with_name(path.name + ".new")
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump({"seq": head.seq, "hash": head.hash}, file)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
    finally:
        os.close(descriptor)

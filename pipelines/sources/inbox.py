"""A receiver's inbox: what it took, whole and on disk before it says so; the night reads and empties it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines.sources.offered import Offered


@dataclass(frozen=True, slots=True)
class Inbox:
    """The inbox of one receiver. Files are named by their content's hash, never by anything received."""

    name: str
    folder: Path

    def prepare(self) -> None:
        """Make the folders, and remove what a crash left half written: nobody was told it is safe."""
        for folder in (self._objects, self._refused, self.arriving):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for left in folder.glob("*" if folder == self.arriving else ".*.part"):
                left.unlink()

    @property
    def arriving(self) -> Path:
        """Where an object lies while it arrives."""
        return self.folder / "arriving"

    @property
    def _objects(self) -> Path:
        return self.folder / "objects"

    @property
    def _refused(self) -> Path:
        return self.folder / "refused"

    def keep(self, data: bytes) -> None:
        """Keep an object or a message; on return it survives a crash of the machine.

        Raises
        ------
        OSError
            If it could not be written: then the sender must not be told that it was.
        """
        _write(self._objects, hashlib.sha256(data).hexdigest(), data)

    def take(self, path: Path) -> None:
        """Keep an object that lies in a file of this disk; on return it survives a crash of the machine.

        Raises
        ------
        OSError
            If it could not be synced or moved: then the sender must not be told that it was.
        """
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        path.replace(self._objects / digest)
        _sync(self._objects)

    def refuse(self, reason: str, subject: str) -> None:
        """Leave a record of what was refused; the night makes a row of the ledger of it.

        One record for each reason, subject (a machine's address, an object's identifier; only its
        hash is kept) and hour: a flood fills neither disk nor ledger.
        """
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        record = {"reason": reason, "hour": hour.isoformat(), "subject": hashlib.sha256(subject.encode()).hexdigest()}
        data = json.dumps(record, sort_keys=True).encode()
        name = hashlib.sha256(data).hexdigest()
        if not (self._refused / f"{name}.json").exists():
            _write(self._refused, f"{name}.json", data)

    def changed(self, days: Sequence[date]) -> Iterator[Offered]:  # noqa: ARG002 - it gives all that it has
        """List what was received and refused, whatever its day."""
        self.prepare_reading()
        for path in sorted(self._objects.iterdir()):
            if not path.name.startswith("."):
                status = path.stat()
                stamp = f"{status.st_size}-{status.st_mtime_ns}"
                yield Offered(self.name, path, f"objects/{path.name}", stamp)
        for path in sorted(self._refused.glob("[!.]*.json")):
            yield Offered(self.name, path, f"refused/{path.name}", "refused", refusal=_reason(path))

    def prepare_reading(self) -> None:
        """Make the folders where a receiver that never ran has not."""
        for folder in (self._objects, self._refused):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def fetch(self, offered: Offered) -> Offered | None:
        """Return the file as it lies there."""
        return offered

    def done(self, offered: Offered) -> None:
        """Remove what the spool or the quarantine has now."""
        offered.path.unlink(missing_ok=True)


def _reason(path: Path) -> str:
    return str(json.loads(path.read_text(encoding="utf-8"))["reason"])


def _write(folder: Path, name: str, data: bytes) -> None:
    aside = folder / f".{name}.{os.urandom(4).hex()}.part"
    try:
        with aside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(folder / name)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    _sync(folder)


def _sync(folder: Path) -> None:
    """Make the names in a folder safe: a file is safe only once they are."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

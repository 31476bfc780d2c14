"""Where what a PACS hands over lies until the gate has taken it; names are hashes of identifiers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO

from pipelines.sources.offered import Offered

LISTED = "listed"
# A PACS that was away is asked for the days since; for how many at most.
MOST_DAYS = 92


@dataclass(frozen=True, slots=True)
class Landing:
    """The landing folder of one source. What a broken night left in it need not be fetched again."""

    source: str
    folder: Path

    def prepare(self) -> None:
        """Make the folder, and remove what is half written and the records of earlier refusals."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in (*self.folder.glob("*.part"), *self.folder.glob("*.refused")):
            left.unlink()

    def listed(self, study_uid: str, series_uid: str, instance_uid: str) -> Offered:
        """Return what the PACS lists as an offer; nothing is fetched yet."""
        path = self.folder / f"{_hash(instance_uid)}.dcm"
        place = f"{study_uid}/{instance_uid}"
        return Offered(self.source, path, place, LISTED, instance_uid, study_uid, series_uid)

    def refused(self, place: str, reason: str) -> Offered:
        """Return the refusal of what never became a file: one for each place and reason, however often it is met."""
        record = {"reason": reason, "subject": _hash(place)}
        path = self.folder / f"{_hash(place + reason)}.refused"
        path.write_text(json.dumps(record, sort_keys=True), encoding="utf-8")
        return Offered(self.source, path, place, f"refused {reason}", refusal=reason)

    def not_handed_over(self, listed: Offered, reason: str) -> Offered:
        """Return the refusal of a listed object; it is asked for again as long as the PACS lists it."""
        return replace(self.refused(listed.place, reason), instance_uid=listed.instance_uid)

    @contextmanager
    def writing(self, path: Path) -> Iterator[BinaryIO]:
        """Write a fetched object aside; it gets its name once it is whole."""
        aside = path.with_suffix(".part")
        try:
            with aside.open("wb") as file:
                yield file
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)

    def days(self, days: Sequence[date], look_back: int) -> list[date]:
        """Return the days to ask for: those given, as many before, and all since the last time that it answered."""
        first, last = min(days), max(days)
        asked = self._asked()
        if asked is not None and asked < first:
            first = max(asked, last - timedelta(days=MOST_DAYS))
        first -= timedelta(days=look_back)
        return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]

    def answered(self, days: Sequence[date]) -> None:
        """Note that the PACS listed everything up to the last of these days."""
        until = max(days[-1], self._asked() or days[-1])
        aside = self.folder / f".asked.{os.getpid()}"
        aside.write_text(until.isoformat(), encoding="ascii")
        aside.replace(self.folder / "asked")

    def _asked(self) -> date | None:
        try:
            return date.fromisoformat((self.folder / "asked").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()

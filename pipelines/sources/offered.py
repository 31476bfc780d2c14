"""What every source does: list what changed, fetch it, be told when it was taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Offered:
    """One file of a source. `place` is its path in the source; `stamp` tells a changed file from the same.

    Of a remote object, `path` is where it lies once fetched, and the UIDs are those under which the PACS
    lists it, `told` is what it lists of patient and examination, and `compare` asks to fetch it although it was
    fetched before. `refusal` is the reason code of what never became a file: then
    `path` is a small record of it.
    """

    source: str
    path: Path
    place: str
    stamp: str
    instance_uid: str | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    refusal: str | None = None
    told: str = field(default="", repr=False)
    compare: bool = False


class Source(Protocol):
    """One source of images or messages."""

    def changed(self, days: Sequence[date]) -> Iterator[Offered]:
        """List what may be new for these local days; most of it may have been taken before.

        Raises
        ------
        SourceUnreachableError
            If the source cannot be asked.
        """

    def fetch(self, offered: Offered) -> Offered | None:
        """Make what was listed a file on this machine; None if it comes by another way, or went away.

        Raises
        ------
        SourceUnreachableError
            If the source does not answer any more.
        """

    def done(self, offered: Offered) -> None:
        """Note that the ledger, and the spool or the quarantine, have what was offered."""

"""Judge HL7 v2 files as the gate would, in the order given, storing nothing.

Without a warehouse no report can be matched with a study: a valid report is `accepted` here, and
`unmatched` in a night until its study has come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from inference import hl7
from inference.hl7_batch import MAX_FILE_BYTES
from inference.records import Rejection, ReportEvent
from inference.settings import GateSettings

# The outcome of a file is the worst of its messages'.
WORST_FIRST = (
    "not_hl7",
    "quarantined",
    "conflict",
    "duplicate",
    "accepted_flagged",
    "accepted",
    "accepted_not_inferred",
)
Judgement = tuple[str, tuple[str, ...]]


@dataclass(slots=True)
class _Seen:
    """What the files before have brought: contents by hash, messages by identity and by MSH-10."""

    contents: set[bytes] = field(default_factory=set)
    messages: set[str] = field(default_factory=set)
    controls: set[str] = field(default_factory=set)


def check_hl7(
    paths: Iterable[Path], settings: GateSettings, now: datetime
) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    """Yield path, outcome and reason codes of each file; folders are walked in path order.

    A message that came before, in this or an earlier file, is `duplicate`; another content under a
    control identifier (MSH-10) that came before is `conflict`. A new state of a report has a control
    identifier of its own. A file of several messages has the worst of their outcomes.
    """
    seen = _Seen()
    for path in files(paths):
        outcome, reasons = _judge(path, settings, now, seen)
        yield path, outcome, reasons


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files in the order given, those of a folder in path order."""
    for path in paths:
        if path.is_dir():
            yield from sorted(item for item in path.rglob("*") if item.is_file())
        else:
            yield path


def _judge(path: Path, settings: GateSettings, now: datetime, seen: _Seen) -> Judgement:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return "quarantined", ("FILE_TOO_LARGE",)
        data = path.read_bytes()
    except OSError:
        return "quarantined", ("UNREADABLE_FILE",)
    digest = hashlib.sha256(data).digest()
    outcomes = [_told(entry, seen) for entry in hl7.read(data, settings, now)]
    worst = min((WORST_FIRST.index(outcome) for outcome, _ in outcomes), default=0)
    if WORST_FIRST[worst].startswith("accepted"):  # orders and admissions have no identity but their bytes
        if digest in seen.contents:
            return "duplicate", ("DUPLICATE",)
        seen.contents.add(digest)
    outcomes.sort(key=lambda item: WORST_FIRST.index(item[0]))
    return WORST_FIRST[worst], tuple(dict.fromkeys(code for _, codes in outcomes for code in codes))


def _told(entry: hl7.Entry, seen: _Seen) -> Judgement:
    if isinstance(entry, Rejection):
        return hl7.outcome(entry)
    first = entry[0]
    if not isinstance(first, ReportEvent):
        return hl7.outcome(entry)
    if first.message_id in seen.messages:
        return "duplicate", ("DUPLICATE",)
    if first.control_id is not None and first.control_id in seen.controls:
        return "conflict", ("UID_CONFLICT",)
    seen.messages.add(first.message_id)
    if first.control_id is not None:
        seen.controls.add(first.control_id)
    return hl7.outcome(entry)

"""Judge exports (CSV) and FHIR files as the gate would, in the order given, storing nothing.

As with HL7 v2, a report that came before, in this or an earlier file, is `duplicate`, and a file has the
worst of the outcomes of its rows or reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from inference import hl7
from inference.check_hl7 import WORST_FIRST, Judgement, files
from inference.hl7_batch import MAX_FILE_BYTES
from inference.records import Rejection, ReportEvent

Read = Callable[[bytes], Sequence[tuple[ReportEvent, ...] | Rejection]]


def check_messages(paths: Iterable[Path], read: Read) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    """Yield path, outcome and reason codes of each file; folders are walked in path order."""
    seen: set[str] = set()
    for path in files(paths):
        yield path, *_judge(path, read, seen)


def _judge(path: Path, read: Read, seen: set[str]) -> Judgement:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return "quarantined", ("FILE_TOO_LARGE",)
        data = path.read_bytes()
    except OSError:
        return "quarantined", ("UNREADABLE_FILE",)
    judged: list[Judgement] = []
    for entry in read(data):
        if not isinstance(entry, Rejection) and entry[0].message_id in seen:
            judged.append(("duplicate", ("DUPLICATE",)))
            continue
        seen.update(() if isinstance(entry, Rejection) else (event.message_id for event in entry))
        judged.append(hl7.outcome(entry))
    judged.sort(key=lambda item: WORST_FIRST.index(item[0]))
    if not judged:
        return "not_hl7", ("NOT_HL7",)
    return judged[0][0], tuple(dict.fromkeys(code for _, codes in judged for code in codes))

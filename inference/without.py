"""A file of messages without some of them: what is left when one of several patients is erased."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from inference import fhir, hl7, hl7_batch, report_csv
from inference.hl7 import Entry
from inference.records import Rejection
from inference.report_csv import Export
from inference.settings import GateSettings

Refused = Callable[[Entry], bool]


def without_hl7(data: bytes, settings: GateSettings, now: datetime, refused: Refused) -> bytes:
    """Return the messages of a file that are not refused, one after the other; batch headers go."""
    kept = [
        item.data.strip(b"\r\n")
        for item in hl7_batch.messages(data)
        if not isinstance(item, str) and not any(map(refused, hl7.read(item.data, settings, now)))
    ]
    return b"".join(message + b"\r\n" for message in kept)


def without_csv(data: bytes, export: Export, settings: GateSettings, now: datetime, refused: Refused) -> bytes:
    """Return the rows of an export that are not refused, with its header, in UTF-8."""
    entries = report_csv.read(data, export, settings, now)
    text, delimiter = report_csv.table(data, export)
    rows = [row for row in _rows(text, delimiter) if any(cell.strip() for cell in row)]
    kept = rows[:1] + [row for row, entry in zip(rows[1:], entries, strict=False) if not refused(entry)]
    made = io.StringIO()
    csv.writer(made, delimiter=delimiter, lineterminator="\r\n").writerows(kept)
    return made.getvalue().encode(export.encoding or "utf-8", "replace")


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error:  # what follows an unclosed quote cannot be told apart, and goes
        return


def without_fhir(data: bytes, settings: GateSettings, now: datetime, refused: Refused) -> bytes:
    """Return one bundle of the reports that are not refused and of what they refer to."""
    found = fhir.entries(data)
    reports = [(name, one) for name, one in found if one.get("resourceType") == "DiagnosticReport"]
    judged = fhir.read(data, settings, now)
    kept = [pair for pair, entry in zip(reports, judged, strict=False) if not refused(entry)]
    known = dict(_named(found))
    wanted: dict[int, tuple[str, Mapping[str, Any]]] = {}
    waiting = list(kept)
    while waiting:
        name, resource = waiting.pop()
        if id(resource) not in wanted:
            wanted[id(resource)] = (name, resource)
            waiting += [known[target] for target in _references(resource) if target in known]
    order = [pair for pair in found if id(pair[1]) in wanted]
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{**({"fullUrl": name} if name else {}), "resource": resource} for name, resource in order],
    }
    return json.dumps(bundle, ensure_ascii=False).encode("utf-8", "replace")


def _named(found: list[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[str, tuple[str, Mapping[str, Any]]]]:
    for name, resource in reversed(found):  # of two with one name the first counts, as in `fhir.read`
        yield f"{resource.get('resourceType')}/{resource.get('id')}", (name, resource)
        if name:
            yield name, (name, resource)


def _references(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            target = one.get("reference")
            if isinstance(target, str):
                yield target.strip()
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def same(before: list[Entry], after: list[Entry], refused: Refused) -> bool:
    """Return whether a file kept, word for word, every message that is not refused, and none that is."""

    def told(entries: list[Entry]) -> list[str]:
        return sorted(
            fact.message_id
            for entry in entries
            if not isinstance(entry, Rejection) and not refused(entry)
            for fact in entry
        )

    return told(before) == told(after) and not any(map(refused, after))

"""Patients who object to the analysis: a small CSV file to records.

Columns `patient_id`, and where given `decided_at` (YYYY-MM-DD, or a date and time, local; empty: now)
and `state` (`opposed`, the default, or `lifted`). Delimiter comma, semicolon or tab; UTF-8 or
Windows-1252.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from inference.errors import ListError
from inference.records import Opposition

_STATES = {"": True, "opposed": True, "lifted": False}


def read(data: bytes, zone: ZoneInfo, now: datetime) -> tuple[list[Opposition], list[int]]:
    """Return the decisions in a file, and the numbers of the lines that say none that can be read.

    Raises
    ------
    ListError
        The file has no column of patients.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    header = text.partition("\n")[0]
    delimiter = max(";\t,", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    if "patient_id" not in (reader.fieldnames or []):
        raise ListError("the file is no list of patients: its first line must name a column patient_id")
    found: list[Opposition] = []
    refused: list[int] = []
    for number, row in _rows(reader):
        patient = (row.get("patient_id") or "").strip()
        state = _STATES.get((row.get("state") or "").strip().casefold())
        decided = _decided((row.get("decided_at") or "").strip(), zone, now)
        if not patient or state is None or decided is None:
            refused.append(number)
        else:
            found.append(Opposition(patient, decided, state))
    return found, refused


def _rows(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error:
        yield reader.line_num, {}


def _decided(text: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    if not text:
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) <= 10:
        moment = datetime.combine(moment.date(), time())
    moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return moment.astimezone(UTC) if moment <= now else None

"""The report gate for a RIS's CSV export: one row, one report state.

The site says which column is which; encoding, delimiter and the order of day and month are given
or found in the file. What cannot be found is not guessed: where every date could be read both ways
(03/04/2026), times are unknown. A date may also be a spreadsheet's number of days (46345,4375), with
point or comma.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Literal

from inference.ai_seen import answer
from inference.hl7_syntax import clean
from inference.hl7_time import Stamp, clock, time_flags
from inference.reasons import REASONS
from inference.records import Rejection, ReportEvent
from inference.settings import GateSettings

MAX_FILE_BYTES = 64 * 1024 * 1024
_DELIMITERS = (";", "\t", ",", "|")
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
# Days since 1899-12-30 with their fraction, as a spreadsheet stores a date; point or comma.
_SERIAL = re.compile(r"([2-7]\d{4})(?:[.,](\d{1,12}))?")
_FIRST_SERIAL = datetime(1899, 12, 30)  # noqa: DTZ001 - a local date, given its zone by the clock
_CLOCK = re.compile(r"(\d{1,2})[:h](\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?\s*(?:(Z)|([+-]\d{2}):?(\d{2}))?")
# What exports call the states, in English and French; a site's own words come first.
STATES: Mapping[str, str] = {
    **dict.fromkeys(("p", "preliminary", "provisional", "provisoire", "préliminaire", "dicté"), "preliminary"),
    **dict.fromkeys(("f", "final", "validated", "signed", "définitif", "validé", "signé"), "final"),
    **dict.fromkeys(("c", "corrected", "amended", "addendum", "corrigé", "rectifié"), "corrected"),
    **dict.fromkeys(("x", "withdrawn", "cancelled", "retiré", "annulé"), "withdrawn"),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of an export's columns; empty where it has none.

    `event_at`, `exam_at` and `ordered_at` hold date and time, or the date alone with the time in the
    column of the same name plus ``_time``.
    """

    patient_id: str
    text: str
    event_at: str
    status: str = ""
    accession_number: str = ""
    study_uid: str = ""
    exam_at: str = ""
    ordered_at: str = ""
    patient_class: str = ""
    event_at_time: str = ""
    exam_at_time: str = ""
    ordered_at_time: str = ""
    ai_seen: str = ""


@dataclass(frozen=True, slots=True)
class Export:
    """How a site's export is written; None: found in the file. `states` gives words of its own.

    Without a status column every row is in the state `only_state`.
    """

    columns: Columns
    encoding: str | None = None
    delimiter: str | None = None
    date_order: Literal["day", "month"] | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    only_state: str = "final"


def read(
    data: bytes, export: Export, settings: GateSettings, now: datetime
) -> list[tuple[ReportEvent, ...] | Rejection]:
    """Read an export: one entry a row, in order; never raises.

    A file that cannot be read as a table with the site's columns is one entry: PARSE_ERROR,
    MISSING_COLUMN or FILE_TOO_LARGE.
    """
    if len(data) > MAX_FILE_BYTES:
        return [_rejected("FILE_TOO_LARGE")]
    _, declared = _decoded(data, export.encoding)
    text, delimiter = table(data, export)
    rows: list[dict[str, str] | None] = list(_rows(text, delimiter))
    names = {name for one in fields(Columns) if (name := getattr(export.columns, one.name))}
    if not rows or rows[0] is None:
        return [_rejected("PARSE_ERROR")]
    if not names <= set(rows[0]):
        return [_rejected("MISSING_COLUMN")]
    kept = [
        row and {one.name: row.get(getattr(export.columns, one.name), "") for one in fields(Columns)} for row in rows
    ]
    order = export.date_order or _date_order([row for row in kept if row])
    flags = [] if declared else ["CHARSET"]
    return [_event(row, export, order, flags, settings, now) if row else _rejected("PARSE_ERROR") for row in kept]


def table(data: bytes, export: Export) -> tuple[str, str]:
    """Return the text of an export from its header on, and its delimiter."""
    text, _ = _decoded(data, export.encoding)
    if text[:4].lower() == "sep=":  # a spreadsheet's own first line
        text = text.partition("\n")[2]
    header = text.partition("\n")[0]
    return text, export.delimiter or max(_DELIMITERS, key=header.count)


def _rejected(code: str) -> Rejection:
    return Rejection(REASONS[code].outcome, (code,))


def _decoded(data: bytes, encoding: str | None) -> tuple[str, bool]:
    """Return the text, and whether it follows what was declared or is UTF-8."""
    marked = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    for wanted in (encoding, marked):
        try:
            if wanted:
                return data.decode(wanted), True
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", "replace"), False


def _rows(text: str, delimiter: str) -> Iterator[dict[str, str] | None]:
    """Yield each row by column name; None for one that has more or fewer fields than the header."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for row in reader:
            if header is None:
                header = [name.strip() for name in row]
            elif any(value.strip() for value in row):
                same = len(row) == len(header)
                yield dict(zip(header, (value.strip() for value in row), strict=True)) if same else None
    except csv.Error:  # an unclosed quote: what follows it cannot be told apart
        yield None


def _date_order(rows: Sequence[Mapping[str, str]]) -> str | None:
    """Find which of day and month comes first, from dates that can be read in one way only."""
    found = [_YEAR_LAST.match(row[name]) for row in rows for name in ("event_at", "exam_at", "ordered_at")]
    pairs = [(int(match[1]), int(match[2])) for match in found if match]
    day, month = any(first > 12 for first, _ in pairs), any(second > 12 for _, second in pairs)
    return None if day == month else "day" if day else "month"


def _stamp_text(date: str, time: str, order: str | None) -> str | None:
    """Return date and time as an HL7 time stamp; empty when unknown, None when they are none."""
    whole = f"{date} {time}".strip()
    if not whole or re.fullmatch(r"\d{8}(?: ?\d{4,6})?(\.\d+)?([+-]\d{4})?", whole):
        return whole.replace(" ", "")
    if serial := _SERIAL.fullmatch(whole):
        seconds = round(float(f"0.{serial[2] or 0}") * 86400)
        moment = _FIRST_SERIAL + timedelta(days=int(serial[1]), seconds=seconds)
        return moment.strftime("%Y%m%d%H%M%S") if serial[2] else moment.strftime("%Y%m%d")
    found = _YEAR_FIRST.match(whole) or _YEAR_LAST.match(whole)
    if found is None:
        return None
    year, month, day = found.groups()
    if found.re is _YEAR_LAST:
        if order is None:
            return ""
        (day, month, year) = found.groups() if order == "day" else (found[2], found[1], found[3])
    rest = whole[found.end() :].strip(" T,à")
    stamp = f"{year}{int(month):02}{int(day):02}"
    if not rest:
        return stamp
    told = _CLOCK.fullmatch(rest)
    if not told:
        return None
    offset = "+0000" if told[5] else (told[6] or "") + (told[7] or "")
    fraction = f".{told[4]}" if told[4] else ""
    return f"{stamp}{int(told[1]):02}{told[2]}{told[3] or '00'}{fraction}{offset}"


def _event(
    row: Mapping[str, str], export: Export, order: str | None, flags: list[str], settings: GateSettings, now: datetime
) -> tuple[ReportEvent, ...] | Rejection:
    times = clock("", settings.time_zone, now, settings.future_tolerance_hours)
    stamps: dict[str, Stamp] = {}
    for name in ("event_at", "exam_at", "ordered_at"):
        value = _stamp_text(row[name], row[f"{name}_time"], order)
        stamps[name] = Stamp(wrong=True) if value is None else times.read(value)
    status = _status(row, export)
    text, plain = clean(row["text"].replace("\r\n", "\n").replace("\r", "\n").strip())
    uid = row["study_uid"]
    if not row["patient_id"] or not (row["accession_number"] or uid):
        return _rejected("MISSING_IDENTIFIER")
    if uid and (len(uid) > 64 or not re.fullmatch(r"[0-9]+(?:\.[0-9]+)+", uid, re.ASCII)):
        return _rejected("BAD_UID")
    if status is None:
        return _rejected("BAD_STATUS")
    if any(stamp.wrong for stamp in stamps.values()):
        return _rejected("BAD_DATE")
    if not text and status != "withdrawn":
        return _rejected("EMPTY_REPORT")
    found = [*flags, *([] if plain else ["SUSPICIOUS_TEXT"]), *(["WITHDRAWN"] if status == "withdrawn" else [])]
    at, exam = stamps["event_at"].at, stamps["exam_at"].at
    identity = hashlib.sha256("\x1f".join(row[one.name] for one in fields(Columns)).encode("utf-8", "surrogatepass"))
    event = ReportEvent(
        message_id=f"{identity.hexdigest()}-0",
        control_id=None,
        patient_id=row["patient_id"],
        study_uid=uid or None,
        accession_number=row["accession_number"] or None,
        status=status,
        event_at=at,
        ordered_at=stamps["ordered_at"].at,
        exam_at=exam,
        patient_class=row["patient_class"].upper() if re.fullmatch(r"[A-Za-z0-9]{1,3}", row["patient_class"]) else None,
        text=text,
        flags=(*found, *time_flags(at, exam, now)),
        ai_seen=answer(row["ai_seen"]),
    )
    return (event,)


def _status(row: Mapping[str, str], export: Export) -> str | None:
    if not export.columns.status:
        return export.only_state
    own = {word.casefold(): state for word, state in export.states.items()}
    word = row["status"].casefold()
    return own.get(word) or STATES.get(word)

"""Dates and times of a DICOM header to moments in UTC, or a statement that they are wrong.

Rule: a value that is empty is unknown; a value that is there and is no date, no time of day, or
lies before 1900 or in the future is BAD_DATE. A date whose time is unknown gives no moment. A local time
without an offset that the clocks showed twice or never (the two nights of the year) gives none either:
the day is certain, the moment is not, and no duration is guessed (as `inference.hl7_time` does).

References
----------
DICOM PS3.5 6.2 (DA, TM, DT), PS3.3 C.12.1.1 (Timezone Offset From UTC: -1200 to +1400).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from inference.dataset import DataSet

_DATE = re.compile(r"(\d{4})[.\-/]?(\d{2})[.\-/]?(\d{2})")  # dots as in ACR-NEMA, which DICOM lets readers accept
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6})\d*)?)?)?")
_DATETIME = re.compile(r"(\d{4})(?:(\d{2})(?:(\d{2})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?)?)?([+-]\d{4})?")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")
EARLIEST = date(1900, 1, 1)

STUDY, SERIES, ACQUISITION, CONTENT = (
    (0x00080020, 0x00080030),
    (0x00080021, 0x00080031),
    (0x00080022, 0x00080032),
    (0x00080023, 0x00080033),
)
_ACQUISITION_DATETIME, _OFFSET_TAG, _BIRTH = 0x0008002A, 0x00080201, 0x00100030
_SOURCES = (("AcquisitionDate+Time", ACQUISITION), ("ContentDate+Time", CONTENT), ("SeriesDate+Time", SERIES))


class _WrongError(ValueError):
    """A value that is no date or time; carries nothing of it."""


@dataclass(frozen=True, slots=True)
class Moments:
    """When an image was taken and its study began, in UTC; local dates where times are unknown.

    `wrong` when any value is no date or time, or is impossible; `skewed` when clocks disagree;
    `ambiguous` when the time of the examination is one that the clocks showed twice or never.
    """

    acquired_at: datetime | None = None
    acquired_from: str | None = None
    study_at: datetime | None = None
    exam_date: date | None = None
    birth_date: date | None = None
    wrong: bool = False
    skewed: bool = False
    ambiguous: bool = False


def read_moments(dataset: DataSet, zone: ZoneInfo, now: datetime, future_tolerance_hours: float) -> Moments:
    """Read all dates and times that matter.

    Parameters
    ----------
    zone
        Zone of times without an offset when the image gives no TimezoneOffsetFromUTC.
    now
        Aware; moments later than this plus the tolerance are BAD_DATE, and CLOCK_SKEW up to there.
    """
    try:
        found = _read(dataset, zone)
    except _WrongError:
        return Moments(wrong=True)
    limit = now + timedelta(hours=future_tolerance_hours)
    dates = [_date(dataset.string(day)) for day, _ in (STUDY, SERIES, ACQUISITION, CONTENT)]
    last_day = limit.astimezone(zone).date()
    known = [found.acquired_at, found.study_at]
    if any(day is not None and not EARLIEST <= day <= last_day for day in [*dates, found.exam_date, found.birth_date]):
        return Moments(wrong=True)
    if any(moment is not None and moment > limit for moment in known):
        return Moments(wrong=True)
    if found.birth_date and found.exam_date and found.birth_date > found.exam_date + timedelta(days=1):
        return Moments(wrong=True)
    early = any(moment is not None and moment > now + timedelta(hours=1) for moment in known)
    return Moments(
        found.acquired_at,
        found.acquired_from,
        found.study_at,
        found.exam_date,
        found.birth_date,
        skewed=early or _apart(found, dates[0]),
        ambiguous=found.ambiguous,
    )


def _apart(found: Moments, study_day: date | None) -> bool:
    """Whether the acquisition lies more than a day before its study, or more than a month after."""
    if found.exam_date is None or study_day is None:
        return False
    days = (found.exam_date - study_day).days
    return not -1 <= days <= 31


def _read(dataset: DataSet, zone: ZoneInfo) -> Moments:
    local = _zone(dataset.string(_OFFSET_TAG), zone)
    taken, source, exam_date = _acquired(dataset, local)
    study = _moment(dataset, STUDY, local)
    birth = dataset.string(_BIRTH)
    return Moments(
        taken.at if taken else None,
        source if taken and taken.at else None,
        study.at if study else None,
        exam_date or _date(dataset.string(STUDY[0])),
        None if not birth.strip("0") else _date(birth),
        ambiguous=(taken or study) is _AMBIGUOUS,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What date and time say together: a moment, or none where the clocks showed that time twice or never."""

    at: datetime | None


_AMBIGUOUS = _Told(None)


def _acquired(dataset: DataSet, local: tzinfo) -> tuple[_Told | None, str | None, date | None]:
    """Return what the first source with date and time says, its name, and the first known date."""
    first: date | None = None
    told: _Told | None = None
    name: str | None = None
    text = dataset.string(_ACQUISITION_DATETIME)
    if text:
        first, told = _datetime(text, local)
        name = "AcquisitionDateTime" if told else None
    for source, pair in _SOURCES:
        moment = _moment(dataset, pair, local)  # each is read, so that a wrong one is seen
        if first is None:
            first = _date(dataset.string(pair[0]))
        if told is None and moment is not None:
            told, name = moment, source
    return told, name, first


def _moment(dataset: DataSet, pair: tuple[int, int], local: tzinfo) -> _Told | None:
    day, clock = _date(dataset.string(pair[0])), _time(dataset.string(pair[1]))
    return _utc(day, clock, local) if day and clock else None


def _utc(day: date, clock: time, local: tzinfo) -> _Told:
    try:
        one, other = (datetime.combine(day, clock.replace(fold=fold), local) for fold in (0, 1))
        if one.utcoffset() != other.utcoffset():
            return _AMBIGUOUS
        return _Told(one.astimezone(UTC))
    except (OverflowError, ValueError):
        raise _WrongError from None


def _zone(text: str, zone: ZoneInfo) -> tzinfo:
    return _offset(text) if text else zone


def _offset(text: str) -> timezone:
    match = _OFFSET.fullmatch(text)
    if not match or int(match[3]) > 59:
        raise _WrongError
    minutes = (int(match[2]) * 60 + int(match[3])) * (-1 if match[1] == "-" else 1)
    if not -12 * 60 <= minutes <= 14 * 60:
        raise _WrongError
    return timezone(timedelta(minutes=minutes))


def _date(text: str) -> date | None:
    if not text:
        return None
    match = _DATE.fullmatch(text)
    if not match:
        raise _WrongError
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        raise _WrongError from None


def _time(text: str) -> time | None:
    if not text:
        return None
    match = _TIME.fullmatch(text)
    if not match:
        raise _WrongError
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    try:  # PS3.5 6.2 admits second 60 (a leap second)
        return time(hour, minute, min(second, 59) if second <= 60 else second, int((match[4] or "").ljust(6, "0")))
    except ValueError:
        raise _WrongError from None


def _datetime(text: str, local: tzinfo) -> tuple[date | None, _Told | None]:
    match = _DATETIME.fullmatch(text)
    if not match:
        raise _WrongError
    zone = _offset(match[5]) if match[5] else local
    day = _date(match[1] + (match[2] or "01") + (match[3] or "01"))
    if match[3] is None:
        return None, None  # a year or a month is no day
    clock = _time(match[4] or "")
    return day, _utc(day, clock, zone) if day and clock else None

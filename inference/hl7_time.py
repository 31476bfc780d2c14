"""HL7 v2 time stamps to moments in UTC, or a statement that they are wrong or unknown.

Empty, null and partial values are unknown. A local time that the site's clocks showed twice or
never (the two nights of the year) is unknown as well: no duration is guessed. A value that is no
date, lies before 1980 or in the future is wrong.

References
----------
HL7 v2.5.1 chapter 2A.77 (TS), 2A.22 (DTM), 2.14.9.7 (MSH-7 sets the message's default offset).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

EARLIEST = date(1980, 1, 1)  # no report that a site sends is older
_LATE = timedelta(days=30)  # after the examination: nobody waits for such a report any more
_EARLY = timedelta(hours=1)  # a clock that is ahead by more than this is wrong
_STAMP = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?)?)?)?([+-]\d{4})?", re.ASCII
)
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp read: the moment (UTC) where it is known, and whether the value is wrong."""

    at: datetime | None = None
    wrong: bool = False


WRONG = Stamp(wrong=True)
UNKNOWN = Stamp()


@dataclass(frozen=True, slots=True)
class Clock:
    """How one message tells the time: its zone and the latest moment that is believed (UTC)."""

    zone: tzinfo
    latest: datetime

    def read(self, value: str) -> Stamp:
        """Read a TS or DTM value, its first component, without white space around it."""
        return _read(self, value) if value else UNKNOWN

    def parse(self, value: str) -> Stamp:
        """Read a value that is not empty."""
        match = _STAMP.fullmatch(value)
        if match is None:
            return WRONG
        year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups()[:6])
        zone = _offset(match[8]) if match[8] else self.zone
        if zone is None:
            return WRONG
        try:
            first = date(year or 0, month or 1, day or 1) if month != 0 and day != 0 else None
        except ValueError:
            return WRONG
        if first is None or not EARLIEST <= first <= (self.latest + timedelta(hours=14)).date():
            return WRONG
        if hour is not None and hour > 23:
            return WRONG
        if hour is None or minute is None:  # a day or an hour is no moment
            return UNKNOWN
        try:
            local = datetime(first.year, first.month, first.day, hour, minute, second or 0, _micro(match[7]))  # noqa: DTZ001
        except ValueError:
            return WRONG
        return self._moment(local, zone)

    def _moment(self, local: datetime, zone: tzinfo) -> Stamp:
        one, other = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        if one.utcoffset() != other.utcoffset():
            return WRONG if min(one.astimezone(UTC), other.astimezone(UTC)) > self.latest else UNKNOWN
        at = one.astimezone(UTC)
        return WRONG if at > self.latest else Stamp(at)


# A message is read for wrong dates first and for its times after that.
_read = lru_cache(maxsize=1024)(Clock.parse)


def clock(sent: str, zone: ZoneInfo, now: datetime, tolerance_hours: float) -> Clock:
    """Return the clock of a message whose MSH-7 is `sent`.

    The offset of MSH-7 holds for the whole message (2.14.9.7), with one exception: where it is just
    the one of the site's zone at that time, the sender means the zone, and a summer's order told in
    a winter's message is in summer time.
    """
    here = Clock(zone, now.astimezone(UTC) + timedelta(hours=tolerance_hours))
    match = re.search(r"[+-]\d{4}\Z", sent, re.ASCII)
    offset = _offset(match[0]) if match else None
    at = here.read(sent).at if offset else None
    if offset is None or at is None or at.astimezone(zone).utcoffset() == offset.utcoffset(None):
        return here
    return Clock(offset, here.latest)


def time_flags(at: datetime | None, exam: datetime | None, now: datetime) -> list[str]:
    """Return the reason codes that a report's and its examination's times earn; unknown times earn none."""
    if at is None:
        return []
    if at > now + _EARLY or (exam is not None and at < exam):
        return ["CLOCK_SKEW"]
    return ["LATE_REPORT"] if exam is not None and at - exam > _LATE else []


def birth_is_wrong(value: str, now: datetime) -> bool:
    """Whether a date of birth (PID-7) is none; zeros for an unknown month or day are customary."""
    if not value or not value.strip("0"):
        return False
    match = re.fullmatch(r"(\d{4})(\d{2})?(\d{2})?(?:\d{2,6}(?:\.\d+)?)?(?:[+-]\d{4})?", value, re.ASCII)
    if match is None:
        return True
    try:
        born = date(int(match[1]), int(match[2] or 0) or 1, int(match[3] or 0) or 1)
    except ValueError:
        return True
    return not date(1850, 1, 1) <= born <= (now + timedelta(days=1)).date()


def _micro(fraction: str | None) -> int:
    return int((fraction or "0").ljust(6, "0"))


def _offset(text: str) -> timezone | None:
    match = _OFFSET.fullmatch(text)
    if match is None or int(match[3]) > 59 or int(match[2]) > 14:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))

"""The cases of a window of days as the screens need them: with the verdicts of this minute, filtered, in order."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Generic, TypeVar
from urllib.parse import urlencode

from reports.web.visit import Visit
from warehouse import cases, verdicts
from warehouse.cases import ACTIONS, Case, DayCounts
from warehouse.data_cut import latest_commit
from warehouse.verdicts import VerdictEvent

OPEN = ACTIONS[:5]
STATUSES = ("all", "open", *ACTIONS)
NIGHTS = (1, 3, 7, 30)
PAGE = 100  # rows; a screen shows a dozen


@dataclass(frozen=True, slots=True)
class Filters:
    """What is shown: the nights up to `day` (None: the last one), one status, region and patient class."""

    nights: int = 1
    day: date | None = None
    status: str = "all"
    region: str = ""
    patient_class: str = ""

    @property
    def query(self) -> str:
        """The filters as they stand in an address; nothing for those that are not set."""
        given = {
            "nights": self.nights if self.nights != 1 else "",
            "day": self.day.isoformat() if self.day else "",
            "status": self.status if self.status != "all" else "",
            "region": self.region,
            "class": self.patient_class,
        }
        return urlencode({name: value for name, value in given.items() if value})


def filters(given: Mapping[str, str]) -> Filters:
    """Read filters from an address; what is not understood is as if it were not there."""
    nights, status = given.get("nights", ""), given.get("status", "")
    try:
        day = date.fromisoformat(given.get("day", ""))
    except ValueError:
        day = None
    return Filters(
        nights=int(nights) if nights in map(str, NIGHTS) else 1,
        day=day,
        status=status if status in STATUSES else "all",
        region=given.get("region", "")[:40],
        patient_class=given.get("class", "")[:8],
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """One case with the verdicts that count now; `case.action` and `case.verdict` take them into account."""

    case: Case
    verdicts: tuple[VerdictEvent, ...]


@dataclass(frozen=True, slots=True)
class Night:
    """What the published copy says of a window of days, whoever asks."""

    first: date
    last: date
    cases: tuple[Case, ...]
    counts: DayCounts
    cut: datetime | None
    state: tuple[str, datetime | None] | None


@dataclass(frozen=True, slots=True)
class Worklist:
    """The list as it stands: all of the window for the counts, and those that the filters leave."""

    night: Night
    filters: Filters
    whole: tuple[Listed, ...]
    shown: tuple[Listed, ...]
    version: tuple[object, ...]

    @property
    def by_action(self) -> Counter[str]:
        """How many cases of the window there are of each action."""
        return Counter(str(listed.case.action) for listed in self.whole)

    @property
    def regions(self) -> list[str]:
        """The regions that occur, the commonest first."""
        return [region for region, _ in Counter(item.case.region or "unknown" for item in self.whole).most_common()]

    @property
    def classes(self) -> list[str]:
        """The patient classes that occur."""
        return sorted({item.case.patient_class or "unknown" for item in self.whole})

    def neighbours(self, study_uid: str) -> tuple[str | None, str | None, int | None]:
        """Return the case before, the case after, and the place of this one (from 1) in what is shown."""
        uids = [listed.case.study_uid for listed in self.shown]
        if study_uid not in uids:
            return None, uids[0] if uids else None, None
        place = uids.index(study_uid)
        before = uids[place - 1] if place else None
        after = uids[place + 1] if place + 1 < len(uids) else None
        return before, after, place + 1


_MOST_KEPT = 32


T = TypeVar("T")


class Kept(Generic[T]):
    """The last few answers by what they depend on; of many who ask for one at once, one works it out."""

    def __init__(self) -> None:
        self._answers: dict[tuple[object, ...], T] = {}
        self._lock = threading.Lock()
        self._turns: dict[tuple[object, ...], threading.Lock] = {}

    def get(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """Return the answer of a key, made by the first who asks; the others wait for it."""
        with self._lock:
            if key in self._answers:
                return self._answers[key]
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._answers:
                    return self._answers[key]
            made = make()
            with self._lock:
                while len(self._answers) >= _MOST_KEPT:
                    self._answers.pop(next(iter(self._answers)))
                self._answers[key] = made
                self._turns.pop(key, None)
            return made


_NIGHTS: Kept[Night] = Kept()
_WHOLE: Kept[tuple[Listed, ...]] = Kept()


def worklist(visit: Visit, chosen: Filters) -> Worklist:
    """Return the list of the site of the address.

    What the copy says is read once for each publication, and put in order once for each verdict.
    """
    site, identity = visit.here.site, visit.app.published.identity
    about = (str(visit.app.published.path), identity, site, chosen.nights, chosen.day)
    night = _NIGHTS.get(about, lambda: _night(visit, site, chosen))
    with visit.app.store.reading() as connection:
        revision = verdicts.revision(connection, site)
        whole = _WHOLE.get(
            (*about, str(visit.app.store.path), revision),
            lambda: ordered(overlaid(night.cases, verdicts.judged(connection, site))),
        )
    shown = tuple(listed for listed in whole if _passes(listed.case, chosen))
    return Worklist(night, chosen, whole, shown, (identity, revision, chosen))


def _night(visit: Visit, site: str, chosen: Filters) -> Night:
    with visit.app.published.connection() as connection:
        last = chosen.day or cases.newest_day(connection, site) or visit.app.services.today(site)
        first = last - timedelta(days=chosen.nights - 1)
        end = last + timedelta(days=1)
        return Night(
            first,
            last,
            tuple(cases.worklist(connection, site, first, end)),
            cases.day_counts(connection, site, first, end),
            latest_commit(connection, site),
            cases.last_night(connection, site, last),
        )


def overlaid(found: Iterable[Case], judged: Mapping[str, Sequence[VerdictEvent]]) -> list[Listed]:
    """Put the verdicts of the application over those of the last night: it knows what was taken back since."""
    return [overlay(case, judged.get(case.study_uid)) for case in found]


def overlay(case: Case, counting: Sequence[VerdictEvent] | None) -> Listed:
    """Return a case with its verdicts; None leaves what the warehouse knows from elsewhere."""
    if counting is None:
        return Listed(case, ())
    last = counting[-1].verdict if counting else None
    settled = last is not None and case.todo not in (None, "not_analysed")
    return Listed(replace(case, verdict=last, action="settled" if settled else case.todo), tuple(counting))


def ordered(listed: Iterable[Listed]) -> tuple[Listed, ...]:
    """Sort as `warehouse/lists/cases.sql` does: what needs action first, without a report first, the oldest first."""
    return tuple(sorted((item for item in listed if item.case.action in ACTIONS), key=_urgency))


def _urgency(item: Listed) -> tuple[int, bool, datetime, str]:
    case = item.case
    happened = case.exam_completed or case.exam_started or case.received
    return ACTIONS.index(str(case.action)), case.report_label is not None, happened, case.study_uid


def _passes(case: Case, chosen: Filters) -> bool:
    return (
        (chosen.status in ("all", case.action) or (chosen.status == "open" and case.action in OPEN))
        and chosen.region in ("", case.region or "unknown")
        and chosen.patient_class in ("", case.patient_class or "unknown")
    )

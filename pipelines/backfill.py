"""The months before: their nights, oldest first, a week at a time, then each month's report.

A week is one piece of work: what is computed for the whole site (the study table, the readers' copy) is
computed once for seven nights. What a killed run had taken and analysed is not done again; nights that
are complete, and months that were issued from the same data, are passed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pipelines import late, month, night
from pipelines.config import Config
from pipelines.errors import ConfigError, Problem
from pipelines.night import Progress
from warehouse import connect, freeze, nights
from warehouse.month import span

# At the most; a piece of work ends with its month.
DAYS_AT_ONCE = 7
MOST_MONTHS = 120  # more at once is a year mistyped


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of work done: its days or its month, with what is behind and what is left.

    `studies` are those of the days done in this run; `seconds_left` is None before anything was measured.
    """

    what: str
    made: tuple[str, ...]
    failed: tuple[str, ...]
    days: tuple[date, ...]
    month: str | None
    issue: int | None
    days_done: int
    days_all: int
    studies: int
    seconds: float
    seconds_left: float | None

    @property
    def sentence(self) -> str:
        """The step in words, for the terminal."""
        pace = f"{self.studies / self.seconds:.1f} studies/s" if self.seconds else ""
        left = "" if self.seconds_left is None else f", about {duration(self.seconds_left)} left"
        fault = f"; failed: {', '.join(self.failed)}" if self.failed else ""
        return f"{self.what}: {self.days_done} of {self.days_all} nights, {self.studies} studies, {pace}{left}{fault}"


def duration(seconds: float) -> str:
    """Return a length of time in words: ``45 s``, ``12 min``, ``6 h 10 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def pieces(first: date, last: date) -> Iterator[list[date]]:
    """Yield the local days from `first` to `last` in pieces of work, oldest first, none across the end of a month."""
    piece: list[date] = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if piece and (len(piece) == DAYS_AT_ONCE or day.day == 1):
            yield piece
            piece = []
        piece.append(day)
    if piece:
        yield piece


def run(
    config: Config, site: str, first_month: str, last_month: str, now: datetime, progress: Progress | None = None
) -> Iterator[Step]:
    """Run the nights and months of a stretch of months (``YYYY-MM``), both ends included; yield after each piece.

    Nights that are not over at `now` (UTC) are left to the schedule, and so is a month that is not.

    Raises
    ------
    ConfigError
        If the stretch is empty, too long, or lies in the future.
    """
    first = span(first_month)["start"]
    last = min(span(last_month)["end"] - timedelta(days=1), late.last_due(config.site(site), now))
    if first > last:
        raise ConfigError(
            [Problem("bilan backfill", "--from, --to", "no night of these months is over; turn them round?")]
        )
    days_all = (last - first).days + 1
    if days_all > 31 * MOST_MONTHS:
        raise ConfigError(
            [Problem("bilan backfill", "--from, --to", f"at most {MOST_MONTHS} months at once; is the year right?")]
        )
    done = days_done = studies = 0
    spent = 0.0
    for piece in pieces(first, last):
        started = time.monotonic()
        made: list[str] = []
        failed: list[str] = []
        waiting = _unfinished(config, site, piece)
        if waiting:
            made, counted, failed = _nights(config, site, waiting, progress)
            studies, done = studies + counted, done + len(waiting)
        days_done += len(piece)
        whole = piece[-1] + timedelta(days=1)
        report = f"{piece[0]:%Y-%m}" if whole.day == 1 else None
        issue = None
        if report is not None:
            issue, pages = _month(config, site, report)
            made += pages
        spent += time.monotonic() - started
        left = (days_all - days_done) * spent / done if done else None
        yield Step(
            f"{piece[0]} to {piece[-1]}",
            tuple(made),
            tuple(failed),
            tuple(waiting),
            report,
            issue,
            days_done,
            days_all,
            studies,
            spent,
            left,
        )


def _unfinished(config: Config, site: str, days: Sequence[date]) -> list[date]:
    if not config.warehouse.exists():
        return list(days)
    connect.migrate(config.warehouse, config.machine.writer_wait_minutes)
    with connect.writer(config.warehouse, config.machine.writer_wait_minutes) as connection:
        states = nights.states(connection, site, days)
    return [day for day in days if states.get(day, ("", None))[0] not in ("complete", "late")]


def _nights(
    config: Config, site: str, days: Sequence[date], progress: Progress | None
) -> tuple[list[str], int, list[str]]:
    steps: tuple[tuple[str, Callable[..., dict[str, int]]], ...] = (
        ("study", night.take_images),
        ("report_event", night.take_messages),
        ("finding", night.infer_images),
        ("report_label", night.label_reports),
    )
    night.begin(config, site, days)
    for name, step in steps:
        with night.recorded(config, site, days, name):
            step(config, site, days, progress)
    night.assemble(config, site, days)
    issued = night.issue_lists(config, site, days)
    return list(issued["made"]), int(issued["studies"]), night.failures(config, site, days)


def _month(config: Config, site: str, name: str) -> tuple[int | None, list[str]]:
    with connect.reader(config.published) as connection:
        last = freeze.last_issue(connection, site, name)
        if last is not None and last.data_sha256 == freeze.data_sha256(connection, site, name):
            return last.issue, []
    result = month.run(config, site, name)
    return int(result["issue"]), list(result["made"])

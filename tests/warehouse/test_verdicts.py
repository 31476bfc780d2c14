"""Verdicts: whatever is clicked, sent twice or taken back, one plain model says what must stand."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from warehouse import verdicts
from warehouse.app_store import AppStore
from warehouse.load import load
from warehouse.rows import VerdictRow
from warehouse.study import rebuild
from warehouse.verdicts import Answer, Request, VerdictRefusedError

NOW = datetime(2025, 3, 11, 7, 30, tzinfo=UTC)
SITE = "saint-aubin"
STUDIES = ("a" * 32, "b" * 32)
AUTHORS = ("user-1", "user-2")
answers = st.builds(
    Answer, st.sampled_from(verdicts.VERDICTS), st.sampled_from(["", "CANARY comment", "é;=1+1"]), st.booleans()
)


@pytest.fixture
def store(tmp_path: Path) -> AppStore:
    made = AppStore(tmp_path / "app.sqlite")
    made.migrate()
    return made


def asked(study: str = STUDIES[0], author: str = AUTHORS[0], key: str = "k1", site: str = SITE) -> Request:
    return Request(site, study, author, f"Dr {author}", key)


def give(store: AppStore, request: Request, answer: Answer, now: datetime = NOW) -> verdicts.VerdictEvent:
    with store.writing() as connection:
        return verdicts.record(connection, request, answer, now)


def take_back(store: AppStore, request: Request, event_id: int, now: datetime = NOW) -> verdicts.VerdictEvent:
    with store.writing() as connection:
        return verdicts.undo(connection, request, event_id, now)


def events(store: AppStore, study: str = STUDIES[0], site: str = SITE) -> tuple[verdicts.VerdictEvent, ...]:
    with store.reading() as connection:
        return verdicts.of_study(connection, site, study)


@dataclass
class Entry:
    """One verdict in the model: the events as a person would write them on paper."""

    event_id: int
    study: str
    author: str
    answer: Answer
    at: datetime
    undone: bool = False


class Judging(RuleBasedStateMachine):
    """Clicks of two clinicians on two cases, delivered once or several times, in any order."""

    sent = Bundle("sent")

    @initialize()
    def start(self) -> None:
        # The whole machine lives in memory; the store's own file handling has tests of its own.
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        folder = Path(verdicts.__file__).parent / "app_migrations"
        self.connection.executescript((folder / "0002_verdicts.sql").read_text(encoding="utf-8"))
        self.paper: list[Entry] = []
        self.clicks = 0
        self.now = NOW

    def teardown(self) -> None:
        self.connection.close()

    @rule(target=sent, study=st.sampled_from(STUDIES), author=st.sampled_from(AUTHORS), answer=answers)
    def click(self, study: str, author: str, answer: Answer) -> Any:
        self.clicks += 1
        request = asked(study, author, f"click-{self.clicks}")
        made = verdicts.record(self.connection, request, answer, self.now)
        assert (made.verdict, made.comment, made.recall) == (answer.verdict, answer.comment, answer.recall)
        self.paper.append(Entry(made.event_id, study, author, answer, made.decided_at))
        return request, answer, made

    @rule(delivery=sent)
    def deliver_again(self, delivery: Any) -> None:
        request, answer, made = delivery
        again = verdicts.record(self.connection, request, answer, self.now + timedelta(hours=1))
        assert replace(again, undone_at=None) == made

    @rule(delivery=sent, other=answers)
    def use_a_key_for_something_else(self, delivery: Any, other: Answer) -> None:
        request, answer, _ = delivery
        if other != answer:
            with pytest.raises(VerdictRefusedError):
                verdicts.record(self.connection, request, other, self.now)

    @rule(delivery=sent, times=st.integers(1, 3))
    def undo(self, delivery: Any, times: int) -> None:
        request, _, made = delivery
        found = set()
        for attempt in range(times):
            self.clicks += 1
            key = f"click-{self.clicks}" if attempt else f"undo-{made.event_id}"
            found.add(verdicts.undo(self.connection, replace(request, key=key), made.event_id, self.now).event_id)
        assert len(found) == 1
        next(entry for entry in self.paper if entry.event_id == made.event_id).undone = True

    @rule(delivery=sent)
    def undo_what_another_said(self, delivery: Any) -> None:
        request, _, made = delivery
        other = AUTHORS[1 - AUTHORS.index(request.author)]
        with pytest.raises(VerdictRefusedError):
            verdicts.undo(self.connection, replace(request, author=other, key="theirs"), made.event_id, self.now)

    @rule(target=sent, delivery=consumes(sent), minutes=st.integers(-60, 60))
    def time_passes(self, delivery: Any, minutes: int) -> Any:
        self.now += timedelta(minutes=minutes)  # clocks are set back, too
        return multiple(delivery)

    @invariant()
    def the_store_says_what_the_paper_says(self) -> None:
        if not hasattr(self, "paper"):
            return
        counted = verdicts.judged(self.connection, SITE)
        for study in STUDIES:
            said = [entry for entry in self.paper if entry.study == study]
            last = {entry.author: entry for entry in said if not entry.undone}
            expected = [(entry.author, entry.answer.verdict) for entry in sorted(last.values(), key=lambda e: e.at)]
            assert sorted((event.author, event.verdict) for event in counted.get(study, ())) == sorted(expected)
            assert (study in counted) == bool(said)
            kept = verdicts.of_study(self.connection, SITE, study)
            assert [event.event_id for event in kept if event.kind == "verdict"] == [entry.event_id for entry in said]
            assert sum(event.kind == "undo" for event in kept) == sum(entry.undone for entry in said)
            for author in AUTHORS:
                times = [event.decided_at for event in kept if event.author == author]
                assert times == sorted(set(times))


TestJudging = Judging.TestCase
TestJudging.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_two_clicks_at_once_make_one_event(store: AppStore) -> None:
    barrier = threading.Barrier(4)
    made: list[int] = []

    def click() -> None:
        barrier.wait()
        made.append(give(store, asked(), Answer("fracture")).event_id)

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4 and len(set(made)) == 1
    assert len(events(store)) == 1


def test_undoing_brings_back_the_verdict_before(store: AppStore) -> None:
    give(store, asked(key="1"), Answer("no_fracture"))
    second = give(store, asked(key="2"), Answer("fracture", recall=True), NOW + timedelta(minutes=1))
    take_back(store, asked(key="3"), second.event_id, NOW + timedelta(minutes=2))
    assert [event.verdict for event in verdicts.counting(events(store))] == ["no_fracture"]
    assert [(event.kind, event.stands) for event in events(store)] == [
        ("verdict", True),
        ("verdict", False),
        ("undo", False),
    ]


@pytest.mark.parametrize(
    "other", [asked(study=STUDIES[1], key="2"), asked(site="another-site", key="2"), asked(author=AUTHORS[1], key="2")]
)
def test_only_ones_own_verdict_on_this_case_is_undone(store: AppStore, other: Request) -> None:
    made = give(store, asked(), Answer("fracture"))
    with pytest.raises(VerdictRefusedError):
        take_back(store, other, made.event_id)
    assert [event.stands for event in events(store)] == [True]


def test_another_site_has_its_own(store: AppStore) -> None:
    give(store, asked(), Answer("fracture"))
    with store.reading() as connection:
        assert verdicts.judged(connection, "another-site") == {}
        assert verdicts.revision(connection, "another-site") == 0
        assert verdicts.revision(connection, SITE) > 0


@pytest.mark.parametrize("statement", ["update verdict_event set verdict = 'unsure'", "delete from verdict_event"])
def test_nothing_is_changed_or_deleted(store: AppStore, statement: str) -> None:
    give(store, asked(), Answer("fracture"))
    with pytest.raises(sqlite3.IntegrityError), store.writing() as connection:
        connection.execute(statement)


@pytest.fixture
def judged(connection: Any, make: Any) -> Iterator[tuple[Any, str]]:
    """A warehouse with one study that has an image with a finding."""
    image = make.instance("1")
    make.keep(connection, "instance", [image], day=NOW.date())
    make.keep(connection, "finding", [make.finding(image, 0.9)])
    yield connection, make.mask.of("study_uid", image.study_uid)


def test_the_night_copies_them_without_comment_and_author(store: AppStore, judged: tuple[Any, str], make: Any) -> None:
    connection, study = judged
    first = give(store, asked(study, key="1"), Answer("fracture", "CANARY comment", recall=True))
    give(store, asked(study, AUTHORS[1], key="2"), Answer("unsure"), NOW + timedelta(minutes=5))
    with store.reading() as app:
        assert verdicts.keep(app, connection, SITE, make.mask) == 2
        assert verdicts.keep(app, connection, SITE, make.mask) == 2
    kept = connection.execute("select * exclude (site, study_uid) from verdict order by decided_at").fetchall()
    assert [(row[1], row[4], row[5]) for row in kept] == [("fracture", True, None), ("unsure", False, None)]
    assert {row[0] for row in kept} == {make.mask.of("author", author) for author in AUTHORS}
    assert "CANARY" not in repr(kept)
    rebuild(connection, SITE)
    assert connection.execute("select verdict, verdict_at from study").fetchall() == [
        ("unsure", NOW + timedelta(minutes=5))
    ]
    # What is taken back later counts nowhere after the next night.
    last = events(store, study)[-1]
    take_back(store, replace(asked(study, AUTHORS[1]), key="3"), last.event_id, NOW + timedelta(hours=1))
    take_back(store, asked(study, key="4"), first.event_id, NOW + timedelta(hours=1))
    with store.reading() as app:
        verdicts.keep(app, connection, SITE, make.mask)
    rebuild(connection, SITE)
    assert connection.execute("select verdict, verdict_at from study").fetchall() == [(None, None)]
    assert connection.execute("select count(undone_at) from verdict").fetchall() == [(2,)]


def test_verdicts_that_the_application_did_not_make_stay(store: AppStore, judged: tuple[Any, str], make: Any) -> None:
    connection, study = judged
    load(connection, "verdict", [VerdictRow(SITE, study, "c" * 32, "fracture", NOW, make.mask.key_id)])
    with store.reading() as app:
        assert verdicts.keep(app, connection, SITE, make.mask) == 0
    assert connection.execute("select verdict, recall, undone_at from verdict").fetchall() == [
        ("fracture", False, None)
    ]

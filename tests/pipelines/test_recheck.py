"""What a PACS corrects or deletes after it was taken: a row and no second count; two nights before a study goes."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import intake, withdraw
from pipelines.config import Config
from pipelines.errors import SourceUnreachableError
from pipelines.sources import patience
from warehouse import audit, connect
from warehouse.app_store import AppStore


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


web, dimse = _module("test_dicomweb"), _module("test_dimse")
DAY: date = web.DAY
Serve = Callable[[list[Any]], AbstractContextManager[Any]]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.0)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found: Path = web.empty.__wrapped__(tmp_path_factory)
    return found


@pytest.fixture(params=["dicomweb", "dimse"])
def peer(request: pytest.FixtureRequest, tmp_path: Path, empty: Path) -> Iterator[tuple[Any, Callable[..., Config]]]:
    """A PACS with five studies of two images, and a home that asks it."""
    module = web if request.param == "dicomweb" else dimse
    with module.pacs(module.day(5)) as running:
        make = module.make.__wrapped__(tmp_path, empty)
        # The one is asked at an address, the other at a port.
        yield running, lambda peer, **changes: make(peer if module is web else peer.port, **changes)


def take(loaded: Config, nights: int) -> dict[str, int]:
    """Take the images in the night that is so many after the examinations'."""
    return intake.take(loaded, "essai", [DAY + timedelta(days=nights)], "dicom")


def rows(loaded: Config, sql: str) -> list[Any]:
    with connect.writer(loaded.warehouse, 1) as connection:
        return connection.execute(sql).fetchall()


OUTCOMES = "select outcome from ledger where kind = 'dicom'"


def outcomes(loaded: Config) -> Counter[str]:
    return Counter(outcome for (outcome,) in rows(loaded, OUTCOMES))


def withdrawn(loaded: Config) -> int:
    return int(rows(loaded, "select count(*) from withdrawn_study")[0][0])


def events(loaded: Config) -> list[tuple[str, Any]]:
    store = AppStore(loaded.app_store)
    store.migrate()
    return [(row["event"], row["detail"]) for row in audit.export(store)]


def test_a_study_given_to_another_patient_is_fetched_again_and_counted_once(peer: Any) -> None:
    pacs, make = peer
    loaded = make(pacs)
    take(loaded, 0)
    pacs.objects = [replace(item, patient="CANARI2") if item.study == "1.2.3" else item for item in pacs.objects]
    assert take(loaded, 1) == {"conflict": 2}
    assert outcomes(loaded) == {"accepted": 10, "conflict": 2}
    assert rows(loaded, "select count(*), count(distinct patient_id) from instance") == [(10, 1)]
    assert len(list(loaded.quarantine("essai").glob("*.bin"))) == 2
    # Noticed once: what is listed now is what is expected from now on.
    assert take(loaded, 2) == {}
    assert take(loaded, 3) == {}


def test_a_corrected_study_that_is_not_handed_over_is_asked_for_again(peer: Any) -> None:
    pacs, make = peer
    loaded = make(pacs, maximum_object_mb=1)
    take(loaded, 0)
    small = pacs.objects
    pacs.objects = [replace(item, patient="CANARI2", pixels=1200) if item.number == 1 else item for item in small[:2]]
    pacs.objects[1:] = [replace(small[1], patient="CANARI2"), *small[2:]]
    assert take(loaded, 1) == {"conflict": 1, "quarantined": 1}
    pacs.objects[0] = replace(small[0], patient="CANARI2")
    assert take(loaded, 2) == {"conflict": 1}
    assert outcomes(loaded) == {"accepted": 10, "conflict": 2, "quarantined": 1}


def test_replaced_pixels_are_noticed_where_the_site_has_them_compared(peer: Any) -> None:
    pacs, make = peer
    loaded = make(pacs, compare_days=3)
    take(loaded, 0)
    assert take(loaded, 1) == {}, "what is the same has no second row"
    pacs.objects[4] = replace(pacs.objects[4], grey=9)
    assert take(loaded, 2) == {"conflict": 1}
    pacs.objects[5] = replace(pacs.objects[5], grey=9)
    assert take(loaded, 3) == {}, "the day is no longer among those that are compared"
    assert outcomes(loaded) == {"accepted": 10, "conflict": 1}


def test_a_deleted_study_goes_after_two_nights_and_comes_back(peer: Any) -> None:
    pacs, make = peer
    loaded = make(pacs, withdraw_deleted=True)
    everything = pacs.objects
    take(loaded, 0)
    pacs.objects = everything[2:]
    take(loaded, 1)
    take(loaded, 1)
    assert withdrawn(loaded) == 0, "one night, however often it is run"
    take(loaded, 2)
    assert withdrawn(loaded) == 1
    pacs.objects = everything
    take(loaded, 3)
    assert withdrawn(loaded) == 0
    told = [event for event in events(loaded) if event[0].startswith("study_")]
    assert [event for event, _ in told] == ["study_withdrawn", "study_restored"]
    assert outcomes(loaded) == {"accepted": 10}


def test_a_study_that_was_away_for_single_nights_stays(peer: Any) -> None:
    pacs, make = peer
    loaded = make(pacs, withdraw_deleted=True)
    everything = pacs.objects
    take(loaded, 0)
    for night, held in ((1, everything[2:]), (2, everything), (3, everything[2:])):
        pacs.objects = held
        take(loaded, night)
    assert withdrawn(loaded) == 0


def test_nothing_goes_that_was_not_asked_to(peer: Any) -> None:
    pacs, make = peer
    loaded = make(pacs)
    take(loaded, 0)
    pacs.objects = pacs.objects[2:]
    for night in (1, 2, 3):
        take(loaded, night)
    assert withdrawn(loaded) == 0


def test_a_pacs_that_forgets_half_of_its_studies_is_not_believed(peer: Any) -> None:
    pacs, make = peer
    loaded = make(pacs, withdraw_deleted=True)
    take(loaded, 0)
    pacs.objects = pacs.objects[8:]
    for night in (1, 2):
        with pytest.raises(SourceUnreachableError, match="4 of 5 studies no more"):
            take(loaded, night)
    assert withdrawn(loaded) == 0
    assert rows(loaded, "select failing_since is not null from source_state") == [(True,)]
    pacs.objects = []
    take(loaded, 3)
    assert withdrawn(loaded) == 0, "an empty answer takes nothing back"


def test_a_listing_that_leaves_out_what_the_pacs_still_has_takes_nothing_back(tmp_path: Path, empty: Path) -> None:
    def partial(parts: list[str], query: dict[str, str], answer: Any) -> None:
        if parts == ["studies"] and "StudyDate" in query and partial.on:  # type: ignore[attr-defined]
            answer.body = answer.body.replace(b'"1.2.3"', b'"1.2.4"')

    partial.on = False  # type: ignore[attr-defined]
    with web.pacs(web.day(5), partial) as pacs:
        loaded = web.make.__wrapped__(tmp_path, empty)(pacs, withdraw_deleted=True)
        take(loaded, 0)
        partial.on = True  # type: ignore[attr-defined]
        for night in (1, 2, 3):
            take(loaded, night)
    assert withdrawn(loaded) == 0


def test_what_a_person_took_back_does_not_come_back_with_the_pacs(peer: Any) -> None:
    pacs, make = peer
    loaded = make(pacs, withdraw_deleted=True)
    everything = pacs.objects
    take(loaded, 0)
    assert withdraw.withdraw(loaded, "essai", b"study_uid\n1.2.1\n")["changed"] == 1
    for night, held in ((1, everything[2:]), (2, everything[2:]), (3, everything)):
        pacs.objects = held
        take(loaded, night)
    assert withdrawn(loaded) == 1
    assert [event for event, _ in events(loaded)] == ["study_withdrawn"]
    assert withdraw.withdraw(loaded, "essai", b"study_uid\n1.2.1\n", undo=True)["changed"] == 1
    assert [event for event, _ in events(loaded)] == ["study_withdrawn", "study_restored"]


def test_body_parts_are_asked_for_where_the_site_names_them(peer: Any) -> None:
    pacs, make = peer
    pacs.objects = [replace(item, part=("HAND", "WRIST", "CHEST")[int(item.study[-1]) % 3]) for item in pacs.objects]
    hands = [item for item in pacs.objects if item.part != "CHEST"]
    loaded = make(pacs, body_parts=["HAND", "WRIST"])
    assert sum(take(loaded, 0).values()) == len(hands)

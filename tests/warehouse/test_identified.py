"""The identified store: for its owner alone, and forgetting for good."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from warehouse import identified
from warehouse.errors import NaiveTimeError, StorePermissionError
from warehouse.identified import RealStudy
from warehouse.pseudonym import Pseudonymiser

NOW = datetime(2025, 3, 11, 4, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "data" / "identified.sqlite"


def test_a_pseudonym_leads_back_to_its_study(store: Path, make: Any) -> None:
    images = [make.instance("1", 0), make.instance("1", 1), make.instance("2", accession_number=None)]
    assert identified.remember(store, make.site, make.mask, images, NOW) == 2
    wanted = [make.mask.of("study_uid", f"CANARY-{name}") for name in ("1", "2", "3")]
    assert identified.lookup(store, make.site, wanted) == {
        wanted[0]: RealStudy("CANARY-1", "CANARY-A-1", "CANARY-P1"),
        wanted[1]: RealStudy("CANARY-2", None, "CANARY-P1"),
    }
    assert identified.lookup(store, "elsewhere", wanted) == identified.lookup(store, make.site, []) == {}


def test_a_later_image_completes_and_never_removes(store: Path, make: Any) -> None:
    study_id = make.mask.of("study_uid", "CANARY-1")
    for changes in ({"patient_id": None}, {"accession_number": None}, {"patient_id": None, "accession_number": None}):
        identified.remember(store, make.site, make.mask, [make.instance("1", **changes)], NOW)
    assert identified.lookup(store, make.site, [study_id]) == {
        study_id: RealStudy("CANARY-1", "CANARY-A-1", "CANARY-P1")
    }


def test_sites_are_kept_apart(store: Path, make: Any) -> None:
    other = Pseudonymiser(bytes(32))
    identified.remember(store, make.site, make.mask, [make.instance("1")], NOW)
    identified.remember(store, "elsewhere", other, [make.instance("1")], NOW)
    assert identified.lookup(store, make.site, [other.of("study_uid", "CANARY-1")]) == {}
    assert identified.forget(store, "elsewhere", NOW + timedelta(days=1)) == 1
    assert len(identified.lookup(store, make.site, [make.mask.of("study_uid", "CANARY-1")])) == 1


def test_what_is_forgotten_is_gone_from_the_file(store: Path, make: Any) -> None:
    identified.remember(store, make.site, make.mask, [make.instance("OLD")], NOW - timedelta(days=90))
    identified.remember(store, make.site, make.mask, [make.instance("SEEN")], NOW - timedelta(days=90))
    identified.remember(store, make.site, make.mask, [make.instance("SEEN")], NOW)
    assert b"CANARY-A-OLD" in store.read_bytes()
    assert identified.forget(store, make.site, NOW - timedelta(days=30)) == 1
    for path in store.parent.iterdir():
        assert b"CANARY-A-OLD" not in path.read_bytes()
    assert b"CANARY-A-SEEN" in store.read_bytes()


def test_only_its_owner_can_read_it(store: Path, make: Any) -> None:
    before = os.umask(0)
    try:
        identified.remember(store, make.site, make.mask, [make.instance("1")], NOW)
    finally:
        os.umask(before)
    assert store.stat().st_mode & 0o777 == 0o600
    store.chmod(0o640)
    with pytest.raises(StorePermissionError, match="chmod 600"):
        identified.lookup(store, make.site, [])


def test_nothing_is_made_for_nothing(store: Path, make: Any) -> None:
    assert identified.remember(store, make.site, make.mask, [], NOW) == 0
    assert identified.lookup(store, make.site, ["0" * 32]) == {}
    assert identified.forget(store, make.site, NOW) == 0
    assert not store.exists()


def test_times_need_a_zone(store: Path, make: Any) -> None:
    with pytest.raises(NaiveTimeError):
        identified.remember(store, make.site, make.mask, [make.instance("1")], datetime(2025, 3, 11))
    assert not store.exists()

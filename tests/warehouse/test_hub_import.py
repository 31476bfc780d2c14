"""Every way in which a bundle can be wrong, each refused for its own reason, and the rest kept."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from warehouse import disclosure, hub_import, hub_sites, signature
from warehouse.aggregates import GENESIS, LAYOUT, as_bytes
from warehouse.bundle_file import LIMIT, Bundle, as_file
from warehouse.connect import HUB, reader
from warehouse.hub_import import REASONS, Rules
from warehouse.hub_sites import PartnerSite

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
RULES = Rules(11, NOW)
KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()) for name in ("north", "south")
}


def tables(studies: int = 400) -> dict[str, dict[str, int | None]]:
    """A month's protected tables: everything in one cell of each split, a third flagged."""
    counts = {name: dict.fromkeys(table.cells, 0) for name, table in LAYOUT.items()}
    flagged = studies // 4
    counts["studies"]["all"] = studies
    for name, cell, n in (
        ("studies_by_region", "wrist", studies),
        ("studies_by_patient_class", "emergency", studies),
        ("studies_by_ai_result", "flagged", flagged),
        ("studies_by_ai_result", "not_flagged", studies - flagged),
        ("flagged_by_result", "positive", flagged),
        ("flagged_by_report", "fracture", flagged),
        ("not_flagged_by_result", "negative", studies - flagged),
        ("not_flagged_by_report", "no_fracture", studies - flagged),
        ("studies_by_turnaround", "within_24_hours", studies),
        ("within_24_hours", "up_to_4", studies),
        ("files", "all", 900),
        ("files_by_outcome", "accepted", 900),
    ):
        counts[name][cell] = n
    return disclosure.protect(LAYOUT, counts, 11)


def payload(
    site: str = "north", seq: int = 1, previous: str = GENESIS, month: str = "2026-08", **changes: Any
) -> bytes:
    told = {
        "schema": "bilan-aggregates/1",
        "site": site,
        "seq": seq,
        "previous": previous,
        "month": month,
        "restates": False,
        "made_on": "2026-11-10",
        "data_cut": "2026-09-08",
        "program": "0.1.0",
        "small_cell": 11,
        "turnaround_target_hours": 24.0,
        "images": 800,
        "tables": tables(),
        "models": [{"name": "default", "version": "0.3.0"}, {"name": "default", "version": "0.4.0"}],
        "nights": {"complete": 30, "late": 1, "failed": 0, "running": 0, "missed": 0, "missed_at_end": 0},
        "alarms": {"failed_steps": 0, "restored": 0},
    }
    return json.dumps({**told, **changes}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed(content: bytes, site: str = "north", key: Ed25519PrivateKey | None = None) -> bytes:
    key = key or KEYS[site]
    return as_file(Bundle(site, signature.public_text(key), content.decode(), signature.sign(key, content).hex()))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def partner(site: str, **changes: Any) -> PartnerSite:
    made = PartnerSite(
        site, site.title(), "FR", "fr", "public", None, None, 400, None, "live", False,
        signature.public_text(KEYS[site]), NOW,
    )  # fmt: skip
    return replace(made, **changes)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hub") / "hub.duckdb"
    hub_sites.make(path)
    for site in KEYS:
        hub_sites.register(path, partner(site))
    return path


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Path:
    """A hub that knows two sites."""
    return Path(shutil.copy(template, tmp_path / "hub.duckdb"))


def reasons(store: Path, *files: bytes, rules: Rules = RULES) -> list[str | None]:
    return [outcome.reason for outcome in hub_import.take(store, files, rules)]


def kept(store: Path) -> list[tuple[str, int, str]]:
    with reader(store, HUB) as connection:
        months = hub_sites.months(connection, "2000-01")
    return [(row["site"], row["seq"], row["month"]) for row in months]


def test_a_chain_is_taken_in_its_order_whatever_that_of_the_files(store: Path) -> None:
    first = payload()
    second = payload(seq=2, previous=sha256(first), month="2026-09")
    other = payload("south")
    assert reasons(store, signed(second), signed(other, "south"), signed(first)) == [None, None, None]
    assert kept(store) == [("north", 1, "2026-08"), ("north", 2, "2026-09"), ("south", 1, "2026-08")]
    with reader(store, HUB) as connection:
        row = hub_sites.months(connection, "2026-09")[0]
    assert (row["studies"], row["flagged"], row["positive"], row["within_24"]) == (400, 100, 100, 400)
    assert (row["model_version"], row["nights_late"], row["sign_ins"]) == ("0.4.0", 1, None)
    assert row["within_hours"] == [0, 400, 0, 0] and row["regions"][2] == 400


FIRST = payload()
ALTERED = signed(FIRST).replace(b"emergency", b"emergencx", 1)
BAD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "not JSON": ("UNREADABLE", lambda: b"hello"),
    "empty": ("UNREADABLE", lambda: b""),
    "deep": ("UNREADABLE", lambda: b"[" * 100_000),
    "another file's JSON": ("UNREADABLE", lambda: b'{"format": "other", "site": "north"}'),
    "more in the envelope": ("UNREADABLE", lambda: signed(FIRST).replace(b"{", b'{"patient": "x",', 1)),
    "cut short": ("UNREADABLE", lambda: signed(FIRST)[:-40]),
    "huge": ("TOO_LARGE", lambda: b" " * (LIMIT + 1)),
    "sealed for another hub": (
        "SEALED_FOR_ANOTHER",
        lambda: as_file(Bundle("north", "0" * 64, "{}", "0" * 128), signature.public_text(X25519PrivateKey.generate())),
    ),
    "no signature": (
        "UNSIGNED",
        lambda: json.dumps({"format": "bilan-bundle/1", "site": "north", "payload": FIRST.decode()}).encode(),
    ),
    "unknown site": ("UNKNOWN_SITE", lambda: signed(payload("west"), "west", KEYS["north"])),
    "another site's key": ("OTHER_KEY", lambda: signed(FIRST, key=KEYS["south"])),
    "one byte altered": ("BAD_SIGNATURE", lambda: ALTERED),
    "older schema": ("OLDER_SCHEMA", lambda: signed(payload(schema="bilan-aggregates/0"))),
    "newer schema": ("NEWER_SCHEMA", lambda: signed(payload(schema="bilan-aggregates/2"))),
    "no schema of ours": ("BAD_VALUE", lambda: signed(payload(schema="bilan/x"))),
    "a column more": ("OUTSIDE_SCHEMA", lambda: signed(payload(patients=["CANARY"]))),
    "a cell more": (
        "OUTSIDE_SCHEMA",
        lambda: signed(payload(tables={**tables(), "files": {"all": 900, "CANARY": 3}})),
    ),
    "a text for a number": ("BAD_VALUE", lambda: signed(payload(images="800"))),
    "a negative count": ("BAD_VALUE", lambda: signed(payload(tables={**tables(), "files": {"all": -900}}))),
    "not a number": ("BAD_VALUE", lambda: signed(FIRST.replace(b"24.0", b"NaN"))),
    "a field twice": ("BAD_VALUE", lambda: signed(FIRST.replace(b'"images":800', b'"images":800,"images":800'))),
    "a day that is none": ("BAD_VALUE", lambda: signed(payload(made_on="2026-02-31"))),
    "tells again what was never told": ("BAD_VALUE", lambda: signed(payload(restates=True))),
    "another site inside": ("OTHER_SITE", lambda: signed(payload("south"), "north")),
    "a cell under k": (
        "SMALL_CELL",
        lambda: signed(payload(tables={**tables(), "studies_by_patient_class": dict.fromkeys(
            LAYOUT["studies_by_patient_class"].cells, 0) | {"emergency": 397, "inpatient": 3}})),
    ),
    "one cell withheld alone": (
        "SMALL_CELL",
        lambda: signed(payload(tables={**tables(), "studies_by_patient_class": dict.fromkeys(
            LAYOUT["studies_by_patient_class"].cells, 0) | {"emergency": 397, "inpatient": None}})),
    ),
    "parts that do not add up": (
        "SMALL_CELL",
        lambda: signed(payload(tables={**tables(), "files_by_outcome": dict.fromkeys(
            LAYOUT["files_by_outcome"].cells, 0)})),
    ),
    "a lower threshold than the hub's": ("SMALL_CELL", lambda: signed(payload(small_cell=10))),
    "images to the unit": ("SMALL_CELL", lambda: signed(payload(images=801))),
    "made next month": ("FUTURE", lambda: signed(payload(made_on="2026-12-20"))),
    "a month to come": ("FUTURE", lambda: signed(payload(month="2027-01"))),
    "a month that was not over": ("FUTURE", lambda: signed(payload(month="2026-11"))),
    "a number too far": ("MISSING_BUNDLE", lambda: signed(payload(seq=3, previous="1" * 64))),
    "a first one with a past": ("OUT_OF_CHAIN", lambda: signed(payload(previous="1" * 64))),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_bundle_is_refused_for_its_reason_and_the_rest_is_kept(store: Path, name: str) -> None:
    reason, make = BAD[name]
    bad = make()
    found = {outcome.file_sha256: outcome for outcome in hub_import.take(
        store, [bad, signed(payload("south"), "south")], RULES)}  # fmt: skip
    assert found[sha256(bad)].reason == reason
    assert kept(store) == [("south", 1, "2026-08")]
    with reader(store, HUB) as connection:
        (noted,) = hub_sites.refusals(connection)
    assert (noted["reason"], noted["file_sha256"], noted["refused_at"]) == (reason, sha256(bad), NOW)
    assert "CANARY" not in str(noted)


def test_every_reason_is_met_here() -> None:
    after = {"REPLAYED", "RESTARTED", "FORKED", "SMALL_DIFFERENCE"}
    assert {reason for reason, _ in BAD.values()} | after == set(REASONS)


def test_what_comes_after_the_first_must_follow_it(store: Path) -> None:
    first = payload()
    second = payload(seq=2, previous=sha256(first), month="2026-09")
    assert reasons(store, signed(first), signed(second)) == [None, None]
    assert reasons(store, signed(first), signed(second)) == ["REPLAYED", "REPLAYED"]
    assert reasons(store, signed(payload(images=810))) == ["RESTARTED"]
    assert reasons(store, signed(payload(seq=2, previous=sha256(first), month="2026-10"))) == ["FORKED"]
    assert reasons(store, signed(payload(seq=3, previous=sha256(first), month="2026-10"))) == ["OUT_OF_CHAIN"]
    assert reasons(store, signed(payload(seq=4, previous=sha256(second), month="2026-10"))) == ["MISSING_BUNDLE"]
    assert [seq for _, seq, _ in kept(store)] == [1, 2]


def test_the_same_bundle_twice_among_the_files_is_taken_once(store: Path) -> None:
    assert sorted(map(str, reasons(store, signed(FIRST), signed(FIRST)))) == ["None", "REPLAYED"]


def test_a_month_told_again_takes_the_place_of_the_first_only_by_large_steps(store: Path) -> None:
    first = payload()
    assert reasons(store, signed(first)) == [None]
    small = payload(seq=2, previous=sha256(first), restates=True, tables=tables(403))
    assert reasons(store, signed(small)) == ["SMALL_DIFFERENCE"]
    large = payload(seq=2, previous=sha256(first), restates=True, tables=tables(460))
    assert reasons(store, signed(large)) == [None]
    with reader(store, HUB) as connection:
        (row,) = hub_sites.months(connection, "2000-01")
    assert (row["studies"], row["seq"], row["restated"]) == (460, 2, True)


def test_a_sealed_bundle_is_opened_by_its_hub(store: Path) -> None:
    key = X25519PrivateKey.generate()
    sealed = as_file(
        Bundle(
            "north", signature.public_text(KEYS["north"]), FIRST.decode(), signature.sign(KEYS["north"], FIRST).hex()
        ),
        signature.public_text(key),
    )
    assert FIRST not in sealed and b"north" not in sealed
    assert reasons(store, sealed) == ["SEALED_FOR_ANOTHER"]
    altered = bytearray(sealed)
    altered[len(altered) // 2] = ord("A") if altered[len(altered) // 2] != ord("A") else ord("B")
    assert reasons(store, bytes(altered), rules=replace(RULES, opening_key=key)) == ["SEALED_FOR_ANOTHER"]
    assert reasons(store, sealed, rules=replace(RULES, opening_key=key)) == [None]


def test_no_byte_can_be_altered(store: Path) -> None:
    content = signed(FIRST)
    for place in range(0, len(content), 97):
        altered = bytearray(content)
        altered[place] ^= 1
        (outcome,) = hub_import.take(store, [bytes(altered)], RULES)
        # A blank between fields of the envelope is the only thing that nobody signed.
        assert outcome.reason is not None or bytes(altered).split() == content.split()
        if outcome.reason is None:
            break
    assert len(kept(store)) <= 1


def test_an_interrupted_import_leaves_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(hub_import, "_write", fail)
    with pytest.raises(InterruptedError):
        hub_import.take(store, [signed(FIRST)], RULES)
    monkeypatch.undo()
    assert kept(store) == []
    assert reasons(store, signed(FIRST), rules=replace(RULES, now=NOW + timedelta(hours=1))) == [None]


def test_the_bundles_of_these_tests_are_those_that_a_site_makes() -> None:
    assert as_bytes(json.loads(FIRST)) == FIRST

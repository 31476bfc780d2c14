"""A daily sign of life: numbered, signed, taken once, and nothing in it counts a patient."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from pipelines.alarms import CAUSES
from warehouse import signature, status
from warehouse.app_store import AppStore
from warehouse.bundle_file import Bundle

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"north").digest())
OTHER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"other").digest())
KEYS = {"north": signature.public_text(KEY)}
CONTENT: dict[str, Any] = {
    "schema": "bilan-status/1", "site": "north", "program": "0.1.0", "model": "default", "model_version": "0.4.0",
    "nights": [{"day": "2026-11-17", "state": "late"}, {"day": "2026-11-18", "state": "failed"}],
    "alarms": ["night_late"],
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> AppStore:
    made = AppStore(tmp_path / "app.sqlite")
    made.migrate()
    return made


def signed(who: str = "north", key: Ed25519PrivateKey = KEY, **changes: Any) -> Bundle:
    told = {**CONTENT, "seq": 3, "made_on": "2026-11-19", **changes}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return Bundle(who, signature.public_text(key), text, signature.sign(key, text.encode()).hex())


def test_the_last_one_is_kept_and_says_when_a_night_ran(store: AppStore) -> None:
    assert status.take(store, KEYS, signed(), NOW) is None
    (heard,) = status.heard(store).values()
    assert (heard.received_at, heard.last_night, heard.status.seq) == (NOW, date(2026, 11, 17), 3)
    assert status.take(store, KEYS, signed(), NOW) == "REPLAYED"
    assert status.take(store, KEYS, signed(seq=2), NOW) == "OLDER_STATUS"
    assert status.take(store, KEYS, signed(seq=9, made_on="2026-11-18"), NOW) == "OLDER_STATUS"
    # A back-up that was restored numbers from 1 again: the next day is newer all the same.
    assert status.take(store, KEYS, signed(seq=1, made_on="2026-11-20", nights=[]), NOW) is None
    assert status.heard(store, "north")["north"].last_night is None and status.heard(store, "south") == {}


@pytest.mark.parametrize(
    ("code", "bundle"),
    [
        ("UNKNOWN_SITE", signed("south", site="south")),
        ("OTHER_KEY", signed(key=OTHER)),
        ("BAD_SIGNATURE", Bundle("north", KEYS["north"], signed().payload + " ", signed().signature)),
        ("NEWER_SCHEMA", signed(schema="bilan-status/2")),
        ("OUTSIDE_SCHEMA", signed(studies=400)),
        ("OUTSIDE_SCHEMA", signed(nights=[{"day": "2026-11-17", "state": "late", "images": 12}])),
        ("BAD_VALUE", signed(alarms=["MARTIN^JEAN"])),
        ("BAD_VALUE", signed(nights=[{"day": "2026-02-30", "state": "late"}])),
        ("BAD_VALUE", signed(nights=[{"day": "2026-11-17", "state": "late"}] * 8)),
        ("OTHER_SITE", signed(site="south")),
        ("FUTURE", signed(made_on="2026-11-22")),
        ("FUTURE", signed(nights=[{"day": "2026-11-22", "state": "complete"}])),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_kept(store: AppStore, code: str, bundle: Bundle) -> None:
    assert status.is_status(bundle) is True
    assert status.take(store, KEYS, bundle, NOW) == code
    assert status.heard(store) == {}


def test_a_site_numbers_what_it_says_and_repeats_what_it_said(store: AppStore) -> None:
    day = date(2026, 11, 19)
    first = status.keep(store, "north", CONTENT, day)
    assert status.keep(store, "north", CONTENT, day) == first
    second = status.keep(store, "north", {**CONTENT, "alarms": []}, day)
    third = status.keep(store, "north", {**CONTENT, "alarms": []}, day + timedelta(days=1))
    assert [json.loads(text)["seq"] for text in (first, second, third)] == [1, 2, 3]
    # The clock was set back by two days: the hub must still take it for the newest.
    back = json.loads(status.keep(store, "north", {**CONTENT, "alarms": []}, day - timedelta(days=1)))
    assert (back["made_on"], back["seq"]) == ("2026-11-20", 4)
    assert status.sent_on(store, "north") == day - timedelta(days=1) and status.sent_on(store, "south") is None
    with pytest.raises(ValidationError):
        status.keep(store, "north", {**CONTENT, "patients": 3}, day)


def test_the_causes_are_those_of_the_alarms() -> None:
    assert status.CAUSES == CAUSES
    (causes,) = (part for part in get_args(status.Status.model_fields["alarms"].annotation) if part is not ...)
    assert get_args(causes) == CAUSES


def test_the_published_schema_is_that_of_the_program() -> None:
    path = Path(status.__file__).parent / "schemas" / status.SCHEMA_FILE
    assert path.read_text(encoding="utf-8") == status.schema()

"""What a hub gives back: kept from the one hub, for the right site, once, and never of fewer than five peers."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reports.language import language
from reports.refusals import RETURNS, refused_return
from warehouse import connect, returned, signature
from warehouse.returned import ReturnError

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
HUB, OTHER = (Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name).digest()) for name in (b"hub", b"other"))
KNOWN = signature.public_text(HUB)
BESIDE = {
    "month": "2026-09", "figure": "positive", "value": 0.25, "low": 0.21, "high": 0.3, "numerator": 100,
    "denominator": 400, "exact": True, "peers_low": 0.2, "peers_median": 0.22, "peers_high": 0.26, "peers": 5,
}  # fmt: skip
CONTENT = {
    "schema": "bilan-return/1", "site": "north", "seq": 1, "made_on": "2026-11-19",
    "notes": [{"month": "2026-03", "text": "new X-ray room"}], "peers": [BESIDE],
}  # fmt: skip


def text(**changes: Any) -> str:
    return json.dumps({**CONTENT, **changes}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def file(payload: str = text(), key: Ed25519PrivateKey = HUB) -> bytes:
    return returned.as_file(payload, key)


def reason(content: bytes, hub_key: str | None = KNOWN) -> str:
    with pytest.raises(ReturnError) as caught:
        returned.read(content, hub_key, {"north"}, NOW)
    return caught.value.reason


def test_what_the_hub_signed_is_read_as_it_was_made() -> None:
    assert returned.as_payload(CONTENT) == text()
    found = returned.read(file(), KNOWN, {"north", "south"}, NOW)
    assert (found.told.notes[0].text, found.told.peers[0].peers, found.payload) == ("new X-ray room", 5, text())


def test_every_byte_that_is_changed_is_noticed() -> None:
    whole = file()
    for place in range(0, len(whole), 7):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        try:
            found = returned.read(changed, KNOWN, {"north"}, NOW)
        except ReturnError:
            continue
        # Blanks around the fields belong to nobody.
        assert found.payload == text()


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("NO_RETURN", b"hello"),
        ("NO_RETURN", b"[" * 100_000),
        ("NO_RETURN", b"\xff\xfe"),
        ("NO_RETURN", b" " * (returned.LIMIT + 1)),
        ("NO_RETURN", json.dumps({"format": returned.FORMAT, "key": KNOWN, "payload": 1, "signature": ""}).encode()),
        ("OTHER_HUB", file(key=OTHER)),
        ("ALTERED", file().replace(b"X-ray", b"X-ray".swapcase())),
        ("ALTERED", file().replace(b'\\"peers\\":5', b'\\"peers\\":6')),
        ("ALTERED", file().replace(b'"signature": "', b'"signature": "0')),
        ("OTHER_VERSION", file(text(schema="bilan-return/2"))),
        ("OTHER_CONTENT", file("{}")),
        ("OTHER_CONTENT", file(text(more=1))),
        ("OTHER_CONTENT", file(text() + " ")),
        ("OTHER_CONTENT", file(text(notes=[{"month": "2026-03", "text": "a\nb"}]))),
        ("OTHER_CONTENT", file(text(notes=[{"month": "2026-03", "text": "x" * 121}]))),
        ("OTHER_CONTENT", file(text(made_on="2026-02-30"))),
        ("OTHER_CONTENT", file(text(peers=[{**BESIDE, "value": float("nan")}]))),
        ("WRONG_SITE", file(text(site="south"))),
        ("FEW_PEERS", file(text(peers=[{**BESIDE, "peers": 4}]))),
        ("FUTURE", file(text(made_on="2026-11-22"))),
        ("FUTURE", file(text(peers=[{**BESIDE, "month": "2026-11"}]))),
    ],
)
def test_what_is_wrong_is_refused_with_its_reason(code: str, content: bytes) -> None:
    assert reason(content) == code


def test_a_machine_that_knows_no_hub_takes_nothing() -> None:
    assert reason(file(), None) == "NO_HUB_KEY"


def test_a_bundle_of_a_site_is_no_return_whoever_signs_it() -> None:
    signed = signature.sign(HUB, text().encode()).hex()
    fields = {"format": returned.FORMAT, "key": KNOWN, "payload": text(), "signature": signed}
    assert reason(json.dumps(fields).encode()) == "ALTERED"


def test_every_reason_has_its_sentence_in_both_languages() -> None:
    for code in RETURNS:
        french, english = (refused_return(language(name), code) for name in ("fr", "en"))
        assert french != english and english.endswith(".") and french.endswith(".")


def test_the_last_one_counts_and_none_is_taken_twice(tmp_path: Path) -> None:
    store = tmp_path / "w.duckdb"
    connect.migrate(store)

    def keep(payload: str, at: datetime) -> str | None:
        try:
            returned.keep(store, returned.read(file(payload), KNOWN, {"north"}, NOW), at)
        except ReturnError as error:
            return error.reason
        return None

    third = text(seq=3, notes=[])
    assert [keep(text(), NOW), keep(text(), NOW), keep(third, NOW + timedelta(days=2))] == [None, "REPLAYED", None]
    assert keep(text(), NOW) == "REPLAYED"
    assert keep(text(seq=2), NOW) == "OLDER" and keep(text(seq=3), NOW) == "OLDER"
    with connect.reader(store) as connection:
        # A report is cut at a moment: what came later is not in it.
        assert returned.at(connection, "north", NOW - timedelta(seconds=1)) is None
        first, last = (returned.at(connection, "north", NOW + timedelta(days=days)) for days in (1, 2))
        assert first is not None and last is not None and (first.seq, last.seq) == (1, 3)
        assert returned.at(connection, "south", NOW) is None


def test_the_published_schema_is_that_of_the_program() -> None:
    path = Path(returned.__file__).parent / "schemas" / returned.SCHEMA_FILE
    assert path.read_text(encoding="utf-8") == returned.schema()

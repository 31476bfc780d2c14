"""Pseudonyms against the standard library's HMAC; keys that only their owner can read."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import KeyFileError
from warehouse.pseudonym import Pseudonymiser, is_pseudonym, read_key, write_key

KEY = bytes(range(32))


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["patient_id", "study_uid"]), st.text())
def test_it_is_hmac_sha256(key: bytes, kind: str, value: str) -> None:
    message = kind.encode() + b"\0" + value.encode()
    assert Pseudonymiser(key).of(kind, value) == hmac.new(key, message, hashlib.sha256).hexdigest()[:32]


def test_kinds_keys_and_values_are_kept_apart() -> None:
    one, other = Pseudonymiser(KEY), Pseudonymiser(KEY[::-1])
    made = {
        one.of("patient_id", "7"),
        one.of("accession_number", "7"),
        one.of("patient_id", "8"),
        other.of("patient_id", "7"),
    }
    assert len(made) == 4 and all(is_pseudonym(value) for value in made)
    assert one.key_id != other.key_id and len(one.key_id) == 8


def test_bytes_that_no_character_set_explains_do_not_stop_it() -> None:
    assert is_pseudonym(Pseudonymiser(KEY).of("patient_id", "\udcff"))


@pytest.mark.parametrize("value", ["", "a" * 31, "a" * 33, "A" * 32, "g" * 32, "a" * 32 + "\n", "1.2.840"])
def test_other_texts_are_no_pseudonyms(value: str) -> None:
    assert not is_pseudonym(value)


def test_a_key_is_written_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    before = os.umask(0)
    try:
        write_key(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    key = read_key(path)
    assert len(key) == 32 and path.read_text() == key.hex() + "\n"
    with pytest.raises(KeyFileError, match="already"):
        write_key(path)
    assert read_key(path) == key


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o400, 0o700])
def test_a_key_of_another_mode_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.key"
    write_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_key(path)


@pytest.mark.parametrize("content", [b"", b"CANARY", b"0" * 63, b"0" * 65, b"g" * 64, b"\xff" * 64])
def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match="64 hex digits") as caught:
        read_key(path)
    assert "CANARY" not in str(caught.value)


def test_a_missing_or_linked_key_is_refused(tmp_path: Path) -> None:
    write_key(tmp_path / "real.key")
    (tmp_path / "link.key").symlink_to(tmp_path / "real.key")
    for name in ("none.key", "link.key"):
        with pytest.raises(KeyFileError, match="cannot be opened"):
            read_key(tmp_path / name)


def test_a_short_key_makes_no_pseudonyms() -> None:
    with pytest.raises(KeyFileError):
        Pseudonymiser(b"short")

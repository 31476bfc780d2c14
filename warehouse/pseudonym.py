"""Pseudonyms: a keyed hash in place of each identifier, by kind, under one key per site."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from pathlib import Path

from warehouse.errors import KeyFileError

_BLOCK = 64  # bytes, of SHA-256
KEY_BYTES = 32
_LONGEST = 65 * 1000  # characters of a key file
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")


class Pseudonymiser:
    """HMAC-SHA-256 of an identifier under one site's key, separated by kind, first 32 hex digits.

    The kind is the name of the column that holds the identifier (``patient_id``, ``study_uid``,
    ``accession_number``, ...): the same value gives the same pseudonym in every table, and an
    accession number that happens to equal a patient number gives another one.

    A key that was replaced stays the first link of a chain: the pseudonym under the new key is the HMAC of
    the old pseudonym. So everything stored can be renamed without the identifiers themselves, and whoever
    knows the old key alone cannot make a new pseudonym.

    Parameters
    ----------
    key
        32 bytes for each link, the first one first.

    References
    ----------
    RFC 2104 (HMAC); FIPS 180-4 (SHA-256).
    """

    def __init__(self, key: bytes) -> None:
        if not key or len(key) % KEY_BYTES:
            raise KeyFileError("a pseudonym key has 32 bytes")
        self._links = [_Keyed(key[start : start + KEY_BYTES]) for start in range(0, len(key), KEY_BYTES)]
        self.links = len(self._links)
        self.key_id = self.of("key", "key_id")[:8]

    def of(self, kind: str, value: str) -> str:
        """Return the pseudonym of `value`: 32 lower-case hex digits (128 bits)."""
        # Surrogates come from bytes that no character set explains; they must not stop the night.
        found = self._links[0].digest(kind.encode() + b"\0" + value.encode("utf-8", "surrogatepass"))
        for link in self._links[1:]:
            found = link.digest(found.encode())
        return found

    def renamed(self, pseudonym: str) -> str:
        """Return what a pseudonym under the key before the last is now."""
        return self._links[-1].digest(pseudonym.encode())


class _Keyed:
    """HMAC under one key. Its two keyed states are prepared once: copying them is twice as fast as hmac.digest."""

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def digest(self, content: bytes) -> str:
        inner = self._inner.copy()
        inner.update(content)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()[:32]


def is_pseudonym(value: str) -> bool:
    """Say whether `value` has the form of a pseudonym: exactly 32 lower-case hex digits."""
    return _PSEUDONYM.fullmatch(value) is not None


def write_key(path: Path, after: bytes = b"") -> None:
    """Write a new random key: a line of 64 hex digits for each link, mode 0600.

    Parameters
    ----------
    after
        The key that it takes the place of, as `read_key` returns it: its links come first.

    Raises
    ------
    KeyFileError
        If the file exists: a key is never replaced, or nothing would match what was stored before.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError("there is a pseudonym key already; it was left as it is") from None
    links = after + secrets.token_bytes(KEY_BYTES)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)  # whatever the umask
        for start in range(0, len(links), KEY_BYTES):
            file.write(links[start : start + KEY_BYTES].hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_key(path: Path) -> bytes:
    """Read a key that `write_key` wrote: 32 bytes for each link.

    Raises
    ------
    KeyFileError
        If the file is missing, is not a plain file, has a mode other than 0600, or does not hold
        lines of 64 hex digits.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        raise KeyFileError("the pseudonym key cannot be opened; restore it, or run `bilan init`") from None
    with os.fdopen(descriptor, encoding="ascii", errors="replace") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) != 0o600:
            raise KeyFileError("the pseudonym key must be a plain file of mode 0600; run `chmod 600` on it")
        text = file.read(_LONGEST).strip()
    if not re.fullmatch(r"[0-9a-fA-F]{64}(?:\n[0-9a-fA-F]{64})*", text):
        raise KeyFileError("the pseudonym key must hold 64 hex digits a line; restore it from its back-up")
    return bytes.fromhex(text)


def next_key(key: Path) -> Path:
    """Return the file of the key that is to take a key's place."""
    return key.with_name(key.name + ".next")


def rotating(warehouse: Path) -> Path:
    """Return the file of the warehouse as it is written anew under another key."""
    return warehouse.with_name(warehouse.name + ".rotating")


def in_force(key: Path, warehouse: Path) -> Path:
    """Return the file of the key in force: the next one as soon as the warehouse made with it is in its place."""
    following = next_key(key)
    return following if following.exists() and not rotating(warehouse).exists() else key

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
_KEY_BYTES = 32
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")


class Pseudonymiser:
    """HMAC-SHA-256 of an identifier under one site's key, separated by kind, first 32 hex digits.

    The kind is the name of the column that holds the identifier (``patient_id``, ``study_uid``,
    ``accession_number``, ...): the same value gives the same pseudonym in every table, and an
    accession number that happens to equal a patient number gives another one.

    References
    ----------
    RFC 2104 (HMAC); FIPS 180-4 (SHA-256).
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise KeyFileError("a pseudonym key has 32 bytes")
        # The two keyed states are prepared once: copying them is twice as fast as hmac.digest.
        padded = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
        self.key_id = self.of("key", "key_id")[:8]

    def of(self, kind: str, value: str) -> str:
        """Return the pseudonym of `value`: 32 lower-case hex digits (128 bits)."""
        inner = self._inner.copy()
        # Surrogates come from bytes that no character set explains; they must not stop the night.
        inner.update(kind.encode() + b"\0" + value.encode("utf-8", "surrogatepass"))
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()[:32]


def is_pseudonym(value: str) -> bool:
    """Say whether `value` has the form of a pseudonym: exactly 32 lower-case hex digits."""
    return _PSEUDONYM.fullmatch(value) is not None


def write_key(path: Path) -> None:
    """Write a new random key: one line of 64 hex digits, mode 0600.

    Raises
    ------
    KeyFileError
        If the file exists: a key is never replaced, or nothing would match what was stored before.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError("there is a pseudonym key already; it was left as it is") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)  # whatever the umask
        file.write(secrets.token_hex(_KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_key(path: Path) -> bytes:
    """Read a key that `write_key` wrote.

    Raises
    ------
    KeyFileError
        If the file is missing, is not a plain file, has a mode other than 0600, or does not hold
        64 hex digits.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        raise KeyFileError("the pseudonym key cannot be opened; restore it, or run `bilan init`") from None
    with os.fdopen(descriptor, encoding="ascii", errors="replace") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) != 0o600:
            raise KeyFileError("the pseudonym key must be a plain file of mode 0600; run `chmod 600` on it")
        text = file.read(1000).strip()
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise KeyFileError("the pseudonym key must hold 64 hex digits; restore it from its back-up")
    return bytes.fromhex(text)

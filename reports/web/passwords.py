"""Passwords: argon2id, and CNIL's rule of 2022 on how strong they must be."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that looks like something else


def hashed(password: str) -> str:
    """Return the argon2id hash of a password, with its parameters and salt."""
    return _HASHER.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Tell whether a password is that of the hash; takes as long where there is no hash."""
    try:
        return _HASHER.verify(password_hash or _nobody(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def one_time() -> str:
    """Return a random password of 117 bits, in groups that can be read aloud."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(20))
    return "-".join(letters[index : index + 5] for index in range(0, 20, 5))


_hash_of_nobody: list[str] = []


def _nobody() -> str:
    # Made once: a sign-in with an unknown name must cost what one with a known name costs.
    if not _hash_of_nobody:
        _hash_of_nobody.append(hashed(secrets.token_hex(16)))
    return _hash_of_nobody[0]

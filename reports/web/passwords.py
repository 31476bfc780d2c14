"""Passwords: argon2id, and CNIL's rule of 2022 on how strong they must be.

References
----------
CNIL, délibération 2022-100 of 21 July 2022: a password alone needs 80 bits. Its examples are the
rule here: 12 signs of the four classes, 14 signs of capitals, small letters and digits, or a
passphrase of seven words.
"""

from __future__ import annotations

import re
import secrets
import threading
import unicodedata
from functools import cache
from importlib import resources

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from reports.language import message

LONGEST = 256
WORDS = 7
# Signs of their own that must be left once what everybody tries is taken out.
LEAST_LEFT = 6
# OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Two at a time: a flood of sign-ins takes neither the processors nor the memory of the night.
_TURN = threading.BoundedSemaphore(2)
_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that looks like something else
_LEET = str.maketrans("@4310$5!7", "aaeiossit")

TOO_WEAK = message(
    "Choose at least 12 characters with capitals, small letters, digits and signs; or 14 with capitals, "
    "small letters and digits; or a passphrase of seven words."
)
TOO_LONG = message("Choose a password of at most 256 characters.")
TOO_COMMON = message("Choose another password: this one is made of what everybody tries first.")
OWN_NAME = message("Choose another password: this one contains your login or your name.")


def weakness(password: str, *own: str) -> str | None:
    """Return what is wrong with a new password, or None. `own` are login and name, which it must not contain."""
    if len(password) > LONGEST:
        return TOO_LONG
    if not _strong(password):
        return TOO_WEAK
    plain = _plain(password)
    if any(len(part) >= 4 and part in plain for text in own for part in re.split(r"[\W_]+", _plain(text))):
        return OWN_NAME
    return TOO_COMMON if len(set(_left(password))) < LEAST_LEFT else None


def _strong(password: str) -> bool:
    small, capital, digit = (any(test(sign) for sign in password) for test in (str.islower, str.isupper, str.isdigit))
    other = any(not sign.isalnum() for sign in password)
    words = {word.lower() for word in re.findall(r"[^\W\d_]{2,}", password)}
    return (
        (len(password) >= 12 and small and capital and digit and other)
        or (len(password) >= 14 and small and capital and digit)
        or (len(words) >= WORDS and len(password) >= 4 * WORDS)
    )


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.lower())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _left(password: str) -> str:
    """Return what a guesser does not try first."""
    plain = _plain(password)
    # As it is, and with the usual signs put for letters read as those: the poorer reading counts.
    return min((_without_common(text) for text in (plain, plain.translate(_LEET))), key=lambda left: len(set(left)))


def _without_common(text: str) -> str:
    text = re.sub(r"(19|20)\d\d", "", text)
    for word in _common():
        text = text.replace(word, "")
    return re.sub(r"(.)\1+", r"\1", text)


@cache
def _common() -> tuple[str, ...]:
    text = resources.files("reports.web").joinpath("common_passwords.txt").read_text(encoding="utf-8")
    words = {line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")}
    return tuple(sorted(words, key=len, reverse=True))


def hashed(password: str) -> str:
    """Return the argon2id hash of a password, with its parameters and salt."""
    with _TURN:
        return _HASHER.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Tell whether a password is that of the hash; takes as long where there is no hash."""
    try:
        with _TURN:
            return _HASHER.verify(password_hash or _nobody(), password[: LONGEST + 1]) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def one_time() -> str:
    """Return a random password of 115 bits, in groups that can be read aloud."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(20))
    return "-".join(letters[index : index + 5] for index in range(0, 20, 5))


def recovery_code() -> str:
    """Return a random code of 57 bits: tried as rarely as a password, it needs no more."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{letters[:5]}-{letters[5:]}"


@cache
def _nobody() -> str:
    # A sign-in with an unknown name must cost what one with a known name costs.
    return _HASHER.hash(secrets.token_hex(16))

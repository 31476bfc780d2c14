from __future__ import annotations

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.web import passwords

GOOD = ["Tibia-plateau-1847!", "xK9$mwQ2vb7!", "Vorplatz99Regenbogen", "le chat gris dort sous un vieux pommier"]
WEAK = [
    "",
    "short1A!",
    "xK9$mwQ2vb7",
    "alllowercaseletters",
    "vorplatz99regenbogen",
    "one two three four five six",
    "a b c d e f g h i j",
]
COMMON = [
    "Motdepasse2024!",
    "P@ssw0rd1234!",
    "AzertyUiop123456",
    "Bonjour-Bonjour-1",
    "Aa1!Aa1!Aa1!",
    "Radiologie2026!",
]


@pytest.mark.parametrize("password", GOOD)
def test_strong_passwords_are_taken(password: str) -> None:
    assert passwords.weakness(password, "m.diallo@example.org", "Dr Mariam Diallo") is None


@pytest.mark.parametrize(("words", "reason"), [(WEAK, passwords.TOO_WEAK), (COMMON, passwords.TOO_COMMON)])
def test_weak_and_common_passwords_are_refused(words: list[str], reason: str) -> None:
    assert {word: passwords.weakness(word) for word in words} == dict.fromkeys(words, reason)


def test_ones_own_name_is_refused_with_or_without_accents() -> None:
    assert passwords.weakness("Hélène-1847-tibia!", "x", "Helene Martin") == passwords.OWN_NAME
    assert passwords.weakness("x" * 300) == passwords.TOO_LONG


@given(st.text(max_size=300), st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_is_judged_without_an_error(password: str, own: str) -> None:
    passwords.weakness(password, own)


def test_a_hash_is_argon2id_with_a_salt_of_its_own() -> None:
    first, second = passwords.hashed("a"), passwords.hashed("a")
    assert first != second
    assert re.match(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$", first)
    assert passwords.matches(first, "a") and not passwords.matches(first, "b")
    assert not passwords.matches(None, "a") and not passwords.matches("not a hash", "a")


def test_one_time_passwords_are_long_and_never_the_same() -> None:
    made = {passwords.one_time() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"(\w{5}-){3}\w{5}", each) and not set("0O1lI") & set(each) for each in made)
    assert all(set(each) <= set(string.ascii_letters + string.digits + "-") for each in made)

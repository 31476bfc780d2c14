"""Made-up patients and identifiers, with a canary in every identifying field."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from inference.simulation.study import Patient

_GIVEN = {
    "fr": {
        "F": ("CAMILLE", "JEANNE", "MARGAUX", "HÉLÈNE", "LÉA", "FRANÇOISE", "NOÉMIE", "ODETTE", "ANAÏS"),
        "M": ("LUCIEN", "RENÉ", "MATHIS", "JÉRÔME", "HUGO", "FRANÇOIS", "YANN", "GÉRARD", "LOÏC"),
    },
    "en": {
        "F": ("AOIFE", "MARY", "SINEAD", "GRACE", "NIAMH", "EMILY", "KATHLEEN", "ORLA", "CIARA"),
        "M": ("CONOR", "PATRICK", "LIAM", "SEAN", "OISIN", "JAMES", "DECLAN", "THOMAS", "EOIN"),
    },
}
_STREET = {"fr": "rue du CANARI", "en": "CANARI Street"}


def patient(site: str, number: int, language: str, today: date, age: int) -> Patient:
    """Return patient `number` of a site: the same number gives the same person, but for the age asked.

    The canary comes first, so that a name cut short still shows it.
    """
    rng = Random(f"patient/{site}/{number}")  # noqa: S311 - a simulation, nothing secret
    sex = rng.choice("FM")
    birth = today - timedelta(days=round(age * 365.25) + rng.randrange(1, 364))
    code = f"{number:07d}"
    return Patient(
        patient_id=f"CANARIPID{code}",
        family=f"CANARINOM{_letters(number)}",
        given=f"CANARI {rng.choice(_GIVEN[language][sex])}",
        birth=birth,
        sex=sex,
        address=f"{rng.randrange(1, 90)} {_STREET[language]}",
        phone=f"CANARITEL{rng.randrange(10**6):06d}",
    )


def uid(rng: Random) -> str:
    """Return a UID under 2.25 (DICOM PS3.5 annex B.2) that begins with the digits of a canary."""
    # 38 digits stay below 2**128, as an integer made from a UUID does.
    return f"2.25.3141592653{rng.randrange(10**27, 10**28)}"


def accession(rng: Random) -> str:
    """Return an accession number of at most 16 characters (VR SH)."""
    return f"CANARIACC{rng.randrange(10**6, 10**7)}"


def _letters(number: int) -> str:
    text = ""
    while number:
        number, rest = divmod(number, 26)
        text = chr(ord("A") + rest) + text
    return text or "A"

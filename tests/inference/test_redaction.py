import pytest

from inference.redaction import MASK, redact


@pytest.mark.parametrize(
    ("sentence", "secret"),
    [
        ("Comparé au 12/03/2024, fracture du radius.", "12/03/2024"),
        ("Compared with 2024-03-12: fracture.", "2024-03-12"),
        ("Fracture, avis du Dr Martin Dupont demandé.", "Dupont"),
        ("Mme Le Goff présente une fracture.", "Goff"),
        ("DUPONT Jeanne : fracture du poignet.", "Jeanne"),
        ("Fracture (dossier A1234567).", "1234567"),
        ("Fracture, tél. 02 98 01 02 03.", "01 02 03"),
        ("Fracture, écrire à j.martin@example.org.", "martin"),
    ],
)
def test_identity_is_taken_out(sentence: str, secret: str) -> None:
    shown = redact(sentence)
    assert secret not in shown
    assert MASK in shown
    assert "racture" in shown


@pytest.mark.parametrize(
    "sentence",
    [
        "Fracture non déplacée de l'extrémité inférieure du radius droit.",
        "No acute fracture of the distal radius; 2 mm step-off.",
        "Fracture Salter-Harris 2, métacarpien V.",
    ],
)
def test_the_finding_stays(sentence: str) -> None:
    assert redact(sentence) == sentence


def test_a_sentence_of_capitals_takes_no_time_of_its_square() -> None:
    # Took minutes once: each word in capitals began a search through all that follow. Killed by the suite's limit.
    assert redact("AB " * 60_000 + "DUPONT Jeanne").endswith(MASK)

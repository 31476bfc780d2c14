"""Reason codes are documented, in both languages."""

from pathlib import Path

import pytest

from inference.reasons import OUTCOME_WORDS, OUTCOMES, REASONS, sentence, table

DOCUMENT = Path(__file__).parents[2] / "docs" / "outcomes.md"


def test_document_is_the_table():
    assert DOCUMENT.read_text(encoding="utf-8") == table()


@pytest.mark.parametrize("code", REASONS)
def test_code_is_documented_with_both_sentences(code):
    line = next(line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{code}` |"))
    french, english = (part.strip() for part in line.split("|")[2:4])
    assert (french, english) == (sentence(code, "fr"), sentence(code, "en"))
    assert french != english
    assert french.endswith(".")
    assert english.endswith(".")
    assert code == code.upper()


def test_every_reason_leads_to_an_outcome_and_every_outcome_has_words():
    assert {reason.outcome for reason in REASONS.values()} <= set(OUTCOMES)
    assert set(OUTCOME_WORDS) == set(OUTCOMES)


def test_codes_of_the_design_are_there():
    named = (
        "TRUNCATED PARSE_ERROR BAD_UID BAD_PIXEL_FORMAT BAD_NUMBER_OF_FRAMES PIXEL_LENGTH PIXEL_DECODE "
        "DECOMPRESSION_BOMB IMAGE_TOO_LARGE TS_UNSUPPORTED NO_PIXEL_DATA BAD_RESCALE BAD_DATE CHARSET "
        "SUSPICIOUS_TEXT PHI_IN_TEXT BURNED_IN CLOCK_SKEW DUPLICATE UID_CONFLICT NOT_ELIGIBLE_MODALITY "
        "NOT_ELIGIBLE_BODY_PART NOT_ELIGIBLE_SOP_CLASS DERIVED_IMAGE MISSING_SEGMENT BAD_MSH PATIENT_MISMATCH "
        "WITHDRAWN OUT_OF_ORDER LATE_REPORT"
    )
    assert set(named.split()) <= set(REASONS)

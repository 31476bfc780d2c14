"""The quarterly review adds up what was told, says what is missing, and names nobody who is not asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pypdfium2
import pytest

from reports.attention import Reason
from reports.business_review import Quarter, quarter, review, sums
from reports.hub_month import HubMonth, hub_month
from reports.language import language
from reports.portfolio import Line
from warehouse.hub_sites import PartnerSite
from warehouse.portfolio_notes import Note

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SITE = PartnerSite("north", "Nord", "FR", "fr", "public", "armor", None, 100, None, "live", True, "0" * 64, NOW)


def month(
    name: str, studies: int | None, positive: int | None, negative: int | None = None, **changes: Any
) -> HubMonth:
    row: dict[str, Any] = {
        "month": name, "studies": studies, "positive": positive, "doubtful": 0, "negative": negative,
        "flagged": positive, "not_flagged": None, "within_24": None, "not_within_24": None, "flagged_fracture": None,
        "flagged_no_fracture": None, "turnaround_target_hours": 24.0, "files": None, "files_accepted": None,
        "sign_ins": None, "cases_opened": 20, "judged": None, "nights_failed": 1, "nights_missed": 0,
        "nights_complete": 29, "nights_late": 0, "missed_at_end": 0, "failed_steps": 0, "restored": 0,
        "within_hours": [], "later_hours": [], "later": None, "model": "default", "model_version": "0.4.0",
        "regions": [], "restated": False,
    }  # fmt: skip
    return hub_month(row | changes)


QUARTER = [
    month("2026-07", 100, 20, 80),
    month("2026-08", 150, 60),
    month("2026-09", None, None, cases_opened=None),
]


@pytest.mark.parametrize(
    ("text", "months"),
    [("2026-Q1", ("2026-01", "2026-02", "2026-03")), ("2025-Q4", ("2025-10", "2025-11", "2025-12"))],
)
def test_a_quarter_has_its_months(text: str, months: tuple[str, ...]) -> None:
    assert quarter(text).months == months


@pytest.mark.parametrize("text", ["2026-Q5", "2026-Q0", "2026", "", "26-Q1", "2026-Q1x", "²026-Q1"])
def test_what_is_no_quarter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="2026-Q3"):
        quarter(text)


def test_the_quarter_before_the_first_is_the_last_of_the_year_before() -> None:
    assert Quarter(2026, 1).before == Quarter(2025, 4) and Quarter(2026, 3).before == Quarter(2026, 2)


def test_shares_are_pooled_over_the_months_that_tell_them() -> None:
    found = sums(QUARTER)
    assert (found.told, found.few, found.studies, found.opened) == (3, 1, 250, 40)
    assert found.positive and (found.positive.value, found.positive.denominator) == (80 / 250, 250)
    assert not found.positive.exact and found.within_24 is None
    assert (found.nights_bad, found.nights_due) == (3, 90)


def text_of(content: bytes) -> str:
    with pypdfium2.PdfDocument(content) as document:
        return " ".join(" ".join(page.get_textpage().get_text_range() for page in document).split())


def test_the_pdf_says_what_is_known_and_what_is_not() -> None:
    reasons = (Reason("nights", {"nights": 4, "month": "2026-10"}),)
    lines = [
        Line(SITE, tuple(QUARTER), {}, reasons, NOW, 0),
        Line(replace(SITE, site="new", name="<Neuf>", contract_studies_per_month=None), (), {}, (), None, None),
    ]
    notes = [
        Note(1, "north", "2026-08", "new room"),
        Note(2, "elsewhere", "2026-08", "CANARY"),
        Note(3, "north", "2026-05", "CANARY"),
    ]
    content = review(lines, Quarter(2026, 3), language("en"), "Armor", notes, NOW)
    text = text_of(content)
    for wanted in (
        "Armor",
        "Q3 2026",
        "<Neuf>",
        "nothing told",
        "32.0%",
        "new room",
        "4 nights of October 2026",
        "3 / 90",
    ):
        assert wanted in text, wanted
    assert "≥" in text and "CANARY" not in text
    # The same aggregates and time give the same bytes.
    assert review(lines, Quarter(2026, 3), language("en"), "Armor", notes, NOW) == content

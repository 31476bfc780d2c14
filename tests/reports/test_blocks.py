"""A site's choice of blocks: read, ordered, set, and mistakes told in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reports.blocks import FIGURES, KINDS, SECTIONS, USUAL, BlockError, chosen
from reports.history import KINDS as WATCHED


def test_without_a_choice_a_section_has_its_usual_blocks() -> None:
    assert chosen({}) == dict(USUAL)
    assert [*(block.name for block in USUAL["activity"]), "peers"] == list(KINDS["activity"])
    assert "turnaround_table" not in {block.name for block in USUAL["turnaround"]}


def test_blocks_are_switched_ordered_and_set() -> None:
    made = chosen({"activity": ["trend", {"volume_by_region": {"most": 5}}], "method": []})
    assert [(block.name, dict(block.options)) for block in made["activity"]] == [
        ("trend", {"figures": ("volume",)}),
        ("volume_by_region", {"most": 5}),
    ]
    assert made["method"] == ()
    assert made["summary"] == USUAL["summary"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["activity"], "write `section: "),
        ({"activty": []}, "did you mean `activity`"),
        ({"activity": "volume_by_day"}, r"activity: write a list"),
        ({"activity": ["volume_by_dya"]}, "activity: unknown block; did you mean `volume_by_day`"),
        ({"activity": ["scores"]}, "activity: unknown block.*known: volume_by_day"),
        ({"activity": [{"a": 1, "b": 2}]}, "activity: unknown block"),
        ({"activity": [["trend"]]}, "activity: unknown block"),
        ({"activity": ["trend", "trend"]}, r"activity\.trend: named twice"),
        (
            {"activity": [{"volume_by_region": {"mots": 5}}]},
            r"volume_by_region: unknown parameter; did you mean `most`",
        ),
        (
            {"activity": [{"volume_by_region": {"most": 99}}]},
            r"volume_by_region\.most: write a whole number from 3 to 20",
        ),
        ({"activity": [{"volume_by_region": {"most": True}}]}, "whole number"),
        ({"activity": [{"volume_by_region": 5}]}, "write its parameters as"),
        ({"activity": [{"volume_by_day": {"most": 5}}]}, "known: none"),
        ({"summary": [{"tiles": {"figures": ["volumes"]}}]}, r"tiles\.figures: unknown name; did you mean `volume`"),
        ({"summary": [{"tiles": {"figures": ["volume", "volume"]}}]}, "each once"),
        ({"summary": [{"tiles": {"figures": []}}]}, "one or more"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_remedy(given: Any, said: str) -> None:
    with pytest.raises(BlockError, match=said):
        chosen(given)


def test_what_can_be_shown_over_time_is_what_has_a_history() -> None:
    assert set(FIGURES) <= set(WATCHED)
    assert list(SECTIONS) == ["summary", "activity", "findings", "turnaround", "agreement", "completeness", "method"]


def test_every_block_and_parameter_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    for kinds in KINDS.values():
        for name, kind in kinds.items():
            assert f"`{name}`" in page, name
            assert all(f"`{option}`" in page for option in kind.parameters)
    assert all(f"`{name}`" in page for name in FIGURES)

"""Figures of the labeller: hand-counted on a small file, and the targets on the labelled set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference.evaluate_reports import evaluate_reports

DEVELOPMENT_SET = Path(__file__).parents[2].parent / "shared/data/reports/fracture_dev.jsonl"


def _write(path: Path, rows: list[object]) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def _row(gold: str, text: str, acuity: str = "none", language: str = "en") -> dict[str, str]:
    return {"id": text[:8], "language": language, "text": text, "gold": gold, "acuity": acuity}


def test_figures_counted_by_hand(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "reports.jsonl",
        [
            _row("present", "Fracture of the radius.", "acute"),
            _row("present", "No fracture.", "acute"),  # a flip
            _row("absent", "No fracture of the ulna."),
            _row("absent", "Old fracture of the ulna.", "old"),
            _row("absent", "Possible fracture."),  # not decided
            _row("uncertain", "Fracture of the tibia."),  # forced
            _row("uncertain", "Possible fracture of the tibia."),
            _row("not_addressed", "Poumons clairs.", language="fr"),
            _row("present", "Healing fracture of the femur.", "followup"),
            _row("present", "Fracture of the femur.", "followup"),
            _row("absent", "Keine Fraktur.", language="de"),
        ],
    )
    result = evaluate_reports(path)
    scores = result.scores
    assert scores.n == 8
    assert scores.accuracy == pytest.approx(5 / 8)
    assert scores.sensitivity == pytest.approx(1 / 2)
    assert scores.specificity == pytest.approx(1.0)
    assert (scores.flips, scores.flip_rate) == (1, pytest.approx(1 / 4))
    assert scores.decided == pytest.approx(4 / 5)
    assert scores.uncertain_forced == pytest.approx(1 / 2)
    assert scores.abstentions == 2
    # F1: present 2/4, absent 4/6, uncertain 2/4, not addressed 2/2.
    assert scores.macro_f1 == pytest.approx((0.5 + 2 / 3 + 0.5 + 1) / 4)
    assert scores.confusion["absent"] == {
        "present": 0, "absent": 2, "uncertain": 1, "not_addressed": 0,
    }  # fmt: skip
    assert scores.intervals["accuracy"][:2] == (5, 8)
    # Wilson's interval of 5 in 8, by its formula.
    assert scores.intervals["accuracy"][2:] == pytest.approx((0.305742, 0.863156), abs=1e-5)
    assert sum(each.n for each in result.by_kind.values()) == scores.n
    assert result.by_language["fr"].n == 1
    assert result.followup == (1, 2)
    assert result.old == (1, 1)
    assert result.other_language == 1
    assert len(result.readings) == 11
    assert json.loads(result.as_json())["scores"]["n"] == 8


def test_bad_lines_are_counted_with_their_reason(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "bad.jsonl",
        [
            "{",
            "[" * 100_000,
            "[1]",
            {"gold": "present"},
            {"text": "a", "gold": "yes"},
            {"text": "Fracture.", "gold": "present", "language": None},
            "",
        ],
    )
    path.write_bytes(path.read_bytes() + b"\n\xff\xfe\n")
    result = evaluate_reports(path)
    assert result.rejected == {
        "not JSON": 3,
        "not an object": 1,
        "no text": 1,
        "gold is none of the four labels": 1,
    }
    assert len(result.readings) == 1


def test_empty_file_has_no_figures(tmp_path: Path) -> None:
    result = evaluate_reports(_write(tmp_path / "empty.jsonl", []))
    assert result.scores.n == 0
    assert result.scores.accuracy is None
    assert result.reports_per_second is None


@pytest.mark.skipif(not DEVELOPMENT_SET.exists(), reason="the labelled set is not on this machine")
def test_targets_on_the_labelled_set() -> None:
    result = evaluate_reports(DEVELOPMENT_SET)
    assert not result.rejected
    for scores in (result.scores, *result.by_language.values()):
        assert scores.accuracy is not None and scores.accuracy >= 0.92
        assert scores.sensitivity is not None and scores.sensitivity >= 0.95
        assert scores.specificity is not None and scores.specificity >= 0.97
        assert scores.decided is not None and scores.decided >= 0.90
        assert scores.flip_rate is not None and scores.flip_rate <= 0.02
        assert scores.uncertain_forced is None or scores.uncertain_forced <= 0.20
    found, asked = result.followup
    assert found >= 0.8 * asked > 0
    written = [r for r in result.readings if "written" in r.id and r.gold_acuity != "followup"]
    right = sum(reading.label == reading.gold for reading in written)
    assert right >= 0.9 * len(written) > 0

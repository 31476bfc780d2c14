"""The worklist of discordances: both directions, what closes one, what it shows, and its agreement with the figure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from warehouse import study
from warehouse.discordance import DIRECTIONS, listed, waiting
from warehouse.figure import rows
from warehouse.load import load
from warehouse.rows import VerdictRow

MONTH = "2025-03"
UP, DOWN = DIRECTIONS


@pytest.fixture
def filled(connection: Any, make: Any) -> Any:
    def add(name: str, score: float, label: str, hours: int, **changes: Any) -> None:
        event = make.event(name, name, event_at=make.noon + timedelta(hours=hours), patient_id=f"CANARY-P-{name}")
        image = make.instance(name, patient_id=f"CANARY-P-{name}")
        make.keep(connection, "instance", [image], day=make.noon.date())
        make.keep(connection, "finding", [make.finding(image, score)])
        make.keep(connection, "report_event", [event])
        make.keep(connection, "report_label", [make.label(event, label, **changes)])

    add("late", 0.9, "absent", 30, evidence="Pas de fracture.")
    add("early", 0.4, "absent", 20)
    add("missed", 0.1, "present", 25, evidence="Fracture du radius.")
    add("both", 0.9, "present", 20)
    add("neither", 0.1, "absent", 20)
    add("old", 0.9, "absent", 20, acuity="old")
    add("queued", 0.1, "present", 20, tier="review")
    add("unsure", 0.9, "uncertain", 20)
    study.rebuild(connection, make.site)
    return connection


def uid(make: Any, name: str) -> str:
    return str(make.mask.of("study_uid", f"CANARY-{name}"))


def judge(filled: Any, make: Any, name: str, verdict: str = "fracture") -> None:
    author = make.mask.of("author", "anne")
    row = VerdictRow(make.site, uid(make, name), author, verdict, make.noon + timedelta(days=2), make.mask.key_id)
    load(filled, "verdict", [row])
    study.rebuild(filled, make.site)


def names(found: Any, make: Any) -> list[str]:
    known = {
        uid(make, name): name for name in ("late", "early", "missed", "both", "neither", "old", "queued", "unsure")
    }
    return [known[item.study_uid] for item in found]


def test_both_directions_the_longest_known_first(filled: Any, make: Any) -> None:
    # The AI results came 16 hours after noon, the reports 20, 25 and 30 hours after.
    found = listed(filled, make.site, MONTH)
    assert names(found, make) == ["early", "missed", "late"]
    assert [item.direction for item in found] == [UP, DOWN, UP]
    assert [item.known_at for item in found] == [make.noon + timedelta(hours=hours) for hours in (20, 25, 30)]
    assert names(listed(filled, make.site, MONTH, direction=DOWN), make) == ["missed"]
    assert listed(filled, make.site, "2025-02") == []
    assert listed(filled, "elsewhere", MONTH) == []


def test_each_brings_sentence_score_and_boxes(filled: Any, make: Any) -> None:
    (missed,) = listed(filled, make.site, MONTH, direction=DOWN, images=True)
    assert (missed.evidence, missed.ai_result, missed.score, missed.region) == (
        "Fracture du radius.",
        "negative",
        0.1,
        "wrist",
    )
    (image,) = missed.images
    assert (image.score, image.rows, image.columns) == (0.1, 100, 80)
    assert (image.boxes[0].x0, image.boxes[0].y1) == (1, 4)
    assert "CANARY" not in str(missed)
    assert listed(filled, make.site, MONTH)[0].images == ()


@pytest.mark.parametrize("verdict", ["fracture", "no_fracture", "unsure"])
def test_a_verdict_closes_one(filled: Any, make: Any, verdict: str) -> None:
    judge(filled, make, "late", verdict)
    assert names(listed(filled, make.site, MONTH, state="open"), make) == ["early", "missed"]
    (closed,) = listed(filled, make.site, MONTH, state="closed")
    assert (closed.verdict, closed.state) == (verdict, "closed")
    assert waiting(filled, make.site, MONTH) == {UP: 1, DOWN: 1}


def test_a_verdict_that_the_night_has_not_copied_closes_one(filled: Any, make: Any) -> None:
    judged = {uid(make, "early")}
    assert names(listed(filled, make.site, MONTH, state="open", judged=judged), make) == ["missed", "late"]
    assert names(listed(filled, make.site, MONTH, state="closed", judged=judged), make) == ["early"]
    assert waiting(filled, make.site, MONTH, judged) == {UP: 1, DOWN: 1}


def test_the_list_is_what_the_month_counts(filled: Any, make: Any) -> None:
    judge(filled, make, "late")
    cut = datetime(2025, 4, 7, tzinfo=UTC)
    counted = rows(filled, "discordances", make.site, date(2025, 3, 1), date(2025, 4, 1), cut=cut)
    for row in counted:
        found = listed(filled, make.site, MONTH, direction=row["direction"])
        assert len(found) == row["numerator"]
        assert sum(item.state == "closed" for item in found) == row["reviewed"]
    (up,) = [row for row in counted if row["direction"] == UP]
    # Known 30 hours after noon, judged 48 hours after noon.
    assert up["hours"] == [pytest.approx(18)]

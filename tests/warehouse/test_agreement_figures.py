"""The figures on agreement and on the audit of the labeller, on a warehouse counted by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from warehouse.connect import migrate, writer
from warehouse.figure import rows
from warehouse.load import load
from warehouse.rows import AuditSampleRow, ReportReadingRow
from warehouse.study import StudyRow

START, END = date(2025, 3, 1), date(2025, 4, 1)
CUT = datetime(2025, 4, 7, 22, tzinfo=UTC)
NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)
DAY = NOON.date()
KEY = "0" * 16


def pseudonym(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def a_study(name: str, ai: str, label: str | None, day: date = DAY, **changes: Any) -> StudyRow:
    row: dict[str, Any] = {
        "site": "a",
        "day": day,
        "study_uid": pseudonym("study", name),
        "patient_id": pseudonym("patient", name),
        "modality": "DX",
        "region": "wrist",
        "images": 2,
        "images_inferred": 2,
        "exam_completed": NOON,
        "exam_started": NOON,
        "received": NOON,
        "ai_completed": NOON,
        "report_final": NOON + timedelta(hours=2),
        "score": 0.5,
        "ai_result": ai,
        "model_sha256": "f" * 64,
        "report_state": "final" if label else "unreported",
        "report_label": label,
        "report_acuity": "acute" if label == "present" else "none",
        "report_message_id": pseudonym("message", name),
        "clock_skew": False,
    }
    empty = dict.fromkeys(
        (
            "laterality",
            "device",
            "sex",
            "age_band",
            "patient_class",
            "ordered",
            "report_preliminary",
            "report_corrected",
            "verdict",
            "verdict_at",
        )
    )
    return StudyRow(**(empty | row | changes))


STUDIES = [
    *(a_study(f"wp{n}", "positive", "present", report_independent=True) for n in range(4)),
    a_study("wd", "doubtful", "present", report_independent=False),
    *(a_study(f"wa{n}", "positive", "absent") for n in range(2)),
    *(a_study(f"wn{n}", "negative", "absent", report_independent=True) for n in range(5)),
    *(a_study(f"hn{n}", "negative", "absent", region="hand") for n in range(6)),
    a_study("hp", "negative", "present", region="hand", report_independent=False),
    a_study("hd", "doubtful", "absent", region=None),
    # Not comparable, one for each reason; the queued ones read as a fracture, with hesitation.
    a_study("q1", "positive", "present", region="hand", report_tier="review"),
    a_study("q2", "negative", "uncertain", report_tier="review"),
    a_study("u1", "negative", "uncertain", report_tier="decided"),
    a_study("u2", "doubtful", "not_addressed"),
    a_study("n1", "positive", None, report_state="final"),
    a_study("r1", "positive", None),
    a_study("f1", "positive", "present", report_acuity="followup"),
    a_study("x1", "failed", "present"),
    a_study("late", "positive", "present", report_final=CUT + timedelta(seconds=1)),
    # The month before: its sample counts, its studies do not.
    *(a_study(f"feb{n}", "negative", "absent", day=date(2025, 2, 11)) for n in range(3)),
]


def sample(name: str, month: str, cell: tuple[str, str], population: int, **changes: Any) -> AuditSampleRow:
    row: dict[str, Any] = {
        "site": "a",
        "month": month,
        "study_uid": pseudonym("study", name),
        "message_id": pseudonym("message", name),
        "cell_ai": cell[0],
        "cell_label": cell[1],
        "place": 1,
        "population": population,
        "drawn_at": CUT - timedelta(days=2),
        "key_id": KEY,
    }
    return AuditSampleRow(**(row | changes))


def reading(name: str, label: str, acuity: str = "none", **changes: Any) -> ReportReadingRow:
    row: dict[str, Any] = {
        "site": "a",
        "study_uid": pseudonym("study", name),
        "message_id": pseudonym("message", name),
        "author": pseudonym("author", "anne"),
        "label": label,
        "acuity": acuity,
        "read_at": CUT - timedelta(days=1),
        "key_id": KEY,
    }
    return ReportReadingRow(**(row | changes))


MARCH, FEBRUARY = "2025-03", "2025-02"
SAMPLE = [
    *(sample(f"wp{n}", MARCH, ("flagged", "present"), 6) for n in range(3)),
    sample("wd", MARCH, ("flagged", "present"), 6),
    *(sample(f"wn{n}", MARCH, ("negative", "absent"), 12) for n in range(4)),
    *(sample(f"feb{n}", FEBRUARY, ("negative", "absent"), 30) for n in range(3)),
    # Read as absent when it was drawn, as present since the language pack changed.
    sample("hp", MARCH, ("negative", "absent"), 12),
    # Drawn, then the report was corrected: another one stands now.
    sample("wa0", MARCH, ("flagged", "absent"), 3, message_id=pseudonym("message", "before")),
    # More than twelve months ago, and drawn after the cut.
    sample("wa1", "2024-03", ("flagged", "absent"), 9),
    sample("hn0", MARCH, ("negative", "absent"), 12, drawn_at=CUT + timedelta(hours=1)),
]
READINGS = [
    reading("wp0", "present", "acute"),
    reading("wp1", "absent", read_at=CUT - timedelta(days=2)),
    reading("wp1", "present", "acute"),  # the last one counts
    reading("wp2", "present", "followup"),  # says neither
    reading("wp2", "absent", read_at=CUT + timedelta(minutes=1)),  # after the cut
    reading("wd", "absent"),
    reading("wn0", "absent"),
    reading("wn1", "absent"),
    reading("wn2", "present", "acute", author=pseudonym("author", "bruno")),
    reading("hp", "present", "acute"),
    reading("feb0", "absent"),
    reading("feb1", "absent", "old"),  # says neither
    reading("wa0", "absent", message_id=pseudonym("message", "before")),
    reading("wa1", "absent"),
]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("agreement") / "warehouse.duckdb"
    migrate(path)
    with writer(path) as opened:
        load(opened, "study", STUDIES)
        load(opened, "audit_sample", SAMPLE)
        load(opened, "report_reading", READINGS)
        yield opened


def ask(connection: Any, name: str, cut: datetime = CUT) -> list[dict[str, Any]]:
    return rows(connection, name, "a", START, END, cut=cut)


def cells(answer: list[dict[str, Any]], strata: str, stratum: str | None) -> dict[tuple[str, str], int]:
    return {
        (row["ai"], row["label"]): row["numerator"]
        for row in answer
        if (row["strata"], row["stratum"]) == (strata, stratum) and row["reason"] is None
    }


def test_cells_of_the_site(connection: Any) -> None:
    answer = ask(connection, "agreement_cells")
    assert cells(answer, "all", None) == {
        ("positive", "present"): 4,
        ("doubtful", "present"): 1,
        ("positive", "absent"): 2,
        ("doubtful", "absent"): 1,
        ("negative", "present"): 1,
        ("negative", "absent"): 11,
    }
    reasons = {
        (row["ai"], row["reason"]): row["numerator"] for row in answer if row["strata"] == "all" and row["reason"]
    }
    assert reasons == {
        ("positive", "queued"): 1,
        ("negative", "queued"): 1,
        ("negative", "uncertain"): 1,
        ("doubtful", "not_addressed"): 1,
        ("positive", "not_read"): 1,
        ("positive", "unreported"): 2,
        ("positive", "followup"): 1,
        ("failed", "failed"): 1,
    }
    assert {(row["comparable"], row["denominator"]) for row in answer if row["strata"] == "all"} == {(20, 29)}


def test_cells_by_region(connection: Any) -> None:
    answer = ask(connection, "agreement_cells")
    assert cells(answer, "region", "hand") == {("negative", "absent"): 6, ("negative", "present"): 1}
    assert cells(answer, "region", "unknown") == {("doubtful", "absent"): 1}
    assert cells(answer, "region", "wrist")["negative", "absent"] == 5
    by_region = {row["stratum"]: (row["comparable"], row["denominator"]) for row in answer if row["strata"] == "region"}
    assert by_region == {"wrist": (12, 20), "hand": (7, 8), "unknown": (1, 1)}
    assert list(by_region) == ["wrist", "hand", "unknown"]


def test_cells_by_independence_of_the_report(connection: Any) -> None:
    answer = ask(connection, "agreement_cells")
    assert cells(answer, "independence", "independent") == {("positive", "present"): 4, ("negative", "absent"): 5}
    assert cells(answer, "independence", "ai_seen") == {("doubtful", "present"): 1, ("negative", "present"): 1}
    assert cells(answer, "independence", "unknown") == {
        ("positive", "absent"): 2,
        ("doubtful", "absent"): 1,
        ("negative", "absent"): 6,
    }


def test_the_strata_add_up(connection: Any) -> None:
    answer = ask(connection, "agreement_cells")
    for strata in ("all", "region", "independence"):
        assert sum(row["numerator"] for row in answer if row["strata"] == strata) == 29


def test_a_queued_report_is_no_discordance(connection: Any) -> None:
    found = {row["direction"]: row["numerator"] for row in ask(connection, "discordances")}
    assert found == {"ai_positive_report_absent": 3, "ai_negative_report_present": 1}
    (caught,) = ask(connection, "caught_by_safety_net")
    assert caught["denominator"] == 3


def test_the_audit(connection: Any) -> None:
    answer = {(row["ai"], row["label"]): row for row in ask(connection, "labeller_audit")}
    assert len(answer) == 6
    # Flagged and present, in March: 6 studies, 4 read: each stands for 1.5. One of them says neither.
    row = answer["positive", "present"]
    assert (row["numerator"], row["denominator"], row["present"], row["absent"]) == (2, 3, 2, 0)
    assert row["excluded"] == {"not_read": 0, "undecided": 1}
    assert (row["weight_present"], row["weight_absent"], row["weight_squares"]) == pytest.approx((3, 0, 4.5))
    row = answer["doubtful", "present"]
    assert (row["present"], row["absent"], row["weight_absent"]) == (0, 1, pytest.approx(1.5))
    # Negative and absent: in March 12 studies, of 5 drawn 4 read, each stands for 3; in February 30, of 3 drawn 2
    # read, each stands for 15, and one of those says neither.
    row = answer["negative", "absent"]
    assert (row["numerator"], row["denominator"]) == (4, 7)
    assert row["excluded"] == {"not_read": 2, "undecided": 1}
    assert (row["present"], row["weight_present"]) == (1, pytest.approx(3))
    assert (row["absent"], row["weight_absent"]) == (3, pytest.approx(3 + 3 + 15))
    assert row["weight_squares"] == pytest.approx(9 * 3 + 225)
    # Its label has changed since the draw: it counts where it is now, with the weight with which it was drawn.
    row = answer["negative", "present"]
    assert (row["present"], row["weight_present"]) == (1, pytest.approx(3))
    # The corrected report is left out and counted; what is too old or too new is not in the sample.
    assert {(row["changed"], row["drawn"]) for row in answer.values()} == {(1, 13)}
    assert answer["positive", "absent"]["denominator"] == 0


def test_readings_after_the_cut_do_not_count(connection: Any) -> None:
    answer = ask(connection, "labeller_audit", cut=CUT - timedelta(days=1, minutes=1))
    assert sum(row["numerator"] for row in answer) == 1  # the first reading of wp1
    found = {(row["ai"], row["label"]): row for row in answer}
    assert found["positive", "present"]["absent"] == 1
    assert found["positive", "present"]["weight_absent"] == pytest.approx(6)
    assert sum(row["denominator"] for row in ask(connection, "labeller_audit", cut=CUT - timedelta(days=3))) == 0

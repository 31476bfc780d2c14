"""A month's aggregates against counts made apart, from the rows that went in."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from warehouse import aggregates, connect, disclosure, export
from warehouse.aggregates import GENESIS, LAYOUT, REGIONS, as_bytes
from warehouse.app_store import AppStore
from warehouse.audit import Actor, record
from warehouse.export import Usage
from warehouse.load import load
from warehouse.rows import ModelRow, NightRow
from warehouse.site import SiteFacts
from warehouse.study import StudyRow

SITE, MONTH = "north", "2026-03"
NOW = datetime(2026, 4, 20, tzinfo=UTC)
CUT = datetime(2026, 4, 7, 22, tzinfo=UTC)  # a week after the month, at midnight in Paris
FACTS = SiteFacts(
    SITE, date(2026, 1, 1), "Nord", "FR", "fr", "Europe/Paris", "public", "08:00", "18:00", (1, 2, 3, 4, 5), 24.0, 1,
    None, None,
)  # fmt: skip


def pseudonym(rng: random.Random) -> str:
    return f"{rng.getrandbits(128):032x}"


def study(rng: random.Random, day: date) -> StudyRow:
    done = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    result = rng.choices(("positive", "doubtful", "negative", "failed", "not_processed"), (30, 10, 55, 3, 2))[0]
    reported = rng.random() < 0.9
    wait = rng.choice((0.5, 1.0, 3.0, 11.0, 24.0, 25.0, 100.0, 200.0))
    label = rng.choice(("present", "absent", "absent", "uncertain")) if reported else None
    verdict = rng.random() < 0.2
    return StudyRow(
        site=SITE,
        day=day,
        study_uid=pseudonym(rng),
        patient_id=pseudonym(rng),
        modality="DX",
        region=rng.choice(("wrist", "wrist", "hand", "skull", None)),
        laterality=None,
        device=None,
        sex="F",
        age_band="25-44",
        patient_class=rng.choice(("E", "O", "R", None)),
        images=2,
        images_inferred=2,
        ordered=None,
        exam_started=done,
        exam_completed=done if rng.random() < 0.95 else None,
        received=done + timedelta(minutes=5),
        ai_completed=None if result in ("failed", "not_processed") else done + timedelta(minutes=10),
        report_preliminary=None,
        report_final=done + timedelta(hours=wait) if reported else None,
        report_corrected=None,
        score=None if result in ("failed", "not_processed") else 0.5,
        ai_result=result,
        model_sha256="ab" * 32,
        report_state="final" if reported else "unreported",
        report_label=label,
        report_acuity=None if label is None else "acute" if label == "present" else "none",
        report_message_id=pseudonym(rng) if reported else None,
        verdict="fracture" if verdict else None,
        verdict_at=done + timedelta(minutes=10, hours=20) if verdict else None,
        clock_skew=False,
        origin="measured",
    )


@pytest.fixture(scope="module")
def studies() -> list[StudyRow]:
    rng = random.Random(9)
    # The days before and after must not count.
    days = [date(2026, 2, 28), *(date(2026, 3, 1 + n % 31) for n in range(400)), date(2026, 4, 19)]
    return [study(rng, day) for day in days]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, studies: list[StudyRow]) -> Path:
    path = tmp_path_factory.mktemp("export") / "warehouse.duckdb"
    connect.migrate(path)
    with connect.writer(path) as connection:
        load(connection, "site", [FACTS])
        load(connection, "study", studies)
        load(connection, "model", [ModelRow("ab" * 32, "first", "1.2", 0.3, 0.6, NOW)])
        first, last = datetime(2026, 3, 1, 3, tzinfo=UTC), datetime(2026, 3, 28, 3, tzinfo=UTC)
        rows = [NightRow(SITE, date(2026, 3, day), first, last, "complete", None) for day in range(1, 28)]
        load(connection, "night", [*rows, NightRow(SITE, date(2026, 3, 28), first, last, "late", None)])
    return path


def counted(store: Path, studies: list[StudyRow]) -> dict[str, dict[str, int]]:
    with connect.writer(store) as connection:
        told = export.content(
            connection, SITE, MONTH, k=1, used=Usage(40, 50), earlier=[], now=NOW, program="1.0"
        )  # fmt: skip
    return told["tables"]


def test_every_count_is_that_of_the_rows(store: Path, studies: list[StudyRow]) -> None:
    found = counted(store, studies)
    month = [row for row in studies if row.day.month == 3]
    assert found["studies"] == {"all": len(month)} == {"all": 400}
    regions = Counter(
        row.region if row.region in REGIONS else "unknown" if row.region is None else "other" for row in month
    )
    assert {cell: n for cell, n in found["studies_by_region"].items() if n} == dict(regions)
    classes = Counter(
        {"E": "emergency", "O": "outpatient", "R": "other", None: "unknown"}[row.patient_class] for row in month
    )
    assert {cell: n for cell, n in found["studies_by_patient_class"].items() if n} == dict(classes)
    results = Counter(row.ai_result for row in month)
    assert found["flagged_by_result"] | found["not_flagged_by_result"] == dict(results)
    for side, wanted in (
        ("flagged", ("positive", "doubtful")),
        ("not_flagged", ("negative", "failed", "not_processed")),
    ):
        part = [row for row in month if row.ai_result in wanted]
        said = Counter(
            "not_compared"
            if row.ai_result in ("failed", "not_processed")
            or row.report_label in (None, "uncertain")
            or (row.report_final is not None and row.report_final > CUT)
            else {"present": "fracture", "absent": "no_fracture"}[row.report_label]
            for row in part
        )
        assert found["studies_by_ai_result"][side] == len(part)
        assert found[f"{side}_by_report"] == dict(said)


def test_waiting_times_fall_into_fixed_bins(store: Path, studies: list[StudyRow]) -> None:
    found = counted(store, studies)
    edges = ((1, "up_to_1"), (4, "up_to_4"), (12, "up_to_12"), (24, "up_to_24"), (48, "up_to_48"), (168, "up_to_168"))
    places: Counter[str] = Counter()
    for row in (row for row in studies if row.day.month == 3):
        if row.exam_completed is None:
            places["unusable"] += 1
        elif row.report_final is None:
            places["unreported"] += 1
        else:
            hours = (row.report_final - row.exam_completed) / timedelta(hours=1)
            places[
                "unreported"
                if row.report_final > CUT
                else next((name for edge, name in edges if hours <= edge), "over_168")
            ] += 1
    told = (
        found["within_24_hours"]
        | found["later"]
        | {name: found["not_within_24_hours"][name] for name in ("unreported", "unusable")}
    )
    assert {name: n for name, n in told.items() if n} == dict(places)
    assert found["not_within_24_hours"]["later"] == sum(found["later"].values())
    judged = sum(row.verdict is not None for row in studies if row.day.month == 3)
    # Twenty hours from the result, or from the receipt where there is none: the second bin.
    assert found["judged"] == {"all": judged}
    assert found["judged_by_hours"] == {"up_to_8": 0, "up_to_24": judged, "up_to_72": 0, "over_72": 0}


def test_what_leaves_is_protected_and_valid(store: Path) -> None:
    with connect.writer(store) as connection:
        told = export.content(connection, SITE, MONTH, k=11, used=Usage(3, 50), earlier=[], now=NOW, program="1.0")
    assert disclosure.problems(LAYOUT, told["tables"], 11) == []
    assert told["tables"]["sign_ins"] == {"all": None} and told["tables"]["cases_opened"] == {"all": 50}
    assert told["images"] == 800 and told["models"] == [{"name": "first", "version": "1.2"}]
    assert told["nights"] == {
        "complete": 27, "late": 1, "failed": 0, "running": 0, "missed": 0, "missed_at_end": 3
    } | {"missed": told["nights"]["missed"]}  # fmt: skip
    payload = as_bytes({**told, "seq": 1, "previous": GENESIS, "made_on": "2026-04-20", "restates": False})
    assert json.loads(payload)["tables"] == told["tables"]
    # Nothing but what the schema names can leave.
    with pytest.raises(ValidationError):
        as_bytes({**told, "seq": 1, "previous": GENESIS, "made_on": "2026-04-20", "restates": False, "patient": "x"})


def test_a_month_that_is_still_followed_does_not_leave(store: Path) -> None:
    with connect.writer(store) as connection, pytest.raises(export.MonthOpenError, match="2026-04-0"):
        export.content(
            connection, SITE, MONTH, k=11, used=Usage(0, 0), earlier=[],
            now=datetime(2026, 4, 5, tzinfo=UTC), program="1",
        )  # fmt: skip


def test_usage_is_that_of_the_site_and_the_local_month(tmp_path: Path) -> None:
    app = AppStore(tmp_path / "app.sqlite")
    app.migrate()
    for site, moment in (
        (SITE, "2026-02-28T22:59:00+00:00"),  # still February in Paris
        (SITE, "2026-02-28T23:01:00+00:00"),
        (SITE, "2026-03-31T21:59:00+00:00"),
        (SITE, "2026-03-31T22:01:00+00:00"),
        ("south", "2026-03-10T12:00:00+00:00"),
    ):
        record(app, "case_viewed", Actor("u", "test", datetime.fromisoformat(moment), site))
    assert export.usage(app, SITE, MONTH, "Europe/Paris") == Usage(0, 2)


def test_the_published_schema_is_that_of_the_code() -> None:
    assert aggregates.published_schema() == aggregates.schema()
    found = json.loads(aggregates.published_schema())
    assert found["additionalProperties"] is False
    assert all(each["additionalProperties"] is False for each in found["$defs"].values())

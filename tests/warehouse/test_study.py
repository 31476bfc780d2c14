"""The study table, against facts worked out by hand and against another way of reading a report's history."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import connect, ledger, study
from warehouse.load import load
from warehouse.rows import CaseViewRow, ModelRow, VerdictRow
from warehouse.site import UnknownSiteError
from warehouse.study import StudyRow

DAY = date(2025, 3, 10)


def one(connection: Any, make: Any, *columns: str) -> Any:
    study.rebuild(connection, make.site)
    [row] = connection.execute(f"select {', '.join(columns)} from study").fetchall()
    return row if len(columns) > 1 else row[0]


def test_a_study_has_the_facts_of_its_images(connection: Any, make: Any) -> None:
    times = [make.noon + timedelta(minutes=minutes) for minutes in (7, 3, 5)]
    images = [make.instance("1", number, acquired_at=when) for number, when in enumerate(times)]
    images[0] = replace(images[0], region="hand", modality="CR", laterality="R", device="CANARY-E")
    late = {"received_at": [make.noon + timedelta(hours=hours) for hours in (9, 11, 10)]}
    make.keep(connection, "instance", images, **late)
    columns = (
        "day",
        "study_uid",
        "patient_id",
        "modality",
        "region",
        "laterality",
        "device",
        "sex",
        "age_band",
        "images",
    )
    assert one(connection, make, *columns) == (
        DAY,
        make.mask.of("study_uid", "CANARY-1"),
        make.mask.of("patient_id", "CANARY-P1"),
        "DX",
        "wrist",
        "B",
        make.mask.of("device", "CANARY-D"),
        "F",
        "25-44",
        3,
    )
    assert one(connection, make, "exam_started", "exam_completed", "received", "origin", "clock_skew") == (
        times[1],
        times[0],
        make.noon + timedelta(hours=11),
        "measured",
        False,
    )


def test_ties_are_broken_by_value_not_by_arrival(connection: Any, make: Any) -> None:
    regions = ["wrist", "hand", "wrist", "hand", "foot"]
    make.keep(connection, "instance", [make.instance("1", n, region=region) for n, region in enumerate(regions)])
    assert one(connection, make, "region") == "hand"


def test_unknown_times_stay_unknown(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1", acquired_at=None)])
    assert one(connection, make, "exam_started", "exam_completed") == (make.noon - timedelta(minutes=5), None)
    connection.execute("delete from instance")
    received = datetime(2025, 3, 9, 23, 30, tzinfo=UTC)  # 00:30 on the 10th in Paris
    make.keep(connection, "instance", [make.instance("1", acquired_at=None, study_at=None)], received_at=received)
    assert one(connection, make, "day", "exam_started", "exam_completed") == (DAY, None, None)


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        (datetime(2025, 3, 9, 22, 59, 59, tzinfo=UTC), date(2025, 3, 9)),
        (datetime(2025, 3, 9, 23, 0, tzinfo=UTC), date(2025, 3, 10)),
        (datetime(2025, 3, 30, 21, 59, tzinfo=UTC), date(2025, 3, 30)),  # summer time began on this day
        (datetime(2025, 3, 30, 22, 0, tzinfo=UTC), date(2025, 3, 31)),
    ],
)
def test_the_day_is_the_sites(connection: Any, make: Any, utc: datetime, local: date) -> None:
    make.keep(connection, "instance", [make.instance("1", acquired_at=utc)])
    assert one(connection, make, "day") == local


def test_only_images_in_scope_make_a_study(connection: Any, make: Any) -> None:
    capture = make.instance("1", 50, in_scope=False, modality="OT", region=None)
    make.keep(connection, "instance", [make.instance("2", 0, in_scope=False), capture])
    assert study.rebuild(connection, make.site) == []
    make.keep(connection, "instance", [make.instance("1", 1)])
    assert one(connection, make, "images", "modality", "exam_completed") == (1, "DX", make.noon + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("scores", "result"),
    [
        ([], "not_processed"),
        ([None, None], "failed"),
        ([None, 0.1], "negative"),
        ([0.2999, 0.1], "negative"),
        ([0.3, 0.1], "doubtful"),
        ([0.5999, 0.3], "doubtful"),
        ([0.1, 0.6], "positive"),
    ],
)
def test_the_ai_result_is_that_of_the_highest_score(
    connection: Any, make: Any, scores: list[float | None], result: str
) -> None:
    images = [make.instance("1", 0), make.instance("1", 1)]
    make.keep(connection, "instance", images)
    found = [make.finding(image, score) for image, score in zip(images, scores, strict=False)]
    make.keep(connection, "finding", found)
    usable = [score for score in scores if score is not None]
    assert one(connection, make, "ai_result", "score", "images_inferred", "model_sha256") == (
        result,
        max(usable, default=None),
        len(usable),
        "aa" if scores else None,
    )


def test_the_sites_thresholds_go_before_the_models_from_their_day_on(connection: Any, make: Any, facts: Any) -> None:
    stricter = replace(facts, valid_from=date(2025, 3, 11), threshold_positive=0.9, threshold_doubtful=None)
    load(connection, "site", [stricter])
    images = [make.instance(str(n), acquired_at=make.noon + timedelta(days=n - 1)) for n in (0, 1, 2, 3)]
    make.keep(connection, "instance", images)
    make.keep(connection, "finding", [make.finding(image, 0.8) for image in images])
    study.rebuild(connection, make.site)
    found = connection.execute("select day, ai_result from study order by day").fetchall()
    assert [(day.day, result) for day, result in found] == [
        (9, "positive"),
        (10, "positive"),
        (11, "doubtful"),
        (12, "doubtful"),
    ]


def test_days_before_the_first_version_take_the_first(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1", acquired_at=datetime(2019, 7, 1, 22, 30, tzinfo=UTC))])
    assert one(connection, make, "day") == date(2019, 7, 2)


def test_a_newer_model_goes_before_an_older_one_image_by_image(connection: Any, make: Any) -> None:
    load(connection, "model", [ModelRow("bb", "second", "2", 0.05, 0.95, make.noon)])
    images = [make.instance("1", number) for number in range(3)]
    make.keep(connection, "instance", images)
    newer = {"model_sha256": "bb", "model_version": "2"}
    make.keep(connection, "finding", [make.finding(image, 0.7) for image in images[:2]])
    make.keep(connection, "finding", [make.finding(images[0], 0.1, **newer), make.finding(images[1], None, **newer)])
    # Image 0: the newer says doubtful (0.1). Image 1: the newer failed, the older says positive. Image 2: nothing.
    assert one(connection, make, "ai_result", "score", "images_inferred", "model_sha256") == ("positive", 0.7, 2, "bb")


def test_a_model_without_thresholds_calls_nothing_negative(connection: Any, make: Any) -> None:
    image = make.instance("1")
    make.keep(connection, "instance", [image])
    make.keep(connection, "finding", [make.finding(image, 0.1, model_sha256="unknown")])
    with pytest.raises(duckdb.ConstraintException):
        study.rebuild(connection, make.site)
    assert connection.execute("select count(*) from study").fetchall() == [(0,)]


def test_other_findings_of_a_model_do_not_count(connection: Any, make: Any) -> None:
    image = make.instance("1")
    make.keep(connection, "instance", [image])
    make.keep(connection, "finding", [make.finding(image, 0.9, code="effusion")])
    assert one(connection, make, "ai_result") == "not_processed"


def test_an_image_taken_back_no_longer_counts(connection: Any, make: Any) -> None:
    images = [make.instance("1", number) for number in range(2)]
    make.keep(connection, "instance", images)
    make.keep(connection, "finding", [make.finding(images[0], 0.9), make.finding(images[1], 0.1)])
    ids = [make.mask.of("instance_uid", image.instance_uid) for image in images]
    ledger.record(connection, [make.offer(image_id, "dicom", instance_uid=image_id) for image_id in ids])
    assert one(connection, make, "images", "ai_result") == (2, "positive")
    ledger.set_outcome(connection, make.site, "quarantined", {ids[0]: ("PIXEL_DECODE",)})
    assert one(connection, make, "images", "ai_result") == (1, "negative")
    ledger.set_outcome(connection, make.site, "quarantined", {ids[1]: ("PIXEL_DECODE",)})
    assert study.rebuild(connection, make.site) == [DAY]
    assert connection.execute("select count(*) from study").fetchall() == [(0,)]


def test_one_report_labels_every_study_of_its_accession_number(connection: Any, make: Any) -> None:
    shared = {"accession_number": "CANARY-A-1"}
    make.keep(connection, "instance", [make.instance("1"), make.instance("2", **shared), make.instance("3")])
    event = make.event("1")
    make.keep(connection, "report_event", [event])
    make.keep(connection, "report_label", [make.label(event)])
    study.rebuild(connection, make.site)
    found = connection.execute("select study_uid, report_state, report_label from study").fetchall()
    expected = {"1": ("final", "present"), "2": ("final", "present"), "3": ("unreported", None)}
    assert {row[0]: row[1:] for row in found} == {
        make.mask.of("study_uid", f"CANARY-{k}"): v for k, v in expected.items()
    }


def test_another_patients_report_labels_nothing(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1")])
    event = make.event("1", patient_id="CANARY-P2")
    make.keep(connection, "report_event", [event])
    make.keep(connection, "report_label", [make.label(event)])
    columns = ("report_state", "report_label", "report_final", "patient_class")
    assert one(connection, make, *columns) == ("unreported", None, None, None)


def test_times_of_order_and_report_and_the_class_come_from_the_messages(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1")])
    hours = timedelta(hours=1)
    events = [
        make.event("p", status="preliminary", event_at=make.noon + 1 * hours, ordered_at=make.noon - 2 * hours),
        make.event("f", status="final", event_at=make.noon + 3 * hours, ordered_at=make.noon - 1 * hours),
        make.event("f2", status="final", event_at=make.noon + 2 * hours, patient_class=None),
        make.event("c", status="corrected", event_at=make.noon + 4 * hours, patient_class="I"),
        make.event("c2", status="corrected", event_at=make.noon + 5 * hours, patient_class=None),
    ]
    make.keep(connection, "report_event", events)
    columns = ("ordered", "report_preliminary", "report_final", "report_corrected", "patient_class", "report_state")
    expected = [make.noon + n * hours for n in (-2, 1, 2, 5)]
    assert one(connection, make, *columns) == (*expected, "I", "corrected")


def test_a_correction_stands_for_a_final_report_that_was_never_sent(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1")])
    when = make.noon + timedelta(hours=4)
    make.keep(connection, "report_event", [make.event("c", status="corrected", event_at=when)])
    assert one(connection, make, "report_final", "report_corrected") == (when, when)
    make.keep(connection, "report_event", [make.event("f", status="final", event_at=None)])
    assert one(connection, make, "report_final") is None  # there was one: when is unknown


@pytest.mark.parametrize(
    ("completed", "started", "final", "skew"),
    [
        (0, 0, 0, False),
        (0, 0, -1, True),
        (0, 0, 365 * 24, False),
        (0, 0, 365 * 24 + 1, True),
        (0, -365 * 24 - 1, 1, True),
        (None, None, -1, False),
    ],
)
def test_clock_skew(
    connection: Any, make: Any, completed: int | None, started: int | None, final: int, skew: bool
) -> None:
    def hour(value: int | None) -> datetime | None:
        return None if value is None else make.noon + timedelta(hours=value)

    make.keep(
        connection, "instance", [make.instance("1", n, acquired_at=hour(v)) for n, v in enumerate((completed, started))]
    )
    make.keep(connection, "report_event", [make.event("1", event_at=hour(final))])
    assert one(connection, make, "clock_skew") is skew


def test_the_last_verdict_counts(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1")])
    study_id = make.mask.of("study_uid", "CANARY-1")
    said = [("a", "fracture", 3), ("b", "unsure", 2), ("a", "no_fracture", 1)]
    verdicts = [
        VerdictRow(make.site, study_id, make.mask.of("author", who), what, make.noon + timedelta(hours=hour), "k")
        for who, what, hour in said
    ]
    load(connection, "verdict", verdicts)
    assert one(connection, make, "verdict", "verdict_at") == ("fracture", make.noon + timedelta(hours=3))


# --- rebuilding


def test_a_second_rebuild_changes_nothing(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1"), make.instance("2", acquired_at=None)])
    assert study.rebuild(connection, make.site) == [DAY]
    before = connection.execute("select * from study order by all").fetchall()
    assert study.rebuild(connection, make.site) == []
    assert connection.execute("select * from study order by all").fetchall() == before


def test_a_study_that_moves_changes_both_days(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1", 0)])
    study.rebuild(connection, make.site)
    make.keep(connection, "instance", [make.instance("1", 1, acquired_at=make.noon + timedelta(days=2))])
    assert study.rebuild(connection, make.site) == [DAY, DAY + timedelta(days=2)]
    assert one(connection, make, "day", "images") == (DAY + timedelta(days=2), 2)


@pytest.mark.parametrize(
    ("reports", "independent"),
    [
        ([], None),
        ([("final", None)], None),
        ([("final", False)], True),
        ([("final", True)], False),
        ([("preliminary", True)], None),
        ([("final", False), ("corrected", True)], False),
        ([("final", True), ("withdrawn", False)], None),
    ],
)
def test_a_report_is_independent_where_its_author_had_not_seen_the_result(
    connection: Any, make: Any, reports: list[tuple[str, bool | None]], independent: bool | None
) -> None:
    make.keep(connection, "instance", [make.instance("1")])
    events = [
        make.event(str(n), status=status, ai_seen=seen, event_at=make.noon + timedelta(hours=n))
        for n, (status, seen) in enumerate(reports)
    ]
    make.keep(connection, "report_event", events)
    assert one(connection, make, "report_independent") is independent


@pytest.mark.parametrize(
    ("reports", "seen_hour", "independent"),
    [
        ([("final", None, 3)], 2, False),
        ([("final", False, 3)], 2, False),  # whoever opened it: that nobody told the author cannot be known
        ([("final", None, 3)], 4, None),
        ([("final", False, 3)], 4, True),
        ([("final", False, 3)], 3, True),  # at the same moment is not before
        ([("final", False, 1), ("corrected", False, 5)], 3, False),  # corrected after somebody had looked
        ([("final", False, 1), ("preliminary", False, 5)], 3, True),
        ([("preliminary", None, 5)], 3, None),
        ([("final", None, None)], 2, None),  # nobody knows when it was signed
        ([("final", True, None)], 2, False),
        ([], 2, None),
    ],
)
def test_a_report_signed_after_its_case_was_opened_is_not_independent(
    connection: Any, make: Any, reports: list[tuple[str, bool | None, int | None]], seen_hour: int, independent: bool
) -> None:
    make.keep(connection, "instance", [make.instance("1")])
    events = [
        make.event(
            str(n), status=status, ai_seen=seen, event_at=None if hour is None else make.noon + timedelta(hours=hour)
        )
        for n, (status, seen, hour) in enumerate(reports)
    ]
    make.keep(connection, "report_event", events)
    uid = make.mask.of("study_uid", "CANARY-1")
    seen_at = make.noon + timedelta(hours=seen_hour)
    load(connection, "case_view", [CaseViewRow(make.site, uid, seen_at, make.mask.key_id)])
    assert one(connection, make, "report_independent") is independent


def test_rebuilding_some_days_writes_those_only(connection: Any, make: Any) -> None:
    days = [DAY + timedelta(days=n) for n in range(3)]
    make.keep(
        connection, "instance", [make.instance(str(n), acquired_at=make.noon + timedelta(days=n)) for n in range(3)]
    )
    assert study.rebuild(connection, make.site, [days[1]]) == [days[1]]
    assert study.rebuild(connection, make.site, [days[1]]) == []
    assert study.rebuild(connection, make.site, []) == []
    # A study that moves away from a wanted day, or into it, is written.
    make.keep(connection, "instance", [make.instance("1", 9, acquired_at=make.noon + timedelta(days=5))])
    assert study.rebuild(connection, make.site, [days[1]]) == [days[1], DAY + timedelta(days=5)]
    assert study.rebuild(connection, make.site) == [days[0], days[2]]


def simulated(make: Any, study_uid: str, **changes: Any) -> StudyRow:
    row = StudyRow(
        **dict.fromkeys(StudyRow.__slots__),
    )
    given = {
        "site": make.site,
        "day": DAY,
        "study_uid": study_uid,
        "modality": "DX",
        "images": 2,
        "images_inferred": 2,
        "received": make.noon,
        "ai_result": "negative",
        "report_state": "unreported",
        "clock_skew": False,
        "origin": "simulated",
    }
    return replace(row, **{**given, **changes})


def test_simulated_history_is_never_touched(connection: Any, make: Any) -> None:
    clash = make.mask.of("study_uid", "CANARY-1")
    history = [simulated(make, "0" * 32), simulated(make, clash)]
    assert load(connection, "study", history) == 2
    make.keep(connection, "instance", [make.instance("1"), make.instance("2")])
    assert study.rebuild(connection, make.site) == [DAY]
    found = connection.execute(
        "select study_uid, images, origin from study where origin = 'simulated' order by all"
    ).fetchall()
    assert found == sorted([("0" * 32, 2, "simulated"), (clash, 2, "simulated")])
    connection.execute("delete from instance")
    assert study.rebuild(connection, make.site) == [DAY]
    assert connection.execute("select count(*) from study").fetchall() == [(2,)]
    assert study.rebuild(connection, make.site) == []


def test_other_sites_are_left_alone(connection: Any, make: Any, facts: Any) -> None:
    load(connection, "site", [replace(facts, site="elsewhere")])
    make.keep(connection, "instance", [make.instance("1")])
    study.rebuild(connection, make.site)
    assert study.rebuild(connection, "elsewhere") == []
    assert connection.execute("select count(*) from study").fetchall() == [(1,)]


def test_an_unknown_site_is_refused_and_nothing_is_lost(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1")])
    study.rebuild(connection, make.site)
    connection.execute("delete from site")
    with pytest.raises(UnknownSiteError):
        study.rebuild(connection, make.site)
    assert connection.execute("select count(*) from study").fetchall() == [(1,)]


# --- a report's history, read another way

RANK = ("preliminary", "final", "corrected", "withdrawn")
LABELS = ("present", "absent", "uncertain", "not_addressed")


def read_history(events: list[tuple[str, int | None, str | None]], names: list[str]) -> tuple[str, str | None]:
    """State and label, told event by event as a reader of the messages would."""
    order = sorted(
        zip(events, names, strict=True), key=lambda item: (item[0][1] or -99, RANK.index(item[0][0]), item[1])
    )
    state, label = "unreported", None
    for (status, _, said), _ in order:
        if status == "withdrawn":
            state, label = "withdrawn", None
        elif status in ("final", "corrected"):
            state, label = status, said
        elif state in ("unreported", "withdrawn"):
            state = "preliminary"
    return state, label


history = st.lists(
    st.tuples(
        st.sampled_from(RANK), st.one_of(st.none(), st.integers(1, 4)), st.one_of(st.none(), st.sampled_from(LABELS))
    ),
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(history, min_size=1, max_size=4))
def test_report_states_and_labels_equal_another_reading(made: Path, make: Any, histories: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, connect.writer(Path(shutil.copy(made, folder))) as connection:
        expected = {}
        for number, events in enumerate(histories):
            name = str(number)
            make.keep(connection, "instance", [make.instance(name)])
            records = [
                make.event(
                    f"{name}-{n}", name, status, event_at=None if hour is None else make.noon + timedelta(hours=hour)
                )
                for n, (status, hour, _) in enumerate(events)
            ]
            make.keep(connection, "report_event", records)
            labels = [make.label(record, said) for record, (*_, said) in zip(records, events, strict=True) if said]
            make.keep(connection, "report_label", labels)
            ids = [make.mask.of("message_id", record.message_id) for record in records]
            expected[make.mask.of("study_uid", f"CANARY-{name}")] = read_history(events, ids)
        study.rebuild(connection, make.site)
        found = connection.execute("select study_uid, report_state, report_label from study").fetchall()
        assert {row[0]: row[1:] for row in found} == expected


# --- the order of arrival


def arrivals(make: Any) -> list[tuple[str, Any]]:
    """One delivery each: images, their findings, messages with their labels, in no order."""
    shared = {"accession_number": "CANARY-A-1"}
    images = [
        make.instance("1", 0),
        make.instance("1", 1, region="hand", acquired_at=make.noon + timedelta(days=1)),
        make.instance("2", 0, **shared),
        make.instance("3", 0, patient_id="CANARY-P2"),
        make.instance("4", 0, patient_id=None, in_scope=False),
        make.instance("4", 1, patient_id=None),
    ]
    events = [
        make.event("1p", status="preliminary", event_at=make.noon + timedelta(hours=1)),
        make.event("1f", flags=("CHARSET",)),
        make.event("1c", status="corrected", event_at=make.noon + timedelta(hours=5)),
        make.event("by uid", "9", study_uid="CANARY-2", event_at=make.noon + timedelta(hours=9)),
        make.event("foreign", "3"),
        make.event("no patient", "4", patient_id=None, event_at=None),
        make.event("taken back", "4", status="withdrawn", event_at=make.noon + timedelta(hours=2)),
        make.event("never matched", "8"),
    ]
    scores = [0.1, 0.7, 0.4, None, 0.9, 0.2]
    findings = [make.finding(image, score) for image, score in zip(images, scores, strict=True)]
    labels = [make.label(event, LABELS[n % 4]) for n, event in enumerate(events)]
    return [
        *(("instance", image) for image in images),
        *(("finding", finding) for finding in findings),
        *(("report_event", event) for event in events),
        *(("report_label", label) for label in labels),
    ]


def deliver(connection: Any, make: Any, facts: list[tuple[str, Any]], nights: set[int]) -> None:
    """Load the facts one by one, in this order, with a night after each index in `nights` and at the end."""
    ends = sorted(nights | {len(facts)})
    for start, end in zip([0, *ends], ends, strict=False):
        with connect.transaction(connection):
            for table, record in facts[start:end]:
                make.keep(connection, table, [record])
                if table == "report_event":
                    ledger.record(connection, [make.offer_of(record)])
        ledger.settle_matches(connection, make.site)
        study.rebuild(connection, make.site)


def state(connection: Any) -> dict[str, list[Any]]:
    tables = ("instance", "finding", "report_event", "report_label", "ledger", "study")
    return {table: connection.execute(f"select * from {table} order by all").fetchall() for table in tables}


@pytest.fixture(scope="module")
def settled(made: Path, make: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What the deliveries come to in the order in which they are written above, in one night."""
    with connect.writer(Path(shutil.copy(made, tmp_path_factory.mktemp("settled")))) as connection:
        deliver(connection, make, arrivals(make), set())
        return state(connection)


def test_the_deliveries_come_to_what_they_should(settled: dict[str, list[Any]], make: Any) -> None:
    columns = StudyRow.__slots__
    found = {row[columns.index("study_uid")]: dict(zip(columns, row, strict=True)) for row in settled["study"]}
    summary = {
        name: tuple(
            found[make.mask.of("study_uid", f"CANARY-{name}")][key]
            for key in ("images", "ai_result", "report_state", "report_label")
        )
        for name in "1234"
    }
    assert summary == {
        "1": (2, "positive", "corrected", "uncertain"),
        "2": (1, "doubtful", "final", "not_addressed"),
        "3": (1, "failed", "unreported", None),
        "4": (1, "negative", "withdrawn", None),
    }
    outcomes = sorted((row[9], row[10]) for row in settled["ledger"])
    assert outcomes == [
        *[("accepted", [])] * 5,
        ("accepted_flagged", ["CHARSET"]),
        ("quarantined", ["PATIENT_MISMATCH"]),
        ("unmatched", ["UNMATCHED"]),
    ]


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_the_order_of_arrival_does_not_matter(
    made: Path, make: Any, settled: dict[str, list[Any]], data: st.DataObject
) -> None:
    facts = data.draw(st.permutations(arrivals(make)))
    nights = data.draw(st.sets(st.integers(1, len(facts) - 1), max_size=3))
    with tempfile.TemporaryDirectory() as folder, connect.writer(Path(shutil.copy(made, folder))) as connection:
        deliver(connection, make, facts, nights)
        deliver(connection, make, facts[: len(facts) // 2], set())  # sent again
        assert state(connection) == settled


def test_a_row_is_the_table(connection: Any) -> None:
    columns = [name for (name, *_) in connection.execute("describe study").fetchall()]
    assert columns == list(StudyRow.__slots__)

"""Records into tables: by name, once, never an identity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse import connect
from warehouse.errors import NaiveTimeError, NotPseudonymError, WarehouseError
from warehouse.load import EXCLUDED, IDENTIFIERS, TABLES, load
from warehouse.pseudonym import is_pseudonym
from warehouse.rows import NightRow


def rows(connection: Any, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def test_a_record_arrives_by_name_with_its_values(connection: Any, make: Any) -> None:
    instance = make.instance("1", 2, flags=("LOSSY", "BURNED_IN"), rows=111, columns=222, view=None)
    days = [date(2025, 3, 10)]
    assert make.keep(connection, "instance", [instance], day=days) == 1
    found = rows(
        connection, "select site, day, rows, columns, view, flags, acquired_at, in_scope, key_id from instance"
    )
    assert found == [
        (make.site, days[0], 111, 222, None, ["LOSSY", "BURNED_IN"], instance.acquired_at, True, make.mask.key_id)
    ]


def test_boxes_arrive_whole(connection: Any, make: Any) -> None:
    make.keep(connection, "finding", [make.finding(make.instance("1"))])
    assert rows(connection, "select boxes from finding") == [
        ([{"x0": 1.0, "y0": 2.0, "x1": 3.0, "y1": 4.0, "score": 0.5}],)
    ]


def test_a_second_load_adds_nothing_and_changes_nothing(connection: Any, make: Any) -> None:
    images = [make.instance("1", number) for number in range(3)]
    assert make.keep(connection, "instance", images) == 3
    before = rows(connection, "select * from instance order by all")
    changed = [replace(image, region="foot") for image in images] + [make.instance("1", 3)]
    assert make.keep(connection, "instance", images) == 0
    assert make.keep(connection, "instance", changed) == 1
    after = rows(connection, "select * from instance order by all")
    assert len(after) == 4 and set(map(str, before)) < set(map(str, after))


def test_replace_takes_the_new_values_and_counts_new_rows_only(connection: Any, make: Any) -> None:
    one, two = make.instance("1", 0), make.instance("1", 1)
    make.keep(connection, "finding", [make.finding(one, 0.2)])
    assert make.keep(connection, "finding", [make.finding(one, 0.9), make.finding(two, 0.4)], replace=True) == 1
    assert rows(connection, "select score from finding order by score") == [(0.4,), (0.9,)]


@pytest.mark.parametrize(("again", "kept"), [(False, 0.0), (True, 0.999)])
def test_of_one_key_in_one_batch_the_first_counts_or_the_last(
    connection: Any, make: Any, again: bool, kept: float
) -> None:
    image = make.instance("1")
    many = [make.finding(image, score / 1000) for score in range(1000)]
    assert make.keep(connection, "finding", many, replace=again) == 1
    assert rows(connection, "select score from finding") == [(kept,)]


def test_identities_never_reach_the_file(warehouse: Path, make: Any) -> None:
    image, event = make.instance("1"), make.event("1")
    with connect.writer(warehouse) as connection:
        make.keep(connection, "instance", [image])
        make.keep(connection, "finding", [make.finding(image)])
        make.keep(connection, "report_event", [event])
        make.keep(connection, "report_label", [make.label(event)])
        for table in ("instance", "finding", "report_event", "report_label"):
            for column in IDENTIFIERS & {name for (name, *_) in rows(connection, f"describe {table}")}:
                [(value,)] = rows(connection, f"select {column} from {table}")
                assert value is None or is_pseudonym(value)
    for path in warehouse.parent.iterdir():
        assert b"CANARY" not in path.read_bytes()


def test_the_same_identifier_is_the_same_pseudonym_in_every_table(connection: Any, make: Any) -> None:
    image = make.instance("1")
    make.keep(connection, "instance", [image])
    make.keep(connection, "finding", [make.finding(image)])
    make.keep(connection, "report_event", [make.event("1", study_uid=image.study_uid)])
    found = rows(
        connection,
        "select study_uid from instance union select study_uid from finding union select study_uid from report_event",
    )
    assert found == [(make.mask.of("study_uid", image.study_uid),)]


def test_an_identifier_as_it_is_is_refused_without_showing_it(connection: Any, make: Any) -> None:
    with pytest.raises(NotPseudonymError) as caught:
        load(connection, "instance", [make.instance("1")], site=make.site, received_at=make.noon, key_id="k")
    assert "CANARY" not in str(caught.value)
    assert rows(connection, "select count(*) from instance") == [(0,)]


def test_pseudonyms_are_taken_as_they_are(connection: Any, make: Any) -> None:
    masked = replace(make.finding(make.instance("1")), study_uid="0" * 32, instance_uid="1" * 32)
    load(connection, "finding", [masked], site=make.site, key_id="k")
    assert rows(connection, "select study_uid, instance_uid, key_id from finding") == [("0" * 32, "1" * 32, "k")]


@dataclass(frozen=True)
class Nosy:
    site: str
    day: date
    started_at: datetime
    completed_at: datetime | None
    status: str
    error: str | None
    patient_name: str


def test_a_field_without_a_column_is_refused(connection: Any, make: Any) -> None:
    with pytest.raises(duckdb.BinderException) as caught:
        load(connection, "night", [Nosy("a", date(2025, 3, 1), make.noon, None, "running", None, "CANARY")])
    assert "CANARY" not in str(caught.value)


def test_only_what_is_excluded_by_name_is_dropped(connection: Any, make: Any) -> None:
    assert {"instance": {"exam_date"}, "report_event": {"text", "named"}, "report_label": {"start", "end"}} == EXCLUDED
    event = make.event("1")
    assert (
        make.keep(connection, "report_event", [event])
        == make.keep(connection, "report_label", [make.label(event)])
        == 1
    )


def test_times_without_a_zone_are_refused(connection: Any, make: Any) -> None:
    with pytest.raises(NaiveTimeError):
        make.keep(connection, "instance", [make.instance("1", acquired_at=datetime(2025, 3, 10))])
    with pytest.raises(NaiveTimeError):
        make.keep(connection, "instance", [make.instance("1")], received_at=datetime(2025, 3, 10))


def test_times_of_any_zone_are_stored_as_the_same_moment(connection: Any, make: Any) -> None:
    tokyo = datetime(2025, 3, 10, 21, tzinfo=timezone(timedelta(hours=9)))
    make.keep(connection, "instance", [make.instance("1", acquired_at=tokyo, study_at=None)])
    [(stored, unknown)] = rows(connection, "select acquired_at, study_at from instance")
    assert stored == datetime(2025, 3, 10, 12, tzinfo=UTC) and unknown is None


def test_a_value_that_the_table_forbids_is_refused_whole(connection: Any, make: Any) -> None:
    image = make.instance("1")
    with pytest.raises(duckdb.ConstraintException):
        make.keep(connection, "finding", [make.finding(image), make.finding(make.instance("1", 1), 1.5)])
    assert rows(connection, "select count(*) from finding") == [(0,)]


def test_nothing_is_loaded_from_nothing_and_into_other_tables(connection: Any) -> None:
    assert load(connection, "night", []) == 0
    assert "schema_version" not in TABLES
    with pytest.raises(WarehouseError, match="no such table"):
        load(connection, "site; drop table site", [])


def test_a_result_left_half_read_is_no_obstacle(connection: Any, make: Any) -> None:
    connection.execute("select range from range(10000)").fetchone()
    assert load(connection, "night", [NightRow(make.site, date(2025, 3, 10), make.noon, None, "running", None)]) == 1


@pytest.mark.slow
def test_a_hundred_thousand_images_take_seconds(connection: Any, make: Any) -> None:
    start = datetime.now(UTC)
    assert make.keep(connection, "instance", [make.instance(str(n // 2), n % 2) for n in range(100_000)]) == 100_000
    assert datetime.now(UTC) - start < timedelta(seconds=60)

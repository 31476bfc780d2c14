"""The schema of an earlier version, with rows as it wrote them, brought up to date: nothing lost, figures computed."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from warehouse import app_store, connect, figure, ledger, study
from warehouse.app_store import AppStore
from warehouse.errors import SchemaVersionError
from warehouse.statement import statement

# The last migration of the first version: 0001 to 0010.
BEFORE = 10
NOON = "timestamptz '2026-06-03 10:00:00+00'"
# As that version's night left them: a site, a night, an accepted image with its finding, a report with its label.
ROWS = f"""
insert into site (site, valid_from, name, country, language, time_zone, sector, opening_start, opening_end,
    opening_weekdays, turnaround_target_hours, small_cell)
values ('old', date '1970-01-01', 'Old', 'FR', 'fr', 'Europe/Paris', 'public', '08:00', '18:00', [1, 2], 24, 1);
insert into model (model_sha256, model_name, model_version, threshold_doubtful, threshold_positive, first_used)
values ('m', 'first', '1', 0.3, 0.6, {NOON});
insert into night (site, day, started_at, completed_at, status, error)
values ('old', date '2026-06-03', {NOON}, {NOON}, 'complete', null);
insert into ledger (site, offer_id, kind, source, night, received_at, place_id, stamp, content_id, outcome, reasons,
    study_uid, instance_uid, message_id, key_id)
values
    ('old', 'o1', 'dicom', 'drop', date '2026-06-03', {NOON}, 'p1', '1', 'c1', 'accepted', [], 's1', 'i1', null, 'k'),
    ('old', 'o2', 'message', 'drop', date '2026-06-03', {NOON}, 'p2', '1', 'c2', 'accepted', [], null, null, 'r1', 'k');
insert into instance (site, day, patient_id, study_uid, series_uid, instance_uid, accession_number, sop_class_uid,
    modality, region, transfer_syntax_uid, acquired_at, received_at, in_scope, flags, sex, age_band, key_id)
values ('old', date '2026-06-03', 'pa', 's1', 'se', 'i1', 'a1', 'sop', 'DX', 'wrist', 'ts', {NOON}, {NOON}, true, [],
    'F', '25-44', 'k');
insert into finding (site, study_uid, instance_uid, code, status, score, boxes, reason, model_name, model_version,
    model_sha256, ai_completed, key_id, role)
values ('old', 's1', 'i1', 'fracture', 'ok', 0.9, [], null, 'first', '1', 'm', {NOON}, 'k', 'flag');
insert into report_event (site, message_id, control_id, patient_id, study_uid, accession_number, status, event_at,
    ordered_at, exam_at, received_at, patient_class, flags, key_id)
values ('old', 'r1', 'ct', 'pa', null, 'a1', 'final', {NOON} + interval 2 hour, null, null, {NOON}, 'E', [], 'k');
insert into report_label (site, message_id, label, acuity, tier, language, evidence, rules, pack)
values ('old', 'r1', 'present', 'acute', 'decided', 'fr', 'Fracture chez M. CANARI.', [], 'fr-1');
insert into order_event (site, message_id, patient_id, accession_number, ordered_at, received_at, key_id)
values ('old', 'm1', 'pa', 'a1', {NOON} - interval 1 hour, {NOON}, 'k');
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(statement("schema_version"))
        for migration in connect.migrations():
            if migration.version <= BEFORE:
                connection.execute(migration.sql)
                note = {"version": migration.version, "name": migration.name, "sha256": migration.sha256}
                connection.execute(statement("note_migration"), note)
        connection.execute(ROWS)
    return path


def test_an_old_warehouse_is_refused_until_it_is_brought_up_to_date(old: Path) -> None:
    with pytest.raises(SchemaVersionError, match="older"), connect.writer(old):
        pass
    newer = [migration for migration in connect.migrations() if migration.version > BEFORE]
    assert connect.migrate(old) == len(newer) > 0
    assert connect.migrate(old) == 0


def content(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
    found = connection.execute(sql)
    return [column[0] for column in found.description], found.fetchall()


def test_nothing_is_lost_and_the_figures_are_those_of_the_rows(old: Path) -> None:
    tables = ("site", "model", "night", "ledger", "instance", "finding", "report_event", "report_label", "order_event")
    with duckdb.connect(str(old)) as connection:
        kept = {"report_label": "* exclude (evidence)"}  # what goes is told below
        before = {
            table: content(connection, f"select {kept.get(table, '*')} from {table} order by all") for table in tables
        }
    connect.migrate(old)
    with connect.writer(old) as connection:
        for table, (names, rows) in before.items():
            listed = ", ".join(f'"{name}"' for name in names)
            assert content(connection, f"select {listed} from {table} order by all") == (names, rows), table
            assert rows
        ledger.settle_matches(connection, "old")
        assert study.rebuild(connection, "old") == [date(2026, 6, 3)]
        [row] = connection.execute(
            "select ai_result, report_state, report_label, sex, age_band, ordered, report_final from study"
        ).fetchall()
        assert row[:5] == ("positive", "final", "present", "F", "25-44")
        assert [moment.astimezone(UTC).hour for moment in row[5:]] == [9, 12]
        [rate] = figure.rows(
            connection, "positive_rate", "old", date(2026, 6, 1), date(2026, 7, 1), datetime(2026, 7, 8, tzinfo=UTC)
        )
        assert (rate["numerator"], rate["denominator"]) == (1, 1)


def test_sentences_of_before_are_not_kept(old: Path) -> None:
    connect.migrate(old)
    with connect.writer(old) as connection:
        assert connection.execute("select message_id, label, evidence from report_label").fetchall() == [
            ("r1", "present", None)
        ]


def test_studies_of_before_are_told_whether_a_person_has_still_to_read(old: Path) -> None:
    with duckdb.connect(str(old)) as connection:
        connection.execute(f"""
            insert into report_label (site, message_id, label, acuity, tier, language, evidence, rules, pack)
            values ('old', 'r2', 'present', 'acute', 'review', 'fr', null, [], 'fr-1');
            insert into study (site, day, study_uid, modality, images, images_inferred, received, ai_result,
                report_state, report_label, report_message_id, clock_skew, origin)
            select 'old', date '2026-06-03', uid, 'DX', 1, 0, {NOON}, 'not_processed', 'final', label, message, false,
                'measured'
            from (values ('s1', 'present', 'r1'), ('s2', 'present', 'r2'), ('s3', null, null)) as t(uid, label, message)
        """)
    connect.migrate(old)
    with connect.writer(old) as connection:
        told = connection.execute("select study_uid, report_tier from study order by all").fetchall()
    assert told == [("s1", "decided"), ("s2", "review"), ("s3", None)]


def test_a_newer_warehouse_is_refused(old: Path) -> None:
    connect.migrate(old)
    with duckdb.connect(str(old)) as connection:
        connection.execute(statement("note_migration"), {"version": 9999, "name": "9999_future.sql", "sha256": "x"})
    with pytest.raises(SchemaVersionError, match="newer"):
        connect.migrate(old)


def test_an_old_app_store_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite"
    path.touch(mode=0o600)
    connection = sqlite3.connect(path)
    connection.execute(statement("app_migration", "app_queries"))
    for step in app_store.app_migrations():
        if step.version <= 5:
            connection.executescript(step.sql)
            noted = {"version": step.version, "name": step.name, "sha256": step.sha256}
            connection.execute(statement("note_app_migration", "app_queries"), noted)
    at = datetime(2026, 6, 3, tzinfo=UTC).isoformat(timespec="microseconds")
    connection.execute(
        "insert into audit_sample values ('old', '2026-06', 's1', 'r1', 'flagged', 'present', 1, 10, 't', ?)", (at,)
    )
    connection.commit()
    connection.close()
    store = AppStore(path)
    assert store.migrate() == len([step for step in app_store.app_migrations() if step.version > 5]) > 0
    with store.reading() as app:
        assert [row["study_uid"] for row in app.execute("select * from audit_sample")] == ["s1"]

"""Records cross by name: the fields of each record are the columns of its table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import duckdb
import pytest

from inference import reasons, records
from warehouse import ledger, rows
from warehouse.connect import apply_migrations
from warehouse.load import EXCLUDED, IDENTIFIERS, TABLES
from warehouse.site import SiteFacts
from warehouse.study import StudyRow

# What a night adds to a record: who, when by our own clock, under which key, from which delivery.
ADDED = {
    "instance": {"site", "day", "received_at", "key_id"},
    "finding": {"site", "key_id", "role"},
    "report_event": {"site", "received_at", "key_id", "offer_id"},
    "report_label": {"site"},
    "order_event": {"site", "received_at", "key_id", "offer_id"},
    "patient_merge": {"site", "received_at", "key_id", "offer_id"},
    "opposition": {"site", "received_at", "key_id"},
    "ledger": {"before_opposition"},  # `settle_matches` alone writes it
}
RECORDS: dict[str, Any] = {
    "instance": records.Instance,
    "finding": records.Finding,
    "report_event": records.ReportEvent,
    "report_label": records.ReportLabel,
    "order_event": records.OrderEvent,
    "patient_merge": records.PatientMerge,
    "opposition": records.Opposition,
    "withdrawn_study": rows.WithdrawnStudyRow,
    "listed_study": rows.ListedStudyRow,
    "demographic": rows.DemographicRow,
    "person": rows.PersonRow,
    "site": SiteFacts,
    "model": rows.ModelRow,
    "night": rows.NightRow,
    "ledger": rows.LedgerRow,
    "case_view": rows.CaseViewRow,
    "verdict": rows.VerdictRow,
    "audit_sample": rows.AuditSampleRow,
    "report_reading": rows.ReportReadingRow,
    "report_correction": rows.ReportCorrectionRow,
    "study": StudyRow,
}


@pytest.fixture(scope="module")
def columns() -> Iterator[dict[str, set[str]]]:
    with duckdb.connect(":memory:") as connection:
        apply_migrations(connection)
        found: dict[str, set[str]] = {}
        for table, column in connection.execute("select table_name, column_name from duckdb_columns()").fetchall():
            found.setdefault(table, set()).add(column)
        yield found


@pytest.mark.parametrize("table", sorted(RECORDS))
def test_fields_are_columns(table: str, columns: dict[str, set[str]]) -> None:
    named = {field.name for field in fields(RECORDS[table])}
    excluded = EXCLUDED.get(table, frozenset())
    assert excluded <= named, "an exclusion that excludes nothing"
    assert (named - excluded) | ADDED.get(table, set()) == columns[table]
    assert not excluded & columns[table]


def test_a_box_is_the_structure_of_its_column() -> None:
    with duckdb.connect(":memory:") as connection:
        apply_migrations(connection)
        [(kind,)] = connection.execute(
            "select data_type from duckdb_columns() where table_name = 'finding' and column_name = 'boxes'"
        ).fetchall()
    names = ", ".join(f"{field.name} DOUBLE" for field in fields(records.Box))
    assert kind == f"STRUCT({names})[]"


def test_every_table_for_records_has_one() -> None:
    assert set(RECORDS) == TABLES


def test_every_identifier_is_known_as_one(columns: dict[str, set[str]]) -> None:
    # Kinds of things, not identities: these are the same for every patient and every site.
    kinds = {"sop_class_uid", "transfer_syntax_uid", "key_id"}
    named = {name for table in TABLES for name in columns[table] if name.endswith(("_uid", "_id", "_number"))}
    assert named - kinds <= IDENTIFIERS
    assert {name for table in TABLES for name in columns[table]} >= IDENTIFIERS


def test_outcomes_are_the_same_words() -> None:
    assert ledger.OUTCOMES == reasons.OUTCOMES
    for code in ("PATIENT_MISMATCH", "UNMATCHED"):
        assert code in reasons.REASONS

"""A patient is erased: what is theirs by pseudonym, the tombstones that refuse it from then on, the rows that go.

`find` says what a patient's numbers lead to, `begin` puts up the tombstones in one transaction: from
there on everything else is a function of them, so that a run that was cut short is ended by the next.
Columns that hold an identity are found in the schema (`COLUMNS` by name), not in a list of tables.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from warehouse.connect import transaction
from warehouse.person import MAX_IDENTIFIERS
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Columns by which a row is a patient's, and the kind of tombstone that takes it away. An accession number
# alone does not: several patients may share one. `erasure_messages.sql` judges those.
COLUMNS: Mapping[str, str] = {
    "patient_id": "patient_id",
    "merged_id": "patient_id",
    "person_id": "patient_id",
    "study_uid": "study_uid",
    "instance_uid": "instance_uid",
    "message_id": "message_id",
    "report_message_id": "message_id",
}
# Tables whose rows stay, counted, without whose they were: `erase_ledger.sql`, `erase_issued.sql`.
ANONYMISED = frozenset({"ledger", "issued_study"})


@dataclass(frozen=True, slots=True)
class Traces:
    """What is a patient's, by pseudonym, each kind for one kind of tombstone."""

    patient_id: frozenset[str]
    study_uid: frozenset[str] = frozenset()
    instance_uid: frozenset[str] = frozenset()
    accession_number: frozenset[str] = frozenset()
    message_id: frozenset[str] = frozenset()
    content_id: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Open:
    """An erasure under way, and what it is about in numbers."""

    erasure_id: str
    studies: int
    images: int
    messages: int


def find(connection: DuckDBPyConnection, site: str, patients: Collection[str]) -> Traces:
    """Return what these numbers of one patient (pseudonyms) lead to, merged numbers included."""
    merged = _set(connection, "erasure_patients", site, patients=list(patients))
    # Nobody has so many numbers: merges that make everybody one patient are not believed here either.
    known = sorted(merged if len(merged) <= MAX_IDENTIFIERS else set(patients))
    studies = sorted(_set(connection, "erasure_studies", site, patients=known))
    accessions = sorted(_set(connection, "erasure_accessions", site, patients=known, studies=studies))
    messages = _set(connection, "erasure_messages", site, patients=known, studies=studies, accessions=accessions)
    instances = sorted(_set(connection, "erasure_instances", site, studies=studies))
    contents = _set(connection, "erasure_contents", site, studies=studies, instances=instances)
    return Traces(
        frozenset(known),
        frozenset(studies),
        frozenset(instances),
        frozenset(accessions),
        frozenset(messages),
        frozenset(contents),
    )


def begin(connection: DuckDBPyConnection, site: str, traces: Traces, key_id: str, now: datetime) -> str:
    """Put up the tombstones and open the erasure, in one transaction; return its identifier.

    From here on nothing of the patient is taken at this site any more.
    """
    erasure_id = secrets.token_hex(16)
    row = {
        "erasure_id": erasure_id,
        "asked_at": now,
        "studies": len(traces.study_uid),
        "images": len(traces.instance_uid),
        "messages": len(traces.message_id),
    }
    with transaction(connection):
        connection.execute(statement("erasure_begin"), {"site": site, **row})
        for kind in fields(traces):
            given = {"site": site, "kind": kind.name, "erasure_id": erasure_id, "key_id": key_id}
            gone = sorted(getattr(traces, kind.name))
            connection.execute(statement("tombstone_add"), {**given, "pseudonyms": gone})
    return erasure_id


def under_way(connection: DuckDBPyConnection, site: str) -> list[Open]:
    """Return the erasures of a site that have not come to their end."""
    return [Open(*row) for row in connection.execute(statement("erasure_open"), {"site": site}).fetchall()]


def tombstones(connection: DuckDBPyConnection, site: str) -> Traces:
    """Return everything that is refused at a site."""
    found: dict[str, set[str]] = {kind.name: set() for kind in fields(Traces)}
    for kind, pseudonym in connection.execute(statement("tombstones"), {"site": site}).fetchall():
        found[kind].add(pseudonym)
    return Traces(**{kind: frozenset(gone) for kind, gone in found.items()})


def message_files(connection: DuckDBPyConnection, site: str) -> list[str]:
    """Return the `content_id` of the files that brought erased messages; ask before `remove_rows`."""
    return [content for (content,) in connection.execute(statement("erasure_message_files"), {"site": site}).fetchall()]


def remove_rows(connection: DuckDBPyConnection, site: str) -> dict[str, int]:
    """Take away, in one transaction, every row that a tombstone speaks of; return how many by table.

    Rows of the ledger and of what an issued month counted lose their identifiers and stay: the sum of
    outcomes equals what was offered, and what was published can be told from what is known now.
    """
    counts: Counter[str] = Counter()
    with transaction(connection):
        connection.execute(statement("erase_offers"), {"site": site})
        counts["ledger"] += len(connection.execute(statement("erase_ledger"), {"site": site}).fetchall())
        counts["issued_study"] += len(connection.execute(statement("erase_issued"), {"site": site}).fetchall())
        for table, column in identity_columns(connection):
            if table not in ANONYMISED and column in COLUMNS:
                text = statement("erase_rows").replace("{table}", table).replace("{column}", column)
                found = connection.execute(text, {"site": site, "kind": COLUMNS[column]}).fetchall()
                counts[table] += len(found)
    return {table: n for table, n in sorted(counts.items()) if n}


def identity_columns(connection: DuckDBPyConnection) -> list[tuple[str, str]]:
    """Return table and column of every column of the schema."""
    return connection.execute(statement("identity_columns")).fetchall()


def finish(connection: DuckDBPyConnection, site: str, now: datetime) -> None:
    """Note that every store is done."""
    connection.execute(statement("erasure_finish"), {"site": site, "finished_at": now})


def _set(connection: DuckDBPyConnection, name: str, site: str, **given: object) -> set[str]:
    return {row[0] for row in connection.execute(statement(name), {"site": site, **given}).fetchall()}

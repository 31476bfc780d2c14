"""Studies that were taken back: deleted at their source, or made in error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from warehouse.load import load
from warehouse.rows import WithdrawnStudyRow
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def studies_named(
    connection: DuckDBPyConnection, site: str, study_uids: Sequence[str], accession_numbers: Sequence[str]
) -> dict[str, list[str]]:
    """Return the studies (pseudonyms) that each of these identifiers (pseudonyms) names."""
    given = {"site": site, "studies": list(study_uids), "accessions": list(accession_numbers)}
    return dict(connection.execute(statement("studies_named"), given).fetchall())


def withdraw(connection: DuckDBPyConnection, site: str, studies: Iterable[str], now: datetime, key_id: str) -> int:
    """Note that these studies (pseudonyms) are taken back; the next night takes them off. Returns how many are new."""
    rows = [WithdrawnStudyRow(site, study, now, key_id) for study in studies]
    return load(connection, "withdrawn_study", rows)


def withdrawn(connection: DuckDBPyConnection, site: str) -> set[str]:
    """Return the studies (pseudonyms) that are taken back now."""
    return {study for (study,) in connection.execute(statement("withdrawn_studies"), {"site": site}).fetchall()}


def restore(connection: DuckDBPyConnection, site: str, studies: Iterable[str]) -> int:
    """Undo withdrawals; returns how many there were."""
    given = {"site": site, "studies": list(studies)}
    return len(connection.execute(statement("restore_studies"), given).fetchall())

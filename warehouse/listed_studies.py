"""What a PACS listed last of each study that was taken from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from warehouse.load import load
from warehouse.rows import ListedStudyRow
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def known(connection: DuckDBPyConnection, site: str, source: str) -> dict[str, ListedStudyRow]:
    """Return what a source listed before, by study (pseudonym)."""
    given = {"site": site, "source": source}
    found = connection.execute(statement("listed_studies"), given).fetchall()
    return {row.study_uid: row for row in (ListedStudyRow(*values) for values in found)}


def note(connection: DuckDBPyConnection, rows: Sequence[ListedStudyRow]) -> None:
    """Note what a source lists now."""
    load(connection, "listed_study", rows, replace=True)

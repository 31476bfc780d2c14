"""What the warehouse lets go after its time: whole months that were issued, and nothing that a published figure needs.

The report as issued, its figures (`issued_figure`) and what it told of other months stay for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from warehouse.connect import transaction
from warehouse.erasure import ANONYMISED, COLUMNS, identity_columns
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# A decision of a patient outlives the patient's studies: objections, erasures, which numbers are one patient's.
_KEPT = frozenset({"opposition", "person", "patient_merge", "tombstone", *ANONYMISED})


@dataclass(frozen=True, slots=True)
class Due:
    """Studies and messages (pseudonyms) whose time is over: those of months that began before `before`."""

    before: date
    studies: tuple[str, ...]
    messages: tuple[str, ...]


def due(connection: DuckDBPyConnection, site: str, day: date) -> Due:
    """Return what is older than a local day, by whole months."""
    before = day.replace(day=1)
    given: dict[str, Any] = {"site": site, "before": before}
    studies = [row[0] for row in connection.execute(statement("retired_studies"), given).fetchall()]
    given["studies"] = studies
    messages = [row[0] for row in connection.execute(statement("retired_messages"), given).fetchall()]
    return Due(before, tuple(studies), tuple(messages))


def remove(connection: DuckDBPyConnection, site: str, gone: Due) -> int:
    """Delete in one transaction every row of these studies and messages, in whatever table; return how many.

    Rows of the ledger stay, counted, without identifiers: the sum of outcomes equals what was offered.
    """
    by_kind: Mapping[str, Sequence[str]] = {"study_uid": gone.studies, "message_id": gone.messages}
    removed = 0
    with transaction(connection):
        given = {"site": site, "studies": list(gone.studies), "messages": list(gone.messages)}
        connection.execute(statement("retire_ledger"), given)
        for table, column in identity_columns(connection):
            kind = COLUMNS.get(column, "")
            if kind in by_kind and (table == "issued_study" or table not in _KEPT):
                text = statement("retire_rows").replace("{table}", table).replace("{column}", column)
                rows = connection.execute(text, {"site": site, "gone": list(by_kind[kind])}).fetchall()
                removed += len(rows)
    return removed


def note(connection: DuckDBPyConnection, site: str, removed: Mapping[str, tuple[date, int]], now: datetime) -> None:
    """Keep as proof how much of each store went, and up to which local day."""
    with transaction(connection):
        for store, (before, n) in removed.items():
            given = {"site": site, "store": store, "retired_at": now, "before": before, "removed": n}
            connection.execute(statement("retirement_add"), given)


def told(connection: DuckDBPyConnection, site: str) -> list[tuple[str, datetime, date, int]]:
    """Return what was removed at a site, the newest first: store, when (UTC), before which day, how much."""
    return connection.execute(statement("retirements"), {"site": site}).fetchall()

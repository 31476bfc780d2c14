"""A refused file that was read again: its one row in the ledger gets its new outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.rows import LedgerRow
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def offers(connection: DuckDBPyConnection, site: str, content_id: str) -> list[dict[str, Any]]:
    """Return the offers of one content: their identity, where they came from, what became of them."""
    cursor = connection.execute(statement("refused_offers"), {"site": site, "content_id": content_id})
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def settle(connection: DuckDBPyConnection, row: LedgerRow) -> None:
    """Give an offer the outcome of `row`; how many offers there are does not change."""
    given = {
        "site": row.site,
        "offer_id": row.offer_id,
        "outcome": row.outcome,
        "reasons": list(row.reasons),
        "study_uid": row.study_uid,
        "instance_uid": row.instance_uid,
        "message_id": row.message_id,
    }
    connection.execute(statement("settle_offer"), given)

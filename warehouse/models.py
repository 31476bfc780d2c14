"""The models that gave findings: what each one states of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.load import load
from warehouse.rows import ModelRow
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def remember(connection: DuckDBPyConnection, row: ModelRow) -> None:
    """Keep a model that a night uses; what is known of it stays, but for regions that were not kept before."""
    load(connection, "model", [row])
    if row.regions is not None:
        connection.execute(statement("fill_regions"), {"model": row.model_sha256, "regions": list(row.regions)})

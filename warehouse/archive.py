"""The months of a site and the issues of their reports, for the screens."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC
from typing import TYPE_CHECKING

from warehouse.freeze import Issued
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def months(connection: DuckDBPyConnection, site: str) -> dict[str, int]:
    """Return the months (``YYYY-MM``) in which the site has studies or nights, the newest first, with their studies."""
    return dict(connection.execute(statement("months", "lists"), {"site": site}).fetchall())


def issues(connection: DuckDBPyConnection, site: str) -> list[Issued]:
    """Return every issue of every monthly report of the site, the newest month first, its last issue first."""
    found = [Issued(*row) for row in connection.execute(statement("issues", "lists"), {"site": site}).fetchall()]
    return [
        Issued(**{**asdict(row), "issued_at": row.issued_at.astimezone(UTC), "data_cut": row.data_cut.astimezone(UTC)})
        for row in found
    ]

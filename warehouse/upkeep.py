"""What an administrator looks after: nights, what was set aside and why, models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def nights(connection: DuckDBPyConnection, site: str) -> list[dict[str, Any]]:
    """Return the last nights of a site, the newest first."""
    return _rows(connection, "nights", {"site": site})


def quarantine(connection: DuckDBPyConnection, site: str) -> list[dict[str, Any]]:
    """Return what was set aside at a site, the newest first, at most 500."""
    return _rows(connection, "quarantine", {"site": site})


def quarantine_reasons(connection: DuckDBPyConnection, site: str) -> list[dict[str, Any]]:
    """Return how many offers each deciding reason set aside."""
    return _rows(connection, "quarantine_reasons", {"site": site})


def models(connection: DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the models ever used, the last used first."""
    return _rows(connection, "models_in_use", {})


def _rows(connection: DuckDBPyConnection, name: str, given: dict[str, str]) -> list[dict[str, Any]]:
    cursor = connection.execute(statement(name, "lists"), given)
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

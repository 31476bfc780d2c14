"""The days on which a site's model changed: what every trend has to be read against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class ModelChange:
    """From the local `day` on, most results came from this model, and not from that of the day before."""

    day: date
    model: str
    version: str


def model_changes(connection: DuckDBPyConnection, site: str, start: date, end: date) -> tuple[ModelChange, ...]:
    """Return the changes from the local day `start` up to, not including, `end`, in order of time."""
    given = {"site": site, "start": start, "end": end}
    return tuple(ModelChange(*row) for row in connection.execute(statement("model_changes"), given).fetchall())

"""The facts of a site that readers need, from the table `site`, never from its YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from warehouse.errors import WarehouseError
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class UnknownSiteError(WarehouseError):
    """No such site in the warehouse. Run a night for it first, or check the name in `sites/`."""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """One version of a site, field by field the row of the table `site`.

    `opening_start` and `opening_end` are local ``HH:MM``; `opening_weekdays` are ISO weekdays
    (1 = Monday); `small_cell` is the smallest count of studies that may be shown (1: any).
    """

    site: str
    valid_from: date
    name: str
    country: str
    language: str
    time_zone: str
    sector: str
    opening_start: str
    opening_end: str
    opening_weekdays: tuple[int, ...]
    turnaround_target_hours: float
    small_cell: int
    threshold_doubtful: float | None
    threshold_positive: float | None


def site_facts(connection: DuckDBPyConnection, site: str, end: date) -> SiteFacts:
    """Return the version of the site that is valid on the last day before `end`.

    For days before its first version, the first version is taken.

    Raises
    ------
    UnknownSiteError
        If the table holds no version of the site.
    """
    row = connection.execute(statement("site"), {"site": site, "end": end}).fetchone()
    if row is None:
        raise UnknownSiteError("the warehouse does not know this site")
    fields = list(row)
    fields[9] = tuple(fields[9])
    return SiteFacts(*fields)

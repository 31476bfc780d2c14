"""A new pseudonym key in the warehouse: every pseudonym of a site renamed, in a fresh file, on its way."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from warehouse import person
from warehouse.errors import WarehouseError
from warehouse.freeze import data_sha256
from warehouse.load import IDENTIFIERS
from warehouse.pseudonym import Pseudonymiser, is_pseudonym
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

COLUMNS = IDENTIFIERS | {"pseudonym"}
_KEYS = "pseudonym_key"


class NightRunningError(WarehouseError):
    """A night is running, or one was cut short: wait, or run it again, and then replace the key."""


def renamed_rows(table: str, rows: pa.Table, site: str, mask: Pseudonymiser) -> pa.Table:
    """Return a table's rows with every pseudonym of `site` renamed and the key that made them named."""
    if "site" not in rows.column_names or table == _KEYS:
        return rows
    mine = pc.equal(rows["site"], site)
    for place, name in enumerate(rows.column_names):
        if name in COLUMNS:
            rows = rows.set_column(place, name, pc.if_else(mine, _renamed(rows[name], mask), rows[name]))
        elif name == "key_id":
            rows = rows.set_column(place, name, pc.if_else(mine, pa.scalar(mask.key_id), rows[name]))
    return rows


def _renamed(column: pa.ChunkedArray, mask: Pseudonymiser) -> pa.ChunkedArray:
    found = pc.unique(column).to_pylist()
    known = {value: mask.renamed(value) for value in found if value is not None and is_pseudonym(value)}
    return pa.chunked_array([pa.array([known.get(v, v) for v in column.to_pylist()], type=column.type)])


def finish(old: DuckDBPyConnection, new: DuckDBPyConnection, site: str, mask: Pseudonymiser, now: datetime) -> None:
    """Bring the fresh database to rest: patients of several numbers, issues of unchanged months, the key's own row.

    Raises
    ------
    NightRunningError
        If a night of the site is under way: it works with the old key.
    """
    refuse_running(old, site)
    person.resolve(new, site)
    for month, issue, known in old.execute(statement("issued_months"), {"site": site}).fetchall():
        # An issue is made anew when its data changed; other names are no change.
        if known == data_sha256(old, site, month):
            given = {"site": site, "month": month, "issue": issue, "data_sha256": data_sha256(new, site, month)}
            new.execute(statement("issued_same_data"), given)
    new.execute(statement("pseudonym_key_add"), {"site": site, "key_id": mask.key_id, "since": now})


def refuse_running(connection: DuckDBPyConnection, site: str) -> None:
    """Raise `NightRunningError` while a night of the site is under way."""
    running = [day.isoformat() for (day,) in connection.execute(statement("running_nights"), {"site": site}).fetchall()]
    if running:
        days = ", ".join(running[:5]) + (f" and {len(running) - 5} more" if len(running) > 5 else "")
        raise NightRunningError(
            f"a night of this site is under way or was cut short: run to its end first that of {days}"
        )


def kept_names(connection: DuckDBPyConnection, site: str) -> set[str]:
    """Return every pseudonym that a file or another store of the site is named by."""
    return {name for (name,) in connection.execute(statement("kept_names"), {"site": site}).fetchall()}


def keys_in_use(connection: DuckDBPyConnection, site: str) -> set[str]:
    """Return the keys that made what is stored of a site: one, or none where nothing is stored."""
    return {key for (key,) in connection.execute(statement("keys_in_use"), {"site": site}).fetchall() if key}

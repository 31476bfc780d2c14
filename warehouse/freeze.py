"""Published months: what each issue was made from, and when a new issue is due."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse import addenda
from warehouse.addenda import Addendum, Snapshot
from warehouse.connect import transaction, writer
from warehouse.errors import NaiveTimeError
from warehouse.month import span
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Issued:
    """One issue of a monthly report, as in the table `issued`. Times UTC, `definition` is JSON."""

    site: str
    month: str
    issue: int
    issued_at: datetime
    data_cut: datetime
    data_sha256: str
    figures_sha256: str
    definition: str


def has_data(connection: DuckDBPyConnection, site: str, month: str) -> bool:
    """Say whether `site` has a study or a night in `month` (``YYYY-MM``, local days)."""
    return bool(connection.execute(statement("has_data"), {"site": site, **span(month)}).fetchall()[0][0])


def data_sha256(connection: DuckDBPyConnection, site: str, month: str) -> str:
    """Return the SHA-256 of all that the month's report is made from, whatever the order of the rows.

    Each study is one line of JSON with its columns by name, times in UTC to the microsecond, lines
    in the order of the study's pseudonym; then, alike, the reports drawn to be read blind and what was
    read of them by the month's data cut, where there are any.
    """
    given = {"site": site, **span(month)}
    digest = hashlib.sha256()
    for name in ("month_studies", "month_readings"):
        found = connection.execute(statement(name), given)
        names = [column[0] for column in found.description]
        for row in found.fetchall():
            line = {column: _plain(value) for column, value in zip(names, row, strict=True)}
            digest.update(json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def issue(
    warehouse: Path,
    *,
    site: str,
    month: str,
    data_cut: datetime,
    data_sha256: str,
    figures_sha256: str,
    definition: str,
    now: datetime,
    wait_minutes: float = 30.0,
    shown: Snapshot | None = None,
    late: Sequence[Addendum] = (),
) -> Issued:
    """Note that the month's report is issued; return the issue that it is.

    It is the last issue again where data and definition are the same as then, else the next one.
    An issue is never changed. `definition` is the report's definition as JSON, always written the
    same way (sorted keys); `figures_sha256` the hash of what is shown. With a new issue its key
    figures (`shown`) and what it tells of earlier months (`late`) are kept, see `warehouse.addenda`.

    Raises
    ------
    NaiveTimeError
        If `now` or `data_cut` has no time zone.
    WarehouseBusyError
        If another run keeps the warehouse longer than `wait_minutes`.
    """
    if now.tzinfo is None or data_cut.tzinfo is None:
        raise NaiveTimeError("an issue needs times with a time zone")
    with writer(warehouse, wait_minutes) as connection, transaction(connection):
        last = last_issue(connection, site, month)
        if last and (last.data_sha256, last.definition) == (data_sha256, definition):
            return last
        number = last.issue + 1 if last else 1
        row = Issued(site, month, number, now, data_cut, data_sha256, figures_sha256, definition)
        connection.execute(statement("add_issue"), asdict(row))
        if shown is not None:
            addenda.keep(connection, site, month, number, shown, late)
    return row


def late_changes(
    connection: DuckDBPyConnection, site: str, month: str, data_sha256: str, definition: str
) -> list[Addendum]:
    """Return what the month's report tells of months published earlier.

    For a report that will be the last issue again (same data, same definition) it is what that
    issue told; for a new issue, what is still to be told.
    """
    last = last_issue(connection, site, month)
    if last and (last.data_sha256, last.definition) == (data_sha256, definition):
        return addenda.told(connection, site, month, last.issue)
    return addenda.pending(connection, site, month)


def last_issue(connection: DuckDBPyConnection, site: str, month: str) -> Issued | None:
    """Return the last issue of a month, or None."""
    found = connection.execute(statement("last_issue"), {"site": site, "month": month}).fetchall()
    if not found:
        return None
    row = Issued(*found[0])
    return Issued(
        **{**asdict(row), "issued_at": row.issued_at.astimezone(UTC), "data_cut": row.data_cut.astimezone(UTC)}
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value

"""Records into tables, by name: the table's columns are the contract and the privacy allow-list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from warehouse.errors import NaiveTimeError, NotPseudonymError, WarehouseError
from warehouse.pseudonym import Pseudonymiser, is_pseudonym
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Columns that identify a person, an examination, a delivery or a machine, in whatever table.
IDENTIFIERS = frozenset(
    {
        "patient_id",
        "merged_id",
        "person_id",
        "study_uid",
        "series_uid",
        "instance_uid",
        "accession_number",
        "message_id",
        "report_message_id",
        "control_id",
        "device",
        "offer_id",
        "place_id",
        "content_id",
        "author",
    }
)
# Fields of records that must not reach the warehouse, or have no use in it.
EXCLUDED: dict[str, frozenset[str]] = {
    "instance": frozenset({"exam_date"}),  # `day` says it
    "report_event": frozenset({"text", "named"}),
    "report_label": frozenset({"start", "end"}),
}
# Columns that hold what another column holds too: the same value gives the same pseudonym in both.
SAME_AS = {"merged_id": "patient_id", "person_id": "patient_id"}
TABLES = frozenset(
    {
        "site",
        "model",
        "night",
        "ledger",
        "instance",
        "finding",
        "report_event",
        "report_label",
        "order_event",
        "patient_merge",
        "person",
        "opposition",
        "withdrawn_study",
        "listed_study",
        "demographic",
        "audit_sample",
        "report_reading",
        "report_correction",
        "case_view",
        "verdict",
        "study",
    }
)


def load(
    connection: DuckDBPyConnection,
    table: str,
    records: Sequence[Any],
    *,
    site: str | None = None,
    pseudonymiser: Pseudonymiser | None = None,
    replace: bool = False,
    **constants: object,
) -> int:
    """Insert dataclass records into a table, by name, in one statement; return how many rows are new.

    A row whose primary key is in the table is left as it is, or with `replace` takes the record's
    values. Of several records with one key the first counts, with `replace` the last.

    Parameters
    ----------
    site
        Value of the column `site`, where the records have no such field.
    pseudonymiser
        Replaces each identifier in the records by its pseudonym and fills `key_id`. Without it
        they must be pseudonyms already.
    constants
        Further columns: one value for all records, or a list with one value for each; identifiers
        among them are pseudonyms.

    Raises
    ------
    NotPseudonymError
        If an identifier would be stored as it is.
    NaiveTimeError
        If a time has no time zone.
    WarehouseError
        If the table is not one that records go into.
    duckdb.BinderException
        If a record has a field that the table lacks and `EXCLUDED` does not name.
    """
    if table not in TABLES:
        raise WarehouseError("no such table for records")
    if not records:
        return 0
    # The query for the key comes first: it ends whatever result the caller left half read, with which
    # DuckDB would refuse what follows.
    keys = _primary_key(connection, table)
    schema: pa.Schema = connection.table(table).limit(0).to_arrow_table().schema
    columns = _columns(table, records)
    if pseudonymiser is not None:
        for name in columns.keys() & IDENTIFIERS:
            columns[name] = _pseudonyms(name, columns[name], pseudonymiser)
    given = {**({} if site is None else {"site": site}), **constants}
    if pseudonymiser is not None and "key_id" in schema.names:
        given["key_id"] = pseudonymiser.key_id
    for name, value in given.items():
        columns[name] = value if isinstance(value, list) else [value] * len(records)
    _refuse_real(table, columns)
    rows = _arrow(columns, schema)
    return _insert(connection, table, rows.take(_distinct(columns, keys, replace)), replace)


def _columns(table: str, records: Sequence[Any]) -> dict[str, list[Any]]:
    names = [field.name for field in fields(records[0]) if field.name not in EXCLUDED.get(table, frozenset())]
    rows = map(attrgetter(*names), records)
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def _pseudonyms(name: str, values: Sequence[Any], pseudonymiser: Pseudonymiser) -> list[Any]:
    kind = SAME_AS.get(name, name)
    known = {value: pseudonymiser.of(kind, value) for value in set(values) if value is not None}
    return [known.get(value) for value in values]


def _refuse_real(table: str, columns: dict[str, list[Any]]) -> None:
    for name in columns.keys() & IDENTIFIERS:
        if not all(is_pseudonym(value) for value in set(columns[name]) if value is not None):
            raise NotPseudonymError(f"{table}.{name} needs pseudonyms of 32 hex digits, or a pseudonymiser")


def _arrow(columns: dict[str, list[Any]], schema: pa.Schema) -> pa.Table:
    arrays = {name: _array(name, values, schema) for name, values in columns.items()}
    return pa.table(arrays)


def _array(name: str, values: list[Any], schema: pa.Schema) -> pa.Array:
    if name not in schema.names:  # DuckDB refuses it by name; without a type, and without its content
        return pa.nulls(len(values))
    kind = schema.field(name).type
    if pa.types.is_timestamp(kind):
        _refuse_naive(name, values)
    if pa.types.is_list(kind):
        values = [None if value is None else [_plain(item) for item in value] for value in values]
    return pa.array(values, type=kind)


def _refuse_naive(name: str, values: Iterable[Any]) -> None:
    for value in values:
        if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
            raise NaiveTimeError(f"{name} needs times with a time zone")


def _plain(item: Any) -> Any:
    if is_dataclass(item) and not isinstance(item, type):
        return {field.name: getattr(item, field.name) for field in fields(item)}
    return item


def _primary_key(connection: DuckDBPyConnection, table: str) -> list[str]:
    rows = connection.execute(statement("primary_key"), {"table": table}).fetchall()
    return list(rows[0][0]) if rows else []


def _distinct(columns: dict[str, list[Any]], keys: list[str], last: bool) -> list[int]:
    """Positions of one record for each key, the first or the last: DuckDB's choice is not defined."""
    rows = list(zip(*(columns[key] for key in keys if key in columns), strict=True))
    order = range(len(rows)) if last else reversed(range(len(rows)))
    return sorted({rows[position]: position for position in order}.values())


def _insert(connection: DuckDBPyConnection, table: str, rows: pa.Table, replace: bool) -> int:
    def count() -> int:
        return int(connection.table(table).count("*").fetchall()[0][0])

    before = count()
    connection.register("incoming", rows)
    try:
        # An identifier cannot be a parameter; `table` is one of TABLES.
        connection.execute(statement("replace_rows" if replace else "add_rows").replace("{table}", table))
    finally:
        connection.unregister("incoming")
    return count() - before

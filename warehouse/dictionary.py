"""The data dictionary, written from the schema's own comments.

``python -m warehouse.dictionary`` writes `docs/data-dictionary.md` below the current folder; with
``--check`` it only says whether the file is up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from warehouse.connect import apply_migrations
from warehouse.errors import WarehouseError
from warehouse.statement import statement

PATH = Path("docs") / "data-dictionary.md"
_HEAD = """# Data dictionary

Written by `python -m warehouse.dictionary` from the comments in `warehouse/migrations`; do not edit.
Every identifier in the warehouse is a pseudonym: HMAC-SHA-256 under the site's own key, the first 32
hexadecimal digits. `timestamp with time zone` columns are UTC. Columns of the primary key are marked **key**.
"""


class UndocumentedError(WarehouseError):
    """A table or column has no comment: add `comment on ...` to its migration. The text names them."""


def markdown(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the dictionary of an open database.

    Raises
    ------
    UndocumentedError
        If a table, view or column has no comment.
    """
    tables = connection.execute(statement("dictionary_tables")).fetchall()
    columns = connection.execute(statement("dictionary_columns")).fetchall()
    keys = set(connection.execute(statement("dictionary_keys")).fetchall())
    _refuse_undocumented(tables, columns)
    parts = [_HEAD]
    for table, kind, comment in tables:
        own = [column[1:] for column in columns if column[0] == table]
        parts.append(_section(table, kind, comment, own, {column for name, column in keys if name == table}))
    return "\n".join(parts)


def _refuse_undocumented(tables: list[tuple[str, ...]], columns: list[tuple[str, ...]]) -> None:
    bare = [name for name, _, comment in tables if not comment]
    bare += [f"{table}.{column}" for table, column, *_, comment in columns if not comment]
    if bare:
        raise UndocumentedError("without a comment: " + ", ".join(bare))


def _section(table: str, kind: str, comment: str, columns: list[tuple[str, ...]], key: set[str]) -> str:
    lines = [f"## `{table}`" + (" (view)" if kind == "view" else ""), "", comment, ""]
    lines += ["| column | type | | meaning |", "|---|---|---|---|"]
    for name, data_type, nullable, meaning in columns:
        mark = "**key**" if name in key else "" if nullable or kind == "view" else "required"
        lines.append(f"| `{name}` | {data_type.lower()} | {mark} | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


def current() -> str:
    """Return the dictionary of this version's schema, from a database made for it in memory."""
    with duckdb.connect(":memory:") as connection:
        apply_migrations(connection)
        return markdown(connection)


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` compare it; return the exit status."""
    if "--check" in arguments:
        return 0 if PATH.exists() and PATH.read_text(encoding="utf-8") == current() else 1
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(current(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

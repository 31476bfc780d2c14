"""Pseudonyms in `app.sqlite`: taken away when a patient is erased, renamed when a site gets a new key.

The audit trail is not touched: its rows are chained, and who looked at what is kept by duty. What it
names is a pseudonym that leads nowhere once the other stores have forgotten it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from warehouse.app_store import AppStore, change, rows
from warehouse.statement import statement

# Columns that hold a pseudonym, in whatever table; `object` of the trail is the exception told above.
COLUMNS = ("study_uid", "message_id", "instance_uid", "patient_id")


def remove(store: AppStore, site: str, gone: Mapping[str, frozenset[str]]) -> int:
    """Delete every row that names one of these pseudonyms (by column), and its bytes; return how many."""
    with store.writing() as connection:
        connection.execute("pragma defer_foreign_keys = on")
        connection.execute("pragma secure_delete = on")
        n = 0
        for table, column in columns(connection):
            with _unguarded(connection, table):
                given = {"site": site, "gone": json.dumps(sorted(gone.get(column, ())))}
                n += connection.execute(_named("erase_rows", table, column), given).rowcount
    store.compact()
    return n


def rename(connection: sqlite3.Connection, site: str, renamed: Callable[[str], str]) -> None:
    """Put another pseudonym in the place of each, within an open transaction."""
    connection.execute("pragma defer_foreign_keys = on")
    connection.create_function("renamed", 1, renamed, deterministic=True)
    for table, column in columns(connection):
        with _unguarded(connection, table):
            connection.execute(_named("rename_rows", table, column), {"site": site})


def note_key(connection: sqlite3.Connection, site: str, key_id: str) -> bool:
    """Note which key made a site's pseudonyms here; return whether it is another one than before."""
    return bool(change(connection, "pseudonym_key_put", {"site": site, "key_id": key_id}))


def columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return table and column of everything that holds a pseudonym."""
    return [(row[0], row[1]) for row in rows(connection, "app_columns") if row[1] in COLUMNS]


@contextmanager
def _unguarded(connection: sqlite3.Connection, table: str) -> Iterator[None]:
    """Put the table's triggers aside; in one transaction with the change, so that they are never seen missing."""
    triggers = [(row["name"], row["sql"]) for row in rows(connection, "app_triggers", {"table": table})]
    for name, _ in triggers:
        connection.execute(statement("drop_trigger", "app_queries").replace("{trigger}", name))
    yield
    for _, text in triggers:
        connection.execute(text)


def _named(name: str, table: str, column: str) -> str:
    return statement(name, "app_queries").replace("{table}", table).replace("{column}", column)

"""Which report belongs to which study, worked out once for all that asks for it in a row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


# What matching is worked out from.
INPUTS = ("report_event", "order_event", "instance", "person")


@contextmanager
def held(connection: DuckDBPyConnection, site: str) -> Iterator[None]:
    """Keep the rows of `report_match` of a site in a temporary table of that name while the block runs.

    Matching is a view over images, reports, orders and persons, and other views stand on it: a statement
    that asks for several of them works it out as many times. The table hides the view from all of them, so
    inside nothing that matching depends on may be written, and only this site be asked for. Does not nest.
    """
    with ExitStack() as tables:
        with ExitStack() as inputs:
            for table in INPUTS:
                _hold(connection, "hold_site", table, site, inputs)
            _hold(connection, "hold_matches", "report_match", site, tables)
        yield


def _hold(connection: DuckDBPyConnection, name: str, table: str, site: str, held: ExitStack) -> None:
    held.callback(connection.execute, statement("drop_held").replace("{table}", table))
    connection.execute(statement(name).replace("{table}", table), {"site": site})

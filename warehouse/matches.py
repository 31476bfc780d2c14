"""Which report belongs to which study, worked out once for all that asks for it in a row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


# What matching is worked out from; of the wide tables only the columns that it, or what is asked meanwhile, reads.
INPUTS = {
    "report_event": (
        "site, message_id, offer_id, control_id, sent_at, patient_id, study_uid, accession_number, status, event_at, "
        "ordered_at, patient_class, ai_seen"
    ),
    "order_event": "*",
    "instance": (
        "site, day, patient_id, study_uid, instance_uid, accession_number, modality, region, laterality, device, sex, "
        "age_band, acquired_at, study_at, received_at, in_scope, flags"
    ),
    "person": "*",
}


@contextmanager
def held(connection: DuckDBPyConnection, site: str) -> Iterator[None]:
    """Keep a site's rows of `report_match`, and of `INPUTS`, in temporary tables of these names while the block runs.

    Matching is a view over images, reports, orders and persons, and other views stand on it: a statement
    that asks for several of them works it out as many times. The table hides the view from all of them, so
    inside nothing that matching depends on may be written, and only this site be asked for. Does not nest.
    """
    with ExitStack() as tables:
        for table, columns in INPUTS.items():
            _hold(connection, statement("hold_site").replace("{columns}", columns), table, site, tables)
        _hold(connection, statement("hold_matches"), "report_match", site, tables)
        yield


def _hold(connection: DuckDBPyConnection, query: str, table: str, site: str, held: ExitStack) -> None:
    held.callback(connection.execute, statement("drop_held").replace("{table}", table))
    connection.execute(query.replace("{table}", table), {"site": site})

"""Who reads the AI result before signing is not independent of it: the web application knows when a case was opened.

`keep` takes from the audit trail when each case was first opened with an AI result on its page, and
nothing of who opened it; `warehouse/marts/study.sql` sets it against the time at which the report was signed.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from warehouse.app_store import as_time, rows
from warehouse.load import load
from warehouse.pseudonym import Pseudonymiser
from warehouse.rows import CaseViewRow
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def keep(app: sqlite3.Connection, warehouse: DuckDBPyConnection, site: str, pseudonymiser: Pseudonymiser) -> int:
    """Copy when the cases of a site were first opened into the warehouse; return how many are new there.

    A study that the warehouse does not hold (erased, or under another key) stays away. What was kept
    once stands, also when the trail's retention has passed it.
    """
    known = {uid for (uid,) in warehouse.execute(statement("known_studies"), {"site": site}).fetchall()}
    given = [
        CaseViewRow(site, row["study_uid"], as_time(row["seen_at"]), pseudonymiser.key_id)
        for row in rows(app, "case_views", {"site": site})
        if row["study_uid"] in known
    ]
    return load(warehouse, "case_view", given)

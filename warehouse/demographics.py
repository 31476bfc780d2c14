"""What the hospital's messages corrected of a patient: into the studies, as sex and age band."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from warehouse.load import load
from warehouse.rows import DemographicRow
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from warehouse.identified import Told


def settle(
    connection: DuckDBPyConnection,
    site: str,
    told: Sequence[Told],
    band: Callable[[date, date], str | None],
) -> None:
    """Bring the table `demographic` in line with what was `told`, oldest first; what was sent last counts.

    Studies of patients of whom nothing is told any more (it was forgotten in time) keep what they have.
    `band` gives the age band from a birth date and a local day. Merged identifiers are one patient.
    Nothing is written where nothing changed.
    """
    given = {"site": site, "patients": [item.patient_id for item in told]}
    persons = dict(connection.execute(statement("persons"), {"site": site}).fetchall())
    born: dict[str, date] = {}
    sexes: dict[str, str] = {}
    for item in told:
        person = persons.get(item.patient_id, item.patient_id)
        if item.birth_date is not None:
            born[person] = item.birth_date
        if item.sex is not None:
            sexes[person] = item.sex
    studies = connection.execute(statement("demographic_studies"), given).fetchall() if told else []
    rows = {
        study: (sexes.get(person), band(born[person], day) if person in born and day is not None else None)
        for study, person, day in studies
    }
    kept = {
        study: (sex, age_band)
        for study, sex, age_band in connection.execute(statement("demographics_kept"), {"site": site}).fetchall()
    }
    rows = kept | rows
    if kept != rows:
        connection.execute(statement("drop_demographics"), {"site": site})
        load(connection, "demographic", [DemographicRow(site, study, *values) for study, values in rows.items()])

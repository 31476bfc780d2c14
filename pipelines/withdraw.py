"""Studies that the hospital deleted or takes back: named in a file, off figures and lists from the next night on."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

from pipelines.config import Config
from pipelines.errors import NotAListError
from pipelines.intake import writer
from pipelines.trail import note
from warehouse import connect, withdrawals
from warehouse.pseudonym import Pseudonymiser, read_key

COLUMNS = ("study_uid", "accession_number")


def withdraw(config: Config, site: str, data: bytes, undo: bool = False) -> dict[str, Any]:
    """Withdraw the studies that a CSV file names by `study_uid` or `accession_number`, or undo that.

    Returns how many were read and how many are new, and the numbers of the lines that name no study
    of this site. Only pseudonyms are kept.
    """
    config.site(site)
    mask = Pseudonymiser(read_key(config.key(site)))
    named = [
        [(column, mask.of(column, value)) for column in COLUMNS if (value := (row.get(column) or "").strip())]
        for row in _rows(data)
    ]
    asked = {column: [value for row in named for kind, value in row if kind == column] for column in COLUMNS}
    connect.migrate(config.warehouse, config.machine.writer_wait_minutes)
    with writer(config) as connection:
        known = withdrawals.studies_named(connection, site, asked["study_uid"], asked["accession_number"])
        found = [sorted({study for _, value in row for study in known.get(value, [])}) for row in named]
        studies = sorted({study for row in found for study in row})
        if undo:
            changed = withdrawals.restore(connection, site, studies)
        else:
            changed = withdrawals.withdraw(connection, site, studies, datetime.now(UTC), mask.key_id)
    if changed:
        detail = {"studies": changed}
        note(config, "study_restored" if undo else "study_withdrawn", site, detail, datetime.now(UTC))
    unknown = [number for number, row in enumerate(found, start=2) if not row]
    return {"site": site, "read": len(named), "changed": changed, "unknown_lines": unknown}


def _rows(data: bytes) -> list[dict[str, str | None]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    delimiter = max(";\t,", key=text.partition("\n")[0].count)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        if not set(COLUMNS) & set(reader.fieldnames or []):
            raise NotAListError(
                f"the file is no list of studies: its first line must name a column {' or '.join(COLUMNS)}"
            )
        return list(reader)
    except csv.Error:
        raise NotAListError("the file cannot be read as CSV; save it so and try again") from None

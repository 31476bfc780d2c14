"""Read a file of the quarantine again, with today's settings: what was refused by mistake is taken after all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.config import Config
from pipelines.intake import Intake, Judged, copy, load_facts
from pipelines.sources.offered import Offered
from warehouse import connect, identified, publish, second_look
from warehouse.errors import WarehouseBusyError
from warehouse.pseudonym import Pseudonymiser, is_pseudonym, read_key

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RETRIED = ("quarantined", "not_dicom", "not_hl7")
WAIT_MINUTES = 0.05


def retry(config: Config, name: str, content_id: str, now: datetime) -> str:
    """Judge a refused file anew and give its row in the ledger the new outcome.

    Returns ``accepted`` (the next night analyses it, or matches the report), ``refused`` (still),
    ``busy`` (a run is writing to the warehouse) or ``gone``: not in the quarantine, or one of several
    offers of the same content or of several messages of one file, which only the sender can mend.
    """
    path = config.quarantine(name) / f"{content_id}.bin"
    if not is_pseudonym(content_id) or not path.is_file():
        return "gone"
    try:
        with connect.writer(config.warehouse, WAIT_MINUTES) as connection:
            result = _again(config, name, content_id, path, now, connection)
    except WarehouseBusyError:
        return "busy"
    if result == "accepted":
        publish.publish(config.warehouse, config.published, WAIT_MINUTES)
    return result


def _again(
    config: Config, name: str, content_id: str, path: Path, now: datetime, connection: DuckDBPyConnection
) -> str:
    found = second_look.offers(connection, name, content_id)
    if len(found) != 1 or found[0]["outcome"] not in RETRIED:
        return "gone"
    (old,) = found
    site, mask = config.site(name), Pseudonymiser(read_key(config.key(name)))
    source = next((source for source in site.sources if source.name == old["source"]), None)
    if source is None:
        return "gone"
    gate = Intake(
        site, old["night"], now, mask, config.spool(name), config.quarantine(name), config.validated_regions(name)
    )
    item = gate.read(Offered(old["source"], path, "", old["stamp"]), source)
    judged = gate.judge(item, gate.known(connection, [item]))
    if len(judged.rows) != 1:
        return "gone"
    kept = {key: old[key] for key in ("offer_id", "place_id", "stamp", "received_at")}
    judged.rows[0] = replace(judged.rows[0], **kept)
    judged.brought_by = [old["offer_id"]] * len(judged.facts)
    if judged.rows[0].outcome in RETRIED:
        _note(path, judged)
        return "refused"
    _take(config, gate, judged, connection)
    path.with_suffix(".json").unlink(missing_ok=True)
    path.unlink()
    return "accepted"


def _take(config: Config, gate: Intake, judged: Judged, connection: DuckDBPyConnection) -> None:
    if judged.keep:
        copy(judged.offered.path, judged.keep)
    identified.remember(config.identified, gate.site.site, gate.mask, judged.instances)
    with connect.transaction(connection):
        load_facts(connection, gate, [judged])
        second_look.settle(connection, judged.rows[0])


def _note(path: Path, judged: Judged) -> None:
    row = judged.rows[0]
    note = [{"outcome": row.outcome, "reasons": row.reasons, "received_at": row.received_at.isoformat()}]
    path.with_suffix(".json").write_text(json.dumps(note, indent=2), encoding="utf-8")

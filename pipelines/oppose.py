"""Patients who object to the analysis: note their decisions; the next night brings them into force."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from inference import oppositions
from pipelines.config import Config
from warehouse import connect, load
from warehouse.pseudonym import Pseudonymiser, read_key


def oppose(config: Config, site: str, data: bytes) -> dict[str, Any]:
    """Note the decisions in a CSV file, by pseudonym; return how many are new, and the lines refused.

    From then on no image of these patients is analysed; the next night takes their studies off figures
    and lists. A decision that is there already is not noted twice.
    """
    settings, now = config.site(site), datetime.now(UTC)
    found, refused = oppositions.read(data, settings.zone, now)
    connect.migrate(config.warehouse, config.machine.writer_wait_minutes)
    with connect.writer(config.warehouse, config.machine.writer_wait_minutes) as connection:
        mask = Pseudonymiser(read_key(config.key(site)))
        noted = load.load(connection, "opposition", found, site=site, pseudonymiser=mask, received_at=now)
    return {"site": site, "read": len(found), "noted": noted, "refused_lines": refused}

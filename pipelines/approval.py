"""What an approval of a data protection officer covers: fields, threshold of small cells, recipient."""

from __future__ import annotations

import hashlib
import json

from pipelines.config import Config
from warehouse import status
from warehouse.aggregates import schema_sha256


def scope(config: Config, site: str) -> str:
    """Return the hash of what an approval of a site covers."""
    told = config.machine.export
    covered = {
        "site": site,
        "schema": schema_sha256(),
        "small_cell": config.site(site).disclosure.export_small_cell,
        "address": told.address,
        "folder": str(told.folder) if told.folder else None,
        "hub_key": told.hub_key,
    }
    if told.status:
        covered["status"] = hashlib.sha256(status.schema().encode()).hexdigest()
    return hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()

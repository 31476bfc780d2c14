"""Asset checks: what `warehouse.health` measures, as Dagster shows it."""

from __future__ import annotations

from datetime import date

import dagster as dg

from pipelines import night
from pipelines.config import Config
from warehouse import connect, health

NAMES = health.NAMES


def results(config: Config, site: str, day: date) -> list[dg.AssetCheckResult]:
    """Run every check of a site and day on the published copy; figures go into the metadata."""
    with connect.reader(config.published) as connection:
        measured = health.examine(connection, site, day, night.model_hash(config, site))
    return [
        dg.AssetCheckResult(
            check_name=check.name,
            asset_key="flagged_case",
            passed=check.passed,
            severity=dg.AssetCheckSeverity.ERROR if check.severe else dg.AssetCheckSeverity.WARN,
            description=check.sentence,
            metadata={**check.figures, "site": site, "day": day.isoformat()},
        )
        for check in measured
    ]

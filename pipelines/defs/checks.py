"""Asset checks: what `warehouse.health` measures, and the alarms of the site, as Dagster shows them."""

from __future__ import annotations

from datetime import date

import dagster as dg

from pipelines import alarms, night
from pipelines.config import Config
from reports import notice
from reports.language import language
from warehouse import connect, health

NAMES = (*health.NAMES, *alarms.CAUSES)


def results(config: Config, site: str, day: date) -> list[dg.AssetCheckResult]:
    """Run every check of a site and day on the published copy; figures go into the metadata."""
    with connect.reader(config.published) as connection:
        measured = health.examine(connection, site, day, night.model_hash(config, site))
    return [*(_result(check, site, day) for check in measured), *_alarms(config, site, day)]


def _result(check: health.Check, site: str, day: date) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=check.name,
        asset_key="flagged_case",
        passed=check.passed,
        severity=dg.AssetCheckSeverity.ERROR if check.severe else dg.AssetCheckSeverity.WARN,
        description=check.sentence,
        metadata={**check.figures, "site": site, "day": day.isoformat()},
    )


def _alarms(config: Config, site: str, day: date) -> list[dg.AssetCheckResult]:
    """Return one result for each cause of an alarm, as things are when the night ends."""
    found = {cause.cause: cause for cause in alarms.examine(config, site, config.now(site, day))}
    words = language("en")
    results = []
    for name in alarms.CAUSES:
        cause = found.get(name)
        said = "" if cause is None else notice.sentence(words, name, cause.subject, cause.figures or {})
        results.append(
            dg.AssetCheckResult(
                check_name=name,
                asset_key="flagged_case",
                passed=cause is None,
                severity=dg.AssetCheckSeverity.WARN,
                description=said,
                metadata={**((cause.figures or {}) if cause else {}), "site": site},
            )
        )
    return results

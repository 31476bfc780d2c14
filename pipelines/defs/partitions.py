"""Partitions: site x local day for the night, site x month for the report."""

from __future__ import annotations

import warnings
from collections import defaultdict
from datetime import date

import dagster as dg

from pipelines.night import FIRST_NIGHT

# Backfill policies and partition mappings are beta to Dagster; the version is pinned to 1.13.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

FIRST_DAY = FIRST_NIGHT.isoformat()

# Sites come and go in sites/*.yaml without a change of code: `defs.schedules` keeps these in step.
SITES = dg.DynamicPartitionsDefinition(name="site")
# A partition's key is the site's own local date; whether that day is over is the schedule's matter.
SITE_DAY = dg.MultiPartitionsDefinition(
    {"site": SITES, "day": dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)}
)
SITE_MONTH = dg.MultiPartitionsDefinition(
    {"site": SITES, "month": dg.MonthlyPartitionsDefinition(start_date=FIRST_DAY[:7], fmt="%Y-%m", end_offset=1)}
)


def site_days(context: dg.AssetExecutionContext) -> dict[str, list[date]]:
    """Return the days asked for, by site, oldest first: one run can hold a year of one site."""
    wanted: dict[str, list[date]] = defaultdict(list)
    for site, day in _keys(context, "day"):
        wanted[site].append(date.fromisoformat(day))
    return {site: sorted(days) for site, days in sorted(wanted.items())}


def site_months(context: dg.AssetExecutionContext) -> list[tuple[str, str]]:
    """Return the sites and months asked for, in order."""
    return sorted(_keys(context, "month"))


def _keys(context: dg.AssetExecutionContext, other: str) -> list[tuple[str, str]]:
    keys = [key for key in context.partition_keys if isinstance(key, dg.MultiPartitionKey)]
    return [(key.keys_by_dimension["site"], key.keys_by_dimension[other]) for key in keys]

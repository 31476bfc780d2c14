"""One schedule per site for its nights, one for its months, in the site's own time zone."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from pipelines import late
from pipelines.config import Config, Site

# What `dg.define_asset_job` returns; Dagster does not export the type.
Job = Any

NIGHT_JOB = "night"
MONTH_JOB = "month"


def schedules(config: Config, night_job: Job, month_job: Job) -> list[dg.ScheduleDefinition]:
    """Return the schedules of every configured site."""
    found: list[dg.ScheduleDefinition] = []
    for site in config.sites.values():
        found += [_nightly(config, site, night_job), _monthly(site, month_job)]
    return found


def _nightly(config: Config, site: Site, job: Job) -> dg.ScheduleDefinition:
    hour, minute = map(int, site.night.hour.split(":"))

    def request(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = _local(context, site) - timedelta(days=1)
        owed = late.owed_nights(config, site.site, context.scheduled_execution_time)
        missed = [night.day for night in owed if night.status is None and night.day < day.date()]
        if missed:
            # Oldest first: the sensor asks for all of them, this one last.
            return dg.SkipReason(
                f"{len(missed)} nights before this one are missing; the sensor missed_nights runs them"
            )
        return _request(context, site, "day", day.strftime("%Y-%m-%d"))

    return _schedule(f"night_{site.site.replace('-', '_')}", site, f"{minute} {hour} * * *", job, request)


def _monthly(site: Site, job: Job) -> dg.ScheduleDefinition:
    hour, minute = map(int, site.night.list_time.split(":"))

    def request(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        last = _local(context, site).replace(day=1) - timedelta(days=1)
        return _request(context, site, "month", last.strftime("%Y-%m"))

    return _schedule(
        f"month_{site.site.replace('-', '_')}", site, f"{minute} {hour} {late.MONTH_DAY} * *", job, request
    )


def _schedule(
    name: str,
    site: Site,
    cron: str,
    job: Job,
    request: Callable[[dg.ScheduleEvaluationContext], dg.RunRequest | dg.SkipReason],
) -> dg.ScheduleDefinition:
    declare = dg.schedule(
        name=name,
        cron_schedule=cron,
        execution_timezone=site.time_zone,
        job=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return declare(request)


def _local(context: dg.ScheduleEvaluationContext, site: Site) -> datetime:
    return context.scheduled_execution_time.astimezone(site.zone)


def _request(context: dg.ScheduleEvaluationContext, site: Site, dimension: str, key: str) -> dg.RunRequest:
    context.instance.add_dynamic_partitions("site", [site.site])
    return dg.RunRequest(
        run_key=f"{site.site}-{key}", partition_key=dg.MultiPartitionKey({"site": site.site, dimension: key})
    )

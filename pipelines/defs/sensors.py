"""Sensors: what is owed is asked for, oldest first; each is a few lines over `pipelines.late`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from pipelines import alarms, late, status
from pipelines.defs.resources import BilanHome
from pipelines.defs.schedules import MONTH_JOB, NIGHT_JOB
from pipelines.errors import BilanError
from warehouse.errors import WarehouseError

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
RUNNING = dg.DefaultSensorStatus.RUNNING
# So long the schedule has for asking for its own night.
SCHEDULE_FIRST = timedelta(minutes=10)


def _evaluated_at() -> datetime:
    return datetime.now(UTC)


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def sites(context: dg.SensorEvaluationContext, home: BilanHome) -> dg.SensorResult:
    """Keep the site partitions in step with sites/*.yaml."""
    configured, known = set(home.load().sites), set(context.instance.get_dynamic_partitions("site"))
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if configured - known:
        requests.append(dg.AddDynamicPartitionsRequest("site", sorted(configured - known)))
    return dg.SensorResult(dynamic_partitions_requests=requests)


@dg.sensor(job_name=NIGHT_JOB, minimum_interval_seconds=300, default_status=RUNNING)
def missed_nights(context: dg.SensorEvaluationContext, home: BilanHome) -> Iterator[dg.RunRequest]:
    """Nights that did not run (the machine was off) or failed: oldest first, and none beside another."""
    config, now = home.load(), _evaluated_at()
    for site in config.sites:
        owed = late.owed_nights(config, site, now - SCHEDULE_FIRST)
        if not owed or _busy(context.instance, site):
            continue
        context.instance.add_dynamic_partitions("site", [site])
        today = now.astimezone(config.site(site).zone).date()
        for night in owed:
            attempt = "missed" if night.status is None else f"again-{today}"
            yield _request(site, "day", night.day.isoformat(), f"{site}-{night.day}-{attempt}")


@dg.sensor(job_name=MONTH_JOB, minimum_interval_seconds=900, default_status=RUNNING)
def missed_months(context: dg.SensorEvaluationContext, home: BilanHome) -> Iterator[dg.RunRequest]:
    """Months whose report was not made in time, once no night is owed any more."""
    config, now = home.load(), _evaluated_at()
    for site in config.sites:
        if _busy(context.instance, site) or any(night.status is None for night in late.owed_nights(config, site, now)):
            continue
        months = late.owed_months(config, site, now)
        if months:
            context.instance.add_dynamic_partitions("site", [site])
        for month in months:
            yield _request(site, "month", month, f"{site}-{month}-missed")


@dg.sensor(job_name=NIGHT_JOB, minimum_interval_seconds=900, default_status=RUNNING)
def late_images(context: dg.SensorEvaluationContext, home: BilanHome) -> Iterator[dg.RunRequest]:
    """Images of a day whose night is over: that night again. Reports wait for the next night."""
    config, now = home.load(), _evaluated_at()
    since = datetime.fromisoformat(context.cursor) if context.cursor else None
    for site in config.sites:
        if _busy(context.instance, site):
            continue  # it takes what waits; the next look sees what is left
        found = late.late_image(config, site, since, now)
        if found is not None:
            context.instance.add_dynamic_partitions("site", [site])
            yield _request(site, "day", found.day.isoformat(), f"{site}-{found.day}-late-{found.token}")
    context.update_cursor(now.isoformat())


@dg.sensor(asset_selection=["site_month"], minimum_interval_seconds=1800, default_status=RUNNING)
def open_months(context: dg.SensorEvaluationContext, home: BilanHome) -> Iterator[dg.RunRequest]:
    """Figures of months not issued yet, computed anew once for each state of their data."""
    config, now = home.load(), _evaluated_at()
    for site in config.sites:
        months, changed_at = late.open_months(config, site, now)
        if months and changed_at and not _busy(context.instance, site):
            context.instance.add_dynamic_partitions("site", [site])
            for month in months:
                yield _request(site, "month", month, f"{site}-{month}-{changed_at.isoformat()}")


@dg.sensor(name="alarms", job_name=NIGHT_JOB, minimum_interval_seconds=600, default_status=RUNNING)
def tell_alarms(context: dg.SensorEvaluationContext, home: BilanHome) -> dg.SkipReason:
    """Look at what is amiss at each site and tell who is to be told; asks for no run."""
    config, now = home.load(), _evaluated_at()
    told = []
    for site in () if config.machine.simulated_clock else config.sites:
        failed = alarms.run(config, site, now)
        told += [f"{site}: {line}" for line in failed]
        for line in failed:
            context.log.warning("%s: %s", site, line)
    return dg.SkipReason("; ".join(told) or "looked at every site")


@dg.sensor(name="status", job_name=NIGHT_JOB, minimum_interval_seconds=900, default_status=RUNNING)
def send_status(context: dg.SensorEvaluationContext, home: BilanHome) -> dg.SkipReason:
    """Send each site's daily sign of life, where the settings have it; asks for no run."""
    config, now = home.load(), _evaluated_at()
    done = []
    for site in config.sites:
        if not status.due(config, site, now):
            continue
        try:
            done.append(f"{site}: {', '.join(status.run(config, site, now)['taken']) or 'made'}")
        except (BilanError, WarehouseError) as error:
            done.append(f"{site}: {error}")
            context.log.warning("%s: %s", site, error)
    return dg.SkipReason("; ".join(done) or "no status is owed")


SENSORS = (sites, missed_nights, missed_months, late_images, open_months, tell_alarms, send_status)


def _busy(instance: dg.DagsterInstance, site: str) -> bool:
    """Whether a night of the site waits or runs."""
    wanted = dg.RunsFilter(job_name=NIGHT_JOB, statuses=UNFINISHED, tags={"dagster/partition/site": site})
    return instance.get_runs_count(wanted) > 0


def _request(site: str, dimension: str, key: str, run_key: str) -> dg.RunRequest:
    return dg.RunRequest(run_key=run_key, partition_key=dg.MultiPartitionKey({"site": site, dimension: key}))

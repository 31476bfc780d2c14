"""Assets: partition key to site and day, one use case, counts as metadata. Nothing else."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from pipelines import delivery, night, results
from pipelines import month as monthly
from pipelines.config import Config
from pipelines.defs import checks
from pipelines.defs.partitions import SITE_DAY, SITE_MONTH, site_days, site_months
from pipelines.defs.resources import BilanHome
from pipelines.errors import BilanError

# The warehouse has one writer; `dagster.yaml` limits every pool to one run.
POOL = "warehouse"
ONE_RUN = dg.BackfillPolicy.single_run()
RETRY = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)
Step = Callable[[Config, str, Sequence[date], night.Progress | None], dict[str, int]]


@dg.asset(
    partitions_def=SITE_DAY, backfill_policy=ONE_RUN, pool=POOL, retry_policy=RETRY, group_name="night", kinds={"dicom"}
)
def study(context: dg.AssetExecutionContext, home: BilanHome) -> dg.MaterializeResult[None]:
    """Studies offered by the site's image sources, judged by the gate, in ledger and spool."""
    return _steps(context, home.load(), night.take_images)


@dg.asset(
    partitions_def=SITE_DAY, backfill_policy=ONE_RUN, pool=POOL, retry_policy=RETRY, group_name="night", kinds={"hl7"}
)
def report_event(context: dg.AssetExecutionContext, home: BilanHome) -> dg.MaterializeResult[None]:
    """States of the radiologists' reports, from the site's HL7 messages."""
    return _steps(context, home.load(), night.take_messages)


@dg.asset(
    deps=[study],
    partitions_def=SITE_DAY,
    backfill_policy=ONE_RUN,
    pool=POOL,
    retry_policy=RETRY,
    group_name="night",
    kinds={"torch"},
)
def finding(context: dg.AssetExecutionContext, home: BilanHome) -> dg.MaterializeResult[None]:
    """What the model says of each in-scope image; the model runs here, without network."""
    return _steps(context, home.load(), night.infer_images)


@dg.asset(
    deps=[report_event],
    partitions_def=SITE_DAY,
    backfill_policy=ONE_RUN,
    pool=POOL,
    retry_policy=RETRY,
    group_name="night",
    kinds={"python"},
)
def report_label(context: dg.AssetExecutionContext, home: BilanHome) -> dg.MaterializeResult[None]:
    """What each report says of a fracture: present, absent, uncertain, not addressed."""
    return _steps(context, home.load(), night.label_reports)


@dg.asset(
    deps=[finding, report_label],
    partitions_def=SITE_DAY,
    backfill_policy=ONE_RUN,
    pool=POOL,
    retry_policy=RETRY,
    group_name="night",
    kinds={"duckdb"},
    check_specs=[dg.AssetCheckSpec(name, asset="flagged_case") for name in checks.NAMES],
)
def flagged_case(context: dg.AssetExecutionContext, home: BilanHome) -> Any:
    """Studies with their findings and labels, published, and the flagged list of each day."""
    config, started = home.load(), time.monotonic()
    counts: Counter[str] = Counter()
    made: list[str] = []
    checked: list[dg.AssetCheckResult] = []
    failed: list[str] = []
    for site, days in site_days(context).items():
        night.assemble(config, site, days)
        issued = night.issue_lists(config, site, days)
        counts.update({"studies": issued["studies"], "flagged": issued["flagged"]})
        counts.update(results.send(config, site, days, context.log.warning))
        made += issued["made"]
        for day in issued["again"]:
            # Late data changed it: this run made that partition's list anew.
            key = dg.MultiPartitionKey({"site": site, "day": day})
            context.log_event(dg.AssetMaterialization("flagged_case", partition=key, metadata={"late": True}))
        checked = checks.results(config, site, days[-1])
        failed += [f"{site}: {code}" for code in night.failures(config, site, days)]
    metadata = {**_metadata(counts, started), "lists": dg.MetadataValue.md(_links(made)), "made": made}
    yield dg.MaterializeResult(metadata=metadata, check_results=checked)
    if failed:
        # What could be done is done and published; the run still has to be seen as failed.
        raise dg.Failure("; ".join(failed), metadata={"failures": len(failed)}, allow_retries=False)


DAYS_OF_MONTH = dg.MultiPartitionMapping(
    {
        "site": dg.DimensionPartitionMapping("site", dg.IdentityPartitionMapping()),
        "day": dg.DimensionPartitionMapping("month", dg.TimeWindowPartitionMapping()),
    }
)


@dg.asset(
    deps=[dg.AssetDep(flagged_case, partition_mapping=DAYS_OF_MONTH)],
    partitions_def=SITE_MONTH,
    backfill_policy=ONE_RUN,
    group_name="month",
    kinds={"duckdb"},
)
def site_month(context: dg.AssetExecutionContext, home: BilanHome) -> dg.MaterializeResult[None]:
    """Every figure of a site's month, with interval, denominator and exclusions."""
    config, started = home.load(), time.monotonic()
    counts: Counter[str] = Counter()
    for site, month in site_months(context):
        counts.update(figures=len(monthly.figures(config, site, month)["figures"]))
    return dg.MaterializeResult(metadata=_metadata(counts, started))


@dg.asset(
    deps=[site_month],
    partitions_def=SITE_MONTH,
    backfill_policy=ONE_RUN,
    pool=POOL,
    retry_policy=RETRY,
    group_name="month",
    kinds={"pdf"},
)
def monthly_report(context: dg.AssetExecutionContext, home: BilanHome) -> Any:
    """The month's PDF for the department head, with its figures as JSON and CSV; mailed when its day has come."""
    config, started = home.load(), time.monotonic()
    made: list[str] = []
    unsent: list[str] = []
    issue = sent = 0
    for site, month in site_months(context):
        result = monthly.run(config, site, month)
        made, issue = made + result["made"], result["issue"]
        if _due(context.run.tags):
            try:
                sent += delivery.send(config, result).count(delivery.SENT)
            except BilanError as error:
                unsent.append(f"{site}: {error}")
    metadata = {
        **_metadata(Counter(files=len(made)), started),
        "report": dg.MetadataValue.md(_links(made)),
        "made": made,
        "issue": issue,
        "sent": sent,
    }
    yield dg.MaterializeResult(metadata=metadata)
    if unsent:
        raise dg.Failure("; ".join(unsent), metadata={"unsent": len(unsent)})


def _due(tags: Mapping[str, str]) -> bool:
    """Say whether a schedule or a sensor asked for the run: what a person runs or backfills is mailed by no one."""
    return "dagster/schedule_name" in tags or "dagster/sensor_name" in tags


def _steps(context: dg.AssetExecutionContext, config: Config, step: Step) -> dg.MaterializeResult[None]:
    started, name = time.monotonic(), context.asset_key.path[-1]
    counts: Counter[str] = Counter()
    for site, days in site_days(context).items():
        night.begin(config, site, days, [name])
        with night.recorded(config, site, days, name):
            counts.update(step(config, site, days, context.log.info))
    return dg.MaterializeResult(metadata=_metadata(counts, started))


def _metadata(counts: Counter[str], started: float) -> dict[str, Any]:
    seconds = time.monotonic() - started
    total = sum(counts.values())
    return {**counts, "seconds": round(seconds, 2), "per_second": round(total / seconds, 2) if seconds else 0.0}


def _links(paths: list[str]) -> str:
    return "\n".join(f"- [{Path(path).name}](file://{path})" for path in paths[-20:])

"""Run the night and the month through Dagster in this process, so that its history shows them."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import night as nights
from pipelines.config import Config
from pipelines.errors import BilanError, NightFailedError
from warehouse.errors import WarehouseError

if TYPE_CHECKING:
    import dagster as dg


def environment(home: Path) -> dict[str, str]:
    """Return the variables with which Dagster keeps all its state under the home directory."""
    folder = home / "dagster"
    return {
        "BILAN_HOME": str(home),
        "DAGSTER_HOME": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }


def prepare(home: Path) -> dict[str, str]:
    """Write Dagster's settings into the home directory; return its environment."""
    variables = environment(home.resolve())
    folder = Path(variables["DAGSTER_HOME"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(settings(), encoding="utf-8")
    return variables


def settings() -> str:
    """Return `dagster.yaml`: from the wheel, or from the checkout of an editable installation."""
    packaged = files("pipelines") / "dagster.yaml"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parent.parent / "dagster.yaml").read_text(encoding="utf-8")


def night(config: Config, site: str, day: date, progress: nights.Progress | None = None) -> dict[str, Any]:
    """Run one night; return its status, what was made, and the ledger's sums.

    A run that failed is told as failed, though an earlier one of the same night was complete.

    Raises
    ------
    BilanError
        The day is none that a night can be run of, or the run failed before anything could be published.
    """
    _refuse_day(config, site, day)
    run = _execute(config, "night", {"site": site, "day": day.isoformat()}, progress)
    why = None if run.success else _why(config, run)
    try:
        told = nights.summary(config, site, day)
    except WarehouseError:
        if why is None:
            raise
        raise NightFailedError(why) from None
    if why is not None:
        known = told["status"] == "failed" and told["error"] != "NOT_RUN"
        told |= {"status": "failed", "error": told["error"] if known else why.split(":")[0], "why": why}
    return {**told, **_taken(run)}


def _refuse_day(config: Config, site: str, day: date) -> None:
    today = datetime.now(config.site(site).zone).date()
    if not nights.FIRST_NIGHT <= day <= today:
        raise BilanError(
            f"nights can be run from {nights.FIRST_NIGHT} to today ({today}); older ones by `bilan backfill`"
        )


def _why(config: Config, run: dg.ExecuteInProcessResult) -> str:
    """Return why a run failed: the sentence of an error of ours; of others the kind, without its text.

    An error's text may hold what a file holds; of the system's, the words for its number are told,
    and which folder of the home directory it speaks of.
    """
    for event in run.all_events:
        error = event.step_failure_data.error if event.is_step_failure else None
        while error is not None and error.cause is not None:
            error = error.cause
        if error is None:
            continue
        name, _, text = error.message.strip().partition(": ")
        if name.split(".")[0] in ("inference", "pipelines", "reports", "warehouse"):
            return f"{name.rsplit('.', 1)[-1]}: {text}"
        return f"{name.rsplit('.', 1)[-1]}{_system(config, text)}"
    return "UNKNOWN: see the run in `bilan dagster`"


def _system(config: Config, text: str) -> str:
    number = re.match(r"\[Errno (\d+)\]", text)
    if number is None:
        return ""
    place = re.search(rf"{re.escape(str(config.home))}/(\w+)", text)
    return f": {os.strerror(int(number[1]))}" + (f" ({config.home / place[1]})" if place else "")


def month(config: Config, site: str, month: str, out: Path | None = None) -> dict[str, Any]:
    """Make one month's report; with `out`, into that folder, and without an entry in the history."""
    from pipelines import month as monthly  # noqa: PLC0415 - loads the report's libraries

    config.site(site)
    if out is not None:
        return monthly.run(config, site, month, out)
    monthly.require_data(config, site, month)
    run = _execute(config, "month", {"site": site, "month": month}, None)
    made = _metadata(run, "monthly_report")
    return {
        "site": site,
        "month": month,
        "status": "complete" if run.success else "failed",
        "issue": made.get("issue"),
        "made": made.get("made", []),
    }


def months(
    config: Config, month: str, progress: Callable[[dict[str, Any]], None] | None = None
) -> list[dict[str, Any]]:
    """Make the month's report of every site, side by side; Dagster's history gets what was made."""
    from pipelines import months as every  # noqa: PLC0415 - loads the report's libraries

    results = every.run(config, month, progress=progress)
    os.environ.update(prepare(config.home))
    import dagster as dg  # noqa: PLC0415 - only once its home is set

    with dg.DagsterInstance.get() as instance:
        for result in results:
            if result["status"] == "complete":
                instance.add_dynamic_partitions("site", [result["site"]])
                key = dg.MultiPartitionKey({"site": result["site"], "month": month})
                metadata = {"made": result["made"], "issue": result["issue"]}
                instance.report_runless_asset_event(
                    dg.AssetMaterialization("monthly_report", partition=key, metadata=metadata)
                )
    return results


def backfill(
    config: Config, site: str, first: str, last: str, tell: nights.Progress, progress: nights.Progress | None = None
) -> dict[str, Any]:
    """Run the nights and months of a stretch of months; Dagster's history gets each as it is done."""
    from pipelines import backfill as use_case  # noqa: PLC0415 - loads the report's libraries

    config.site(site)
    os.environ.update(prepare(config.home))
    import dagster as dg  # noqa: PLC0415 - only once its home is set

    made: list[str] = []
    failed: list[str] = []
    step: use_case.Step | None = None
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("site", [site])
        for step in use_case.run(config, site, first, last, datetime.now(UTC), progress):
            for day in step.days:
                key = dg.MultiPartitionKey({"site": site, "day": day.isoformat()})
                instance.report_runless_asset_event(dg.AssetMaterialization("flagged_case", partition=key))
            if step.month is not None:
                key = dg.MultiPartitionKey({"site": site, "month": step.month})
                metadata = {"issue": step.issue}
                instance.report_runless_asset_event(
                    dg.AssetMaterialization("monthly_report", partition=key, metadata=metadata)
                )
            made, failed = made + list(step.made), failed + list(step.failed)
            tell(step.sentence)
    nights_done, studies, seconds = (step.days_done, step.studies, step.seconds) if step else (0, 0, 0.0)
    return {
        "site": site,
        "status": "failed" if failed else "complete",
        "nights": nights_done,
        "studies": studies,
        "seconds": round(seconds, 1),
        "failed": sorted(set(failed)),
        "made": made,
    }


def last_runs(home: Path, n: int = 20) -> list[dict[str, Any]]:
    """Return the last runs in Dagster's history: job, partition, status and start (UTC, or None)."""
    variables = environment(home.resolve())
    if not (Path(variables["DAGSTER_HOME"]) / "dagster.yaml").is_file():
        return []
    os.environ.update(variables)
    import dagster as dg  # noqa: PLC0415 - only once its home is set

    with dg.DagsterInstance.get() as instance:
        found = instance.get_run_records(limit=n)
    return [
        {
            "job": record.dagster_run.job_name,
            "partition": record.dagster_run.tags.get("dagster/partition", ""),
            "status": record.dagster_run.status.value.lower(),
            "started": datetime.fromtimestamp(record.start_time, UTC) if record.start_time else None,
        }
        for record in found
    ]


def _execute(
    config: Config, job: str, key: dict[str, str], progress: nights.Progress | None
) -> dg.ExecuteInProcessResult:
    os.environ.update(prepare(config.home))
    import dagster as dg  # noqa: PLC0415 - only once its home is set

    from pipelines.definitions import build  # noqa: PLC0415

    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    definitions = build(config.home)
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("site", [key["site"]])
        if progress:
            progress(f"{key['site']}: {job} {key.get('day') or key.get('month')}")
        return definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=dg.MultiPartitionKey(key),
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


def _taken(run: dg.ExecuteInProcessResult) -> dict[str, Any]:
    new: dict[str, int] = {}
    for asset in ("study", "report_event"):
        for outcome, count in _metadata(run, asset).items():
            if outcome not in ("seconds", "per_second"):
                new[outcome] = new.get(outcome, 0) + int(count)
    return {"new": new, "new_rows": sum(new.values()), "run_id": run.run_id}


def _metadata(run: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    for event in run.get_asset_materialization_events():
        if event.asset_key and event.asset_key.path[-1] == asset:
            return {name: item.value for name, item in event.step_materialization_data.materialization.metadata.items()}
    return {}

"""What Dagster loads: `dagster dev -m pipelines.definitions`, or `bilan dagster`."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from pipelines import config
from pipelines.config import Config, Machine
from pipelines.defs import assets
from pipelines.defs.resources import BilanHome
from pipelines.defs.schedules import MONTH_JOB, NIGHT_JOB, schedules
from pipelines.defs.sensors import SENSORS


def build(home: Path) -> dg.Definitions:
    """Return the definitions of one home directory; without a home, the graph and no sites.

    Raises
    ------
    ConfigError
        If the home's files have mistakes; Dagster shows them all.
    """
    loaded = config.load(home) if (home / "bilan.yaml").is_file() else Config(home, Machine(), {})
    night = [assets.study, assets.report_event, assets.finding, assets.report_label, assets.flagged_case]
    month = [assets.site_month, assets.monthly_report]
    night_job = dg.define_asset_job(NIGHT_JOB, night, description="One site's night.")
    month_job = dg.define_asset_job(MONTH_JOB, month, description="One site's month.")
    return dg.Definitions(
        assets=[*night, *month],
        jobs=[night_job, month_job],
        schedules=schedules(loaded, night_job, month_job),
        sensors=list(SENSORS),
        resources={"home": BilanHome(path=str(home.resolve()))},
        executor=dg.in_process_executor,
    )


def _home() -> Path:
    # The one place beside the command line that reads the environment: Dagster starts this module itself.
    named = os.environ.get("BILAN_HOME")
    found = (Path(name) for name in ("bilan_home", "bilan_demo") if (Path(name) / "bilan.yaml").is_file())
    return Path(named) if named else next(found, Path("bilan_home"))


defs = build(_home())

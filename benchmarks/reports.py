"""Monthly reports of many sites: as Bilan makes them, and the plain way (one site, one chart after another)."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from benchmarks.timing import interleaved, machine
from inference.description import describe, embedded
from inference.simulation import history
from inference.simulation.site import DEMO_SITES
from pipelines import config as configuration
from pipelines import demo, months
from pipelines import month as one
from pipelines.config import Config
from reports.drawing import Drawing
from reports.monthly import Composition
from warehouse import connect, load, publish

MONTH = date(2026, 6, 1)
# Eight charts, as many as the target counts.
EIGHT = {
    "activity": ["volume_by_day", "volume_by_hour", "volume_by_region", "trend"],
    "findings": ["rates_by_region", "scores"],
    "turnaround": ["time_to_report", "reported_within", "trend"],
    "agreement": ["cross", "discordances"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this benchmark can be told."""
    parser.add_argument("--sites", type=int, default=60)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--plain-sites", type=int, default=0, help="sites of the plain way (default: all), scaled up")


def run(options: argparse.Namespace) -> list[str]:
    """Return the lines of the result."""
    count = options.plain_sites or options.sites
    with tempfile.TemporaryDirectory(prefix="bilan-benchmark-") as folder:
        config = make(Path(folder) / "home", options.sites)
        names = sorted(config.sites)
        ways = {
            "bilan month --all": lambda: _ours(config, options.processes),
            "to_image, one after another": lambda: _plain(config, names[:count]),
        }
        before = machine()
        timings = interleaved(ways, options.turns)
    return [
        f"{options.sites} sites x 8 charts, {options.processes} processes; {before}",
        timings[0].line("report", options.sites),
        timings[1].line("report", count) + ("" if count == options.sites else f"   ({count} sites)"),
    ]


def make(home: Path, sites: int) -> Config:
    """Make a home of simulated sites with thirteen months and the month of the reports."""
    (home / "sites").mkdir(parents=True)
    (home / "data").mkdir()
    (home / "bilan.yaml").write_text("simulated_clock: true\n", encoding="utf-8")
    for index in range(sites):
        site = demo.site_file(DEMO_SITES[index % len(DEMO_SITES)], home)
        site["report"] = {"blocks": EIGHT, "accent": site["report"]["accent"]}
        (home / "sites" / f"site-{index:03}.yaml").write_text(yaml.safe_dump(site, allow_unicode=True), "utf-8")
    config = configuration.load(home)
    connect.migrate(config.warehouse)
    from pipelines import night  # noqa: PLC0415 - loads the model's libraries
    from pipelines.intake import writer  # noqa: PLC0415

    described = describe(embedded())
    points = described["operating_points"]
    reader = history.reader(points["doubtful"], points["positive"], described["sha256"])
    first, last = date(MONTH.year - 1, MONTH.month, 1), (MONTH + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    for index, name in enumerate(sorted(config.sites)):
        from dataclasses import replace  # noqa: PLC0415

        model = replace(DEMO_SITES[index % len(DEMO_SITES)], site=name)
        past = history.history(model, first, last, reader, until=datetime.combine(
            last + timedelta(days=8), datetime.min.time(), model_zone(model)))  # fmt: skip
        night.begin(config, name, [last])
        with writer(config) as connection, connect.transaction(connection):
            for table, rows in (("study", past.studies), ("ledger", past.offers), ("night", past.nights)):
                load.load(connection, table, rows)
    publish.publish(config.warehouse, config.published)
    return config


def model_zone(site: Any) -> Any:
    """Return the time zone of a simulated site."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    return ZoneInfo(site.time_zone)


def _ours(config: Config, processes: int) -> None:
    shutil.rmtree(config.home / "issued", ignore_errors=True)
    results = months.run(config, f"{MONTH:%Y-%m}", processes=processes)
    failed = [result for result in results if result["status"] != "complete"]
    if failed:
        raise RuntimeError(f"{len(failed)} reports were not made: {failed[0].get('error')}")


def _plain(config: Config, sites: list[str]) -> None:
    for site in sites:
        with tempfile.TemporaryDirectory() as out:
            one.run(config, site, f"{MONTH:%Y-%m}", Path(out), draw=_to_image)


def _to_image(composition: Composition) -> dict[str, Drawing]:
    drawn = {}
    for name, chart in composition.charts.items():
        if chart.figure is not None:
            size = chart.figure.layout
            svg = chart.figure.to_image(format="svg").decode()
            drawn[name] = Drawing(svg, size.width, size.height)
    return drawn

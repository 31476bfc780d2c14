"""A whole night's overhead: what Dagster, gate, ledger, labeller, study table, copy and list add to inference.

The nights are real, through Dagster, of simulated studies with one drawing for each region; inference is
simulated: it answers at once, makes no thumbnails, and is taken to cost what the model card measured. Time is
the processor's, which a busy machine does not stretch as much.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from benchmarks.timing import machine
from inference.simulation import night as simulated
from inference.simulation import radiograph
from inference.simulation.plan import plan
from inference.simulation.site import SAINT_AUBIN, SiteModel

DAY = date(2026, 10, 20)
STEPS = ("take_images", "take_messages", "infer_images", "label_reports", "assemble", "issue_lists")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this benchmark can be told."""
    parser.add_argument("--studies", type=int, nargs="+", default=[50, 200], help="studies a site; one run for each")
    parser.add_argument("--sites", type=int, nargs="+", default=[1, 3], help="sites of the runs with the last number")
    parser.add_argument("--image-seconds", type=float, default=2 / 7.6, help="processor seconds of one image")


def run(options: argparse.Namespace) -> list[str]:
    """Return the lines of the result."""
    before = machine()
    runs = [(1, studies) for studies in options.studies]
    runs += [(sites, options.studies[-1]) for sites in options.sites if sites > 1]
    each = options.image_seconds
    lines = [f"inference simulated, taken to cost {each:.2f} processor seconds an image; {before}"]
    context = multiprocessing.get_context("spawn")
    for sites, studies in runs:
        with tempfile.TemporaryDirectory(prefix="bilan-benchmark-") as folder:
            images = make(Path(folder) / "home", sites, studies)
            home = Path(folder) / "home"
            # A process of its own: memory and processor time are the nights'.
            with ProcessPoolExecutor(1, mp_context=context) as process:
                steps, total, memory = process.submit(nights, home, sites).result()
        inside = sum(steps.values())
        share = total / (each * images)
        lines += [
            f"{sites} site(s) x {studies} studies, {images} images: overhead {total:.1f} s, "
            f"inference {each * images:.1f} s: {100 * share:.0f} % added; "
            f"{memory:.0f} MB at most",
            "   "
            + ", ".join(f"{name} {seconds:.1f}" for name, seconds in steps.items())
            + f", Dagster and the rest {total - inside:.1f}",
        ]
    return lines


def make(home: Path, sites: int, studies: int) -> int:
    """Make a home whose sites' deliveries of one day lie in their folders; return the number of in-scope images."""
    from pipelines import demo  # noqa: PLC0415 - spawned processes load what they need

    draw = radiograph.draw
    drawn = cache(
        lambda region, laterality: draw(
            region, "AP", 1, laterality=laterality, fracture=False, markers=SAINT_AUBIN.markers
        )
    )
    radiograph.draw = lambda region, *_args, laterality=None, **_named: drawn(region, laterality)  # type: ignore[assignment]
    (home / "sites").mkdir(parents=True)
    (home / "keys").mkdir()
    (home / "bilan.yaml").write_text("simulated_clock: true\n", encoding="utf-8")
    images = 0
    try:
        for site in models(sites):
            settings = {**demo.site_file(site, home), "pacs_link": None}
            for source in settings["sources"]:
                Path(source["path"]).mkdir(parents=True)
            (home / "sites" / f"{site.site}.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")
            key = home / "keys" / f"{site.site}.key"
            key.touch(mode=0o600)
            key.write_text("5a" * 32)
            busy = replace(site, studies_per_day=4.0 * studies)
            chosen = [study for study in plan(busy, DAY, DAY) if study.in_scope][:studies]
            inbox = home / "inbox" / site.site
            simulated.write_night(chosen, site, DAY, inbox / "dicom", inbox / "hl7", cases=())
            images += sum(len(study.views) for study in chosen)
    finally:
        radiograph.draw = draw
    return images


def models(sites: int) -> list[SiteModel]:
    """Return the simulated sites."""
    return [replace(SAINT_AUBIN, site=f"site-{number:02}") for number in range(sites)]


def nights(home: Path, sites: int) -> tuple[dict[str, float], float, float]:
    """Run the sites' nights; return processor seconds by step and in all, and the most memory in MB."""
    from pipelines import config as configuration  # noqa: PLC0415
    from pipelines import dagster_run, night, scoring  # noqa: PLC0415

    spent: dict[str, float] = defaultdict(float)
    scoring._analysed = _answered  # noqa: SLF001
    for name in STEPS:
        setattr(night, name, _timed(spent, name, getattr(night, name)))
    config = configuration.load(home)
    started = _processor()
    for site in models(sites):
        result = dagster_run.night(config, site.site, DAY)
        assert result["status"] == "complete", result["error"]  # noqa: S101 - what failed is no measurement
    total = _processor() - started
    return dict(spent), total, _most_memory()


def _most_memory() -> float:
    """Return the most memory of this process in MB; `ru_maxrss` begins with that of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _timed(spent: dict[str, float], name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*args: Any, **named: Any) -> Any:
        started = _processor()
        try:
            return step(*args, **named)
        finally:
            spent[name] += _processor() - started

    return timed


def _processor() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _answered(_config: Any, bundle: Any, tasks: Sequence[Any]) -> Iterator[Any]:
    """Answer each image at once: one in eight positive."""
    from inference.infer import Inferred  # noqa: PLC0415
    from inference.records import Finding  # noqa: PLC0415

    described = bundle.described
    for task in tasks:
        score = 0.9 if Random(task.instance_uid).random() < 1 / 8 else 0.05  # noqa: S311 - a simulation
        found = Finding(
            study_uid=task.study_uid,
            instance_uid=task.instance_uid,
            code="fracture",
            status="ok",
            score=score,
            boxes=(),
            reason=None,
            model_name=described["name"],
            model_version=described["version"],
            model_sha256=described["sha256"],
            ai_completed=datetime.now(UTC),
        )
        yield Inferred(task, found, None, None)

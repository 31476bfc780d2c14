"""The inference step over more and more workers of a Dask cluster on this machine, with a simulated model.

Each image takes a fixed time of waiting in place of decoder and model, so that what is measured is what the
cluster adds: shards handed out, results brought back, one writer. One worker is the way to compare with.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.timing import interleaved, machine
from inference import infer
from inference.description import embedded
from inference.infer import Inferred, Task
from inference.settings import DecodeSettings
from pipelines import cluster
from pipelines.cluster import Shard
from pipelines.config_cluster import Cluster

PORT = 18786
THUMBNAIL = (256, 208)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this benchmark can be told."""
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=0.05, help="simulated time for one image")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--shard", type=int, default=25)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the result here as well")


def run(options: argparse.Namespace) -> list[str]:
    """Return the lines of the result."""
    with tempfile.TemporaryDirectory(prefix="bilan-benchmark-") as folder:
        tasks = [Task(f"1.2.{index}", f"1.2.{index}.1", Path(folder) / "image.dcm") for index in range(options.images)]
        before = machine()
        clusters = {count: PORT + position for position, count in enumerate(options.workers)}
        ways = {
            f"{count} workers": lambda port=port: _night(tasks, options, port)  # type: ignore[misc]
            for count, port in clusters.items()
        }
        with _started(clusters):
            for way in ways.values():
                way()  # imports and connections of the first shards are not the cluster's price
            timings = interleaved(ways, options.turns)
    medians = [statistics.median(timing.seconds) for timing in timings]
    lines = [f"{options.images} images of {options.seconds * 1000:g} ms, shards of {options.shard}; {before}"]
    rows = []
    for count, timing, median in zip(options.workers, timings, medians, strict=True):
        share = options.images * options.seconds / count / median
        rows.append({"workers": count, "seconds": timing.seconds, "share_of_bound": round(share, 3)})
        lines.append(f"{timing.line('image', options.images)}   {share:.0%} of the bound, x{medians[0] / median:.2f}")
    if options.json:
        options.json.write_text(json.dumps({"machine": before, "rows": rows}, indent=1), encoding="utf-8")
    return lines


def _night(tasks: list[Task], options: argparse.Namespace, port: int) -> None:
    seconds = options.seconds

    def simulated(shard: Shard) -> tuple[Inferred, ...]:
        time.sleep(seconds * len(shard.tasks))
        picture = np.zeros(THUMBNAIL, np.uint8)
        found = (infer.unanswered(task, infer.UNKNOWN, "MODEL_FAILED").finding for task in shard.tasks)
        return tuple(Inferred(task, one, picture, None, picture) for task, one in zip(shard.tasks, found, strict=True))

    settings = Cluster(scheduler=f"tcp://127.0.0.1:{port}", shard=options.shard)
    answers = cluster.run(tasks, embedded(), DecodeSettings(), infer.MODEL_SECONDS, settings, work=simulated)
    assert sum(1 for _ in answers) == len(tasks)  # noqa: S101 - a benchmark of lost images would be none


@contextmanager
def _started(clusters: dict[int, int]) -> Iterator[None]:
    processes = []
    try:
        for count, port in clusters.items():
            processes.append(_process("scheduler", "--host", "127.0.0.1", "--port", str(port)))
            workers = ["--nthreads", "1", "--no-nanny", "--host", "127.0.0.1"]
            processes += [_process("worker", f"tcp://127.0.0.1:{port}", *workers) for _ in range(count)]
        for count, port in clusters.items():
            _wait(Cluster(scheduler=f"tcp://127.0.0.1:{port}"), count)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _wait(settings: Cluster, count: int) -> None:
    deadline = time.monotonic() + 120
    while cluster.workers(settings) < count:
        if time.monotonic() > deadline:
            raise SystemExit("the workers did not start")
        time.sleep(0.5)


def _process(role: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter, Dask's own modules
        [
            sys.executable,
            "-m",
            f"distributed.cli.dask_{role}",
            *arguments,
            "--no-dashboard",
            "--dashboard-address",
            ":0",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )

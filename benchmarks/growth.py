"""How the costs of one site grow with what it holds: processor seconds at 1, 10 and 100 times the studies."""

from __future__ import annotations

import argparse
import json
import math
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import warehouse as generated
from benchmarks.timing import machine
from reports.kpi import month_figures
from warehouse import cases, connect, ledger, publish, study

SITE = "site-00"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--studies", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the result there too")


def run(options: argparse.Namespace) -> Iterator[str]:
    """Yield the measurements, a line each."""
    before = machine()
    yield f"{before}; fastest of {options.turns} turns, processor seconds; the power of ten studies between the columns"
    found = {studies: _measure(studies, options.turns) for studies in options.studies}
    for name in next(iter(found.values())):
        costs = [each[name] for each in found.values()]
        powers = [
            math.log(later / earlier) / math.log(more / fewer)
            for earlier, later, fewer, more in zip(costs, costs[1:], options.studies, options.studies[1:], strict=False)
        ]
        unit = "MiB" if name == "file" else "s"
        yield (
            f"{name:36}"
            + "".join(f"{cost:10.3f} {unit}" for cost in costs)
            + "   "
            + ", ".join(f"n^{power:.2f}" for power in powers)
        )
    if options.json:
        options.json.write_text(json.dumps({"machine": before, "studies": found}, indent=2) + "\n", encoding="utf-8")


def _measure(studies: int, turns: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bilan-benchmark-") as folder:
        store, published = Path(folder) / "warehouse.duckdb", Path(folder) / "published.duckdb"
        generated.make(store, 1, studies, 36)
        costs = {"publish": _fastest(partial(publish.publish, store, published), turns)}
        with connect.writer(store) as connection:
            costs["ledger: messages matched"] = _fastest(partial(ledger.settle_matches, connection, SITE), turns)
            costs["study table, nothing changed"] = _fastest(partial(study.rebuild, connection, SITE), turns)
        with connect.reader(published) as connection:
            costs["a month's figures for its report"] = _fastest(
                partial(month_figures, connection, SITE, generated.MONTH), turns
            )
            day = generated.LAST - timedelta(days=1)
            costs["a day's flagged cases"] = _fastest(partial(cases.flagged, connection, SITE, day), turns)
        costs["file"] = published.stat().st_size / 2**20
    return costs


def _fastest(step: Callable[[], Any], turns: int) -> float:
    taken = []
    for _ in range(turns):
        started = _processor()
        step()
        taken.append(_processor() - started)
    return min(taken)


def _processor() -> float:
    # The readers' copy is made by a child.
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime

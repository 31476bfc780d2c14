"""The month of every site: sites side by side in processes, all their charts in one page of one browser."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from inference.errors import BilanInferenceError
from pipelines import config as configuration
from pipelines import month as one
from pipelines.config import Config
from pipelines.errors import BilanError, NothingToReportError
from reports import drawing, monthly
from reports.drawing import Drawing
from reports.errors import ReportError
from warehouse.errors import WarehouseError

TOLD = (BilanError, BilanInferenceError, ReportError, WarehouseError)
Progress = Callable[[dict[str, Any]], None]


def run(
    config: Config,
    month: str,
    sites: Sequence[str] = (),
    *,
    processes: int | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Make the month's report of every site (or of `sites`) and return what `pipelines.month.run` does of each.

    A site without data in the month has status ``nothing``, one whose report was not made ``failed``
    with the `error` in words; neither stops the others. Results are in the order of the sites' names.
    """
    waiting = sorted(sites or config.sites)
    count = max(1, min(processes or config.machine.workers, len(waiting)))
    results: dict[str, dict[str, Any]] = {}
    context = multiprocessing.get_context("spawn")
    workers: dict[Connection, Any] = {}
    busy: dict[Connection, str] = {}
    with drawing.warm() as page:
        try:
            for _ in range(count):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs, config.home, month), daemon=True)
                process.start()
                theirs.close()
                workers[ours] = process
                _next(ours, waiting, busy)
            while busy:
                for connection in wait(list(busy)):
                    assert isinstance(connection, Connection)  # noqa: S101 - only pipes are waited for
                    site = busy[connection]
                    try:
                        kind, content = connection.recv()
                    except EOFError:
                        kind, content = "done", _failed(site, month, "the process that made it ended")
                        workers.pop(connection).join()
                        busy.pop(connection)
                    if kind == "draw":
                        connection.send(page.draw_plain(json.loads(content)))
                        continue
                    results[site] = content
                    if progress is not None:
                        progress(content)
                    if connection in busy:
                        _next(connection, waiting, busy)
        finally:
            for connection, process in workers.items():
                connection.close()
                process.terminate()
                process.join()
    for site in waiting:
        results[site] = _failed(site, month, "no process was left to make it")
    return [results[site] for site in sorted(results)]


def _next(connection: Connection, waiting: list[str], busy: dict[Connection, str]) -> None:
    busy.pop(connection, None)
    if waiting:
        busy[connection] = waiting.pop(0)
        connection.send(busy[connection])


def _work(connection: Connection, home: Path, month: str) -> None:
    """Make reports of the sites that come through `connection` until it is closed."""
    config = configuration.load(home)

    def draw(composition: monthly.Composition) -> dict[str, Drawing]:
        figures = {name: chart.figure.to_json() for name, chart in composition.charts.items() if chart.figure}
        connection.send(("draw", "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in figures.items()) + "}"))
        drawn: dict[str, Drawing] = connection.recv()
        return drawn

    while True:
        try:
            site = connection.recv()
        except EOFError:
            return
        try:
            result = one.run(config, site, month, draw=draw)
        except NothingToReportError as error:
            result = {**_failed(site, month, str(error)), "status": "nothing"}
        except TOLD as error:
            result = _failed(site, month, str(error))
        connection.send(("done", result))


def _failed(site: str, month: str, error: str) -> dict[str, Any]:
    return {"site": site, "month": month, "status": "failed", "made": [], "error": error}

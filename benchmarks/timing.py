"""Two ways to do the same, taken in turns, so that a busy machine is busy for both."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each turn of one way, and those of a core that this process and its ended children took.

    Processes that a browser starts and does not wait for are not among the latter.
    """

    name: str
    seconds: tuple[float, ...]
    core_seconds: tuple[float, ...]

    def line(self, unit: str, count: int) -> str:
        """Return the way in one line: median, fastest and slowest turn, and the median for one unit."""
        middle = statistics.median(self.seconds)
        spread = f"{min(self.seconds):.1f}-{max(self.seconds):.1f}"
        return (
            f"{self.name:28} {middle:8.1f} s   ({spread}, n = {len(self.seconds)})   {middle / count:7.2f} s a {unit},"
            f" {statistics.median(self.core_seconds) / count:.2f} s of a core"
        )


def interleaved(ways: Mapping[str, Callable[[], object]], turns: int) -> list[Timing]:
    """Run each way once in each turn, the order turned round each time, and return the seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    cores: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for turn in range(turns):
        for name in names if turn % 2 == 0 else reversed(names):
            started, used = time.perf_counter(), sum(os.times()[:4])
            ways[name]()
            seconds[name].append(time.perf_counter() - started)
            cores[name].append(sum(os.times()[:4]) - used)
    return [Timing(name, tuple(seconds[name]), tuple(cores[name])) for name in names]


def machine() -> str:
    """Return what the figures depend on: cores that may be used, and how busy they are."""
    return f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} before the run"

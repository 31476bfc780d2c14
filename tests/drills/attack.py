"""An outsider with every bundle of a site: what can be worked out of the counts that were withheld."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import lil_array

from warehouse.disclosure import Layout, Published


@dataclass(frozen=True)
class Pinned:
    """What the outsider knows of one withheld count."""

    telling: int
    table: str
    cell: str
    low: float
    high: float


def attack(layout: Layout, told: Sequence[Published], k: int, wanted: set[tuple[int, str, str]]) -> Iterator[Pinned]:
    """Solve for the withheld counts `wanted` (telling, table, cell) of one month, told once or several times.

    The outsider knows the tables, what is shown, the rule for counts that stand alone (withheld: below k), and that
    a month only grows from one telling to the next: late data add studies, nothing is taken away.
    """
    for root in (name for name, table in layout.items() if table.splits is None):
        names = _family(layout, root)
        asked = sorted(each for each in wanted if each[1] in names)
        if asked:
            yield from _solve(layout, names, root, told, k, asked)


def _family(layout: Layout, root: str) -> list[str]:
    names = [root]
    for name, table in layout.items():
        if table.splits is not None and table.splits[0] in names:
            names.append(name)
    return names


def _solve(
    layout: Layout, names: list[str], root: str, told: Sequence[Published], k: int, asked: list[tuple[int, str, str]]
) -> Iterator[Pinned]:
    places = {
        key: place
        for place, key in enumerate(
            (telling, name, cell) for telling in range(len(told)) for name in names for cell in layout[name].cells
        )
    }
    bounds = []
    for telling, name, cell in places:
        shown = told[telling][name][cell]
        bounds.append((shown, shown) if shown is not None else (0, k - 1 if name == root else None))
    sums = []
    for telling in range(len(told)):
        for name in names:
            splits = layout[name].splits
            if splits is not None:
                parts = [places[telling, name, cell] for cell in layout[name].cells]
                sums.append((parts, places[telling, *splits]))
    equal = lil_array((max(1, len(sums)), len(places)))
    for row, (parts, whole) in enumerate(sums):
        equal[row, parts] = 1
        equal[row, whole] = -1
    steps = [(places[n, name, cell], places[n + 1, name, cell]) for n, name, cell in places if n + 1 < len(told)]
    grows = lil_array((len(steps), len(places))) if steps else None
    for row, (before, after) in enumerate(steps):
        grows[row, before], grows[row, after] = 1, -1
    for key in asked:
        goal = np.zeros(len(places))
        goal[places[key]] = 1
        low, high = (
            linprog(
                sign * goal,
                A_eq=equal.tocsr(),
                b_eq=np.zeros(equal.shape[0]),
                A_ub=None if grows is None else grows.tocsr(),
                b_ub=None if grows is None else np.zeros(len(steps)),
                bounds=bounds,
                method="highs",
            )
            for sign in (1, -1)
        )
        assert low.status in (0, 3) and high.status in (0, 3), (low.message, high.message)
        yield Pinned(*key, low.fun if low.status == 0 else 0.0, -high.fun if high.status == 0 else float("inf"))

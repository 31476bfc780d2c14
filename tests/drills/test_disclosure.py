"""An attacker with every bundle of many sites and months solves for the counts that were withheld.

Short: 4 sites, 5 months, in each run. Long (`make drills`): 50 sites, 24 months.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from warehouse.aggregates import LAYOUT
from warehouse.disclosure import protect, restated

FULL = os.environ.get("BILAN_DRILLS") == "full"
SITES, MONTHS = (50, 24) if FULL else (4, 5)
K = 11
Counts = dict[str, dict[str, int]]
# How studies fall into the cells of a split at an ordinary site; the rest of a table's cells share what is left.
SHARES = {
    "studies_by_region": (9, 11, 22, 4, 5, 2, 6, 1.5, 2, 4, 1, 11, 3, 14, 10, 2, 0.5, 1, 2),
    "studies_by_patient_class": (58, 12, 26, 1, 3),
    "studies_by_ai_result": (30, 70),
    "flagged_by_result": (72, 28),
    "flagged_by_report": (48, 40, 12),
    "not_flagged_by_result": (98.6, 0.8, 0.6),
    "not_flagged_by_report": (3, 82, 15),
    "studies_by_turnaround": (82, 18),
    "within_24_hours": (18, 45, 25, 12),
    "not_within_24_hours": (70, 24, 6),
    "later": (60, 35, 5),
    "files_by_outcome": (95, 1, 3, 0.5, 0.05, 0.3, 0.15),
    "messages_by_outcome": (94, 1, 3, 1, 0.05, 0.45, 0.5),
    "judged_by_hours": (40, 35, 20, 5),
}


def attacker() -> ModuleType:
    path = Path(__file__).with_name("attack.py")
    spec = importlib.util.spec_from_file_location("attack", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["attack"] = module
    spec.loader.exec_module(module)
    return module


def month(rng: np.random.Generator, size: float) -> Counts:
    """True counts of a month of a site with about so many studies."""
    studies = rng.poisson(size)
    roots = {
        "studies": studies,
        "files": rng.poisson(2.2 * size),
        "messages": rng.poisson(1.3 * size),
        "sign_ins": rng.poisson(0.2 * size),
        "cases_opened": rng.poisson(0.3 * size),
        "judged": rng.binomial(studies, 0.15),
    }
    counts: Counts = {}
    for name, table in LAYOUT.items():
        if table.splits is None:
            counts[name] = {"all": int(roots[name])}
            continue
        share = np.array(SHARES[name])
        whole = counts[table.splits[0]][table.splits[1]]
        parts = rng.multinomial(whole, rng.dirichlet(40 * share / share.sum() + 0.01))
        counts[name] = dict(zip(table.cells, map(int, parts), strict=True))
    return counts


def grown(rng: np.random.Generator, counts: Counts, late: float) -> Counts:
    """The month as it is when so many studies more have come in."""
    more = month(rng, late)
    return {name: {cell: n + more[name][cell] for cell, n in cells.items()} for name, cells in counts.items()}


def test_no_small_count_can_be_worked_out_and_most_of_the_volume_is_told() -> None:
    solve = attacker().attack
    rng = np.random.default_rng(20261124)
    attacked = lone = narrow = 0
    told_volume = volume = told_cells = cells = again = changed = 0
    for size in np.exp(rng.uniform(np.log(80), np.log(1600), SITES)):
        for _ in range(MONTHS):
            truth = [month(rng, size * rng.uniform(0.7, 1.2))]
            while rng.random() < 0.3 and len(truth) < 3:
                truth.append(grown(rng, truth[-1], rng.choice((2, 40, 400))))
            told: list[dict[str, dict[str, int | None]]] = []
            for counts in truth:
                told.append(restated(LAYOUT, told, counts, K))
            again += len(told) - 1
            changed += sum(after != before for before, after in pairwise(told))
            # What was told the last time is what is true of the telling that it repeats.
            small = {
                (n, name, cell)
                for n, counts in enumerate(truth)
                for name, table in counts.items()
                for cell, count in table.items()
                if 0 < count < K and told[n][name][cell] is None
            }
            for found in solve(LAYOUT, told, K, small):
                attacked += 1
                alone = told[found.telling][_root(found.table)]["all"] is None
                lone += alone
                # A count that stands alone is below k, as is all that splits it: k whole numbers are left.
                narrow += (found.high - found.low < K - 1 - 1e-6) if alone else (found.high - found.low < K - 1e-6)
            for name, table in LAYOUT.items():
                if table.splits is None:
                    continue
                for cell in table.cells:
                    cells += 1
                    volume += truth[0][name][cell]
                    told_cells += told[0][name][cell] is not None
                    told_volume += told[0][name][cell] or 0
    print(
        f"\n{SITES} sites x {MONTHS} months, {again} tellings again ({changed} changed): {attacked} small counts "
        f"attacked ({lone} under a total that is small), {narrow} narrower than {K}; {told_volume / volume:.1%} of the "
        f"volume and {told_cells / cells:.1%} of the cells told"
    )
    assert attacked > 100
    assert narrow == 0
    assert told_volume / volume >= 0.8


def _root(name: str) -> str:
    splits = LAYOUT[name].splits
    return name if splits is None else _root(splits[0])


@pytest.mark.parametrize("kind", ["primary alone", "rotating"])
def test_the_attack_finds_what_a_weaker_rule_gives_away(kind: str) -> None:
    solve = attacker().attack
    rng = np.random.default_rng(7)
    first = month(rng, 600)
    if kind == "primary alone":
        told = [
            {
                name: {cell: n if n == 0 or n >= K else None for cell, n in cells.items()}
                for name, cells in first.items()
            }
        ]
    else:
        # Each telling protected for itself: the elbow grows past the threshold, the hip takes its place beside the toe,
        # and what was told of the hip before gives the toe.
        regions = dict.fromkeys(LAYOUT["studies_by_region"].cells, 0) | {"wrist": 300, "elbow": 8, "toe": 6, "hip": 15}
        first = {**first, "studies": {"all": 329}, "studies_by_region": regions}
        later = {**first, "studies": {"all": 341}, "studies_by_region": {**regions, "elbow": 20}}
        regional = {name: LAYOUT[name] for name in ("studies", "studies_by_region")}
        told = [protect(regional, counts, K) for counts in (first, later)]
        (toe,) = solve(regional, told, K, {(1, "studies_by_region", "toe")})
        assert (toe.low, toe.high) == (0, 6)
        sound = [told[0], restated(regional, told[:1], later, K)]
        assert sound[1]["studies_by_region"]["hip"] == 15 and sound[1]["studies"] == {"all": 341}
        (toe,) = solve(regional, sound, K, {(1, "studies_by_region", "toe")})
        assert toe.high - toe.low >= K
        return
    small = {
        (0, name, cell)
        for name, cells in first.items()
        for cell, n in cells.items()
        if 0 < n < K and told[0][name][cell] is None
    }
    found = list(solve(LAYOUT, told, K, small))
    assert any(each.high - each.low < K for each in found)

"""A report with a threshold, and the bundle of the same month: together they give no withheld count away."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from reports import protected
from reports.kpi import MonthFigures, month_figures, to_json
from warehouse import disclosure
from warehouse.aggregates import LAYOUT, REGIONS
from warehouse.connect import reader
from warehouse.export import PATIENT_CLASSES

K = 11
Key = tuple[str, ...]
PARTS = ("volume_by_region", "volume_by_patient_class", "volume_by_day", "volume_by_device")


def simulated() -> ModuleType:
    name = "simulated_sites"
    if name not in sys.modules:
        path = Path(__file__).parents[1] / "reports" / "conftest.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec and spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


class Attacker:
    """Linear equations over counts: what is known, what adds up."""

    def __init__(self) -> None:
        self.places: dict[Key, int] = {}
        self.rows: list[tuple[dict[int, float], float]] = []

    def at(self, *key: str) -> int:
        return self.places.setdefault(key, len(self.places))

    def says(self, parts: list[Key], number: float | None) -> None:
        """Note that some counts add up to a number."""
        if number is not None:
            self.rows.append(({self.at(*part): 1.0 for part in parts}, float(number)))

    def splits(self, parts: list[Key], whole: Key) -> None:
        """Note that some counts add up to another."""
        row = dict.fromkeys((self.at(*part) for part in parts), 1.0)
        row[self.at(*whole)] = -1.0
        self.rows.append((row, 0.0))

    def range_of(self, *key: str) -> tuple[float, float]:
        matrix = np.zeros((len(self.rows), len(self.places)))
        for place, (row, _) in enumerate(self.rows):
            for column, factor in row.items():
                matrix[place, column] = factor
        goal = np.zeros(len(self.places))
        goal[self.places[key]] = 1
        ends = []
        for sign in (1, -1):
            found = linprog(sign * goal, A_eq=matrix, b_eq=[number for _, number in self.rows], method="highs")
            assert found.status in (0, 3), found.message
            ends.append(sign * found.fun if found.status == 0 else float("inf"))
        return ends[0], ends[1]


def cell_of(name: str, stratum: dict[str, Any]) -> Key:
    if name == "volume_by_region":
        return ("studies_by_region", stratum["region"] if stratum["region"] in REGIONS else "other")
    return ("studies_by_patient_class", PATIENT_CLASSES.get(stratum["patient_class"], "other"))


def read_report(attacker: Attacker, report: dict[str, Any]) -> None:  # noqa: C901 - one branch for each figure
    """Note what every figure of the report says; a figure with numbers that is not known here fails the test."""
    of: dict[str, list[Key]] = {
        "volume": [("studies", "all")],
        "positive_rate": [("flagged_by_result", "positive")],
        "doubtful_rate": [("flagged_by_result", "doubtful")],
        "unreported": [("not_within_24_hours", "unreported")],
    }
    day = [("within_24_hours", name) for name in ("up_to_1", "up_to_4", "up_to_12", "up_to_24")]
    hours = {1: day[:1], 4: day[:2], 24: day, "target": day, 48: [*day, ("later", "up_to_48")]}
    children: dict[Key, list[Key]] = {}
    for figure in report["figures"]:
        name, stratum, number = figure["name"], figure["stratum"], figure["numerator"]
        assert all(n is None for n in figure["excluded"].values()), name
        bare = number is None and figure["denominator"] is None
        # Parts that are withheld still add up to their whole.
        if figure["unit"] == "nights" or (bare and name not in PARTS):
            continue
        if name in of:
            attacker.says(of[name], number)
            if figure["denominator"] is not None:
                attacker.says([("studies", "all")], figure["denominator"])
        elif name == "reported_within":
            attacker.says(hours[stratum["hours"]], number)
        elif name in ("volume_by_region", "volume_by_patient_class"):
            key = (name, json.dumps(stratum, sort_keys=True))
            children.setdefault(cell_of(name, stratum), []).append(key)
            attacker.says([key], number)
        elif name in ("volume_by_day", "volume_by_device"):
            key = (name, json.dumps(stratum, sort_keys=True))
            children.setdefault((name, "whole"), []).append(key)
            attacker.says([key], number)
        elif name == "offered":
            root = "files" if stratum["kind"] == "dicom" else "messages"
            attacker.says([(f"{root}_by_outcome", stratum["outcome"])], number)
            attacker.says([(root, "all")], figure["denominator"])
        elif name == "agreement_cells":
            said = {"present": "fracture", "absent": "no_fracture"}[stratum["label"]]
            assert stratum["ai"] == "negative"
            attacker.says([("not_flagged_by_report", said)], number)
        elif name in protected.OF_FOUR:
            # Whatever it is made of: the four counts are told, every one.
            for table, cell in protected.FOUR:
                assert attacker.range_of(table, cell)[0] == attacker.range_of(table, cell)[1]
        else:
            assert name in ("images", "simulated_share"), f"{name} shows a number that this attack does not know"
    for whole, parts in children.items():
        attacker.splits(parts, ("studies", "all") if whole[1] == "whole" else whole)


def read_bundle(attacker: Attacker, told: disclosure.Published) -> None:
    for name, table in LAYOUT.items():
        for cell in table.cells:
            attacker.at(name, cell)
            attacker.says([(name, cell)], told[name][cell])
        if table.splits is not None:
            attacker.splits([(name, cell) for cell in table.cells], table.splits)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[MonthFigures, dict[str, Any]]]:
    """Figures with and without a threshold of two sites."""
    sites = simulated()
    plans = tuple(plan for plan in sites.PLANS if plan.site in ("young", "westbrook"))
    found = {}
    for k in (1, K):
        path = tmp_path_factory.mktemp("report") / "warehouse.duckdb"
        sites.fill(path, plans, small_cell=k)
        with reader(path) as connection:
            for plan in plans:
                figures = month_figures(connection, plan.site, sites.MONTH)
                found.setdefault(plan.site, {})[k] = figures
    return {site: (each[1], to_json(each[K])) for site, each in found.items()}


@pytest.mark.parametrize("site", ["young", "westbrook"])
def test_report_and_bundle_together_give_nothing_away(month: dict[str, Any], site: str) -> None:
    open_figures, report = month[site]
    truth = true_counts(open_figures)
    told = disclosure.protect(LAYOUT, {name: dict(truth[name]) for name in LAYOUT}, K)
    attacker = Attacker()
    read_bundle(attacker, told)
    read_report(attacker, report)
    shown = {
        (figure["name"], json.dumps(figure["stratum"], sort_keys=True))
        for figure in report["figures"]
        if figure["numerator"] is not None
    }
    attacked = 0
    for table, cells in truth.items():
        for cell, n in cells.items():
            if not 0 < n < K or (table, cell) not in attacker.places:
                continue
            assert (table, cell) not in shown and (table not in LAYOUT or told[table][cell] is None)
            low, high = attacker.range_of(table, cell)
            attacked += 1
            assert high - low >= K - 1, (table, cell, n, low, high)
    assert attacked > 20


def true_counts(figures: MonthFigures) -> dict[str, Counter[str]]:
    """Counts of every cell, from the figures of the same month without a threshold."""
    found: dict[str, Counter[str]] = {name: Counter(dict.fromkeys(table.cells, 0)) for name, table in LAYOUT.items()}

    def number(name: str, **stratum: Any) -> int:
        value = figures.one(name, **stratum)
        return int(value.numerator or 0) if value else 0

    for name in PARTS:
        found[name] = Counter()
        for value in figures.values[name]:
            found[name][json.dumps(dict(value.stratum), sort_keys=True)] = int(value.numerator or 0)
            if name in ("volume_by_region", "volume_by_patient_class"):
                table, cell = cell_of(name, dict(value.stratum))
                found[table][cell] += int(value.numerator or 0)
    studies = number("volume")
    found["studies"]["all"] = studies
    positive, doubtful = number("positive_rate"), number("doubtful_rate")
    failed, missing = (figures.values["positive_rate"][0].excluded[name] or 0 for name in ("failed", "not_processed"))
    found["flagged_by_result"].update(positive=positive, doubtful=doubtful)
    found["studies_by_ai_result"].update(flagged=positive + doubtful, not_flagged=studies - positive - doubtful)
    negative = studies - positive - doubtful - failed - missing
    found["not_flagged_by_result"].update(negative=negative, failed=failed, not_processed=missing)
    for side, results in (("flagged", ("positive", "doubtful")), ("not_flagged", ("negative",))):
        table = found[f"{side}_by_report"]
        table["fracture"] = sum(number("agreement_cells", ai=ai, label="present") for ai in results)
        table["no_fracture"] = sum(number("agreement_cells", ai=ai, label="absent") for ai in results)
        table["not_compared"] = found["studies_by_ai_result"][side] - table["fracture"] - table["no_fracture"]
    waits = figures.frames["turnaround"]
    done = waits[waits["observed"].astype(bool)]["hours"].to_numpy(dtype=float)
    edges = ((1, "up_to_1"), (4, "up_to_4"), (12, "up_to_12"), (24, "up_to_24"), (48, "up_to_48"), (168, "up_to_168"))
    for hours in done:
        place = next((name for edge, name in edges if hours <= edge), "over_168")
        found["within_24_hours" if hours <= 24 else "later"][place] += 1
    within, later = int((done <= 24).sum()), int((done > 24).sum())
    found["studies_by_turnaround"].update(within_24_hours=within, not_within_24_hours=studies - within)
    waiting = len(waits) - len(done)
    found["not_within_24_hours"].update(later=later, unreported=waiting, unusable=studies - within - later - waiting)
    for value in figures.values["offered"]:
        root = "files" if value.stratum["kind"] == "dicom" else "messages"
        found[root]["all"] = int(value.denominator or 0)
        found[f"{root}_by_outcome"][str(value.stratum["outcome"])] = int(value.numerator or 0)
    return found


def test_a_report_without_the_rule_is_found_out(month: dict[str, Any]) -> None:
    """The number of studies analysed next to that of all: one study failed, and an ordinary report says so."""
    open_figures, _ = month["young"]
    analysed, studies = open_figures.one("positive_rate"), open_figures.one("volume")
    assert analysed and studies and 0 < (studies.numerator or 0) - (analysed.denominator or 0) < K
    attacker = Attacker()
    attacker.splits([("analysed",), ("failed",)], ("studies",))
    attacker.says([("studies",)], studies.numerator)
    attacker.says([("analysed",)], analysed.denominator)
    low, high = attacker.range_of("failed")
    assert low == high == 1

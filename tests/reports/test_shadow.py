"""Two models on the same studies, against the same counted here; what a month with and without a shadow prints."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from statsmodels.stats.proportion import proportion_confint

from inference.records import Finding
from reports import kpi, monthly, shadow
from reports.definition import Provenance, ReportDefinition
from reports.language import language
from warehouse import freeze
from warehouse.connect import migrate, reader, writer
from warehouse.figure import rows
from warehouse.load import load
from warehouse.rows import ModelRow

NEW = "cd" * 32
FIRST = date(2026, 6, 8)  # the shadow's first day
RESULTS = ("positive", "doubtful", "negative")


@dataclass(frozen=True)
class Truth:
    """One study with what the shadow says of it, or why it cannot be compared."""

    ai: str
    result: str | None
    label: str | None
    reason: str | None


@pytest.fixture(scope="module")
def plan(simulated: ModuleType) -> Any:
    return replace(simulated.PLANS[1], site="shaded", first=date(2026, 6, 1))


@pytest.fixture(scope="module")
def found(simulated: ModuleType, plan: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Truth]]:
    """A month of a site with a shadow from its eighth day on; the truth of each study is noted as it is written."""
    path = tmp_path_factory.mktemp("shadow") / "warehouse.duckdb"
    migrate(path)
    # Every 13th report waits for a person's reading.
    studies = [
        replace(row, report_tier="review" if number % 13 == 0 and row.report_label else None)
        for number, row in enumerate(simulated.studies(plan))
        if row.day < date(2026, 7, 1)
    ]
    instances, flags, shadows, truth = [], [], [], []
    for number, row in enumerate(studies):
        shots, _ = simulated.images(row)
        instances += shots
        scores = [row.score, None if row.score is None else row.score / 2]
        flags += [finding(shot, score, simulated.MODEL) for shot, score in zip(shots, scores, strict=True)]
        reason = "no_result" if row.ai_result == "failed" else None
        result = None
        if row.day >= FIRST:
            # The newcomer is a little bolder; the study's score comes from its second image. Every 9th study it
            # failed on one image, every 11th on all.
            bold = min(0.99, (row.score or 0.5) + (0.3 if number % 4 == 0 else 0.0))
            new: list[float | None] = [bold / 3, bold]
            if number % 9 == 0:
                new[0] = None
            if number % 11 == 0:
                new = [None, None]
            shadows += [finding(shot, score, NEW) for shot, score in zip(shots, new, strict=True)]
            if None in new:
                reason = reason or "other_images"
            result = "positive" if bold >= 0.5 else "doubtful" if bold >= 0.3 else "negative"
        else:
            reason = reason or "no_shadow"
        decided = row.report_label in ("present", "absent") and row.report_acuity != "followup" and not row.report_tier
        label = row.report_label if row.report_state == "final" and decided else None
        truth.append(Truth(row.ai_result, result, label, reason))
    with writer(path) as connection:
        load(connection, "site", [simulated.facts(plan)])
        at = datetime(2026, 5, 1, tzinfo=UTC)
        regions = tuple(sorted({row.region for row in studies} - {"hip", "wrist"}))
        load(connection, "model", [ModelRow(simulated.MODEL, "old", "1", 0.35, 0.6, at, regions)])
        load(connection, "model", [ModelRow(NEW, "new", "2", 0.3, 0.5, at + timedelta(days=40))])
        load(connection, "study", studies)
        load(connection, "instance", instances)
        load(connection, "finding", flags, site=plan.site, key_id=simulated.KEY)
        load(connection, "finding", shadows, site=plan.site, key_id=simulated.KEY, role="shadow")
        load(connection, "night", simulated.nights(plan))
    return path, truth


def finding(shot: Any, score: float | None, model: str) -> Finding:
    return Finding(
        study_uid=shot.study_uid,
        instance_uid=shot.instance_uid,
        code="fracture",
        status="failed" if score is None else "ok",
        score=score,
        boxes=(),
        reason="MODEL_FAILED" if score is None else None,
        model_name="m",
        model_version="1",
        model_sha256=model,
        ai_completed=datetime(2026, 7, 1, tzinfo=UTC),
    )


@pytest.fixture(scope="module")
def june(found: tuple[Path, list[Truth]], plan: Any) -> kpi.MonthFigures:
    with reader(found[0]) as connection:
        return kpi.month_figures(connection, plan.site, "2026-06", datetime(2026, 7, 20, tzinfo=UTC))


def test_cells_and_exclusions_are_those_counted_from_the_rows(
    found: tuple[Path, list[Truth]], june: kpi.MonthFigures
) -> None:
    _, truth = found
    compared = [each for each in truth if each.reason is None]
    cells = Counter((each.ai, each.result) for each in compared)
    assert len(cells) >= 5  # the newcomer does not merely repeat the other
    for ai in RESULTS:
        for result in RESULTS:
            value = june.one("shadow_cells", shadow="new 2", ai=ai, result=result)
            assert value is not None
            assert (value.numerator, value.denominator) == (cells[ai, result], len(compared))
    left_out = Counter(each.reason for each in truth if each.reason)
    assert set(left_out) == {"no_result", "no_shadow", "other_images"}
    excluded = {str(value.stratum["reason"]): value for value in june.values["shadow_excluded"]}
    assert {reason: value.numerator for reason, value in excluded.items()} == left_out
    assert {value.denominator for value in excluded.values()} == {len(truth)}
    assert len(compared) + sum(left_out.values()) == len(truth)


@pytest.mark.parametrize("side", ["flagging", "shadow"])
def test_both_models_are_measured_on_the_same_reports(
    found: tuple[Path, list[Truth]], june: kpi.MonthFigures, side: str
) -> None:
    compared = [each for each in found[1] if each.reason is None]
    said = [(each.ai if side == "flagging" else each.result, each.label) for each in compared if each.label]
    present = [result != "negative" for result, label in said if label == "present"]
    absent = [result == "negative" for result, label in said if label == "absent"]
    for name, right, n in (
        ("shadow_agreement", sum(present) + sum(absent), len(said)),
        ("shadow_present", sum(present), len(present)),
        ("shadow_absent", sum(absent), len(absent)),
    ):
        value = june.one(name, shadow="new 2", side=side)
        assert value is not None
        assert (value.numerator, value.denominator) == (right, n)
        assert (value.low, value.high) == pytest.approx(proportion_confint(right, n, method="wilson"))
        assert value.excluded == {"no_label": len(compared) - len(said)}


def test_the_shadow_changes_no_other_figure(found: tuple[Path, list[Truth]], plan: Any, tmp_path: Path) -> None:
    alone = tmp_path / "alone.duckdb"
    alone.write_bytes(found[0].read_bytes())
    with writer(alone) as connection:
        with_it = kpi.to_json(kpi.month_figures(connection, plan.site, "2026-06"))
        hashed = freeze.data_sha256(connection, plan.site, "2026-06")
        connection.execute("delete from finding where role = 'shadow'")
        without = kpi.to_json(kpi.month_figures(connection, plan.site, "2026-06"))
        # What a report shows is part of what an issue is made from.
        assert freeze.data_sha256(connection, plan.site, "2026-06") != hashed
    for data in (with_it, without):
        data["figures"] = [value for value in data["figures"] if value["sql"] != "shadow_cells.sql"]
    assert with_it == without


@pytest.mark.parametrize(("code", "words"), [("fr", "En observation : new 2"), ("en", "In the shadow: new 2")])
def test_a_month_with_a_shadow_has_its_block_and_definitions(
    found: tuple[Path, list[Truth]], june: kpi.MonthFigures, plan: Any, code: str, words: str
) -> None:
    with reader(found[0]) as connection:
        composition = monthly.compose(connection, plan.site, "2026-06", ReportDefinition(), Provenance())
    page = monthly.page(replace(composition, words=language(code), figures=june), {}, "0" * 64)
    text = page.replace("\u202f", " ").replace("\u00a0", " ")
    assert words in text
    (pair,) = shadow.pairs(june, language(code))
    assert pair.compared in text
    cited, defined = (set(re.findall(pattern, page)) for pattern in (r'href="#d(\d+)"', r'id="d(\d+)"'))
    assert cited == defined
    for name in ("outside_scope", *shadow.NAMES):
        assert language(code).typeset(june.definitions[name].definition.of(code)).split(":")[0] in unescape(page), name
    outside = {str(value.stratum["region"]): value for value in june.values["outside_scope"]}
    assert set(outside) == {"hip", "wrist"}
    assert ("Hors du périmètre validé" if code == "fr" else "Outside the validated scope") in text


def test_regions_outside_the_scope_are_counted(simulated: ModuleType, june: kpi.MonthFigures, plan: Any) -> None:
    analysed = [row for row in simulated.studies(plan) if row.score is not None and row.day < date(2026, 7, 1)]
    for value in june.values["outside_scope"]:
        assert value.numerator == sum(row.region == value.stratum["region"] for row in analysed)
        assert value.denominator == len(analysed)
        assert value.excluded == {"scope_unknown": 0}


def test_small_numbers_withhold_all_of_a_shadow(found: tuple[Path, list[Truth]], plan: Any, tmp_path: Path) -> None:
    path = tmp_path / "small.duckdb"
    path.write_bytes(found[0].read_bytes())
    with writer(path) as connection:
        connection.execute("update site set small_cell = 11")
        figures = kpi.month_figures(connection, plan.site, "2026-06")
    values = [value for name in shadow.NAMES for value in figures.values[name]]
    assert len(values) > 10
    assert all(value.suppressed and value.numerator is None for value in values)
    assert shadow.pairs(figures, language("en"))[0].compared == "*"


def test_a_month_without_a_shadow_says_nothing_of_one(warehouse_file: Path, simulated: ModuleType) -> None:
    with reader(warehouse_file) as connection:
        assert (
            rows(connection, "shadow_cells", "westbrook", date(2026, 6, 1), date(2026, 7, 1), cut=simulated.DAY) == []
        )
        composition = monthly.compose(connection, "westbrook", "2026-06", ReportDefinition(), Provenance())
    page = monthly.page(composition, {}, "0" * 64)
    assert "shadow" not in page.split("</style>")[-1]
    assert "validated scope" not in page

"""Examples of discordant studies: only where a site asks for them, and nothing that tells whose they are."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reports import examples, monthly
from reports.blocks import USUAL, chosen
from reports.definition import Provenance, ReportDefinition
from reports.drawing import Drawing
from warehouse.connect import reader, writer

HOSTILE = '<b>Pas de fracture</b> <link rel=attachment href="file:///etc/passwd">'


@pytest.fixture(scope="module")
def warehouse(simulated: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One site, the sentence of each of whose reports names what must never be seen of another field."""
    path = tmp_path_factory.mktemp("examples") / "w.duckdb"
    plan = simulated.PLANS[0]
    simulated.migrate(path)
    rows = [row for row in simulated.studies(plan) if f"{row.day:%Y-%m}" == simulated.MONTH]
    with simulated.writer(path) as connection:
        simulated.load(connection, "site", [simulated.facts(plan)])
        simulated.load(connection, "study", rows)
        labels = [simulated.label(row, "fr") for row in rows if row.report_message_id]
        simulated.load(connection, "report_label", [replace(label, evidence=HOSTILE) for label in labels])
    return path


def page(path: Path, simulated: ModuleType, blocks: Any) -> str:
    definition = ReportDefinition(blocks=chosen(blocks))
    with reader(path) as connection:
        made = monthly.compose(connection, simulated.PLANS[0].site, simulated.MONTH, definition, Provenance())
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    drawn = {name: Drawing(svg, chart.width, 9) for name, chart in made.charts.items() if chart.figure is not None}
    return monthly.page(made, drawn, "0" * 64)


def discordant(simulated: ModuleType) -> list[Any]:
    rows = [row for row in simulated.studies(simulated.PLANS[0]) if f"{row.day:%Y-%m}" == simulated.MONTH]
    return [
        row
        for row in rows
        if row.report_final is not None
        and row.report_acuity != "followup"
        and (
            (row.ai_result in ("positive", "doubtful") and row.report_label == "absent")
            or (row.ai_result == "negative" and row.report_label == "present")
        )
    ]


def test_no_example_unless_asked_for(warehouse: Path, simulated: ModuleType) -> None:
    assert "discordant_examples" not in {block.name for blocks in USUAL.values() for block in blocks}
    made = page(warehouse, simulated, {})
    assert "Exemples" not in made and "Pas de fracture" not in made


def test_those_that_part_most_without_what_tells_whose_they_are(warehouse: Path, simulated: ModuleType) -> None:
    whole = page(warehouse, simulated, {"agreement": [{"discordant_examples": {"most": 2}}]})
    part = whole[whole.index("Exemples d’examens discordants") : whole.index('id="s-completeness"')]
    shown = re.findall(r"<td>(0,\d\d)</td>", part)
    flagged = sorted((row.score for row in discordant(simulated) if row.ai_result != "negative"), reverse=True)
    missed = sorted(row.score for row in discordant(simulated) if row.ai_result == "negative")
    assert flagged and missed
    assert shown == [f"{score:.2f}".replace(".", ",") for score in (*flagged[:2], *missed[:2])]
    assert part.count("&lt;b&gt;Pas de fracture") == len(shown)
    assert "<link" not in whole
    text = re.sub(r"<[^>]+>", " ", part)
    for row in discordant(simulated):
        for told in (row.study_uid, row.patient_id, row.report_message_id, row.device, f"{row.day:%Y-%m-%d}"):
            assert str(told)[:8] not in text
        assert f"{row.age_band} ans" not in text
    assert not re.search(r"\b\d{1,2}\s(?:juin|juillet)", text)


def test_no_single_study_where_small_numbers_are_withheld(
    warehouse: Path, simulated: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(warehouse.read_bytes())
    with writer(path) as connection:
        connection.execute("update site set small_cell = 11")
    made = page(path, simulated, {"agreement": ["cross", "discordant_examples"]})
    assert "aucun examen isolé n’est montré" in made
    assert "Pas de fracture" not in made


def test_what_came_after_the_data_cut_is_not_told(warehouse: Path, simulated: ModuleType) -> None:
    definition = ReportDefinition(blocks=chosen({"agreement": ["discordant_examples"]}))
    with reader(warehouse) as connection:
        made = monthly.compose(connection, simulated.PLANS[0].site, simulated.MONTH, definition, Provenance())
    known = made.discordant
    cut = sorted(item.report_final for item in known)[len(known) // 2]
    figures = replace(made.figures, data_cut=cut)
    assert {item.study_uid for item in examples.chosen(figures, known, 10)} == {
        item.study_uid for item in known if item.report_final <= cut
    }
    told = examples.examples(
        figures, made.words, [replace(item, verdict="fracture", verdict_at=None) for item in known], 10
    )
    assert {example.verdict for example in told} == {"pas encore revu"}

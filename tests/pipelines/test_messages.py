"""CSV and FHIR sources through the intake and the labeller; patients who object."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from inference.records import Instance
from pipelines import config, messages, night, oppose
from pipelines.cli import app
from pipelines.config import Config
from pipelines.errors import ConfigError
from pipelines.init import init
from warehouse import connect, ledger, load, pending, study
from warehouse.pseudonym import Pseudonymiser, read_key

SITE, DAY = "essai", date(2026, 3, 2)
COLUMNS = {
    "patient_id": "IPP",
    "accession_number": "N° accession",
    "text": "Compte rendu",
    "status": "Etat",
    "event_at": "Date validation",
    "exam_at": "Examen",
    "ai_seen": "IA vue",
}
EXPORT = """IPP;N° accession;Examen;Date validation;Etat;IA vue;Compte rendu
CANARY1;A1;02/03/2026 09:00;02/03/2026 10:00;Validé;non;"Fracture déplacée du radius."
CANARY2;A2;02/03/2026 09:30;46083,4375;Validé;oui;"Pas de fracture."
CANARY3;A3;13/03/2026 09:30;13/03/2026 10:30;Inconnu;;"Pas de fracture."
CANARY4;A4;31/02/2026 09:30;13/03/2026 10:30;Validé;;"Pas de fracture."
"""
REPORT: dict[str, Any] = {
    "resourceType": "DiagnosticReport",
    "status": "final",
    "subject": {"identifier": {"value": "CANARY5"}},
    "identifier": [{"type": {"coding": [{"code": "ACSN"}]}, "value": "A5"}],
    "issued": "2026-03-02T10:10:00+01:00",
    "extension": [{"url": "https://ris.example/ai-seen", "valueBoolean": True}],
    "conclusion": "Fracture du radius.",
}


@pytest.fixture
def home(tmp_path: Path) -> Config:
    init(tmp_path / "home", SITE)
    file = tmp_path / "home" / "sites" / f"{SITE}.yaml"
    settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    settings["ai_seen"] = "https://ris.example/ai-seen"
    settings["sources"] = [
        {
            "name": "export",
            "type": "folder",
            "path": str(tmp_path / "csv"),
            "content": "csv",
            "csv": {"columns": COLUMNS},
        },
        {"name": "fhir", "type": "folder", "path": str(tmp_path / "fhir"), "content": "fhir"},
    ]
    for source in settings["sources"]:
        source["stable_seconds"] = 0
        Path(source["path"]).mkdir()
    file.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    loaded = config.load(tmp_path / "home")
    night.begin(loaded, SITE, [DAY])
    return loaded


def mask(loaded: Config) -> Pseudonymiser:
    return Pseudonymiser(read_key(loaded.key(SITE)))


def image(loaded: Config, number: int) -> None:
    made = Instance(
        f"CANARY{number}", f"1.2.{number}", f"1.2.{number}.1", f"1.2.{number}.1.1", f"A{number}", "1.2", "DX", "wrist",
        "L", "PA", "D", "F", "25-44", 9, 9, 12, "MONOCHROME2", "1.2", datetime(2026, 3, 2, 8, tzinfo=UTC), "x", None,
        True, (),
    )  # fmt: skip
    now = datetime(2026, 3, 3, 4, tzinfo=UTC)
    with connect.writer(loaded.warehouse) as connection:
        load.load(connection, "instance", [made], site=SITE, pseudonymiser=mask(loaded), received_at=now, day=DAY)


def rows(loaded: Config, sql: str) -> list[tuple[Any, ...]]:
    with connect.writer(loaded.warehouse) as connection:
        return connection.execute(sql).fetchall()


def settle(loaded: Config) -> None:
    with connect.writer(loaded.warehouse) as connection:
        ledger.settle_matches(connection, SITE)
        study.rebuild(connection, SITE)


@pytest.mark.parametrize("codec", ["utf-8", "cp1252"])
def test_every_row_of_an_export_is_one_offer(home: Config, tmp_path: Path, codec: str) -> None:
    (tmp_path / "csv" / "export.csv").write_bytes(EXPORT.encode(codec))
    assert night.take_messages(home, SITE, [DAY]) == {"unmatched": 2, "quarantined": 2}
    assert night.take_messages(home, SITE, [DAY]) == {}
    image(home, 1)
    image(home, 2)
    night.label_reports(home, SITE, [DAY])
    settle(home)
    flags = [] if codec == "utf-8" else ["CHARSET"]
    assert rows(home, "select kind, outcome, reasons from ledger order by outcome, reasons") == [
        *[("message", "accepted_flagged" if flags else "accepted", flags)] * 2,
        ("message", "quarantined", ["BAD_DATE"]),
        ("message", "quarantined", ["BAD_STATUS"]),
    ]
    found = rows(
        home, "select report_label, report_final, report_independent from study order by report_final, report_label"
    )
    assert [(label, at.astimezone(UTC), alone) for label, at, alone in found] == [
        ("present", datetime(2026, 3, 2, 9, tzinfo=UTC), True),
        ("absent", datetime(2026, 3, 2, 9, 30, tzinfo=UTC), False),
    ]
    # The export, as it came, and why two rows of it were refused.
    [kept] = (home.spool(SITE) / "messages").iterdir()
    assert kept.suffix == ".csv"
    assert {path.suffix for path in home.quarantine(SITE).iterdir()} == {".bin", ".json"}


def test_an_export_sent_again_with_a_new_row_brings_that_row(home: Config, tmp_path: Path) -> None:
    (tmp_path / "csv" / "monday.csv").write_text(EXPORT, encoding="utf-8")
    night.take_messages(home, SITE, [DAY])
    more = 'CANARY6;A6;02/03/2026 09:00;02/03/2026 11:00;Validé;;"Pas de fracture."\n'
    (tmp_path / "csv" / "tuesday.csv").write_text(EXPORT + more, encoding="utf-8")
    assert night.take_messages(home, SITE, [DAY]) == {"duplicate": 2, "quarantined": 2, "unmatched": 1}


def test_bundles_and_lines_of_resources(home: Config, tmp_path: Path) -> None:
    (tmp_path / "fhir" / "one.json").write_text(json.dumps({"resourceType": "Bundle", "entry": [{"resource": REPORT}]}))
    other = {**REPORT, "subject": {"identifier": {"value": "CANARY6"}}}
    lines = [json.dumps(REPORT), "{broken", json.dumps(other)]
    (tmp_path / "fhir" / "two.ndjson").write_text("\n".join(lines))
    (tmp_path / "fhir" / "page.html").write_text("<html>")
    assert night.take_messages(home, SITE, [DAY]) == {"unmatched": 2, "duplicate": 1, "quarantined": 1, "not_hl7": 1}
    assert night.label_reports(home, SITE, [DAY]) == {"present": 2}
    assert rows(home, "select ai_seen from report_event") == [(True,), (True,)]


def test_nothing_real_is_stored(home: Config, tmp_path: Path) -> None:
    (tmp_path / "csv" / "export.csv").write_text(EXPORT, encoding="utf-8")
    night.take_messages(home, SITE, [DAY])
    oppose.oppose(home, SITE, b"patient_id\nCANARY1\n")
    assert b"CANARY" not in home.warehouse.read_bytes()


def test_patients_who_object_are_neither_analysed_nor_counted(home: Config, tmp_path: Path) -> None:
    (tmp_path / "csv" / "export.csv").write_text(EXPORT, encoding="utf-8")
    night.take_messages(home, SITE, [DAY])
    image(home, 1)
    image(home, 2)
    settle(home)
    assert len(rows(home, "select * from study")) == 2
    told = oppose.oppose(
        home, SITE, b"patient_id;decided_at;state\nCANARY1;2026-03-01;\n;;\nCANARY2;soon;\nX;;perhaps\n"
    )
    assert told == {"site": SITE, "read": 1, "noted": 1, "refused_lines": [3, 4, 5]}
    with connect.writer(home.warehouse) as connection:
        waiting = [image.study_uid for image in pending.images(connection, SITE)]
    assert waiting == [mask(home).of("study_uid", "1.2.2")]
    assert night.label_reports(home, SITE, [DAY]) == {"absent": 1}
    settle(home)
    assert rows(home, "select study_uid from study") == [(mask(home).of("study_uid", "1.2.2"),)]
    outcomes = "select outcome, reasons from ledger where outcome <> 'quarantined' order by all"
    assert rows(home, outcomes) == [("accepted", []), ("accepted_not_inferred", ["OPPOSITION"])]
    # The last decision counts, whatever the order in which they were noted.
    assert oppose.oppose(home, SITE, b"patient_id,decided_at,state\nCANARY1,2026-03-05T10:00,lifted\n")["noted"] == 1
    assert oppose.oppose(home, SITE, b"patient_id,decided_at\nCANARY1,2026-03-02\n")["noted"] == 1
    settle(home)
    assert rows(home, outcomes) == [("accepted", []), ("accepted", [])]
    assert len(rows(home, "select * from study")) == 2


def test_the_commands_say_what_the_night_would(home: Config, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(EXPORT.splitlines()[0] + "\n" + EXPORT.splitlines()[1] + "\n", encoding="utf-8")
    (tmp_path / "one.json").write_text(json.dumps(REPORT))
    given = ["--home", str(home.home), "--site", SITE, "--json"]
    told = CliRunner().invoke(app, ["check", "csv", str(tmp_path / "one.csv"), str(tmp_path / "one.csv"), *given])
    assert [json.loads(line)["outcome"] for line in told.stdout.splitlines()] == ["accepted", "duplicate"]
    told = CliRunner().invoke(app, ["check", "fhir", str(tmp_path / "one.json"), str(tmp_path / "gone"), "--json"])
    assert [json.loads(line)["outcome"] for line in told.stdout.splitlines()] == ["accepted", "quarantined"]
    told = CliRunner().invoke(app, ["oppose", "-", *given], input=b"patient_id\nCANARY9\n")
    assert (told.exit_code, json.loads(told.stdout)["noted"]) == (0, 1)
    assert CliRunner().invoke(app, ["oppose", "-", *given], input=b"name\nCANARY9\n").exit_code == 2
    with pytest.raises(ConfigError):
        messages.export(home.site(SITE), "other")


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"content": "csv"}, "sources.0"),
        ({"content": "hl7", "csv": {"columns": COLUMNS}}, "sources.0"),
        (
            {"content": "csv", "csv": {"columns": {"patient_id": "a", "text": "b", "event_at": "c"}}},
            "sources.0.csv.columns",
        ),
        ({"content": "csv", "csv": {"columns": COLUMNS, "encoding": "klingon"}}, "sources.0.csv.encoding"),
        ({"content": "csv", "csv": {"columns": {**COLUMNS, "patient": "x"}}}, "sources.0.csv.columns.patient"),
    ],
)
def test_what_cannot_be_meant_is_refused(home: Config, source: dict[str, object], field: str) -> None:
    file = home.home / "sites" / f"{SITE}.yaml"
    settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    settings["sources"] = [{"name": "x", "type": "folder", "path": "/tmp/x", **source}]
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(home.home)
    # The kind of a source may be part of the path; a list without a good source is a second mistake.
    told = [problem.field.replace(".folder", "") for problem in caught.value.problems]
    assert set(told) - {"sources"} == {field}

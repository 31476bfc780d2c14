"""The audit by file: reports through the intake, the sample as CSV, readings back, the night's copy."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from inference.records import Finding, Instance
from inference.simulation.site import SAINT_AUBIN
from pipelines import audit, config, demo, night, report_text
from pipelines.cli import app
from pipelines.config import Config
from pipelines.intake import writer
from warehouse import connect, load
from warehouse.pseudonym import Pseudonymiser, read_key
from warehouse.rows import ModelRow

DAY = date(2026, 9, 14)
NOON = datetime(2026, 9, 14, 10, tzinfo=UTC)
SITE = SAINT_AUBIN.site
TEXTS = (
    "=Fracture déplacée du radius.",
    "Pas de fracture. Examen relu par le Dr Canaryson, le 12/09/2026.",
    "Fracture du scaphoïde. DUPONT Canarine, dossier 00123456.",
    "Pas de lésion osseuse traumatique.",
)
RUNNER = CliRunner()


def make(home: Path, **changes: Any) -> Config:
    (home / "sites").mkdir(parents=True)
    (home / "keys").mkdir()
    (home / "bilan.yaml").write_text("simulated_clock: true\n")
    settings = {**demo.site_file(SAINT_AUBIN, home), "pacs_link": None, **changes}
    for source in settings["sources"]:
        Path(source["path"]).mkdir(parents=True, exist_ok=True)
    (home / "sites" / f"{SITE}.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    (home / "keys" / f"{SITE}.key").touch(mode=0o600)
    (home / "keys" / f"{SITE}.key").write_text("5a" * 32)
    return config.load(home)


def message(number: int, text: str) -> bytes:
    lines = (
        f"MSH|^~\\&|RIS|H|BILAN|H|20260914141500||ORU^R01^ORU_R01|C{number}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||CANARY{number}^^^H^PI||CANARY^JO||19800229|F",
        f"OBR|1|P{number}|F{number}|XR^Poignet|||20260914120000|20260914120500||||||||||CANARY-A{number}||||20260914141000||RAD|F",
        f"OBX|1|TX|GDT^Report||{text}||||||F",
    )
    return "".join(line + "\r" for line in lines).encode()


def fill(loaded: Config) -> None:
    """Images scored by hand, reports through the intake and the labeller."""
    night.begin(loaded, SITE, [DAY])
    inbox = next(Path(source.path) for source in loaded.site(SITE).sources if source.content == "hl7")
    for number, text in enumerate(TEXTS):
        (inbox / f"{number}.hl7").write_bytes(message(number, text))
    night.take_messages(loaded, SITE, [DAY])
    night.label_reports(loaded, SITE, [DAY])
    mask = Pseudonymiser(read_key(loaded.key(SITE)))
    images = [image(number) for number in range(len(TEXTS))]
    findings = [finding(each, score) for each, score in zip(images, (0.9, 0.9, 0.01, 0.01), strict=True)]
    with writer(loaded) as connection:
        load.load(connection, "model", [ModelRow("ab" * 32, "m", "1", 0.3, 0.6, NOON)])
        given = {"site": SITE, "pseudonymiser": mask}
        load.load(connection, "instance", images, day=DAY, received_at=NOON, **given)
        load.load(connection, "finding", findings, **given)
    night.assemble(loaded, SITE, [DAY])


def image(number: int) -> Instance:
    return Instance(
        patient_id=f"CANARY{number}",
        study_uid=f"1.2.{number}",
        series_uid=f"1.2.{number}.1",
        instance_uid=f"1.2.{number}.1.1",
        accession_number=f"CANARY-A{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
        modality="DX",
        region="wrist",
        laterality=None,
        view=None,
        device=None,
        sex=None,
        age_band=None,
        rows=9,
        columns=9,
        bits_stored=12,
        photometric="MONOCHROME2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        acquired_at=NOON,
        acquired_from="AcquisitionDateTime",
        study_at=NOON,
        in_scope=True,
        flags=(),
    )


def finding(of: Instance, score: float) -> Finding:
    return Finding(of.study_uid, of.instance_uid, "fracture", "ok", score, (), None, "m", "1", "ab" * 32, NOON)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    made = make(tmp_path_factory.mktemp("audit") / "home")
    fill(made)
    yield made


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, found: list[dict[str, str]], delimiter: str = ",") -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        sheet = csv.DictWriter(file, audit.COLUMNS, delimiter=delimiter)
        sheet.writeheader()
        sheet.writerows(found)


def test_a_sample_goes_out_blind_and_comes_back_read(loaded: Config, tmp_path: Path) -> None:
    out = tmp_path / "sample.csv"
    home = ["--home", str(loaded.home), "--site", SITE]
    drawn = RUNNER.invoke(app, ["audit-sample", "draw", *home, "--month", "2026-09", "--json"])
    assert drawn.exit_code == 0 and '"drawn": 4' in drawn.stdout
    assert RUNNER.invoke(app, ["audit-sample", "export", *home, "--out", str(out)]).exit_code == 0
    found = rows(out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert len(found) == 4 and set(found[0]) == set(audit.COLUMNS)
    sheet = out.read_text(encoding="utf-8")
    for canary in ("Canaryson", "Canarine", "00123456", "12/09/2026", "CANARY", "1.2.0"):
        assert canary not in sheet, canary
    for word in ("positive", "negative", "flagged", "0.9", "score"):
        assert word not in sheet, word
    assert {row["text"] for row in found} >= {"'=Fracture déplacée du radius.", "Pas de lésion osseuse traumatique."}
    assert all(row["label"] == row["acuity"] == "" for row in found)

    for row in found[:3]:
        row["label"] = "Present" if "racture d" in row["text"] else "absent"
    strange = {**found[0], "study": "s-" + "0" * 32, "label": "present"}
    wrong = {**found[3], "label": "perhaps"}
    write(out, [*found[:3], wrong, strange], ";")
    result = RUNNER.invoke(app, ["audit-sample", "import", str(out), *home, "--reader", "CANARY-anne"])
    assert result.exit_code == 1
    assert "3 readings kept" in result.stderr and "5, 6" in result.stderr
    again = audit.take(loaded, SITE, out, "CANARY-anne")
    assert (again.kept, again.unchanged, again.refused) == (0, 3, (5, 6))
    assert audit.export(loaded, SITE, "2026-09", out) == 1
    assert audit.export(loaded, SITE, "2026-08", out) == 0

    night.assemble(loaded, SITE, [DAY])
    with connect.reader(loaded.published) as connection:
        kept = connection.table("report_reading").fetchall()
        assert connection.table("audit_sample").count("*").fetchall() == [(4,)]
    assert len(kept) == 3
    assert "CANARY" not in str(kept)
    assert {row[4:6] for row in kept} <= {("present", "acute"), ("absent", "none")}


def test_a_site_that_keeps_no_text_is_pointed_to_the_application(loaded: Config, tmp_path: Path) -> None:
    silent = replace(loaded, sites={SITE: loaded.site(SITE).model_copy(update={"evidence": "none"})})
    with connect.reader(loaded.published) as connection:
        messages = [row[0] for row in connection.table("report_event").project("message_id").fetchall()]
    assert len(report_text.texts(loaded, SITE, messages)) == 4
    assert report_text.texts(silent, SITE, messages) == {}
    audit.draw(silent, SITE, "2026-09")
    audit.export(silent, SITE, None, tmp_path / "s.csv")
    assert {row["text"] for row in rows(tmp_path / "s.csv")} == {audit.OPEN_IN_APP["fr"]}


def test_a_text_no_longer_in_the_spool_is_left_out(loaded: Config) -> None:
    assert report_text.texts(loaded, SITE, ["0" * 32]) == {}


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe\x00bad", b""])
def test_a_file_that_is_no_export_is_refused(loaded: Config, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(audit.AuditFileError):
        audit.take(loaded, SITE, path, "anne")


def test_a_month_that_is_none_is_refused(loaded: Config) -> None:
    result = RUNNER.invoke(
        app, ["audit-sample", "draw", "--home", str(loaded.home), "--site", SITE, "--month", "2026-13"]
    )
    assert result.exit_code == 2
    assert "YYYY-MM" in result.stderr

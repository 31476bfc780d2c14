"""Corrections by file: the queue out, a person's answer back, over the label whatever pack reads it later."""

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

from inference.labels import engine, pack
from inference.records import Instance
from inference.simulation.site import SAINT_AUBIN
from pipelines import config, corrections, demo, night
from pipelines.cli import app
from pipelines.config import Config
from pipelines.intake import writer
from warehouse import connect, load
from warehouse.pseudonym import Pseudonymiser, read_key

DAY = date(2026, 9, 14)
NOON = datetime(2026, 9, 14, 10, tzinfo=UTC)
SITE = SAINT_AUBIN.site
TEXTS = (
    "Fracture possible du radius, relue par le Dr Canaryson.",
    "Fracture déplacée du radius.",
    "Poignet gauche. Rhizarthrose de DUPONT Canarine, dossier 00123456.",
)
RUNNER = CliRunner()


def message(number: int, text: str) -> bytes:
    lines = (
        f"MSH|^~\\&|RIS|H|BILAN|H|20260914141500||ORU^R01^ORU_R01|C{number}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||CANARY{number}^^^H^PI||CANARY^JO||19800229|F",
        f"OBR|1|P{number}|F{number}|XR^Poignet|||20260914120000|20260914120500||||||||||CANARY-A{number}||||20260914141000||RAD|F",
        f"OBX|1|TX|GDT^Report||{text}||||||F",
    )
    return "".join(line + "\r" for line in lines).encode()


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


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Config]:
    home = tmp_path / "home"
    (home / "sites").mkdir(parents=True)
    (home / "keys").mkdir()
    (home / "bilan.yaml").write_text("simulated_clock: true\n")
    settings = {**demo.site_file(SAINT_AUBIN, home), "pacs_link": None}
    for source in settings["sources"]:
        Path(source["path"]).mkdir(parents=True, exist_ok=True)
    (home / "sites" / f"{SITE}.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    (home / "keys" / f"{SITE}.key").touch(mode=0o600)
    (home / "keys" / f"{SITE}.key").write_text("5a" * 32)
    made = config.load(home)
    night.begin(made, SITE, [DAY])
    inbox = next(Path(source.path) for source in made.site(SITE).sources if source.content == "hl7")
    for number, text in enumerate(TEXTS):
        (inbox / f"{number}.hl7").write_bytes(message(number, text))
    night.take_messages(made, SITE, [DAY])
    night.label_reports(made, SITE, [DAY])
    mask = Pseudonymiser(read_key(made.key(SITE)))
    with writer(made) as connection:
        images = [image(number) for number in range(len(TEXTS))]
        load.load(connection, "instance", images, day=DAY, received_at=NOON, site=SITE, pseudonymiser=mask)
    night.assemble(made, SITE, [DAY])
    yield made


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, found: list[dict[str, str]], delimiter: str = ",") -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        sheet = csv.DictWriter(file, corrections.COLUMNS, delimiter=delimiter)
        sheet.writeheader()
        sheet.writerows(found)


def studies(loaded: Config) -> list[tuple[Any, ...]]:
    with connect.reader(loaded.published) as connection:
        found = connection.table("study").project("report_label, report_acuity").fetchall()
    return sorted(found)


def labels(loaded: Config) -> list[tuple[Any, ...]]:
    with connect.reader(loaded.published) as connection:
        return sorted(connection.table("report_label").project("label, acuity, tier").fetchall())


UNTOUCHED = [("not_addressed", "none"), ("present", "acute"), ("uncertain", "none")]
CORRECTED = [("absent", "old"), ("not_addressed", "none"), ("present", "acute")]


def test_a_correction_stands_over_the_label_and_over_a_newer_pack(
    loaded: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert studies(loaded) == UNTOUCHED
    out = tmp_path / "queue.csv"
    home = ["--home", str(loaded.home), "--site", SITE]
    shown = RUNNER.invoke(app, ["labels", "queue", *home, "--csv", str(out), "--json"])
    assert shown.exit_code == 0 and '"waiting": 2' in shown.stdout
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    sheet = out.read_text(encoding="utf-8")
    for canary in ("Canaryson", "Canarine", "00123456", "CANARY", "1.2.0"):
        assert canary not in sheet, canary
    found = rows(out)
    assert {row["read"] for row in found} == {"uncertain", "not_addressed"}
    hedged = next(row for row in found if row["read"] == "uncertain")
    assert hedged["sentence"].startswith("Fracture possible du radius")

    hedged |= {"label": "Absent", "acuity": "old", "author": "CANARY-anne", "time": "2026-09-15T09:00:00+02:00"}
    silent = next(row for row in found if row["read"] == "not_addressed")
    strange = silent | {"report": "s-" + "0" * 32, "label": "absent"}
    unfit = silent | {"label": "present", "acuity": "old"}
    late = silent | {"label": "absent", "time": "2999-01-01"}
    write(out, [hedged, silent, strange, unfit, late], ";")
    result = RUNNER.invoke(app, ["labels", "import", str(out), *home, "--author", "CANARY-bob"])
    assert result.exit_code == 1
    assert "Corrections kept: 1; rows empty or known: 1." in result.stderr and "4, 5, 6" in result.stderr
    assert corrections.take(loaded, SITE, out, "CANARY-bob").kept == 0
    assert len(corrections.queue(loaded, SITE)) == 1

    before = labels(loaded)
    night.label_reports(loaded, SITE, [DAY])
    night.assemble(loaded, SITE, [DAY])
    assert studies(loaded) == CORRECTED
    assert labels(loaded) == before
    with connect.reader(loaded.published) as connection:
        kept = connection.table("report_correction").fetchall()
        standing = connection.table("standing_label").filter("corrected").project("tier").fetchall()
    assert len(kept) == 1 and "CANARY" not in str(kept)
    assert kept[0][-2] == datetime(2026, 9, 15, 7, tzinfo=UTC)
    assert standing == [("decided",)]

    # A newer pack reads all reports anew; what the person said stands.
    newer(monkeypatch)
    assert night.label_reports(loaded, SITE, [DAY]) == {"present": 1, "uncertain": 1, "not_addressed": 1}
    night.assemble(loaded, SITE, [DAY])
    assert studies(loaded) == CORRECTED
    with connect.reader(loaded.published) as connection:
        assert connection.table("report_label").project("pack").distinct().fetchall() == [("fr-newer",)]


def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {language: pack.load(language) for language in pack.LANGUAGES}
    changed = {language: replace(each, version=f"{language}-newer") for language, each in known.items()}
    monkeypatch.setattr(pack, "load", changed.__getitem__)
    monkeypatch.setattr(engine, "load", changed.__getitem__)


def test_labels_are_made_anew_when_the_pack_changes_and_only_then(
    loaded: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert night.label_reports(loaded, SITE, [DAY]) == {}
    newer(monkeypatch)
    assert sum(night.label_reports(loaded, SITE, [DAY]).values()) == len(TEXTS)
    assert night.label_reports(loaded, SITE, [DAY]) == {}


def test_a_report_no_longer_in_the_spool_keeps_its_label(loaded: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    before = labels(loaded)
    for path in (loaded.spool(SITE) / "messages").glob("*.hl7"):
        path.unlink()
    newer(monkeypatch)
    assert night.label_reports(loaded, SITE, [DAY]) == {}
    assert labels(loaded) == before


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe\x00bad", b""])
def test_a_file_that_is_no_export_is_refused(loaded: Config, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(corrections.CorrectionFileError):
        corrections.take(loaded, SITE, path, "anne")

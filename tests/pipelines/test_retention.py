"""Each store lets go in its time, and what was published stays as it was told."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from pipelines import config, month, retention
from pipelines.cli import app
from pipelines.config import Config
from pipelines.errors import NothingToReportError
from warehouse import addenda, audit, connect, freeze, identified, verdicts
from warehouse.app_store import AppStore
from warehouse.pseudonym import Pseudonymiser

SITES = ("saint-aubin", "westbrook")
NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
# The history begins in May 2025: with these days May, June and July of 2025 are due, if they were issued.
KEEP = (NOW.date() - date(2025, 8, 10)).days


@pytest.fixture
def loaded(month_home: Callable[..., Config], tmp_path: Path) -> Config:
    made = month_home(tmp_path / "home", SITES)
    path = made.home / "sites" / "westbrook.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings["retention"] = {"studies_days": KEEP, "images_days": 30, "lists_days": 40, "messages_days": None}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    loaded = config.load(made.home)
    for name in ("2025-05", "2025-07", "2025-12"):  # June was never issued
        issue(loaded, name)
    return loaded


def issue(loaded: Config, name: str) -> None:
    cut = NOW - timedelta(days=1)
    with connect.writer(loaded.warehouse) as connection:
        digest = freeze.data_sha256(connection, "westbrook", name)
        shown = addenda.snapshot(connection, "westbrook", name, cut)
    freeze.issue(
        loaded.warehouse,
        site="westbrook",
        month=name,
        data_cut=cut,
        data_sha256=digest,
        figures_sha256="f",
        definition="{}",
        now=cut,
        shown=shown,
    )


def rows(loaded: Config, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(loaded.warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def months(loaded: Config, site: str) -> dict[str, int]:
    sql = f"select strftime(day, '%Y-%m'), count(*) from study where site = '{site}' group by all"
    return dict(rows(loaded, sql))


def old(path: Path, days: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    os.utime(path, (NOW.timestamp() - days * 86400,) * 2)
    return path


def test_months_that_were_issued_go_as_a_whole_and_their_figures_stay(loaded: Config) -> None:
    before, others = months(loaded, "westbrook"), months(loaded, "saint-aubin")
    figures = rows(loaded, "select * from issued_figure order by all")
    assert figures and before["2025-05"] and before["2025-07"]
    ((study, verdict_study),) = rows(
        loaded,
        "select min(study_uid) filter (day < '2025-06-01'), min(study_uid) filter (day > '2026-01-01')"
        " from study where site = 'westbrook'",
    )
    store = AppStore(loaded.app_store)
    store.migrate()
    with store.writing() as connection:
        for n, one in enumerate((study, verdict_study)):
            asked = verdicts.Request("westbrook", one, "u", "Dr", str(n))
            verdicts.record(connection, asked, verdicts.Answer("fracture"), NOW)

    counted = retention.run(loaded, "westbrook", NOW, dry_run=True)
    assert months(loaded, "westbrook") == before
    assert counted["removed"]["studies"] == before["2025-05"] + before["2025-07"]
    assert retention.run(loaded, "westbrook", NOW)["removed"] == counted["removed"]

    after = months(loaded, "westbrook")
    assert after == {name: n for name, n in before.items() if name not in ("2025-05", "2025-07")}
    assert months(loaded, "saint-aubin") == others
    assert rows(loaded, "select * from issued_figure order by all") == figures
    assert study.encode() not in loaded.warehouse.read_bytes() + loaded.published.read_bytes()
    with sqlite3.connect(loaded.app_store) as connection:
        assert connection.execute("select study_uid from verdict_event").fetchall() == [(verdict_study,)]
    ((store_name, cutoff, n),) = rows(loaded, "select store, before, removed from retirement")
    assert (store_name, cutoff, n) == ("studies", date(2025, 8, 1), counted["removed"]["studies"])
    events = [row for row in audit.export(store) if row["event"] == "data_retired"]
    assert [json.loads(row["detail"]) for row in events] == [{"studies": n}]
    # Nothing more to remove, and nothing more to tell: what is gone is no change of a figure.
    assert not any(retention.run(loaded, "westbrook", NOW)["removed"].values())
    with connect.reader(loaded.published) as connection:
        assert [one.month for one in addenda.pending(connection, "westbrook", "2026-07")] == []
    with pytest.raises(NothingToReportError):
        month.require_data(loaded, "westbrook", "2025-05")
    month.require_data(loaded, "westbrook", "2025-12")


def test_files_go_by_their_age(loaded: Config) -> None:
    spool, quarantine = loaded.spool("westbrook"), loaded.quarantine("westbrook")
    gone = [
        old(spool / "dicom" / ("1" * 32) / "a.dcm", 31),
        old(spool / "thumbnails" / "a.png", 500),
        old(quarantine / "a.bin", 91),
        old(loaded.list_folder("westbrook", NOW.date() - timedelta(days=41)) / "list.html", 0),
    ]
    kept = [
        old(spool / "dicom" / ("2" * 32) / "a.dcm", 29),
        old(spool / "messages" / "a.hl7", 5000),  # null: for good
        old(spool / "thumbnails" / "b.png", 300),
        old(quarantine / "b.bin", 89),
        old(loaded.list_folder("westbrook", NOW.date() - timedelta(days=39)) / "list.html", 900),
        old(loaded.month_folder("westbrook", "2020-01") / "report.pdf", 2000),
        old(loaded.spool("saint-aubin") / "dicom" / ("3" * 32) / "a.dcm", 31),
    ]
    mixed = old(spool / "dicom" / ("4" * 32) / "a.dcm", 31)
    old(spool / "dicom" / ("4" * 32) / "b.dcm", 1)
    # An image that the model has not judged yet waits, however old its file is.
    sql = "select study_uid, instance_uid from instance where site = 'westbrook' order by all limit 1"
    ((study, image),) = rows(loaded, sql)
    with duckdb.connect(str(loaded.warehouse)) as connection:
        connection.execute("delete from finding where study_uid = $study", {"study": study})
    waiting = old(spool / "dicom" / study / f"{image}.dcm", 400)
    removed = retention.run(loaded, "westbrook", NOW)["removed"]
    assert {name: removed[name] for name in ("images", "thumbnails", "messages", "quarantine", "lists")} == {
        "images": 1,
        "thumbnails": 1,
        "messages": 0,
        "quarantine": 1,
        "lists": 1,
    }
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in (*kept, mixed, waiting))


def test_the_identified_store_forgets(loaded: Config) -> None:
    class Study:
        study_uid, accession_number, patient_id = "1.2.3", "A", "P"

    mask = Pseudonymiser(bytes(32))
    identified.remember(loaded.identified, "westbrook", mask, [Study()], NOW - timedelta(days=401))
    assert retention.run(loaded, "westbrook", NOW)["removed"]["identified"] == 1
    assert identified.lookup(loaded.identified, "westbrook", [mask.of("study_uid", "1.2.3")]) == {}


def test_the_command_counts_every_site(loaded: Config) -> None:
    result = CliRunner().invoke(app, ["retention", "--dry-run", "--json", "--home", str(loaded.home)])
    assert result.exit_code == 0
    assert [one["site"] for one in json.loads(result.output)] == sorted(SITES)
    shown = CliRunner().invoke(app, ["retention", "--site", "westbrook", "--dry-run", "--home", str(loaded.home)])
    assert "westbrook: would be removed" in shown.output

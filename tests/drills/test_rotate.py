"""A key replaced, and killed at any write on the way: either key is wholly in force, and no figure moved.

``make test`` kills at a few points, ``make drills`` at every rename, fsync, unlink and write.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines import config, doctor, erase, rotate
from pipelines.cli import app
from pipelines.config import Config
from reports import kpi
from warehouse import audit, connect, corrections, freeze, rotation, verdicts
from warehouse.app_store import AppStore
from warehouse.pseudonym import Pseudonymiser, is_pseudonym, read_key, rotating, write_key

PROGRAM = Path(__file__).with_name("one_night.py")
FULL = os.environ.get("BILAN_DRILLS") == "full"
DAY, MONTH = date(2026, 10, 24), "2026-10"
MOST = {"rename": 60, "unlink": 40, "fsync": 90, "fdatasync": 60, "pwrite64": 120, "write": 60}
POINTS = (
    [(call, n) for call, most in MOST.items() for n in range(1, most + 1)] if FULL else [("rename", 1), ("rename", 3)]
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]


def one_night() -> ModuleType:
    if "one_night" not in sys.modules:
        spec = importlib.util.spec_from_file_location("one_night", PROGRAM)
        assert spec and spec.loader
        sys.modules["one_night"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["one_night"])
    return sys.modules["one_night"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after one night, with answers of people, a month that was issued, and a patient who was erased."""
    home = tmp_path_factory.mktemp("rotate") / "home"
    made = one_night().nights()
    made.SITE = replace(made.SITE, studies_per_day=7.0)
    loaded = made.make(home)
    # Of two contents under one control id sent in one second the lesser pseudonym stands: a new key may turn that.
    cases = tuple(case for case in made.simulated.ALL_CASES if case != "reused_control")
    made.deliver(loaded, made.plan(made.SITE, DAY, DAY), DAY, cases)
    made.run(loaded, DAY)
    name = next(iter(loaded.sites))
    with sqlite3.connect(loaded.identified) as store:
        ((patient,),) = store.execute("select patient_id from identified order by 1 desc limit 1").fetchall()
    erase.erase(loaded, name, patient)
    ((study,), (other,)) = rows(loaded.warehouse, "select study_uid from study order by 1 limit 2")
    ((message,),) = rows(loaded.warehouse, "select message_id from report_event order by 1 limit 1")
    app_store, now = AppStore(loaded.app_store), datetime(2026, 10, 25, 9, tzinfo=UTC)
    app_store.migrate()
    with app_store.writing() as connection:
        asked = verdicts.Request(name, study, "u1", "Dr Example", "k1")
        event = verdicts.record(connection, asked, verdicts.Answer("fracture", "seen", True), now)
        verdicts.undo(connection, replace(asked, key="k2"), event.event_id, now)
        verdicts.record(connection, replace(asked, key="k3", study_uid=other), verdicts.Answer("unsure"), now)
        corrections.record(connection, name, message, "u1", "present", "acute", now)
    made.run(loaded, DAY)
    with connect.reader(loaded.published) as connection:
        digest = freeze.data_sha256(connection, name, MONTH)
    freeze.issue(
        loaded.warehouse,
        site=name,
        month=MONTH,
        data_cut=now,
        data_sha256=digest,
        figures_sha256="f",
        definition="{}",
        now=now,
    )
    made.run(loaded, DAY)
    return home


@pytest.fixture
def loaded(ran: Path, tmp_path: Path) -> Config:
    home = tmp_path / "home"
    shutil.copytree(ran, home)
    for file in (home / "sites").glob("*.yaml"):
        file.write_text(file.read_text(encoding="utf-8").replace(str(ran), str(home)), encoding="utf-8")
    return config.load(home)


def site(loaded: Config) -> str:
    (name,) = loaded.sites
    return name


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def figures(loaded: Config) -> list[str]:
    """Every figure of the month and its history; a device is told by its figures, not by its pseudonym."""
    with connect.reader(loaded.published) as connection:
        found = kpi.to_json(kpi.month_figures(connection, site(loaded), MONTH))
    for figure in found["figures"]:
        figure["stratum"].pop("device", None)
    history = [f"{name} {values}" for name, values in found["history"].items()]
    return sorted(map(repr, found["figures"])) + history


def pseudonyms(path: Path) -> set[str]:
    """Every pseudonym in any text column of any table."""
    found: set[str] = set()
    with duckdb.connect(str(path), read_only=True) as connection:
        sql = "select table_name, column_name from duckdb_columns() where data_type = 'VARCHAR' and not internal"
        tables = {table for (table,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
        for table, column in connection.execute(sql).fetchall():
            if table in tables and column != "erasure_id":
                values = connection.execute(f"select distinct {column} from {table}").fetchall()
                found |= {value for (value,) in values if value and is_pseudonym(value)}
    return found


def consistent(loaded: Config) -> None:
    """All that is stored is named under the one key in force, and a night finds nothing new."""
    name = site(loaded)
    mask = Pseudonymiser(read_key(loaded.key(name)))
    keys = rows(loaded.warehouse, "select distinct key_id from instance union select distinct key_id from ledger")
    assert keys == [(mask.key_id,)]
    with sqlite3.connect(loaded.identified) as store:
        named = store.execute("select study_pseudonym, study_uid from identified").fetchall()
    assert named and all(mask.of("study_uid", uid) == pseudonym for pseudonym, uid in named)
    images = set(rows(loaded.warehouse, "select study_uid, instance_uid from instance"))
    kept = {(path.parent.name, path.stem) for path in (loaded.spool(name) / "dicom").glob("*/*.dcm")}
    assert images <= kept
    shown = {path.name.split(".")[0] for path in (loaded.spool(name) / "thumbnails").glob("*.png")}
    assert shown and shown <= {image for _, image in images}
    contents = {row[0] for row in rows(loaded.warehouse, "select content_id from ledger")}
    assert {path.stem for path in (loaded.spool(name) / "messages").iterdir()} <= contents
    refused = {path.stem for path in loaded.quarantine(name).glob("*.bin")}
    assert refused <= contents | {row[0] for row in rows(loaded.warehouse, "select instance_uid from ledger")}
    studies = {row[0] for row in rows(loaded.warehouse, "select study_uid from study")}
    with sqlite3.connect(loaded.app_store) as store:
        judged = {row[0] for row in store.execute("select study_uid from verdict_event")}
    assert len(judged) == 2 and judged <= studies
    assert audit.verify(AppStore(loaded.app_store)).problems == ()
    assert not {path.name for path in (loaded.home / "keys").iterdir()} - {f"{name}.key"}


def test_everything_is_renamed_and_no_figure_moves(loaded: Config) -> None:
    consistent(loaded)
    before, old = figures(loaded), pseudonyms(loaded.warehouse)
    counts = {
        table: rows(loaded.warehouse, f"select count(*) from {table}") for table in ("ledger", "study", "tombstone")
    }
    result = CliRunner().invoke(app, ["rotate-key", "--site", site(loaded), "--home", str(loaded.home)])
    assert result.exit_code == 0, result.output
    assert figures(loaded) == before
    assert {table: rows(loaded.warehouse, f"select count(*) from {table}") for table in counts} == counts
    new = pseudonyms(loaded.warehouse)
    # A study of an issue that was erased has a random name, which is renamed as well.
    assert not old & new and len(old) == len(new)
    consistent(loaded)
    content = loaded.warehouse.read_bytes() + loaded.published.read_bytes() + loaded.app_store.read_bytes()
    assert not any(pseudonym.encode() in content for pseudonym in old)
    assert one_night().nights().run(loaded, DAY) == {}
    consistent(loaded)
    assert figures(loaded) == before
    # A month whose data are as they were is not issued anew.
    with connect.reader(loaded.published) as connection:
        last = freeze.last_issue(connection, site(loaded), MONTH)
        assert last and last.data_sha256 == freeze.data_sha256(connection, site(loaded), MONTH)
    rotate.rotate(loaded, site(loaded))
    consistent(loaded)
    assert figures(loaded) == before
    events = [row["event"] for row in audit.export(AppStore(loaded.app_store))]
    assert events.count("key_rotated") == 2


@pytest.mark.parametrize(("call", "number"), POINTS)
def test_a_kill_at_a_write_leaves_one_key_in_force(call: str, number: int, loaded: Config) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    before = figures(loaded)
    code = "import pathlib, sys; from pipelines import config, rotate; "
    code += f"rotate.rotate(config.load(pathlib.Path({str(loaded.home)!r})), {site(loaded)!r})"
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    command = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", *inject, sys.executable, "-W", "ignore", "-c", code]
    ended = subprocess.run(command, check=False, capture_output=True).returncode
    assert FULL or ended == -signal.SIGKILL, "the short form has points that the replacement reaches"
    assert figures(loaded) == before
    assert one_night().nights().run(loaded, DAY) == {}
    consistent(loaded)
    assert figures(loaded) == before


def test_another_sites_night_undoes_what_was_prepared_and_not_brought_into_force(loaded: Config) -> None:
    name = site(loaded)
    key = loaded.home / "keys" / f"{name}.key"
    write_key(key.with_name(key.name + ".next"), read_key(key))
    shutil.copy(loaded.warehouse, rotating(loaded.warehouse))
    assert loaded.key(name) == key
    rotate.resume(loaded, "elsewhere")
    assert loaded.key(name) == key and not rotating(loaded.warehouse).exists()
    consistent(loaded)


def test_a_night_under_way_keeps_its_key(loaded: Config) -> None:
    with duckdb.connect(str(loaded.warehouse)) as connection:
        connection.execute("update night set status = 'running'")
    key = read_key(loaded.key(site(loaded)))
    with pytest.raises(rotation.NightRunningError):
        rotate.rotate(loaded, site(loaded))
    assert read_key(loaded.key(site(loaded))) == key


def test_the_doctor_tells_a_key_that_is_not_the_warehouses(loaded: Config) -> None:
    assert all(result.ok for result in doctor.keys(loaded))
    loaded.key(site(loaded)).write_text("6b" * 32 + "\n")
    (result,) = doctor.keys(loaded)
    assert not result.ok and "keys/" in result.remedy


def test_the_doctor_tells_rows_of_another_key_among_the_others(loaded: Config) -> None:
    with duckdb.connect(str(loaded.published)) as connection:
        connection.execute(
            "update report_event set key_id = '0badc0de' where message_id = (select min(message_id) from report_event)"
        )
    (result,) = doctor.keys(loaded)
    assert not result.ok and "keys/" in result.remedy


def test_an_answer_given_on_a_page_from_before_is_kept(loaded: Config) -> None:
    name = site(loaded)
    ((old,),) = rows(loaded.warehouse, "select min(study_uid) from study")
    rotate.rotate(loaded, name)
    mask = Pseudonymiser(read_key(loaded.key(name)))
    with AppStore(loaded.app_store).writing() as connection:
        asked = verdicts.Request(name, old, "u2", "Dr Late", "late")
        verdicts.record(connection, asked, verdicts.Answer("no_fracture"), datetime(2026, 10, 25, 10, tzinfo=UTC))
    one_night().nights().run(loaded, DAY)
    sql = "select study_uid from verdict where verdict = 'no_fracture'"
    assert rows(loaded.warehouse, sql) == [(mask.renamed(old),)]

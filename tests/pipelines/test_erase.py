"""A patient erased after two nights: nothing left in any store, nothing taken again, everyone else as before."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from inference.mentions import mentions
from pipelines import config, erase
from pipelines.cli import app
from pipelines.config import Config
from warehouse import app_pseudonyms, audit, audit_sample, connect, corrections, erasure, verdicts
from warehouse.app_store import AppStore
from warehouse.load import IDENTIFIERS

PROGRAM = Path(__file__).parents[1] / "drills" / "one_night.py"
DAYS = (date(2026, 10, 24), date(2026, 10, 25))
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


@dataclass(frozen=True)
class Chosen:
    """A patient with images, reports and verdicts, real and by pseudonym."""

    number: str
    study_uid: str
    study: str
    series: str
    message: str


def rows(path: Path, sql: str, **given: Any) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql, given).fetchall()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("erase") / "home"
    made = one_night().nights()
    made.SITE = replace(made.SITE, studies_per_day=7.0)
    loaded = made.make(home)
    planned = made.plan(made.SITE, DAYS[0], DAYS[1])
    for day, cases in zip(DAYS, (made.simulated.ALL_CASES, ()), strict=True):
        made.deliver(loaded, planned, day, cases)
        made.run(loaded, day)
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


def choose(loaded: Config) -> Chosen:
    """Take a patient with a report; a verdict, a correction, a reading and a broken file are the patient's too."""
    name = site(loaded)
    sql = """
        select study.study_uid, any_value(instance.series_uid), any_value(study.report_message_id)
        from study inner join instance using (site, study_uid)
        where report_message_id is not null group by all order by all limit 1
    """
    ((study, series, message),) = rows(loaded.warehouse, sql)
    with sqlite3.connect(loaded.identified) as store:
        sql = "select patient_id, study_uid from identified where study_pseudonym = ?"
        ((number, study_uid),) = store.execute(sql, (study,)).fetchall()
    app_store, now = AppStore(loaded.app_store), datetime(2026, 10, 25, 9, tzinfo=UTC)
    app_store.migrate()
    with app_store.writing() as connection:
        asked = verdicts.Request(name, study, "u1", "Dr Example", "k1")
        event = verdicts.record(connection, asked, verdicts.Answer("fracture", "COMMENT-OF-THE-PATIENT", True), now)
        verdicts.undo(connection, replace(asked, key="k2"), event.event_id, now)
        corrections.record(connection, name, message, "u1", "present", "acute", now)
        connection.execute(
            "insert into audit_sample values (?, '2026-10', ?, ?, 'flagged', 'present', 1, 1, 'a', ?)",
            (name, study, message, now.isoformat()),
        )
        audit_sample.record(connection, name, study, "u1", "present", "acute", now)
        audit.append(connection, "case_viewed", audit.Actor("u1", "127.0.0.1", now, name), about=study)
    for left in (
        "warehouse.damaged-20260101T000000Z.duckdb",
        "warehouse.duckdb.restoring",
        "warehouse.duckdb.rotating",
    ):
        shutil.copy(loaded.warehouse, loaded.warehouse.with_name(left))
    broken = loaded.quarantine(name) / ("ab" * 16 + ".bin")
    broken.write_bytes(b"\x00\x01broken^" + number.encode() + b"^rest")
    broken.with_suffix(".json").write_text("[]")
    return Chosen(number, study_uid, study, series, message)


def run_night(loaded: Config) -> dict[str, int]:
    return dict(one_night().nights().run(loaded, DAYS[1]))


def state(loaded: Config, besides: set[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Every table, without the rows that name one of these pseudonyms."""
    found = {}
    with duckdb.connect(str(loaded.warehouse), read_only=True) as connection:
        for (table,) in connection.execute("select table_name from duckdb_tables()").fetchall():
            if table not in ("erasure", "tombstone", "ledger", "schema_version", "night"):
                given = connection.execute(f"select * from {table} order by all").fetchall()
                found[table] = [row for row in given if not besides & {str(cell) for cell in row}]
    return found


def places(home: Path, words: list[bytes]) -> set[str]:
    """Files outside of the inbox that hold one of these words, in their content or their name."""
    found = set()
    for path in home.rglob("*"):
        place = path.relative_to(home)
        if path.is_file() and place.parts[0] not in ("inbox", "sites"):
            content = path.read_bytes() + str(place).encode()
            if any(word in content for word in words):
                found.add(str(place))
    return found


def test_nothing_of_the_patient_is_left_and_everyone_else_is_as_before(loaded: Config) -> None:
    chosen = choose(loaded)
    run_night(loaded)  # takes the verdicts into the warehouse
    words = [word.encode() for word in (chosen.number, chosen.study_uid, chosen.series, "COMMENT-OF-THE-PATIENT")]
    before = places(loaded.home, words)
    assert {"data/warehouse.duckdb", "data/published.duckdb", "data/identified.sqlite", "app.sqlite"} <= before
    sums = rows(loaded.warehouse, "select count(*) from ledger")
    gone = set()
    for column in ("study_uid", "instance_uid", "patient_id", "message_id"):
        table = "report_event" if column == "message_id" else "instance"
        where = "patient_id = (select any_value(patient_id) from instance where study_uid = $study)"
        gone |= {
            str(value)
            for (value,) in rows(loaded.warehouse, f"select {column} from {table} where {where}", study=chosen.study)
        }
    others = state(loaded, gone)

    counted = erase.erase(loaded, site(loaded), chosen.number, dry_run=True)
    assert places(loaded.home, words) == before
    erased = erase.erase(loaded, site(loaded), f" {chosen.number}\n")
    assert {**counted, "dry_run": False} == erased
    assert erased["studies"] >= 1 and erased["images"] >= 1 and erased["messages"] >= 1
    assert erased["quarantined_files"] >= 1

    assert places(loaded.home, words) == set()
    assert places(loaded.home, [chosen.study.encode()]) <= {
        "data/warehouse.duckdb",  # the tombstone
        "data/published.duckdb",
        "app.sqlite",  # the audit trail
    }
    assert rows(loaded.warehouse, "select count(*) from ledger") == sums
    kept = state(loaded, set())
    for table in others:
        assert kept[table] == others[table], table
    again = erase.erase(loaded, site(loaded), chosen.number)
    assert again["known_before"] and not again["studies"]


def test_what_is_delivered_again_is_refused_and_counted(loaded: Config) -> None:
    chosen = choose(loaded)
    inbox = loaded.home / "inbox" / site(loaded)
    theirs = [path for path in inbox.rglob("*") if path.is_file() and mentions(path.read_bytes(), [chosen.number])]
    assert len(theirs) >= 2
    erase.erase(loaded, site(loaded), chosen.number)
    n = rows(loaded.warehouse, "select count(*) from ledger")[0][0]
    for path in theirs:
        shutil.copy(path, path.with_name(f"again-{path.name}"))
        os.utime(path.with_name(f"again-{path.name}"), (path.stat().st_mtime,) * 2)
    taken = run_night(loaded)
    assert taken == {"accepted_not_inferred": len(theirs)}
    assert rows(loaded.warehouse, "select count(*) from ledger")[0][0] == n + len(theirs)
    sql = "select outcome, reasons, study_uid, instance_uid, message_id from ledger"
    sql += " where list_contains(reasons, 'ERASED')"
    for outcome, reasons, *identifiers in rows(loaded.warehouse, sql):
        assert reasons[0] == "ERASED" and identifiers == [None] * 3
        assert outcome not in ("accepted", "accepted_flagged", "unmatched")
    assert places(loaded.home, [chosen.number.encode(), chosen.study_uid.encode()]) == set()
    assert rows(loaded.warehouse, "select count(*) from instance where study_uid = $study", study=chosen.study) == [
        (0,)
    ]


def test_the_trail_tells_of_it_once_without_whom(loaded: Config) -> None:
    chosen = choose(loaded)
    erase.erase(loaded, site(loaded), chosen.number)
    erase.erase(loaded, site(loaded), chosen.number)
    store = AppStore(loaded.app_store)
    events = [row for row in audit.export(store) if row["event"] == "patient_erased"]
    assert len(events) == 1
    assert json.loads(events[0]["detail"]).keys() == {"studies", "images", "messages"}
    assert chosen.number not in json.dumps(events) and chosen.study not in json.dumps(events)
    assert audit.verify(store).problems == ()
    # The guards stand again.
    with store.writing() as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("delete from audit_event")
    triggers = "select count(*) from sqlite_master where type = 'trigger'"
    fresh = AppStore(loaded.home / "fresh.sqlite")
    fresh.migrate()
    with store.reading() as one, fresh.reading() as other:
        assert one.execute(triggers).fetchone()[0] == other.execute(triggers).fetchone()[0]


def test_lists_are_issued_again_without_the_patient(loaded: Config) -> None:
    flagged = {
        line.split(";")[-1]
        for path in (loaded.home / "issued").rglob("list.csv")
        for line in path.read_text(encoding="utf-8-sig").splitlines()[1:]
    }
    with sqlite3.connect(loaded.identified) as store:
        number, study = store.execute(
            "select patient_id, study_pseudonym from identified"
            " where study_pseudonym in (select value from json_each(?))",
            (json.dumps(sorted(flagged)),),
        ).fetchone()
    (folder,) = {path.parent for path in (loaded.home / "issued").rglob("list.csv") if study in path.read_text()}
    erase.erase(loaded, site(loaded), number)
    assert study not in (folder / "list.csv").read_text()
    assert (folder / "list.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_a_file_of_several_patients_keeps_the_others(loaded: Config) -> None:
    name = site(loaded)
    folder = loaded.home / "inbox" / name / "hl7"
    single = sorted(path for path in folder.rglob("*") if path.is_file())
    told = [data for path in single if b"PID|" in (data := path.read_bytes()) and b"OBX|" in data]
    one, other = told[0], told[-1]
    numbers = [message.split(b"PID|", 1)[1].split(b"|")[2].split(b"^")[0].decode() for message in (one, other)]
    assert numbers[0] != numbers[1]
    # Said otherwise than the first time, so that both are new.
    both = b"\r".join(message.replace(b"OBX|", b"NTE|1||new\rOBX|", 1) for message in (one, other))
    (folder / "both.hl7").write_bytes(both)
    os.utime(folder / "both.hl7", (single[0].stat().st_mtime,) * 2)
    run_night(loaded)
    spooled = [path for path in (loaded.spool(name) / "messages").iterdir() if b"NTE|1||new" in path.read_bytes()]
    assert len(spooled) == 1
    erase.erase(loaded, name, numbers[0])
    left = spooled[0].read_bytes()
    assert not mentions(left, [numbers[0]]) and mentions(left, [numbers[1]])


def test_a_killed_erasure_is_ended_by_the_next_night(loaded: Config) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    chosen = choose(loaded)
    words = [chosen.number.encode(), chosen.study_uid.encode(), chosen.series.encode(), b"COMMENT-OF-THE-PATIENT"]
    given = f"config.load(pathlib.Path({str(loaded.home)!r})), {site(loaded)!r}, sys.stdin.readline()"
    code = f"import pathlib, sys; from pipelines import config, erase; erase.erase({given})"
    inject = ["-e", "trace=rename", "-e", "inject=rename:signal=SIGKILL:when=1"]
    command = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", *inject, sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, input=chosen.number, text=True, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with connect.writer(loaded.warehouse) as connection:
        assert len(erasure.under_way(connection, site(loaded))) == 1
    run_night(loaded)
    with connect.writer(loaded.warehouse) as connection:
        assert erasure.under_way(connection, site(loaded)) == []
    assert places(loaded.home, words) == set()


def test_what_a_step_wrote_while_the_patient_was_erased_goes_at_the_end_of_the_night(loaded: Config) -> None:
    chosen, name = choose(loaded), site(loaded)
    finding = "select * from finding where study_uid = $study"
    with duckdb.connect(str(loaded.warehouse)) as connection:
        held = connection.sql(finding, params={"study": chosen.study}).to_arrow_table()
    assert held.num_rows
    erase.erase(loaded, name, chosen.number)
    with duckdb.connect(str(loaded.warehouse)) as connection:
        connection.register("held", held)
        connection.execute("insert into finding select * from held")
    image = held["instance_uid"][0].as_py()
    late = loaded.spool(name) / "thumbnails" / f"{image}.png"
    late.write_bytes(b"late")
    run_night(loaded)
    assert rows(loaded.warehouse, finding, study=chosen.study) == []
    assert not late.exists()


def test_every_column_that_could_lead_to_a_patient_is_known() -> None:
    # Of things, deliveries and persons of the staff: none of a patient.
    others = {
        "key_id", "sop_class_uid", "transfer_syntax_uid", "device", "author", "offer_id", "place_id", "content_id",
        "control_id", "series_uid", "erasure_id", "accession_number", "pseudonym",
    }  # fmt: skip
    with duckdb.connect(":memory:") as connection:
        connect.apply_migrations(connection)
        found = erasure.identity_columns(connection)
    suspects = {(table, column) for table, column in found if column.endswith(("_id", "_uid", "_number", "pseudonym"))}
    assert {column for _, column in suspects} <= others | set(erasure.COLUMNS)
    assert set(erasure.COLUMNS) | others >= IDENTIFIERS
    # A series, a control id or an accession number never stands alone in a row.
    for table, column in suspects:
        if column in ("control_id", "series_uid", "accession_number"):
            assert ((table, "study_uid") in suspects and (table, "message_id") in suspects) or (
                table,
                "patient_id",
            ) in suspects
    sites = {table for table, column in found if column == "site"}
    assert {table for table, column in suspects if column in erasure.COLUMNS} <= sites


def test_every_column_of_the_application_that_could_lead_to_a_patient_is_known(tmp_path: Path) -> None:
    store = AppStore(tmp_path / "app.sqlite")
    store.migrate()
    staff = {
        "user_id", "session_id", "event_id", "correction_id", "reading_id", "request_key", "key_id", "undoes",
        "note_id", "oidc_subject", "subject_hash",
    }  # fmt: skip
    with store.reading() as connection:
        found = [tuple(row) for row in connection.execute(
            "select m.name, p.name from sqlite_master m, pragma_table_info(m.name) p where m.type = 'table'"
        )]  # fmt: skip
        known = app_pseudonyms.columns(connection)
    suspects = {pair for pair in found if pair[1].endswith(("_id", "_uid", "_number", "_pseudonym"))}
    assert {pair for pair in suspects if pair[1] not in staff} == set(known)
    assert all((table, "site") in found for table, _ in known)


def test_no_number_is_no_erasure(loaded: Config) -> None:
    with pytest.raises(erase.NoNumberError):
        erase.erase(loaded, site(loaded), " \n")


def test_the_command_takes_the_number_from_standard_input_and_says_it_nowhere(loaded: Config) -> None:
    chosen = choose(loaded)
    given = ["erase", "--site", site(loaded), "--home", str(loaded.home), "--stdin"]
    shown = CliRunner().invoke(app, [*given, "--dry-run"], input=chosen.number + "\n")
    assert shown.exit_code == 0 and "Nothing was changed" in shown.output
    done = CliRunner().invoke(app, [*given, "--json"], input=chosen.number + "\n")
    assert done.exit_code == 0 and json.loads(done.output)["studies"] >= 1
    assert chosen.number not in shown.output + done.output


@pytest.mark.parametrize(
    ("data", "number", "found"),
    [
        (b"PID|1||4711^^^H", "4711", True),
        (b"PID|1||14711^^^H", "4711", False),
        (b"\x10\x00\x20\x00LO\x02\x0042", "42", True),
        (b"\x11\x42\x43pixels42pixels", "42", False),
        (b"PID|1||42|", "42", True),
        ("x 4711 y".encode("utf-16-le"), "4711", True),
        (b"", "4711", False),
    ],
)
def test_a_number_is_found_as_a_word_of_its_own(data: bytes, number: str, found: bool) -> None:
    assert mentions(data, [number]) is found

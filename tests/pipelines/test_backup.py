"""A back-up is tested by restoring it: the same figures, accounts and trail, and a refusal of whatever is not whole."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines import backup, config, doctor, users
from pipelines.backup import BackupError
from pipelines.config import Config
from pipelines.config_hub import hub_store
from reports import kpi
from warehouse import audit, connect, identified, pseudonym
from warehouse.app_store import AppStore
from warehouse.errors import WarehouseError
from warehouse.load import load
from warehouse.rows import LedgerRow

MONTH = "2026-06"


@pytest.fixture
def home(tmp_path: Path, month_home: Callable[..., Config]) -> Config:
    """A site with a month, an account, a link in the identified store, a received file, a secret and an image."""
    loaded = month_home(tmp_path / "home", ("tiny",))
    users.add(loaded, "admin", "Anne", ["administrator"], "fr")
    (loaded.home / "keys").mkdir(mode=0o700)
    pseudonym.write_key(loaded.key("tiny"))

    class Image:
        study_uid, accession_number, patient_id = "1.2.3", "A", "P"

    identified.remember(
        loaded.identified, "tiny", pseudonym.Pseudonymiser(pseudonym.read_key(loaded.key("tiny"))), [Image()]
    )
    for name in (
        "inbox/tiny/ris/objects/abc",
        "spool/tiny/dicom/x.dcm",
        "inbox/from-pacs",
        "issued/tiny/list.html",
        "dagster/dagster.yaml",
    ):
        path = loaded.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    return loaded


def figures(loaded: Config) -> Any:
    with connect.reader(loaded.published) as connection:
        return kpi.to_json(kpi.month_figures(connection, "tiny", MONTH))


def store_rows(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    tables = [
        name for (name,) in connection.execute("select name from sqlite_master where type = 'table' order by name")
    ]
    return {table: sorted(map(tuple, connection.execute(f'select * from "{table}"')), key=str) for table in tables}


def names(archive: Path) -> set[str]:
    with tarfile.open(archive) as file:
        return set(file.getnames())


def test_what_is_restored_is_what_was_backed_up(tmp_path: Path, home: Config) -> None:
    data, keys = tmp_path / "data.tar", tmp_path / "keys.tar"
    store = AppStore(home.app_store)
    # A reader and a writer are at work, and the last change is still in SQLite's log.
    with store.reading():
        users.add(home, "late", "Late", ["auditor"], "fr")
        made = backup.make(home, data, keys)
    assert (data.stat().st_mode & 0o777, keys.stat().st_mode & 0o777) == (0o600, 0o600)
    assert names(keys) == {"keys/tiny.key", "manifest.json"}
    kept = names(data)
    assert {"bilan.yaml", "sites/tiny.yaml", "app.sqlite", "audit-head.json", "data/warehouse.duckdb"} <= kept
    assert {"data/identified.sqlite", "issued/tiny/list.html", "dagster/dagster.yaml"} <= kept
    assert not any(
        name.startswith(("keys", "spool", "tls", "data/published")) or name.endswith(("-wal", "-shm")) for name in kept
    )
    assert made["files"] == len(kept) - 1
    result = backup.restore(data, tmp_path / "new", keys)
    assert (result["keys_missing"], result["images"]) == ([], False)
    again = config.load(tmp_path / "new")
    assert figures(again) == figures(home)
    restored = AppStore(again.app_store)
    verdict = audit.verify(restored)
    assert verdict == audit.verify(store) and not verdict.problems
    with store.reading() as ours, restored.reading() as theirs:
        kept_there = [store_rows(connection) for connection in (ours, theirs)]
    assert kept_there[0] == kept_there[1] and "late" in str(kept_there[0])
    mask = pseudonym.Pseudonymiser(pseudonym.read_key(again.key("tiny")))
    name = mask.of("study_uid", "1.2.3")
    assert identified.lookup(again.identified, "tiny", [name])[name].study_uid == "1.2.3"
    assert again.identified.stat().st_mode & 0o077 == 0
    assert again.key("tiny").stat().st_mode & 0o077 == 0


def test_images_and_received_files_come_along_where_asked(tmp_path: Path, home: Config) -> None:
    backup.make(home, tmp_path / "data.tar", images=True)
    kept = names(tmp_path / "data.tar")
    assert "spool/tiny/dicom/x.dcm" in kept
    # The folder of a source is the sender's.
    assert "inbox/from-pacs" not in kept


def test_receivers_inboxes_are_kept(tmp_path: Path, home: Config) -> None:
    file = home.home / "sites" / "tiny.yaml"
    file.write_text(file.read_text().replace(str(home.home / "inbox"), str(tmp_path / "elsewhere")))
    backup.make(config.load(home.home), tmp_path / "data.tar")
    assert {"inbox/tiny/ris/objects/abc", "inbox/from-pacs"} <= names(tmp_path / "data.tar")


def test_keys_that_are_missing_or_others_are_told(tmp_path: Path, home: Config) -> None:
    backup.make(home, tmp_path / "data.tar")
    assert backup.restore(tmp_path / "data.tar", tmp_path / "a")["keys_missing"] == ["tiny"]
    name, at = "ab" * 16, datetime(2026, 6, 1, tzinfo=UTC)
    with connect.writer(home.warehouse) as connection:
        row = LedgerRow(
            "tiny", name, "dicom", "a", at.date(), at, name, "1", name, "accepted", (), None, None, None, "k9"
        )
        assert load(connection, "ledger", [row]) == 1
    backup.make(home, tmp_path / "data2.tar", tmp_path / "keys.tar")
    assert backup.restore(tmp_path / "data2.tar", tmp_path / "b", tmp_path / "keys.tar")["keys_wrong"] == ["tiny"]


def test_the_doctor_tells_that_the_restored_key_is_not_the_warehouses(tmp_path: Path, home: Config) -> None:
    mine = pseudonym.Pseudonymiser(pseudonym.read_key(home.key("tiny"))).key_id
    with connect.writer(home.warehouse) as connection:
        found = connection.execute(
            "select table_name from duckdb_columns() inner join duckdb_tables() using (table_name)"
            " where column_name = 'key_id'"
        ).fetchall()
        for (table,) in found:
            connection.execute(f"update {table} set key_id = ?", [mine])
    backup.make(home, tmp_path / "data.tar", tmp_path / "keys.tar")
    backup.restore(tmp_path / "data.tar", tmp_path / "new", tmp_path / "keys.tar")
    again = config.load(tmp_path / "new")
    assert [result.ok for result in doctor.keys(again)] == [True]
    again.key("tiny").unlink()
    pseudonym.write_key(again.key("tiny"))
    (result,) = doctor.keys(again)
    assert (result.ok, result.found) == (False, "not the warehouse's")
    assert "of one back-up" in result.remedy


def test_keys_and_links_can_be_sealed_and_are_opened_by_one_key_alone(tmp_path: Path, home: Config) -> None:
    data, keys, mine, other = (tmp_path / name for name in ("data.tar", "keys.sealed", "mine.key", "other.key"))
    public = backup.recipient_key(mine)
    assert public == backup.recipient_key(mine) and mine.stat().st_mode & 0o077 == 0
    assert backup.make(home, data, keys, recipient=public)["sealed"]
    secret = home.key("tiny").read_bytes().strip()
    for archive in (data, keys):
        content = archive.read_bytes()
        assert secret not in content and b"1.2.3" not in content, "neither the key nor a real identifier"
    assert "data/identified.sqlite" not in names(data)
    backup.recipient_key(other)
    for opening in (None, other, tmp_path / "absent.key"):
        with pytest.raises(BackupError, match=r"sealed.*not restored"):
            backup.restore(data, tmp_path / "new", keys, opening)
        assert not (tmp_path / "new").exists() and not (tmp_path / "absent.key").exists()
    harmed = tmp_path / "harmed.sealed"
    harmed.write_bytes(keys.read_bytes()[:-1] + b"\0")
    with pytest.raises(BackupError, match="altered"):
        backup.restore(data, tmp_path / "new", harmed, mine)
    assert backup.restore(data, tmp_path / "new", keys, mine)["keys_missing"] == []
    again = config.load(tmp_path / "new")
    assert again.key("tiny").read_bytes() == home.key("tiny").read_bytes()
    name = pseudonym.Pseudonymiser(pseudonym.read_key(again.key("tiny"))).of("study_uid", "1.2.3")
    assert identified.lookup(again.identified, "tiny", [name])[name].study_uid == "1.2.3"


def test_a_recipient_goes_with_keys_and_is_a_key(tmp_path: Path, home: Config) -> None:
    for keys, recipient in ((None, "ab" * 32), (tmp_path / "keys.tar", "no key")):
        with pytest.raises(BackupError, match="public key"):
            backup.make(home, tmp_path / "data.tar", keys, recipient=recipient)


@pytest.mark.parametrize("left", ["keys/tiny.key.new", "keys/tiny.key.next", "data/warehouse.duckdb.rotating"])
def test_no_backup_while_a_key_is_being_replaced(tmp_path: Path, home: Config, left: str) -> None:
    (home.home / left).write_text("passing")
    with pytest.raises(BackupError, match="being replaced"):
        backup.make(home, tmp_path / "data.tar", tmp_path / "keys.tar")
    assert not list(tmp_path.glob("*.tar"))


def test_a_key_replaced_while_the_archives_are_written_voids_both(
    tmp_path: Path, home: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = backup._write

    def slow(target: Path, files: Any, taken_at: datetime, kind: str, recipient: str | None = None) -> Any:
        made = write(target, files, taken_at, kind, recipient)
        if kind == "data":
            home.key("tiny").unlink()
            pseudonym.write_key(home.key("tiny"))
        return made

    monkeypatch.setattr(backup, "_write", slow)
    with pytest.raises(BackupError, match="once more"):
        backup.make(home, tmp_path / "data.tar", tmp_path / "keys.tar")
    assert not list(tmp_path.glob("*.tar"))


def test_a_hub_is_copied_under_its_own_lock(tmp_path: Path, home: Config) -> None:
    store = hub_store(home.home)
    connect.migrate(store, 1, connect.HUB)
    impatient = replace(home, machine=home.machine.model_copy(update={"writer_wait_minutes": 0.001}))
    with connect.lock(store), pytest.raises(WarehouseError):
        backup.make(impatient, tmp_path / "data.tar")
    assert not (tmp_path / "data.tar").exists()
    backup.make(home, tmp_path / "data.tar")
    assert "data/hub.duckdb" in names(tmp_path / "data.tar")
    backup.restore(tmp_path / "data.tar", tmp_path / "new")
    with connect.writer(hub_store(tmp_path / "new"), 1, connect.HUB) as connection:
        assert connection.execute("select count(*) from duckdb_tables()").fetchall()[0][0] > 2


def test_nothing_is_overwritten(tmp_path: Path, home: Config) -> None:
    backup.make(home, tmp_path / "data.tar")
    before = (tmp_path / "data.tar").read_bytes()
    with pytest.raises(BackupError, match="exists already"):
        backup.make(home, tmp_path / "data.tar")
    with pytest.raises(BackupError, match="inside the home"):
        backup.make(home, home.home / "data.tar")
    with pytest.raises(BackupError, match="not empty"):
        backup.restore(tmp_path / "data.tar", home.home)
    assert (tmp_path / "data.tar").read_bytes() == before
    assert not list(tmp_path.glob(".bilan-*"))


@pytest.mark.parametrize("harm", ["cut", "changed", "missing", "extra", "newer", "other", "escape", "link", "none"])
def test_what_is_not_whole_is_refused_and_leaves_nothing(tmp_path: Path, home: Config, harm: str) -> None:
    whole, bad, target = tmp_path / "data.tar", tmp_path / "bad.tar", tmp_path / "new"
    backup.make(home, whole)
    if harm == "cut":
        bad.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    elif harm == "none":
        bad.write_bytes(b"no archive")
    else:
        with tarfile.open(whole) as source, tarfile.open(bad, "w") as made:
            for info in source:
                content = source.extractfile(info).read()  # type: ignore[union-attr]
                if info.name == "sites/tiny.yaml" and harm == "missing":
                    continue
                if info.name == "sites/tiny.yaml" and harm == "changed":
                    content = content.replace(b"public", b"privat")
                if info.name == "manifest.json" and harm in ("newer", "other"):
                    head = json.loads(content)
                    head.update({"form": 99} if harm == "newer" else {"kind": "keys"})
                    content = json.dumps(head).encode()
                info.size = len(content)
                made.addfile(info, io.BytesIO(content))
            for name, kind in (("extra", tarfile.REGTYPE), ("../escape", tarfile.REGTYPE), ("link", tarfile.SYMTYPE)):
                if harm == name.removeprefix("../"):
                    info = tarfile.TarInfo(name)
                    info.type, info.linkname = kind, "/etc/passwd"
                    made.addfile(info, io.BytesIO(b""))
    with pytest.raises(BackupError, match="not restored"):
        backup.restore(bad, target)
    assert not target.exists()
    assert not (tmp_path / "escape").exists()
    assert not list(tmp_path.glob(".bilan-*"))


def test_a_damaged_warehouse_is_not_backed_up(tmp_path: Path, home: Config) -> None:
    home.warehouse.write_bytes(b"no database" * 1000)
    with pytest.raises(WarehouseError):
        backup.make(home, tmp_path / "data.tar")
    assert not (tmp_path / "data.tar").exists()


def test_a_copy_of_sqlite_is_of_one_moment(tmp_path: Path) -> None:
    from warehouse.backup import copy_sqlite, is_sqlite  # noqa: PLC0415

    source, target = tmp_path / "a.db", tmp_path / "b.db"
    connection = sqlite3.connect(source, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table t (n integer)")
    connection.execute("insert into t values (1)")
    connection.execute("begin immediate")
    connection.execute("insert into t values (2)")  # not committed
    copy_sqlite(source, target)
    connection.execute("commit")
    connection.close()
    assert is_sqlite(target) and target.stat().st_mode & 0o077 == 0
    assert not target.with_name("b.db-wal").exists()
    with sqlite3.connect(target) as copy:
        assert copy.execute("select n from t").fetchall() == [(1,)]
    copy.close()

"""A receiver's inbox, and its way through the night's intake into ledger, spool and quarantine."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from pipelines import config, intake, night
from pipelines.config import Config
from pipelines.init import init
from pipelines.sources.inbox import Inbox
from warehouse import connect

DAY = date(2026, 11, 22)
ORU = (
    b"MSH|^~\\&|RIS|S|X|Y|20261122101500||ORU^R01|C1|P|2.5\rPID|1||CANARI1\rORC|RE||A1\r"
    b"OBR|1||A1|R^Rx|||20261122090000|||||||||||||||20261122101500|||F\rOBX|1|TX|R||Pas de fracture.||||||F\r"
)


@pytest.fixture
def home(tmp_path: Path) -> Config:
    init(tmp_path / "home", "essai")
    path = tmp_path / "home" / "sites" / "essai.yaml"
    sources = [
        {"name": "ris", "type": "mllp", "port": 2575},
        {"name": "modality", "type": "cstore", "port": 11112, "calling": ["CR1"]},
    ]
    described = {**yaml.safe_load(path.read_text(encoding="utf-8")), "sources": sources}
    path.write_text(yaml.safe_dump(described, allow_unicode=True), encoding="utf-8")
    loaded = config.load(tmp_path / "home")
    night.begin(loaded, "essai", [DAY])
    return loaded


def inbox(loaded: Config, source: str) -> Inbox:
    found = Inbox(source, loaded.inbox("essai", source))
    found.prepare()
    return found


def rows(loaded: Config) -> list[tuple[str, str, str, str]]:
    with connect.writer(loaded.warehouse, 1) as connection:
        found = connection.execute("select source, kind, outcome, reasons[1] from ledger order by all").fetchall()
    return [tuple(row) for row in found]


def take(loaded: Config) -> None:
    intake.take(loaded, "essai", [DAY], "hl7")
    intake.take(loaded, "essai", [DAY], "dicom")


def files(loaded: Config) -> list[Path]:
    return [path for path in (loaded.home / "inbox" / "essai").rglob("*") if path.is_file()]


def test_everything_received_and_refused_has_its_one_row_and_leaves_the_inbox(home: Config) -> None:
    inbox(home, "ris").keep(ORU)
    inbox(home, "ris").keep(b"no message")
    inbox(home, "ris").refuse("MESSAGE_TOO_LARGE", "10.0.0.1")
    inbox(home, "modality").keep(b"no image")
    inbox(home, "modality").refuse("CALLER_REFUSED", "10.0.0.1")
    take(home)
    expected = [
        ("modality", "dicom", "not_dicom", "NOT_DICOM"),
        ("modality", "dicom", "quarantined", "CALLER_REFUSED"),
        ("ris", "message", "not_hl7", "NOT_HL7"),
        ("ris", "message", "quarantined", "MESSAGE_TOO_LARGE"),
        ("ris", "message", "unmatched", "UNMATCHED"),
    ]
    assert rows(home) == expected
    assert files(home) == []
    assert ORU in [path.read_bytes() for path in (home.spool("essai") / "messages").iterdir()]
    assert len(list(home.quarantine("essai").glob("*.bin"))) == 4
    take(home)
    assert rows(home) == expected


def test_what_is_sent_again_after_the_night_is_the_same_offer(home: Config) -> None:
    for _ in range(2):
        inbox(home, "ris").keep(ORU)
        take(home)
    assert len(rows(home)) == 1
    assert files(home) == []


def test_a_crash_before_the_row_loses_nothing(home: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox(home, "ris").keep(ORU)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.intake.ledger.record", crash)
        with pytest.raises(KeyboardInterrupt):
            take(home)
    assert len(files(home)) == 1
    take(home)
    assert [row[2] for row in rows(home)] == ["unmatched"]


def test_a_crash_after_the_row_leaves_nothing_in_the_inbox_for_good(
    home: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox(home, "ris").keep(ORU)
    inbox(home, "ris").refuse("MESSAGE_TOO_LARGE", "10.0.0.1")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Inbox, "done", crash)
        with pytest.raises(KeyboardInterrupt):
            take(home)
    before = rows(home)
    assert len(files(home)) == 2
    take(home)
    assert (rows(home), files(home)) == (before, [])


def test_a_receiver_that_never_ran_is_an_empty_inbox(home: Config) -> None:
    take(home)
    assert rows(home) == []


def test_one_record_for_a_reason_a_machine_and_an_hour_and_no_address_in_it(tmp_path: Path) -> None:
    found = Inbox("ris", tmp_path)
    found.prepare()
    before = datetime.now(UTC).hour
    for address in ("10.20.30.40", "10.20.30.40", "10.20.30.41"):
        found.refuse("BAD_PROTOCOL", address)
    written = list((tmp_path / "refused").iterdir())
    assert len(written) == 2 or datetime.now(UTC).hour != before
    assert not any("10.20.30" in path.name or b"10.20.30" in path.read_bytes() for path in written)

"""A DIMSE source against peers on loopback that refuse, break off or lie."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydicom.dataset import Dataset
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, build_context, evt

from pipelines import config, intake, night
from pipelines.config import Config
from pipelines.errors import SourceUnreachableError
from pipelines.init import init
from pipelines.source_settings import Tls
from pipelines.sources import connected, dicom_network, dimse, patience
from warehouse import connect


def _stored() -> Any:
    spec = importlib.util.spec_from_file_location("stored_objects", Path(__file__).with_name("stored_objects.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["stored_objects"] = module
    spec.loader.exec_module(module)
    return module


stored_objects = _stored()
Stored, day, DAY = stored_objects.Stored, stored_objects.day, stored_objects.DAY
ACCEPTED = ("accepted", None)
KEYS = {"STUDY": "study", "SERIES": "series", "IMAGE": "uid"}


@dataclass
class Pacs:
    """A PACS in a thread; `twist` may change what it finds, `give` what it sends."""

    objects: list[Any]
    twist: Callable[[str, list[Dataset]], list[Dataset]] = lambda _level, rows: rows
    give: Callable[[Any, Dataset], Any] = lambda _event, ds: ds
    status: int | None = None
    gets: list[str] = field(default_factory=list)
    port: int = 0
    move_to: int = 0

    def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        asked = event.identifier
        level = asked.QueryRetrieveLevel
        if self.status is not None:
            yield self.status, None
            return
        found = self.objects
        if level == "STUDY":
            found = [
                item
                for item in found
                if asked.get("StudyDate", f"{DAY:%Y%m%d}") == f"{DAY:%Y%m%d}"
                and asked.get("ModalitiesInStudy", item.modality) == item.modality
                and asked.StudyInstanceUID in (None, "", item.study)
            ]
        else:
            found = [item for item in found if item.study == asked.StudyInstanceUID]
        if level == "SERIES":
            found = [item for item in found if item.modality == asked.Modality]
            found = [item for item in found if asked.BodyPartExamined in ("", None, item.part)]
        rows = {getattr(item, KEYS[level]): self.row(level, item) for item in found}
        for row in self.twist(level, list(rows.values())):
            yield 0xFF00, row

    def row(self, level: str, item: Any) -> Dataset:
        ds = Dataset()
        ds.QueryRetrieveLevel = level
        ds.StudyInstanceUID = item.study
        if level == "STUDY":
            ds.PatientID = item.patient
        if level == "SERIES":
            ds.SeriesInstanceUID, ds.Modality, ds.BodyPartExamined = item.series, item.modality, item.part
        if level == "IMAGE":
            ds.SeriesInstanceUID, ds.SOPInstanceUID, ds.SOPClassUID = item.series, item.uid, item.sop_class
        return ds

    def move(self, event: evt.Event) -> Iterator[Any]:
        """Send the object asked for to where we listen; before, a stranger knocks there."""
        uid = event.identifier.SOPInstanceUID
        self.gets.append(uid)
        stranger = AE("STRANGER")
        stranger.add_requested_context(dimse.VERIFICATION)
        with dicom_network.association(stranger, "127.0.0.1", self.move_to, "BILAN") as knocking:
            assert not knocking.is_established
        yield "127.0.0.1", self.move_to, {"contexts": [build_context(stored_objects.DX)]}
        found = [item for item in self.objects if item.uid == uid]
        yield len(found)
        for item in found:
            yield 0xFF00, self.give(event, item.dataset())

    def get(self, event: evt.Event) -> Iterator[Any]:
        uid = event.identifier.SOPInstanceUID
        self.gets.append(uid)
        found = [item for item in self.objects if item.uid == uid]
        yield len(found)
        for item in found:
            given = self.give(event, item.dataset())
            yield (0xFF00, given) if given is not None else (0xC000, None)


@contextmanager
def pacs(
    objects: list[Any], calling: str = "BILAN", secured: ssl.SSLContext | None = None, **more: Any
) -> Iterator[Pacs]:
    peer = Pacs(objects, **more)
    entity = AE("PACS")
    entity.require_called_aet = True
    entity.require_calling_aet = [calling]
    for model in (dimse.FIND, dimse.GET, dimse.MOVE, dimse.VERIFICATION):
        entity.add_supported_context(model)
    entity.add_supported_context(stored_objects.DX, ALL_TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
    handlers = [(evt.EVT_C_FIND, peer.find), (evt.EVT_C_GET, peer.get), (evt.EVT_C_MOVE, peer.move)]
    server = entity.start_server(("127.0.0.1", 0), block=False, ssl_context=secured, evt_handlers=handlers)
    peer.port = server.server_address[1]
    try:
        yield peer
    finally:
        server.shutdown()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.0)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty") / "home"
    init(folder, "essai")
    night.begin(config.load(folder), "essai", [DAY])
    return folder


@pytest.fixture
def make(tmp_path: Path, empty: Path) -> Callable[..., Config]:
    def home(port: int, **changes: Any) -> Config:
        shutil.copytree(empty, tmp_path / "home")
        path = tmp_path / "home" / "sites" / "essai.yaml"
        where = {"host": "127.0.0.1", "port": port, "ae_title": "PACS", "timeout_seconds": 3, "attempts": 2}
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
        sources = [{"name": "pacs", "type": "dimse", **where, **changes}]
        path.write_text(yaml.safe_dump({**described, "sources": sources}, allow_unicode=True), encoding="utf-8")
        return config.load(tmp_path / "home")

    return home


def take(loaded: Config) -> dict[str, int]:
    return intake.take(loaded, "essai", [DAY], "dicom")


def ledger(loaded: Config) -> Counter[tuple[str, str | None]]:
    with connect.writer(loaded.warehouse, 1) as connection:
        rows = connection.execute("select outcome, reasons[1] from ledger where kind = 'dicom'").fetchall()
    return Counter((str(outcome), reason) for outcome, reason in rows)


def left(loaded: Config) -> list[str]:
    found = [path for path in loaded.landing("essai", "pacs").rglob("*") if path.is_file()]
    return sorted(path.name for path in found if path.suffix != ".refused")


def test_everything_comes_once_and_only_what_is_in_scope_is_asked_for(make: Callable[..., Config]) -> None:
    objects = [*day(), Stored("1.2.9", 1, part="CHEST"), Stored("1.2.1", 7, "CT", "1.2.840.10008.5.1.4.1.1.2")]
    with pacs(objects) as peer:
        loaded = make(peer.port)
        described = loaded.site("essai").model_copy(update={"scope": config.Scope(regions=frozenset({"hand"}))})
        loaded.sites["essai"] = described
        assert take(loaded) == {"accepted": 6}
        assert take(loaded) == {}
        assert sorted(peer.gets) == sorted(item.uid for item in day())
    assert left(loaded) == ["asked"]


def hostile(peer: Pacs) -> Callable[[Any, Dataset], Any]:
    """The first object is another one, the third is too large, the fifth refused."""

    def give(_event: Any, ds: Dataset) -> Any:
        number = int(ds.SOPInstanceUID.split(".")[-1])
        if number == 1:
            return Stored("1.2.1", 90).dataset()
        if number == 3:
            ds.PixelData = bytes(3 << 20)
        return None if number == 5 else ds

    return give


def test_what_is_not_handed_over_well_has_its_row_and_stops_nothing(make: Callable[..., Config]) -> None:
    with pacs([Stored("1.2.1", number) for number in range(1, 7)]) as peer:
        loaded = make(peer.port, maximum_object_mb=1)
        peer.give = hostile(peer)
        take(loaded)
        take(loaded)
        refused = {("quarantined", reason): 1 for reason in ("WRONG_OBJECT", "FILE_TOO_LARGE", "NOT_FETCHED")}
        assert ledger(loaded) == {ACCEPTED: 3, **refused}
        peer.give = lambda _event, ds: ds
        take(loaded)
    assert ledger(loaded) == {ACCEPTED: 6, **refused}
    assert left(loaded) == ["asked"]


def test_what_a_pacs_moves_to_us_is_taken_and_a_stranger_there_is_noted(make: Callable[..., Config]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = int(found.getsockname()[1])

    def give(_event: Any, ds: Dataset) -> Dataset:
        if ds.SOPInstanceUID == "1.2.1.1.1":
            return Stored("1.2.1", 90).dataset()
        return ds

    with pacs(day(2), give=give) as peer:
        peer.move_to = port
        move_to = {"listen": "127.0.0.1", "port": port}
        loaded = make(peer.port, retrieve="move", move_to=move_to)
        take(loaded)
        counted = ledger(loaded)
        # The hour may turn within the test: then the stranger knocked in two of them.
        assert counted.pop(("quarantined", "CALLER_REFUSED")) in (1, 2)
        assert counted == {ACCEPTED: 3, ("quarantined", "WRONG_OBJECT"): 1}
        peer.give = lambda _event, ds: ds
        take(loaded)
    assert ledger(loaded)[ACCEPTED] == 4
    assert left(loaded) == ["asked"]


def test_an_association_that_breaks_off_is_made_again(make: Callable[..., Config]) -> None:
    turns: Counter[str] = Counter()

    def breaking(event: Any, ds: Dataset) -> Any:
        turns[ds.SOPInstanceUID] += 1
        if turns[ds.SOPInstanceUID] == 1:
            event.assoc.abort()
        return ds

    with pacs(day(1), give=breaking) as peer:
        loaded = make(peer.port)
        assert take(loaded) == {"accepted": 2}


def test_a_pacs_that_only_lists_is_given_up(make: Callable[..., Config]) -> None:
    def breaking(event: Any, ds: Dataset) -> Any:
        event.assoc.abort()
        return ds

    with pacs(day(5), give=breaking) as peer:
        loaded = make(peer.port, attempts=1)
        with pytest.raises(SourceUnreachableError, match="lists images but does not send them"):
            take(loaded)
        assert len(peer.gets) == 5
        peer.give = lambda _event, ds: ds
        take(loaded)
    assert ledger(loaded)[ACCEPTED] == 10


def test_lists_that_lie_are_taken_for_what_they_are(
    make: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dimse, "MOST_LISTED", 30)
    monkeypatch.setattr("pipelines.sources.listing.MOST_LISTED", 30)

    def lying(level: str, rows: list[Dataset]) -> list[Dataset]:
        if level == "STUDY":
            other = Dataset()
            other.QueryRetrieveLevel, other.StudyDate = "STUDY", f"{DAY:%Y%m%d}"
            return [*rows, *rows, other] if rows else rows
        if level == "IMAGE" and rows[0].StudyInstanceUID == "1.2.2":
            return rows * 40
        return rows

    with pacs(day(2), twist=lying) as peer:
        loaded = make(peer.port)
        take(loaded)
        take(loaded)
    # A study without a name, and a list without end; the images are taken once.
    assert ledger(loaded) == {ACCEPTED: 4, ("quarantined", "BAD_LISTING"): 2}


@pytest.mark.parametrize("status", [0xA700, 0xA900, 0xC001])
def test_a_query_that_is_refused_is_unreachable_in_words(make: Callable[..., Config], status: int) -> None:
    with pacs(day(), status=status) as peer:
        loaded = make(peer.port)
        with pytest.raises(SourceUnreachableError, match="may query it"):
            take(loaded)


def test_a_pacs_that_does_not_know_us_says_so_and_the_doctor_too(make: Callable[..., Config]) -> None:
    with pacs(day(), calling="OTHER") as peer:
        loaded = make(peer.port)
        with pytest.raises(SourceUnreachableError, match="does it know BILAN"):
            take(loaded)
        source = connected.pacs(loaded, loaded.site("essai"), loaded.site("essai").sources[0])
        with pytest.raises(SourceUnreachableError, match="does it know BILAN"):
            source.echo()


def test_over_tls_only_a_pacs_that_our_authority_vouches_for_is_asked(
    make: Callable[..., Config], tmp_path: Path
) -> None:
    for name in ("ours", "theirs"):
        key = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]
        more = ["-subj", "/CN=pacs", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", str(tmp_path / f"{name}.key"), "-out", str(tmp_path / f"{name}.pem")]
        subprocess.run([*key, *more, *files], check=True, capture_output=True)
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(tmp_path / "ours.pem", tmp_path / "ours.key")
    with pacs(day(1), secured=secured) as peer:
        loaded = make(peer.port, tls={"authorities": str(tmp_path / "ours.pem")})
        assert take(loaded) == {"accepted": 2}
        source = loaded.site("essai").sources[0]
        for tls in (None, {"authorities": tmp_path / "theirs.pem"}):
            changed = source.model_copy(update={"tls": tls and Tls.model_validate(tls), "attempts": 1})
            with pytest.raises(SourceUnreachableError, match="no association"):
                connected.pacs(loaded, loaded.site("essai"), changed).echo()


def test_an_echo_is_answered(make: Callable[..., Config]) -> None:
    with pacs([]) as peer:
        loaded = make(peer.port)
        connected.pacs(loaded, loaded.site("essai"), loaded.site("essai").sources[0]).echo()


GARBAGE = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "4 GiB": b"\x02\x00\xff\xff\xff\xff" + bytes(64),
    "silence": b"",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_a_port_that_speaks_something_else_is_unreachable(make: Callable[..., Config], data: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = threading.Event()

        def serve() -> None:
            listening.settimeout(0.1)
            while not done.is_set():
                try:
                    peer, _ = listening.accept()
                except TimeoutError:
                    continue
                with peer:
                    peer.sendall(data)
                    done.wait(0.5)

        thread = threading.Thread(target=serve)
        thread.start()
        loaded = make(listening.getsockname()[1], timeout_seconds=1, attempts=2)
        try:
            with pytest.raises(SourceUnreachableError, match="no association"):
                take(loaded)
        finally:
            done.set()
            thread.join(5)

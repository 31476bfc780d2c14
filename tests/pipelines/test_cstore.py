"""The C-STORE receiver with real associations on loopback, friendly and hostile."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pynetdicom import AE, Association

from pipelines.init import init
from pipelines.source_settings import CstoreSource
from pipelines.sources import cstore
from pipelines.sources.inbox import Inbox

DX = "1.2.840.10008.5.1.4.1.1.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
CANARY = "CANARI^NOM"
ACCEPTED = 0x0000


def settings(**changes: object) -> CstoreSource:
    given = {"name": "modality", "type": "cstore", "listen": "127.0.0.1", "port": 1, "calling": ["CR1"], **changes}
    # Port 0 lets the system choose; a site's file must name one.
    return CstoreSource.model_validate(given).model_copy(update={"port": 0})


@contextmanager
def receiver(folder: Path, **changes: object) -> Iterator[tuple[int, Inbox]]:
    inbox = Inbox("modality", folder / "inbox")
    with cstore.listening(settings(**changes), inbox) as port:
        yield port, inbox


def image(number: int = 1, pixels: int = 2000, **changes: object) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = DX, f"2.25.{1000 + number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.1", "2.25.2"
    ds.PatientName, ds.PatientID, ds.Modality = CANARY, CANARY, "DX"
    ds.PixelData = os.urandom(pixels)
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    ds["PixelData"].VR = "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = EXPLICIT
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = DX, ds.SOPInstanceUID
    return ds


@contextmanager
def calling(port: int, title: str = "CR1", called: str = "BILAN", **more: object) -> Iterator[Association]:
    entity = AE(title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    entity.add_requested_context(DX, EXPLICIT)
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", port, ae_title=called, **more)
    connection = association.dul.socket and association.dul.socket.socket
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
        if association.is_alive():
            association.join(10)
        if connection:
            connection.close()  # pynetdicom leaves it to the collector when the peer hangs up


def send(port: int, ds: Dataset) -> int | None:
    with calling(port) as association:
        assert association.is_established
        return association.send_c_store(ds).get("Status")


def objects(inbox: Inbox) -> list[Path]:
    return sorted((inbox.folder / "objects").glob("[!.]*"))


def refusals(inbox: Inbox) -> list[str]:
    return sorted(json.loads(path.read_text())["reason"] for path in (inbox.folder / "refused").glob("[!.]*"))


def wait_for(true: Callable[[], object]) -> None:
    for _ in range(200):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("nothing happened in ten seconds")


def still_serves(port: int, inbox: Inbox) -> None:
    before = len(objects(inbox))
    assert send(port, image(90)) == ACCEPTED
    assert len(objects(inbox)) == before + 1


def test_what_was_sent_lies_whole_under_the_hash_of_its_content(tmp_path: Path) -> None:
    ds = image()
    with receiver(tmp_path) as (port, inbox):
        assert send(port, ds) == ACCEPTED
        (kept,) = objects(inbox)
        assert kept.name == hashlib.sha256(kept.read_bytes()).hexdigest()
        read = dcmread(kept)
        assert (read.SOPInstanceUID, read.PixelData) == (ds.SOPInstanceUID, ds.PixelData)
        assert read.file_meta.TransferSyntaxUID == EXPLICIT
        assert send(port, ds) == ACCEPTED
        assert objects(inbox) == [kept], "the same object again is the same file"
        assert refusals(inbox) == []


def test_an_echo_is_answered(tmp_path: Path) -> None:
    with receiver(tmp_path) as (port, _), calling(port) as association:
        assert association.send_c_echo().Status == ACCEPTED


@pytest.mark.parametrize(("title", "called"), [("STRANGER", "BILAN"), ("CR1", "OTHER")])
def test_a_wrong_title_is_refused_and_noted(tmp_path: Path, title: str, called: str) -> None:
    with receiver(tmp_path) as (port, inbox):
        with calling(port, title, called) as association:
            assert association.is_rejected
        wait_for(lambda: refusals(inbox) == ["CALLER_REFUSED"])
        still_serves(port, inbox)


def test_a_path_as_identifier_names_no_file(tmp_path: Path) -> None:
    with receiver(tmp_path) as (port, inbox):
        evil = image()
        with calling(port) as association:
            # pynetdicom refuses to send such a one; its encoder does not.
            evil.SOPInstanceUID = "1.2.3"
            evil.StudyInstanceUID = "../../../etc/cron.d/x"
            assert association.send_c_store(evil).Status == ACCEPTED
        assert len(objects(inbox)) == 1
        assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {inbox.folder / "objects"}
        still_serves(port, inbox)


def test_an_oversized_object_is_cut_off(tmp_path: Path) -> None:
    with receiver(tmp_path, maximum_object_mb=1) as (port, inbox):
        with calling(port) as association:
            answer = association.send_c_store(image(pixels=3 << 20))
            assert answer.get("Status") != ACCEPTED
        wait_for(lambda: refusals(inbox) == ["FILE_TOO_LARGE"])
        assert objects(inbox) == []
        still_serves(port, inbox)


GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "random": bytes(range(200, 256)) * 20,
    "a pdu of 4 GiB": struct.pack(">BBL", 1, 0, 0xFFFFFFFF) + b"x" * 100,
    "a request that is no request": struct.pack(">BBL", 1, 0, 100) + b"\xff" * 100,
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_garbage_ends_its_own_connection_only(tmp_path: Path, data: bytes) -> None:
    with receiver(tmp_path) as (port, inbox):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.sendall(data)
            peer.settimeout(20)
            while peer.recv(4096):
                pass
        wait_for(lambda: refusals(inbox) == ["BAD_PROTOCOL"])
        still_serves(port, inbox)


def test_a_connection_cut_within_an_object_leaves_no_file(tmp_path: Path) -> None:
    with receiver(tmp_path) as (port, inbox):
        with calling(port) as association:
            # The header of a data PDU of 60000 bytes, some of them, then silence.
            association.dul.socket.send(struct.pack(">BBL", 4, 0, 60000) + b"\0" * 1000)
            association.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        wait_for(lambda: refusals(inbox) == ["INCOMPLETE_TRANSFER"])
        assert objects(inbox) == []
        still_serves(port, inbox)


def test_an_object_goes_to_disk_while_it_arrives_and_half_of_one_does_not_stay(tmp_path: Path) -> None:
    with receiver(tmp_path) as (port, inbox):
        halves: list[int] = []
        with calling(port) as association:
            connection = association.dul.socket
            send, sent = connection.send, 0

            def cutting(data: bytes) -> None:
                nonlocal sent
                sent += len(data)
                if sent > 2 << 20:
                    wait_for(lambda: any(path.stat().st_size > 1 << 20 for path in inbox.arriving.iterdir()))
                    halves.extend(path.stat().st_size for path in inbox.arriving.iterdir())
                    connection.socket.shutdown(socket.SHUT_RDWR)
                send(data)

            connection.send = cutting
            association.send_c_store(image(pixels=4 << 20))
        assert len(halves) == 1
        wait_for(lambda: refusals(inbox) == ["INCOMPLETE_TRANSFER"])
        assert list(inbox.arriving.iterdir()) == objects(inbox) == []
        still_serves(port, inbox)
        assert list(inbox.arriving.iterdir()) == []


def command(uid: bytes | None) -> bytes:
    """Return a data transfer with a C-STORE request for an object of this identifier, and its data."""
    elements = [
        (0x0002, b"1.2.840.10008.5.1.4.1.1.1.1\0"),
        (0x0100, struct.pack("<H", 1)),
        (0x0110, struct.pack("<H", 1)),
        (0x0700, struct.pack("<H", 0)),
        (0x0800, struct.pack("<H", 1)),
        *([] if uid is None else [(0x1000, uid + b"\0" * (len(uid) % 2))]),
    ]
    coded = b"".join(struct.pack("<HHL", 0, element, len(value)) + value for element, value in elements)
    coded = struct.pack("<HHLL", 0, 0, 4, len(coded)) + coded
    data = struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", 6) + b"CANARI"
    items = b"".join(struct.pack(">LBB", len(part) + 2, 1, flags) + part for part, flags in ((coded, 3), (data, 2)))
    return struct.pack(">BBL", 4, 0, len(items)) + items


@pytest.mark.parametrize("uid", [b"../../../../etc/cron.d/x", b"/etc/x", b"", None, b"1." * 500, b"\xff\xfe\n"])
def test_an_identifier_that_is_none_names_no_file_and_stops_nothing(tmp_path: Path, uid: bytes | None) -> None:
    with receiver(tmp_path, idle_seconds=2) as (port, inbox):
        with calling(port) as association:
            assert association.is_established
            association.dul.socket.send(command(uid))
            wait_for(lambda: objects(inbox) or refusals(inbox) == ["BAD_PROTOCOL"])
        still_serves(port, inbox)
        assert list(inbox.arriving.iterdir()) == []
    inside = {path.parent for path in tmp_path.rglob("*") if path.is_file()}
    assert inside <= {inbox.folder / "objects", inbox.folder / "refused"}


def test_a_flood_from_one_machine_leaves_room_for_others(tmp_path: Path) -> None:
    with receiver(tmp_path, maximum_associations=3) as (port, inbox), ExitStack() as flood:
        for _ in range(30):
            flood.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        wait_for(lambda: "TOO_MANY_CONNECTIONS" in refusals(inbox))
        with calling(port) as association:
            # Rejected; or, where the kernel was quicker, the connection is gone before it reads why.
            assert not association.is_established
        with calling(port, bind_address=("127.0.0.2", 0)) as association:
            assert association.send_c_store(image()).Status == ACCEPTED
        flood.close()
        wait_for(lambda: _established(port))
    assert refusals(inbox) == ["TOO_MANY_CONNECTIONS"], "one record for one machine and hour"


def _established(port: int) -> bool:
    with calling(port) as association:
        return bool(association.is_established)


def test_a_disk_that_is_full_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with receiver(tmp_path) as (port, inbox):
        with monkeypatch.context() as patched:
            patched.setattr("pipelines.sources.inbox.os.fsync", full)
            assert send(port, image()) == 0xA700
        assert objects(inbox) == []
        still_serves(port, inbox)


def test_success_comes_after_file_and_folder_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append("folder" if Path(f"/proc/self/fd/{descriptor}").resolve().is_dir() else "file")
        real(descriptor)

    with receiver(tmp_path) as (port, _):
        monkeypatch.setattr("pipelines.sources.inbox.os.fsync", note)
        assert send(port, image()) == ACCEPTED
        assert synced == ["file", "folder"]


def certificate(folder: Path) -> tuple[Path, Path]:
    folder.mkdir(exist_ok=True)
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    more = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command, *more], check=True, capture_output=True)
    return cert, key


def test_tls_with_the_callers_certificate(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path / "server")
    own, own_key = certificate(tmp_path / "client")
    tls = {"certificate": cert, "key": key, "authorities": own}
    with receiver(tmp_path, tls=tls) as (port, inbox):
        context = ssl.create_default_context(cafile=cert)
        context.load_cert_chain(own, own_key)
        # A peer that connects and says nothing must not hold up the others' handshakes.
        with (
            socket.create_connection(("127.0.0.1", port)),
            calling(port, tls_args=(context, "localhost")) as association,
        ):
            assert association.send_c_store(image()).Status == ACCEPTED
        with calling(port) as association:
            assert not association.is_established
        assert len(objects(inbox)) == 1
        wait_for(lambda: refusals(inbox) == ["BAD_PROTOCOL"])


def home_with(folder: Path, source: dict[str, object]) -> Path:
    init(folder, "essai")
    path = folder / "sites" / "essai.yaml"
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**described, "sources": [source]}, allow_unicode=True), encoding="utf-8")
    return folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_nothing_acknowledged_is_lost_when_the_receiver_is_killed(tmp_path: Path) -> None:
    port = free_port()
    source = {"name": "modality", "type": "cstore", "listen": "127.0.0.1", "port": port, "calling": ["CR1"]}
    home = home_with(tmp_path / "home", source)
    code = "from pipelines.cli import main; main()"
    command = [sys.executable, "-c", code, "receive", "--home", str(home)]
    folder = home / "inbox" / "essai" / "modality" / "objects"
    acknowledged: set[str] = set()
    for drill in range(2):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert "receives DICOM as BILAN" in process.stderr.readline()
            with calling(port) as association:
                for number in range(12):
                    ds = image(100 * drill + number, pixels=200_000)
                    if number == 8:
                        process.send_signal(signal.SIGKILL)
                    if not association.is_established:
                        break
                    try:
                        status = association.send_c_store(ds).get("Status")
                    except RuntimeError:
                        break
                    if status == ACCEPTED:
                        acknowledged.add(str(ds.SOPInstanceUID))
            process.wait(10)
    assert len(acknowledged) >= 16
    kept = {str(dcmread(path).SOPInstanceUID) for path in folder.iterdir() if not path.name.startswith(".")}
    assert acknowledged <= kept
    # What was half written is removed at the next start: nobody was told that it is safe.
    with receiver_at(home) as inbox:
        assert not list(inbox.folder.rglob("*.part"))


@contextmanager
def receiver_at(home: Path) -> Iterator[Inbox]:
    inbox = Inbox("modality", home / "inbox" / "essai" / "modality")
    (inbox.folder / "objects" / ".left.part").write_bytes(b"half")
    with cstore.listening(settings(), inbox):
        yield inbox

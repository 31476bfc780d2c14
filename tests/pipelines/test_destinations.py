"""Those we send results to, when they refuse, lie, hang or send us elsewhere: nothing counts as sent."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pynetdicom import AE, evt

from inference.result_objects import Object
from pipelines.destinations import mllp, pacs
from pipelines.errors import NotSentError
from pipelines.result_settings import CstoreTarget, Priority, StowTarget
from pipelines.sources import patience

SR, GSPS = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.11.1"
SECRET = "CANARI-secret"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.0)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    (tmp_path / "secret").write_text(SECRET)
    return tmp_path


def made(sop_class: str, uid: str, folder: Path) -> Object:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.PatientName = sop_class, uid, "CANARI^NOM"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    ds.save_as(folder / uid, enforce_file_format=True)
    return Object(sop_class, uid, (folder / uid).read_bytes())


@pytest.fixture
def objects(tmp_path: Path) -> list[Object]:
    (tmp_path / "made").mkdir()
    return [made(SR, "1.2.9.1", tmp_path / "made"), made(GSPS, "1.2.9.2", tmp_path / "made")]


def stored(*uids: str) -> bytes:
    items = [{"00081155": {"vr": "UI", "Value": [uid]}} for uid in uids]
    return json.dumps({"00081199": {"vr": "SQ", "Value": items}}).encode()


@contextmanager
def web(status: int, body: bytes, headers: dict[str, str] | None = None) -> Iterator[tuple[str, list[bytes]]]:
    taken: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/dicom-web", taken
        finally:
            server.shutdown()
            thread.join(10)


def stow(url: str) -> StowTarget:
    login = {"kind": "bearer", "secret": {"file": "secret"}}
    return StowTarget.model_validate(
        {"type": "dicomweb", "url": url, "login": login, "attempts": 2, "timeout_seconds": 5}
    )


def test_what_the_pacs_confirms_is_sent_in_one_message(home: Path, objects: list[Object]) -> None:
    with web(200, stored("1.2.9.2", "1.2.9.1")) as (url, taken):
        pacs.send(stow(url), home, objects)
    (message,) = taken
    assert all(one.data in message for one in objects)


LIES: dict[str, tuple[int, bytes, dict[str, str], int]] = {
    "only one of two": (200, stored("1.2.9.1"), {}, 1),
    "another one": (200, stored("1.2.9.1", "1.2.9.7"), {}, 1),
    "nothing said": (200, b"", {}, 1),
    "no list": (200, b'{"00081199": 7}', {}, 1),
    "nested without end": (200, b"[" * 100_000, {}, 1),
    "failed": (409, b"{}", {}, 1),
    "refused": (403, b"CANARI", {}, 1),
    "stumbles": (500, b"CANARI", {}, 2),
    "elsewhere": (307, b"", {"Location": "http://127.0.0.2:9/"}, 1),
}


@pytest.mark.parametrize(("status", "body", "headers", "times"), LIES.values(), ids=LIES)
def test_what_the_pacs_does_not_confirm_is_not_sent(
    home: Path, objects: list[Object], status: int, body: bytes, headers: dict[str, str], times: int
) -> None:
    with web(status, body, headers) as (url, taken):
        with pytest.raises(NotSentError) as raised:
            pacs.send(stow(url), home, objects)
        assert len(taken) == times
    assert "CANARI" not in str(raised.value)


@contextmanager
def scp(status: int, classes: tuple[str, ...] = (SR, GSPS)) -> Iterator[tuple[CstoreTarget, list[str]]]:
    taken: list[str] = []

    def store(event: evt.Event) -> int:
        path = getattr(event.request, "_dataset_path", None)
        taken.append(str(dcmread(path).SOPInstanceUID if path else event.dataset.SOPInstanceUID))
        return status

    entity = AE("PACS")
    for name in (*classes, "1.2.840.10008.1.1"):
        entity.add_supported_context(name)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    given = {"type": "dimse", "host": "127.0.0.1", "port": server.server_address[1], "ae_title": "PACS"}
    try:
        yield CstoreTarget.model_validate({**given, "attempts": 2, "timeout_seconds": 5}), taken
    finally:
        server.shutdown()


def test_c_store_is_confirmed_object_by_object(home: Path, objects: list[Object]) -> None:
    with scp(0x0000) as (target, taken):
        pacs.echo(target, home)
        pacs.send(target, home, objects)
    assert taken == ["1.2.9.1", "1.2.9.2"]
    assert list((home / "spool").iterdir()) == [], "no identity is left behind"


@pytest.mark.parametrize(("status", "classes"), [(0xA700, (SR, GSPS)), (0x0000, (SR,))], ids=["full", "no GSPS"])
def test_a_pacs_that_does_not_take_all_has_taken_nothing(
    home: Path, objects: list[Object], status: int, classes: tuple[str, ...]
) -> None:
    with scp(status, classes) as (target, _), pytest.raises(NotSentError, match="refuses what is sent"):
        pacs.send(target, home, objects)


START, END = b"\x0b", b"\x1c\r"
ANSWERS: dict[str, tuple[bytes, int]] = {
    "silence": (b"", 2),
    "an error": (START + b"MSH|^~\\&|R\rMSA|AE|C1\r" + END, 2),
    "a rejection": (START + b"MSH|^~\\&|R\rMSA|AR|C1\r" + END, 1),
    "of another message": (START + b"MSH|^~\\&|R\rMSA|AA|C2\r" + END, 2),
    "no end": (b"x" * 200_000, 2),
    "no HL7": (START + b"\xff\xfe CANARI" + END, 2),
}


@contextmanager
def ris(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    taken: list[bytes] = []
    done = threading.Event()

    def serve(listening: socket.socket) -> None:
        listening.settimeout(0.05)
        while not done.is_set():
            with suppress(TimeoutError):
                peer, _ = listening.accept()
                with peer, suppress(OSError):
                    taken.append(peer.recv(1 << 16))
                    peer.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield listening.getsockname()[1], taken
        finally:
            done.set()
            thread.join(10)


@pytest.mark.parametrize(("answer", "times"), ANSWERS.values(), ids=ANSWERS)
def test_only_an_acknowledgement_of_this_message_counts(home: Path, answer: bytes, times: int) -> None:
    with ris(answer) as (port, taken):
        target = Priority.model_validate({"host": "127.0.0.1", "port": port, "attempts": 2, "timeout_seconds": 2})
        with pytest.raises(NotSentError) as raised:
            mllp.send(target, home, b"MSH|^~\\&|B\r", "C1")
        assert taken == [START + b"MSH|^~\\&|B\r" + END] * times
    assert "CANARI" not in str(raised.value)

"""The MLLP listener with real connections on loopback, friendly and hostile."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipelines.destinations import mllp as to_ris
from pipelines.errors import NotSentError
from pipelines.init import init
from pipelines.result_settings import Priority
from pipelines.source_settings import MllpSource
from pipelines.sources import mllp, patience
from pipelines.sources.inbox import Inbox

START, END = b"\x0b", b"\x1c\r"
CANARY = "CANARI^NOM"


@contextmanager
def listener(folder: Path, **changes: object) -> Iterator[tuple[int, Inbox]]:
    given = {"name": "ris", "type": "mllp", "listen": "127.0.0.1", "port": 1, **changes}
    settings = MllpSource.model_validate(given).model_copy(update={"port": 0})
    inbox, ready = Inbox("ris", folder / "inbox"), threading.Event()
    held: dict[str, object] = {}

    async def serve() -> None:
        stop = asyncio.Event()
        held.update(loop=asyncio.get_running_loop(), stop=stop)
        async with mllp.listening(settings, inbox) as port:
            held["port"] = port
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    try:
        yield held["port"], inbox
    finally:
        held["loop"].call_soon_threadsafe(held["stop"].set)
        thread.join(20)


def message(control: str = "C1", text: str = "Pas de fracture.") -> bytes:
    header = f"MSH|^~\\&|RIS|SITE|X|Y|20261122101500||ORU^R01|{control}|P|2.5"
    return "\r".join([header, f"PID|1||{CANARY}", "OBR|1||A1", f"OBX|1|TX|||{text}", ""]).encode()


@contextmanager
def connected(port: int, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0)) as peer:
        yield peer


def answer(peer: socket.socket) -> dict[str, str]:
    data = b""
    while not data.endswith(END):
        block = peer.recv(4096)
        if not block:
            return {}
        data += block
    assert data.startswith(START)
    header, msa = data[1:-2].decode("latin-1").rstrip("\r").split("\r")
    assert header.startswith("MSH|^~\\&|BILAN|") and header.split("|")[8] == "ACK"
    code, control, *reason = msa.split("|")[1:]
    assert CANARY not in data.decode("latin-1")
    return {"code": code, "control": control, "reason": "".join(reason)}


def objects(inbox: Inbox) -> list[Path]:
    return sorted((inbox.folder / "objects").glob("[!.]*"))


def refusals(inbox: Inbox) -> list[str]:
    return sorted(json.loads(path.read_text())["reason"] for path in (inbox.folder / "refused").glob("[!.]*"))


def wait_for(true: Callable[[], object]) -> None:
    ticker = threading.Event()
    for _ in range(200):
        if true():
            return
        ticker.wait(0.05)
    pytest.fail("nothing happened in ten seconds")


def still_serves(port: int) -> None:
    with connected(port) as peer:
        peer.sendall(START + message("C-still") + END)
        assert answer(peer)["code"] == "AA"


def test_a_message_is_kept_as_it_came_and_acknowledged_with_its_control_id(tmp_path: Path) -> None:
    with listener(tmp_path) as (port, inbox), connected(port) as peer:
        peer.sendall(START + message() + END)
        assert answer(peer) == {"code": "AA", "control": "C1", "reason": ""}
        (kept,) = objects(inbox)
        assert kept.read_bytes() == message()
        assert kept.name == hashlib.sha256(message()).hexdigest()
        assert refusals(inbox) == []


def test_messages_follow_each_other_in_pieces_and_in_one_piece(tmp_path: Path) -> None:
    with listener(tmp_path) as (port, inbox), connected(port) as peer:
        data = b"".join(START + message(f"C{number}") + END + b"\r\n" for number in range(5))
        for at in range(0, len(data), 7):
            peer.sendall(data[at : at + 7])
        assert [answer_one(peer) for _ in range(5)] == [f"C{number}" for number in range(5)]
        peer.sendall(data.replace(b"Pas de", b"Aucune"))
        assert [answer_one(peer) for _ in range(5)] == [f"C{number}" for number in range(5)]
        assert len(objects(inbox)) == 10


def answer_one(peer: socket.socket) -> str:
    data = b""
    while not data.endswith(END):
        data += peer.recv(1)
    return data.decode().split("MSA|AA|")[1].split("\r")[0]


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"MSH", b"MSH|^~\\&|A|B|C|D|E||ORU^R01", b"MSH|^~\\&|A|B|C|D|E||ORU^R01||P|2.5\r", b"\xff" * 99],
    ids=["empty", "no HL7", "three letters", "no control id field", "no control id", "bytes"],
)
def test_what_is_no_message_is_refused_in_words_and_kept_for_the_ledger(tmp_path: Path, data: bytes) -> None:
    with listener(tmp_path) as (port, inbox), connected(port) as peer:
        peer.sendall(START + data + END)
        found = answer(peer)
        assert (found["code"], found["control"]) == ("AR", "")
        assert "MSH" in found["reason"]
        assert [path.read_bytes() for path in objects(inbox)] == [data]
        peer.sendall(START + message() + END)
        assert answer(peer)["code"] == "AA"


def test_a_control_id_cannot_write_segments_of_its_own(tmp_path: Path) -> None:
    hostile = message().replace(b"|", b"#").replace(b"#C1#", b"#C1|AA~\\&^X#")
    with listener(tmp_path) as (port, _), connected(port) as peer:
        peer.sendall(START + hostile + END)
        assert answer(peer) == {"code": "AA", "control": "C1AAX", "reason": ""}


def test_a_frame_without_end_block_is_refused_in_time(tmp_path: Path) -> None:
    with listener(tmp_path, frame_seconds=0.3) as (port, inbox):
        with connected(port) as peer:
            peer.sendall(START + message())
            assert answer(peer) == {"code": "AR", "control": "", "reason": "the message did not end in time"}
        assert refusals(inbox) == ["INCOMPLETE_TRANSFER"]
        assert objects(inbox) == []
        still_serves(port)


@pytest.mark.parametrize("more", [b"", START + b"MSH|"], ids=["cut", "another start block"])
def test_a_frame_that_is_cut_is_noted(tmp_path: Path, more: bytes) -> None:
    with listener(tmp_path) as (port, inbox):
        with connected(port) as peer:
            peer.sendall(START + message() + more)
            peer.shutdown(socket.SHUT_WR)
            assert answer(peer)["code"] == "AR"
        assert refusals(inbox) == ["INCOMPLETE_TRANSFER"]
        assert objects(inbox) == []
        still_serves(port)


def test_a_segment_of_ten_megabytes_is_refused_in_words(tmp_path: Path) -> None:
    with listener(tmp_path) as (port, inbox):
        with connected(port) as peer:
            peer.sendall(START + message(text="A" * (10 << 20)) + END)
            assert answer(peer) == {
                "code": "AR",
                "control": "",
                "reason": "the message is larger than this port takes",
            }
        assert refusals(inbox) == ["MESSAGE_TOO_LARGE"]
        assert objects(inbox) == []
        still_serves(port)


def test_a_large_message_within_the_limit_is_taken(tmp_path: Path) -> None:
    large = message(text="A" * (3 << 20))
    with listener(tmp_path) as (port, inbox), connected(port) as peer:
        peer.sendall(START + large + END)
        assert answer(peer)["code"] == "AA"
        assert [path.read_bytes() for path in objects(inbox)] == [large]


def test_another_protocol_is_refused(tmp_path: Path) -> None:
    with listener(tmp_path) as (port, inbox):
        with connected(port) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
            peer.shutdown(socket.SHUT_WR)
            assert answer(peer)["code"] == "AR"
        assert refusals(inbox) == ["BAD_PROTOCOL"]
        still_serves(port)


def test_a_flood_from_one_machine_leaves_room_for_others(tmp_path: Path) -> None:
    with listener(tmp_path, maximum_connections=3) as (port, inbox), ExitStack() as flood:
        for _ in range(40):
            flood.enter_context(connected(port))
        wait_for(lambda: refusals(inbox) == ["TOO_MANY_CONNECTIONS"])
        with connected(port, "127.0.0.2") as peer:
            peer.sendall(START + message() + END)
            assert answer(peer)["code"] == "AA"
        flood.close()
        wait_for(lambda: _answers(port))


def _answers(port: int) -> bool:
    try:
        with connected(port) as peer:
            peer.sendall(START + message("C-after") + END)
            return answer(peer).get("code") == "AA"
    except ConnectionError:
        return False


def test_a_connection_that_rests_too_long_is_closed(tmp_path: Path) -> None:
    with listener(tmp_path, idle_seconds=0.2) as (port, inbox), connected(port) as peer:
        assert peer.recv(1) == b""
        assert refusals(inbox) == []


def test_a_disk_that_is_full_is_answered_ae(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with listener(tmp_path) as (port, inbox), connected(port) as peer:
        with monkeypatch.context() as patched:
            patched.setattr("pipelines.sources.inbox.os.fsync", full)
            peer.sendall(START + message() + END)
            assert answer(peer) == {
                "code": "AE",
                "control": "C1",
                "reason": "the message could not be stored; send it again later",
            }
        assert objects(inbox) == []
        peer.sendall(START + message() + END)
        assert answer(peer)["code"] == "AA"


def test_nothing_acknowledged_is_lost_when_the_listener_is_killed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    home = tmp_path / "home"
    init(home, "essai")
    path = home / "sites" / "essai.yaml"
    source = {"name": "ris", "type": "mllp", "listen": "127.0.0.1", "port": port}
    described = {**yaml.safe_load(path.read_text(encoding="utf-8")), "sources": [source]}
    path.write_text(yaml.safe_dump(described, allow_unicode=True), encoding="utf-8")
    code = "from pipelines.cli import main; main()"
    command = [sys.executable, "-c", code, "listen", "--home", str(home)]
    acknowledged = set()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "receives HL7" in process.stderr.readline()
        with connected(port) as peer:
            for number in range(60):
                if number == 40:
                    process.send_signal(signal.SIGKILL)
                data = message(f"C{number}")
                try:
                    peer.sendall(START + data + END)
                    if answer(peer).get("code") == "AA":
                        acknowledged.add(data)
                except ConnectionError:
                    break
    assert len(acknowledged) >= 40
    folder = home / "inbox" / "essai" / "ris" / "objects"
    assert acknowledged <= {path.read_bytes() for path in folder.glob("[!.]*")}


def authority(folder: Path) -> Callable[[str], tuple[Path, Path]]:
    """Make an authority; it signs certificates for 127.0.0.1 and writes each with its key."""
    folder.mkdir()
    now = datetime.now(UTC)
    own = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])

    def certificate(name: str) -> tuple[Path, Path]:
        mine = name == "authority"
        key = own if mine else ec.generate_private_key(ec.SECP256R1())
        built = (
            x509.CertificateBuilder()
            .subject_name(issuer if mine else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=mine, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(own, hashes.SHA256())
        )
        paths = folder / f"{name}.pem", folder / f"{name}.key"
        paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths

    certificate("authority")
    return certificate


def test_tls_asks_for_the_callers_certificate_and_keeps_others_waiting_for_nobody(tmp_path: Path) -> None:
    ours, theirs = authority(tmp_path / "ours"), authority(tmp_path / "theirs")
    (cert, key), trusted = ours("server"), tmp_path / "ours" / "authority.pem"
    tls = {"certificate": cert, "key": key, "authorities": trusted}

    def called(caller: tuple[Path, Path] | None, port: int) -> dict[str, str]:
        context = ssl.create_default_context(cafile=trusted)
        if caller is not None:
            context.load_cert_chain(*caller)
        with connected(port) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as peer:
            peer.sendall(START + message() + END)
            return answer(peer)

    with listener(tmp_path, tls=tls) as (port, inbox):
        # One that connects and says nothing, one that speaks without TLS.
        with connected(port), connected(port) as plain:
            plain.sendall(START + message("plain") + END)
            assert called(ours("ris"), port) == {"code": "AA", "control": "C1", "reason": ""}
        for stranger in (None, theirs("ris")):
            with suppress(ssl.SSLError, ConnectionError):
                assert called(stranger, port) == {}
        assert [path.read_bytes() for path in objects(inbox)] == [message()]


def test_a_message_to_a_ris_goes_to_whom_its_authority_vouches_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.0)
    ours, theirs = authority(tmp_path / "ours"), authority(tmp_path / "theirs")
    cert, key = ours("server")
    theirs("server")
    with listener(tmp_path, tls={"certificate": cert, "key": key}) as (port, inbox):

        def send(authorities: str) -> None:
            given = {"host": "127.0.0.1", "port": port, "timeout_seconds": 5, "tls": {"authorities": authorities}}
            to_ris.send(Priority.model_validate(given), tmp_path, message(), "C1")

        with pytest.raises(NotSentError, match="does not acknowledge"):
            send("theirs/authority.pem")
        assert objects(inbox) == []
        send("ours/authority.pem")
        assert [path.read_bytes() for path in objects(inbox)] == [message()]

"""From a site to its hub: shown, approved, signed, carried, taken; and nothing before it was approved."""

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import json
import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from pipelines import config as configuration
from pipelines import export, hub, serve, status, users
from pipelines.bundle_transport import TransportError
from pipelines.cli import app
from pipelines.config import Config
from pipelines.config_hub import Export, export_folder
from pipelines.hub import CardError, HubError
from reports.web.app import create
from reports.web.bundles import with_bundles
from reports.web.settings import Services
from warehouse import audit, connect, hub_sites
from warehouse import status as daily
from warehouse.bundle_file import LIMIT
from warehouse.connect import HUB, reader
from warehouse.sent import NotApprovedError

SITE, MONTH, NEXT = "westbrook", "2026-04", "2026-05"


@pytest.fixture
def home(westbrook: Path, tmp_path: Path) -> Config:
    shutil.copytree(westbrook, tmp_path / "home")
    return configuration.load(tmp_path / "home")


@pytest.fixture
def partner(tmp_path: Path) -> Config:
    folder = tmp_path / "hub"
    (folder / "sites").mkdir(parents=True)
    (folder / "keys").mkdir()
    (folder / "bilan.yaml").write_text("hub: {small_cell: 11}\n")
    made = configuration.load(folder)
    hub.init(made)
    return made


def registered(partner: Config, home: Config, tmp_path: Path, **changes: Any) -> None:
    card = tmp_path / "card.json"
    card.write_text(json.dumps(export.card(home, SITE)))
    hub.register(partner, card, **changes)


def approved(home: Config, month: str = MONTH) -> None:
    export.approve(home, SITE, month, export.draft(home, SITE, month).code, "DPO")


def sending(home: Config, **told: Any) -> Config:
    return replace(home, machine=home.machine.model_copy(update={"export": Export(**told)}))


def test_a_month_goes_from_the_site_to_the_portfolio(home: Config, partner: Config, tmp_path: Path) -> None:
    registered(partner, home, tmp_path, site_group="west", stage="live")
    approved(home)
    first, second = export.run(home, SITE, MONTH), export.run(home, SITE, NEXT)
    assert (first["seq"], second["seq"], second["new"], second["taken"]) == (1, 2, True, [])
    files = hub.read([Path(second["bundle"]), Path(first["bundle"])])
    assert [outcome.reason for outcome in hub.take(partner, files)] == [None, None]
    with reader(partner.home / "data" / "hub_published.duckdb", HUB) as connection:
        (site,), months = hub_sites.sites(connection), hub_sites.months(connection, "2000-01")
    assert (site.site_group, site.stage, site.country) == ("west", "live", "GB")
    with connect.reader(home.published) as connection:
        truth = connection.execute(
            "select count(*) from study where site = ? and strftime(day, '%Y-%m') = ?", [SITE, MONTH]
        ).fetchone()
    assert [(row["month"], row["seq"]) for row in months] == [(MONTH, 1), (NEXT, 2)]
    assert months[0]["studies"] == truth[0] > 100


def test_nothing_is_made_before_it_is_approved(home: Config) -> None:
    with pytest.raises(NotApprovedError, match="not approved yet"):
        export.run(home, SITE, MONTH)
    with pytest.raises(export.CodeError):
        export.approve(home, SITE, MONTH, "0" * 12, "DPO")
    approved(home, NEXT)
    # What was read is what goes first.
    with pytest.raises(NotApprovedError, match="not the one that was read"):
        export.run(home, SITE, MONTH)
    assert not list(home.home.rglob("*.bilan"))
    assert export.run(home, SITE, NEXT)["seq"] == 1
    # The approval is of all months now; of this threshold and this recipient.
    assert export.run(home, SITE, MONTH)["seq"] == 2
    with pytest.raises(NotApprovedError, match="changed"):
        export.run(sending(home, address="https://hub.example"), SITE, "2026-03")


def test_who_approved_and_what_left_are_in_the_audit_trail(home: Config) -> None:
    approved(home)
    export.run(home, SITE, MONTH)
    export.run(home, SITE, MONTH)
    events = [(row["event"], row["object"], row["detail"]) for row in audit.export(users.store(home))]
    assert events == [
        ("export_approved", SITE, '{"month": "2026-04"}'),
        ("aggregates_exported", SITE, '{"month": "2026-04", "seq": 1}'),
    ]


def test_the_page_names_every_field_and_every_value(home: Config) -> None:
    draft, made = export.show(home, SITE, MONTH)
    assert {path.suffix for path in made} == {".html", ".pdf"}
    for path in (path for path in made if path.suffix == ".html"):
        page = path.read_text(encoding="utf-8")
        assert draft.code in page and "http" not in page.replace("http-equiv", "")
        fields = set(re.findall(r'class="field">([\w.]+)<', page))
        told = {**draft.told, "seq": 1, "previous": "", "made_on": "", "restates": False}
        assert fields == (set(told) - {"tables"}) | set(told["tables"]) | {
            cell for cells in told["tables"].values() for cell in cells
        }
        shown = page.replace("\u202f", "").replace(",", "")
        for cells in told["tables"].values():
            assert all(f"<td>{count}</td>" in shown for count in cells.values() if count is not None)
        hidden = sum(count is None for cells in told["tables"].values() for count in cells.values())
        assert page.count('class="withheld"') == hidden > 0
    assert all(path.read_bytes().startswith(b"%PDF") for path in made if path.suffix == ".pdf")


def test_no_pseudonym_and_no_name_of_a_patient_leaves(home: Config) -> None:
    approved(home)
    payload = Path(export.run(home, SITE, MONTH)["bundle"]).read_text()
    with connect.reader(home.published) as connection:
        known = connection.execute("select study_uid, patient_id, device from study").fetchall()
    text = json.loads(payload)["payload"]
    assert not any(value and value in text for row in known for value in row)
    # No date but the two days of the making, and no moment at all.
    assert len(re.findall(r"\d{4}-\d{2}-\d{2}", text)) == 2 and not re.search(r"\d\d:\d\d", text)


def test_a_shared_folder_gets_a_copy(home: Config, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    ready = sending(home, folder=str(shared))
    approved(ready)
    with pytest.raises(TransportError, match="shared folder"):
        export.run(ready, SITE, MONTH)
    shared.mkdir()
    result = export.run(ready, SITE, MONTH)
    assert (result["seq"], result["new"], result["taken"]) == (1, False, ["copied to the shared folder"])
    (copy,) = shared.iterdir()
    assert copy.read_bytes() == Path(result["bundle"]).read_bytes()


def test_a_bundle_sealed_to_the_hub_is_read_there_alone(home: Config, partner: Config, tmp_path: Path) -> None:
    registered(partner, home, tmp_path)
    ready = sending(home, hub_key=hub.init(partner))
    approved(ready)
    content = Path(export.run(ready, SITE, MONTH)["bundle"]).read_bytes()
    assert SITE.encode() not in content
    assert [outcome.reason for outcome in hub.take(partner, [content])] == [None]


# --- HTTPS -------------------------------------------------------------------------------------------------------


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate for a host name or address, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    alternative = x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{host}.pem", folder / f"{host}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


class Listener:
    """A TLS server on this machine that keeps what is put and answers what it is told to."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.answer: tuple[int, dict[str, str]] = (200, {})
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                listener.taken.append((self.path, content))
                self.send_response(listener.answer[0])
                for name, value in listener.answer[1].items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.certificate, key = certificate(folder, host)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(tmp_path)
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_bundle_goes_by_https_to_a_hub_whose_certificate_is_trusted(home: Config, listener: Listener) -> None:
    ready = sending(home, address=listener.address, authorities=str(listener.certificate))
    approved(ready)
    result = export.run(ready, SITE, MONTH)
    assert result["taken"] == ["taken by the hub"]
    assert listener.taken == [("/bundles/westbrook_2026-04_0001.bilan", Path(result["bundle"]).read_bytes())]
    listener.answer = (208, {})
    assert export.run(ready, SITE, MONTH)["taken"] == ["the hub had it before"]


def test_no_byte_goes_to_a_server_that_cannot_prove_who_it_is(home: Config, listener: Listener, tmp_path: Path) -> None:
    ready = sending(home, address=listener.address)
    approved(ready)
    with pytest.raises(TransportError, match="certificate"):
        export.run(ready, SITE, MONTH)
    elsewhere = Listener(tmp_path, "hub.example")
    named = sending(home, address=elsewhere.address, authorities=str(elsewhere.certificate))
    approved(named)
    with pytest.raises(TransportError, match="certificate"):
        export.run(named, SITE, MONTH)
    elsewhere.server.shutdown()
    elsewhere.server.server_close()
    assert listener.taken == elsewhere.taken == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((409, {"Bilan-Refusal": "OUT_OF_CHAIN"}), "OUT_OF_CHAIN"),
        ((409, {"Bilan-Refusal": "<script>CANARY"}), "no reason given"),
        ((302, {"Location": "https://elsewhere.example/"}), "status 302"),
        ((500, {}), "status 500"),
    ],
)
def test_a_refusal_by_the_hub_is_told_and_the_bundle_is_kept(
    home: Config, listener: Listener, answer: tuple[int, dict[str, str]], said: str
) -> None:
    ready = sending(home, address=listener.address, authorities=str(listener.certificate))
    approved(ready)
    listener.answer = answer
    with pytest.raises(TransportError, match=said) as caught:
        export.run(ready, SITE, MONTH)
    assert "CANARY" not in str(caught.value) and len(listener.taken) == 1
    assert list(export_folder(home.home, SITE, MONTH).glob("*.bilan"))


def test_a_hub_that_is_not_there_and_a_proxy_that_refuses_are_told(home: Config) -> None:
    for told, said in (
        ({"address": "https://127.0.0.1:9"}, "cannot be reached"),
        ({"address": "https://hub.example", "proxy": "http://127.0.0.1:9"}, "proxy"),
    ):
        ready = sending(home, **told)
        approved(ready)
        with pytest.raises(TransportError, match=said):
            export.run(ready, SITE, MONTH)


class Tunnel:
    """A proxy that knows CONNECT alone; `asked` is what it was asked for, `seen` every byte that it carried."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.seen = bytearray()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def _serve(self) -> None:
        client, _ = self.listening.accept()
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.asked.append(head.partition(b"\r\n")[0])
            host, _, port = head.split()[1].decode().partition(":")
            with socket.create_connection((host, int(port))) as far:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=self._carry, args=(far, client), daemon=True)
                back.start()
                self._carry(client, far)
                back.join(10)

    def _carry(self, source: socket.socket, to: socket.socket) -> None:
        while True:
            try:
                piece = source.recv(65536)
                if not piece:
                    to.shutdown(socket.SHUT_WR)
                    return
                self.seen += piece
                to.sendall(piece)
            except OSError:
                return


def test_a_bundle_goes_through_a_proxy_that_sees_none_of_it(
    home: Config, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    tunnel = Tunnel()
    # The environment's proxy is nobody's: only the settings decide.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    told = {"address": listener.address, "authorities": str(listener.certificate), "proxy": tunnel.address}
    ready = sending(home, **told)
    approved(ready)
    result = export.run(ready, SITE, MONTH)
    assert result["taken"] == ["taken by the hub"]
    port = listener.server.server_address[1]
    (asked,) = tunnel.asked
    assert asked.startswith(f"CONNECT 127.0.0.1:{port} HTTP/1.".encode())
    assert listener.taken == [("/bundles/westbrook_2026-04_0001.bilan", Path(result["bundle"]).read_bytes())]
    assert len(tunnel.seen) > len(listener.taken[0][1]) and SITE.encode() not in tunnel.seen
    tunnel.thread.join(20)
    tunnel.listening.close()


# --- Registering, and the command line ---------------------------------------------------------------------------


def test_a_second_site_of_one_name_is_refused(home: Config, partner: Config, tmp_path: Path) -> None:
    registered(partner, home, tmp_path, stage="shadow")
    (home.home / "keys" / f"{SITE}.sign").unlink()
    with pytest.raises(HubError, match="another key"):
        registered(partner, home, tmp_path)
    registered(partner, home, tmp_path, new_key=True)
    with reader(partner.home / "data" / "hub_published.duckdb", HUB) as connection:
        assert hub_sites.sites(connection)[0].stage == "shadow"


@pytest.mark.parametrize("content", ["", "[]", '{"site": "../x"}', "{" * 9])
def test_what_is_no_card_is_refused(partner: Config, tmp_path: Path, content: str) -> None:
    (tmp_path / "card").write_text(content)
    with pytest.raises(CardError):
        hub.register(partner, tmp_path / "card")


def test_a_card_whose_key_was_replaced_is_refused(home: Config, partner: Config, tmp_path: Path) -> None:
    told = export.card(home, SITE)
    (tmp_path / "card").write_text(json.dumps({**told, "key": "0" * 64}))
    with pytest.raises(CardError, match="fingerprint"):
        hub.register(partner, tmp_path / "card")


def test_the_commands_do_it_all(home: Config, tmp_path: Path) -> None:
    def bilan(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == code, done.output
        return done.stdout

    here, there = ("--home", str(home.home)), ("--home", str(tmp_path / "partner"))
    (tmp_path / "partner" / "sites").mkdir(parents=True)
    (tmp_path / "partner" / "keys").mkdir()
    (tmp_path / "partner" / "bilan.yaml").write_text("{}\n")
    about = ("--site", SITE, "--month", MONTH)
    assert re.fullmatch("[0-9a-f]{64}\n", bilan("hub", "init", *there))
    (tmp_path / "card").write_text(bilan("export", *about, *here, "--card"))
    assert "fingerprint" in bilan("hub", "register", str(tmp_path / "card"), *there, "--stage", "live")
    assert bilan("hub", "import", str(home.home), *there) == ""
    bilan("export", *about, *here, code=2)
    code = json.loads(bilan("export", *about, *here, "--show", "--json"))["code"]
    bilan("export", *about, *here, "--approve", code, "--by", "DPO")
    bundle = bilan("export", *about, *here).strip()
    assert bilan("hub", "import", bundle, *there) == "taken    westbrook 2026-04\n"
    said = json.loads(bilan("hub", "import", bundle, *there, "--json", code=1))
    assert said[0]["reason"] == "REPLAYED" and said[0]["sentence"].startswith("This very bundle")
    assert "This very bundle was taken before" in bilan("hub", "refusals", *there)
    bilan("hub", "import", str(tmp_path / "nothing"), *there, code=2)


# --- The hub's door ----------------------------------------------------------------------------------------------


@pytest.fixture
def door(partner: Config) -> Iterator[tuple[str, Path]]:
    """The hub as it is served, over TLS, on a free port of this machine."""
    pem, key = certificate(partner.home, "127.0.0.1")
    told = serve.settings(partner)
    app_ = with_bundles(create(told, Services()), told, partial(hub.receive, partner))
    server = uvicorn.Server(
        uvicorn.Config(app_, port=0, ssl_certfile=str(pem), ssl_keyfile=str(key), log_config=None, http="h11")
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"https://127.0.0.1:{listening.getsockname()[1]}", pem
    server.should_exit = True
    thread.join()
    listening.close()


def test_a_site_puts_its_bundles_into_a_real_hub(
    home: Config, partner: Config, door: tuple[str, Path], tmp_path: Path
) -> None:
    address, pem = door
    registered(partner, home, tmp_path)
    ready = sending(home, address=address, authorities=str(pem), hub_key=hub.init(partner))
    approved(ready)
    assert export.run(ready, SITE, MONTH)["taken"] == ["taken by the hub"]
    assert export.run(ready, SITE, MONTH)["taken"] == ["the hub had it before"]
    with reader(partner.home / "data" / "hub_published.duckdb", HUB) as connection:
        assert [row["month"] for row in hub_sites.months(connection, "2000-01")] == [MONTH]
    # The portfolio answers beside it.
    assert requests.get(f"{address}/sign-in", verify=str(pem), timeout=10).status_code == 200


def test_the_door_opens_to_signatures_alone(
    home: Config, partner: Config, door: tuple[str, Path], tmp_path: Path
) -> None:
    address, pem = door
    approved(home)
    content = Path(export.run(home, SITE, MONTH)["bundle"]).read_bytes()

    def put(body: bytes, method: str = "PUT", host: str | None = None) -> tuple[int, str | None]:
        answer = requests.request(
            method,
            f"{address}/bundles/x",
            data=body,
            verify=str(pem),
            timeout=10,
            headers={"host": host} if host else {},
        )
        return answer.status_code, answer.headers.get("bilan-refusal")

    assert put(content) == (409, "UNKNOWN_SITE")
    registered(partner, home, tmp_path)
    assert put(b"hello") == (409, "UNREADABLE")
    assert put(b" " * (LIMIT + 1)) == (413, "TOO_LARGE")
    assert put(content.replace(b"westbrook_", b"x").replace(b'restates\\":false', b'restates\\":true ')) == (
        409,
        "BAD_SIGNATURE",
    )
    assert put(content, "POST")[0] == 405 and put(content, "GET")[0] == 405
    assert put(content, host="evil.example")[0] == 400
    with reader(partner.home / "data" / "hub_published.duckdb", HUB) as connection:
        assert hub_sites.refusals(connection) == [] and hub_sites.months(connection, "2000-01") == []
    assert put(content) == (200, None)
    assert put(content) == (208, "REPLAYED")


# --- The daily sign of life --------------------------------------------------------------------------------------


def test_a_status_goes_only_where_it_is_on_and_approved(
    home: Config, partner: Config, door: tuple[str, Path], tmp_path: Path
) -> None:
    address, pem = door
    registered(partner, home, tmp_path, stage="live")
    now = datetime(2026, 7, 3, 9, tzinfo=UTC)
    approved(home)
    with pytest.raises(status.StatusOffError):
        status.run(home, SITE, now)
    ready = sending(home, address=address, authorities=str(pem), hub_key=hub.init(partner), status=True)
    with pytest.raises(NotApprovedError):  # the approval was of bundles alone
        status.run(ready, SITE, now)
    assert status.due(ready, SITE, now) and not status.due(home, SITE, now)
    assert not status.due(ready, SITE, datetime(2026, 7, 3, 3, tzinfo=UTC))
    approved(ready)
    assert status.run(ready, SITE, now)["taken"] == ["taken by the hub"]
    assert not status.due(ready, SITE, now) and status.due(ready, SITE, now + dt.timedelta(days=1))
    assert status.run(ready, SITE, now)["taken"] == ["the hub had it before"]
    heard = daily.heard(users.store(partner))[SITE]
    with connect.reader(home.published) as connection:
        last = connection.execute("select max(day) from night where status in ('complete', 'late')").fetchone()
    assert last is not None and heard.last_night == last[0]
    assert [night.state for night in heard.status.nights][-1] == "missed"
    # By hand it is the same; nothing of it enters the hub's database of aggregates.
    (outcome,) = hub.take(partner, hub.read([home.home / "issued" / SITE / "exports" / f"{SITE}_status.bilan"]))
    assert outcome.reason == "REPLAYED"
    with reader(partner.home / "data" / "hub_published.duckdb", HUB) as connection:
        assert hub_sites.refusals(connection) == [] and hub_sites.months(connection, "2000-01") == []


def test_the_page_shows_the_status_where_it_is_on_with_every_field(home: Config) -> None:
    fields = {"program", "model", "model_version", "nights", "alarms"}
    for ready, shown in ((home, False), (sending(home, status=True), True)):
        _, made = export.show(ready, SITE, MONTH)
        for path in (path for path in made if path.suffix == ".html"):
            page = path.read_text(encoding="utf-8")
            daily_part = page.partition("signe de vie" if "ce-qui" in path.name else "sign of life")[2]
            assert bool(daily_part) is shown
            if shown:
                assert all(f'class="field">{field}<' in daily_part for field in fields | {"seq", "made_on"})


def test_the_command_prints_the_status_and_sends_nothing(home: Config) -> None:
    done = CliRunner().invoke(app, ["export", "--site", SITE, "--home", str(home.home), "--status", "--show"])
    fields = set(daily.Status.model_json_schema()["properties"]) - {"seq", "made_on"}
    assert done.exit_code == 0 and set(json.loads(done.stdout)) == fields
    done = CliRunner().invoke(app, ["export", "--site", SITE, "--home", str(home.home), "--status"])
    assert done.exit_code == 2 and "daily status is off" in done.output
    assert not list(home.home.rglob("*.bilan"))

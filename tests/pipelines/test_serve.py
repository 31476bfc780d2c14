"""`bilan serve` as the network meets it: whom it believes about addresses, and when it refuses to start."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
import uvicorn
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipelines import config, demo, serve
from reports.web.app import create
from warehouse import audit
from warehouse.app_store import AppStore

FORGED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    demo.create(tmp_path / "home", lambda _: None)
    return tmp_path / "home"


def told(home: Path, **web: object) -> config.Config:
    (home / "bilan.yaml").write_text(yaml.safe_dump({"web": web}), encoding="utf-8")
    return config.load(home)


@contextmanager
def serving(found: config.Config) -> Iterator[int]:
    """Serve as `bilan serve` does, on a free port of every loopback address."""
    settings = serve.settings(found)
    application = create(replace(settings, hosts=(*settings.hosts, "bilan.example.org")), serve.services(found))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        server = uvicorn.Server(uvicorn.Config(application, **serve.server_options(found)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.02)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(timeout=10)


def fail_to_sign_in(port: int, source: str, headers: dict[str, str]) -> None:
    """Send a wrong password from an address: the trail notes where it believes that it came from."""
    connection = http.client.HTTPConnection("127.0.0.1", port, source_address=(source, 0), timeout=20)
    connection.request("GET", "/sign-in", headers=headers)
    answer = connection.getresponse()
    page, cookie = answer.read().decode(), answer.headers["set-cookie"].split(";")[0]
    csrf = re.findall(r'name="csrf" value="([0-9a-f]+)"', page)[0]
    form = urlencode({"csrf": csrf, "login": "x", "password": "y"})
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    connection.request("POST", "/sign-in", body=form, headers={**headers, **kind})
    assert connection.getresponse().status == 401
    connection.close()


@pytest.mark.parametrize(
    ("trusted", "source", "headers", "believed"),
    [
        ((), "127.0.0.1", FORGED, "127.0.0.1"),  # nobody is believed by default
        (("127.0.0.1",), "127.0.0.1", FORGED, "203.0.113.9"),  # the proxy that was named
        (("127.0.0.1",), "127.0.0.2", FORGED, "127.0.0.2"),  # whoever gets past it
        # What the browser itself wrote stands before what the proxy adds: the last counts.
        (("127.0.0.1",), "127.0.0.1", {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}, "203.0.113.9"),
        (("127.0.0.1",), "127.0.0.1", {}, "127.0.0.1"),
        (("192.0.2.1",), "127.0.0.1", FORGED, "127.0.0.1"),
    ],
)
def test_only_the_named_proxy_is_believed_about_the_address(
    home: Path, trusted: tuple[str, ...], source: str, headers: dict[str, str], believed: str
) -> None:
    found = told(home, trusted_proxies=list(trusted), public_address="https://bilan.example.org")
    with serving(found) as port:
        fail_to_sign_in(port, source, {"Host": "bilan.example.org", **headers})
    (row,) = audit.export(AppStore(found.app_store))
    assert (row["event"], row["outcome"], row["address"]) == ("signed_in", 4, believed)


def test_the_host_is_never_taken_from_a_forwarded_header(home: Path) -> None:
    found = told(home, trusted_proxies=["127.0.0.1"], public_address="https://bilan.example.org")
    with serving(found) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for host, status in (("bilan.example.org", 200), ("evil.example", 400)):
            connection.request("GET", "/sign-in", headers={**FORGED, "Host": host})
            answer = connection.getresponse()
            assert b"evil.example" not in answer.read()
            assert answer.status == status
        connection.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "bilan.example.org", "::"])
def test_without_tls_it_listens_to_this_machine_alone(home: Path, host: str) -> None:
    with pytest.raises(serve.ServeError, match="unencrypted"):
        serve.run(told(home), host, 0)


def test_a_key_of_the_wrong_mode_stops_the_start(home: Path) -> None:
    found = told(home)
    assert len(serve.settings(found).key) == 32
    key = home / "keys" / "_app.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert serve.settings(found).key == bytes.fromhex(key.read_text())
    key.chmod(0o644)
    with pytest.raises(serve.ServeError, match="0600"):
        serve.settings(found)


def certificate(folder: Path) -> None:
    """Write a self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "web.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "web.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_with_certificate_files_it_speaks_tls_and_holds_cookies_to_it(home: Path) -> None:
    certificate(home)
    found = told(home, certificate="web.pem", key="web.key")
    with serving(found) as port:
        trusting = ssl.create_default_context(cafile=str(home / "web.pem"))
        connection = http.client.HTTPSConnection("localhost", port, context=trusting, timeout=20)
        connection.request("GET", "/sign-in")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert "Secure" in answer.headers["set-cookie"]
        connection.close()
        plain = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        with pytest.raises((http.client.HTTPException, OSError)):
            plain.request("GET", "/sign-in")
            plain.getresponse()
        plain.close()
    assert json.dumps([row["event"] for row in audit.export(AppStore(found.app_store))]) == "[]"

"""A DICOMweb source against servers on loopback that are slow, half broken or lie."""

from __future__ import annotations

import gzip
import importlib.util
import json
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from pipelines import config, doctor, intake, night
from pipelines.config import Config
from pipelines.errors import SourceUnreachableError
from pipelines.init import init
from pipelines.result_settings import Results
from pipelines.source_settings import Tls
from pipelines.sources import connected, http, listing, patience
from warehouse import connect

DAY = date(2026, 10, 20)
SECRET = "CANARI-token"
CT = "1.2.840.10008.5.1.4.1.1.2"


def _stored() -> Any:
    spec = importlib.util.spec_from_file_location("stored_objects", Path(__file__).with_name("stored_objects.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["stored_objects"] = module
    spec.loader.exec_module(module)
    return module


stored_objects = _stored()
Stored, day = stored_objects.Stored, stored_objects.day
TAGS = {
    "study": ("0020000D", "UI"),
    "series": ("0020000E", "UI"),
    "uid": ("00080018", "UI"),
    "sop_class": ("00080016", "UI"),
    "modality": ("00080060", "CS"),
    "part": ("00180015", "CS"),
    "patient": ("00100020", "LO"),
}
LEVELS = {
    1: ("study", "patient"),
    3: ("study", "series", "modality", "part"),
    5: ("study", "series", "uid", "sop_class"),
}


@dataclass
class Answer:
    """What the PACS would say; a test changes it. `cut` closes the connection within the body."""

    status: int
    kind: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    drip: float = 0


Twist = Callable[[list[str], dict[str, str], Answer], None]


@dataclass
class Pacs:
    """A DICOMweb server in a thread."""

    objects: list[Any]
    twist: Twist
    paging: bool = True
    url: str = ""
    asked: list[str] = field(default_factory=list)
    authorizations: set[str | None] = field(default_factory=set)
    last: str | None = None

    def answer(self, parts: list[str], query: dict[str, str]) -> Answer:
        found = [item for item in self.objects if len(parts) < 2 or item.study == parts[1]]
        found = [item for item in found if len(parts) < 4 or item.series == parts[3]]
        found = [item for item in found if query.get("StudyInstanceUID") in (None, item.study)]
        found = [item for item in found if query.get("BodyPartExamined") in (None, item.part)]
        if "StudyDate" in query and query["StudyDate"] != f"{DAY:%Y%m%d}":
            found = []
        wanted = query.get("ModalitiesInStudy") or query.get("Modality")
        found = [item for item in found if wanted in (None, item.modality)]
        if len(parts) == 6:
            body = b"".join(part(item.data()) for item in found if item.uid == parts[5])
            kind = 'multipart/related; type="application/dicom"; boundary="XX"'
            answer = Answer(200 if body else 404, kind, body + b"\r\n--XX--")
        else:
            rows = list({repr(row): row for row in (row(item, LEVELS[len(parts)]) for item in found)}.values())
            if self.paging:
                start = int(query["offset"])
                rows = rows[start : start + int(query["limit"])]
            answer = Answer(200, "application/dicom+json", json.dumps(rows).encode())
        self.twist(parts, query, answer)
        return answer


def part(data: bytes) -> bytes:
    return b"\r\n--XX\r\nContent-Type: application/dicom\r\n\r\n" + data


def row(item: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {TAGS[name][0]: {"vr": TAGS[name][1], "Value": [getattr(item, name)]} for name in names}


def honest(parts: list[str], query: dict[str, str], answer: Answer) -> None:
    pass


@contextmanager
def pacs(  # noqa: C901 - one server, with all its ways
    objects: list[Any], twist: Twist = honest, paging: bool = True, secured: ssl.SSLContext | None = None
) -> Iterator[Pacs]:
    peer = Pacs(objects, twist, paging)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            split = urlsplit(self.path)
            peer.asked.append(split.path)
            peer.authorizations.add(self.headers["Authorization"])
            peer.last = self.headers["Authorization"]
            answer = peer.answer(split.path.strip("/").split("/")[1:], dict(parse_qsl(split.query)))
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if answer.drip:
                time.sleep(answer.drip)
            self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)
            self.close_connection = self.close_connection or answer.cut

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client had enough
                super().handle()

        def setup(self) -> None:
            if secured is not None:
                self.request = secured.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            if secured is not None:
                self.request.close()

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # a caller without the right certificate

    with Server(("127.0.0.1", 0), Handler) as server:
        peer.url = f"{'http' if secured is None else 'https'}://127.0.0.1:{server.server_address[1]}/dicom-web"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield peer
        finally:
            server.shutdown()
            thread.join(10)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.0)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose night has begun, to copy."""
    folder = tmp_path_factory.mktemp("empty") / "home"
    init(folder, "essai")
    (folder / "keys" / "pacs").write_text(f"{SECRET}\n")
    night.begin(config.load(folder), "essai", [DAY])
    return folder


@pytest.fixture
def make(tmp_path: Path, empty: Path) -> Callable[..., Config]:
    def home(peer: Pacs, scope: dict[str, Any] | None = None, **changes: Any) -> Config:
        shutil.copytree(empty, tmp_path / "home")
        path = tmp_path / "home" / "sites" / "essai.yaml"
        login = {"kind": "bearer", "secret": {"file": "keys/pacs"}}
        source = {"name": "pacs", "type": "dicomweb", "url": peer.url, "login": login, "timeout_seconds": 5, **changes}
        described = {**yaml.safe_load(path.read_text(encoding="utf-8")), "sources": [source], "scope": scope or {}}
        path.write_text(yaml.safe_dump(described, allow_unicode=True), encoding="utf-8")
        return config.load(tmp_path / "home")

    return home


def take(loaded: Config, *days: date) -> dict[str, int]:
    return intake.take(loaded, "essai", days or [DAY], "dicom")


def ledger(loaded: Config) -> Counter[tuple[str, str | None]]:
    with connect.writer(loaded.warehouse, 1) as connection:
        rows = connection.execute("select outcome, reasons[1] from ledger where kind = 'dicom'").fetchall()
    return Counter((str(outcome), reason) for outcome, reason in rows)


ACCEPTED = ("accepted", None)


def left(loaded: Config) -> list[str]:
    return sorted(path.name for path in loaded.landing("essai", "pacs").iterdir() if not path.name.endswith(".refused"))


def test_everything_of_the_day_comes_once_and_nothing_of_another_modality(make: Callable[..., Config]) -> None:
    # A study of two modalities: its CT series is not asked for.
    objects = [*day(5), Stored("1.2.1", 9, "CT", CT), Stored("1.2.8", 1, "CT", CT)]
    with pacs(objects) as peer:
        loaded = make(peer, page_size=2)
        assert take(loaded) == {"accepted": 10}
        asked = list(peer.asked)
        assert take(loaded) == {}
        again = peer.asked[len(asked) :]
    assert ledger(loaded) == {ACCEPTED: 10}
    assert sum("/instances/" in path for path in asked) == 10
    assert not any("/instances/" in path for path in again), "what was taken is not fetched again"
    assert not any("1.2.8" in path for path in asked)
    assert peer.authorizations == {f"Bearer {SECRET}"}
    assert left(loaded) == ["asked"]
    kept = sorted(path.read_bytes() for path in (loaded.spool("essai") / "dicom").rglob("*.dcm"))
    assert kept == sorted(item.data() for item in day(5)), "byte for byte what the PACS holds"


def test_a_region_that_is_out_of_scope_is_not_fetched(make: Callable[..., Config]) -> None:
    objects = [Stored("1.2.1", 1, part="CHEST"), Stored("1.2.2", 1, part=""), Stored("1.2.3", 1, part="EXTREMITY")]
    with pacs([*objects, Stored("1.2.4", 1)]) as peer:
        loaded = make(peer, scope={"regions": ["hand"]})
        take(loaded)
        fetched = {path.split("/")[3] for path in peer.asked if "/instances/" in path}
    assert fetched == {"1.2.2", "1.2.3", "1.2.4"}, "without a region the gate decides, which sees more"


def repeated(parts: list[str], query: dict[str, str], answer: Answer) -> None:
    """Give each study on two pages."""
    if len(parts) == 1 and query.get("offset", "0") != "0":
        rows = json.loads(answer.body)
        answer.body = json.dumps([row(Stored("1.2.1", 1), ("study",)), *rows]).encode()


def endless(parts: list[str], query: dict[str, str], answer: Answer) -> None:
    if len(parts) == 5:
        start = int(query["offset"])
        rows = [row(Stored("1.2.1", 1000 + start + more), ("uid",)) for more in range(int(query["limit"]))]
        answer.body = json.dumps(rows).encode()


def forever_the_same(parts: list[str], query: dict[str, str], answer: Answer) -> None:
    if parts == ["studies"] and query["StudyDate"] == f"{DAY:%Y%m%d}":
        answer.body = json.dumps([row(Stored(f"1.2.{study}", 1), ("study",)) for study in (1, 2, 3)]).encode()


def test_duplicates_across_pages_are_taken_once(make: Callable[..., Config]) -> None:
    with pacs(day(), repeated) as peer:
        loaded = make(peer, page_size=2)
        assert take(loaded) == {"accepted": 6}
    assert ledger(loaded) == {ACCEPTED: 6}


@pytest.mark.parametrize("twist", [honest, forever_the_same])
def test_a_server_that_ignores_paging_is_taken_once(make: Callable[..., Config], twist: Twist) -> None:
    with pacs(day(), twist, paging=False) as peer:
        loaded = make(peer, page_size=2)
        assert take(loaded) == {"accepted": 6}


def test_a_list_without_end_is_cut_and_has_its_row(
    make: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_LISTED", 20)
    with pacs(day(1), endless) as peer:
        loaded = make(peer, page_size=5)
        take(loaded)
        take(loaded)
    assert ledger(loaded) == {("quarantined", "NOT_FETCHED"): 20, ("quarantined", "BAD_LISTING"): 1}


BAD_UIDS = ["../../../../etc/cron.d/x", "1.2.3/../../x", "1.2.", "1." * 40 + "1", "", "1.2.3\n", "１.2"]


def test_a_path_as_identifier_is_never_asked_for(make: Callable[..., Config], tmp_path: Path) -> None:
    def lying(parts: list[str], query: dict[str, str], answer: Answer) -> None:
        if len(parts) in (1, 5) and "/".join(parts[:2]) in ("studies", "studies/1.2.1") and json.loads(answer.body):
            tag = TAGS["study" if len(parts) == 1 else "uid"][0]
            bad: list[Any] = [{tag: {"vr": "UI", "Value": [uid]}} for uid in BAD_UIDS]
            shapes: list[Any] = [{tag: {"Value": {"a": 1}}}, {tag: []}, 7, None, {tag: {"Value": [{"b": [1]}]}}]
            answer.body = json.dumps([*bad, *shapes, *json.loads(answer.body)]).encode()

    with pacs(day(2), lying) as peer:
        loaded = make(peer)
        take(loaded)
        take(loaded)
        assert not any(".." in path or "etc" in path for path in peer.asked)
    counted = ledger(loaded)
    assert counted.pop(ACCEPTED) == 4
    # Once for the day and once for the one study; shapes without any text are one row of no name.
    assert counted == {("quarantined", "BAD_LISTING"): 2 * len(set(BAD_UIDS))}
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and (tmp_path / "home") not in path.parents]
    assert outside == []


def fetching(change: Callable[[Answer], None], only: str = "") -> Twist:
    def twist(parts: list[str], _query: dict[str, str], answer: Answer) -> None:
        if len(parts) == 6 and (not only or parts[5] == only):
            change(answer)

    return twist


def other_object(answer: Answer) -> None:
    answer.body = part(Stored("1.2.1", 770).data()) + b"\r\n--XX--"


def other_study(answer: Answer) -> None:
    asked_for = Stored("1.2.9", 3).data().replace(b"1.2.9.1.3", b"1.2.1.1.3")
    answer.body = part(asked_for) + b"\r\n--XX--"


def oversized(answer: Answer) -> None:
    answer.body = part(bytes(3 << 20)) + b"\r\n--XX--"


def bomb(answer: Answer) -> None:
    answer.body = gzip.compress(part(bytes(50 << 20)))
    answer.headers["Content-Encoding"] = "gzip"


def no_multipart(answer: Answer) -> None:
    answer.kind = "multipart/related"


def ends_early(answer: Answer) -> None:
    answer.body = answer.body[:500]


def cut(answer: Answer) -> None:
    answer.cut = True


def error(answer: Answer) -> None:
    answer.status = 500


def gone(answer: Answer) -> None:
    answer.status = 404


HOSTILE: dict[str, tuple[Callable[[Answer], None], str]] = {
    "another object": (other_object, "WRONG_OBJECT"),
    "the object of another study": (other_study, "WRONG_OBJECT"),
    "an oversized object": (oversized, "FILE_TOO_LARGE"),
    "a gzip bomb": (bomb, "FILE_TOO_LARGE"),
    "no boundary": (no_multipart, "NOT_FETCHED"),
    "no end": (ends_early, "NOT_FETCHED"),
    "a cut connection": (cut, "NOT_FETCHED"),
    "an error": (error, "NOT_FETCHED"),
    "an object that is gone": (gone, "NOT_FETCHED"),
}


def test_what_is_not_handed_over_well_has_its_row_and_stops_nothing(make: Callable[..., Config]) -> None:
    # Each hostile object is followed by a sound one.
    objects = [Stored("1.2.1", number) for number in range(1, 2 * len(HOSTILE) + 1)]
    changes = {f"1.2.1.1.{2 * place + 1}": change for place, (change, _) in enumerate(HOSTILE.values())}

    def twist(parts: list[str], _query: dict[str, str], answer: Answer) -> None:
        if len(parts) == 6 and parts[5] in changes:
            changes[parts[5]](answer)

    with pacs(objects, twist) as peer:
        loaded = make(peer, maximum_object_mb=1, attempts=2)
        take(loaded)
        take(loaded)
        refused = Counter(("quarantined", reason) for _, reason in HOSTILE.values())
        assert ledger(loaded) == {ACCEPTED: len(HOSTILE), **refused}, "one row each, however often it is tried"
        peer.twist = honest
        take(loaded)
    # Once the PACS hands them over, nothing is lost.
    assert ledger(loaded) == {ACCEPTED: 2 * len(HOSTILE), **refused}
    assert left(loaded) == ["asked"]


def test_a_redirect_is_never_followed_and_our_secret_goes_nowhere_else(make: Callable[..., Config]) -> None:
    with pacs(day()) as other:

        def elsewhere(answer: Answer) -> None:
            answer.status, answer.headers = 302, {"Location": f"{other.url}/studies"}

        with pacs(day(), fetching(elsewhere)) as peer:
            loaded = make(peer)
            take(loaded)
            assert ledger(loaded) == {("quarantined", "NOT_FETCHED"): 6}
            peer.twist = lambda _parts, _query, answer: elsewhere(answer)
            with pytest.raises(SourceUnreachableError, match="never followed"):
                take(loaded)
        assert (other.asked, other.authorizations) == ([], set())


def test_a_server_that_stumbles_is_asked_again(make: Callable[..., Config]) -> None:
    turns: Counter[str] = Counter()

    def stumbling(parts: list[str], query: dict[str, str], answer: Answer) -> None:
        turns["/".join(parts) + str(sorted(query.items()))] += 1
        turn = turns["/".join(parts) + str(sorted(query.items()))]
        if turn == 1:
            answer.status, answer.headers = 503, {"Retry-After": "0"}
        elif turn == 2:
            answer.cut = True

    with pacs(day(), stumbling) as peer:
        assert take(make(peer)) == {"accepted": 6}


def test_a_server_that_only_lists_is_given_up_and_the_next_night_catches_up(make: Callable[..., Config]) -> None:
    with pacs(day(5), fetching(error)) as peer:
        loaded = make(peer, attempts=1)
        night.take_images(loaded, "essai", [DAY])
        assert sum("/instances/" in path for path in peer.asked) == 5
        with connect.writer(loaded.warehouse, 1) as connection:
            (failed,) = connection.execute("select error from night_failure").fetchone() or ("",)
        assert failed == "SOURCE_UNREACHABLE"
        peer.twist = honest
        # Many nights later: the days since it last answered are asked for, not the look-back alone.
        assert take(loaded, DAY + timedelta(days=20)) == {}, "it has never answered yet"
        assert take(loaded, DAY) == {"accepted": 10}


def test_the_days_since_the_last_answer_are_caught_up(make: Callable[..., Config]) -> None:
    with pacs([]) as peer:
        loaded = make(peer)
        assert take(loaded, DAY - timedelta(days=1)) == {}
        peer.objects.extend(day())
        broken: Twist = lambda _parts, _query, answer: error(answer)  # noqa: E731
        peer.twist = broken
        for away in (0, 1, 19):
            with pytest.raises(SourceUnreachableError):
                take(loaded, DAY + timedelta(days=away))
        peer.twist = honest
        assert take(loaded, DAY + timedelta(days=20)) == {"accepted": 6}


@pytest.mark.parametrize("status", [401, 403, 500, 404, 302])
def test_a_server_that_refuses_the_listing_is_unreachable_in_words(make: Callable[..., Config], status: int) -> None:
    def refusing(_parts: list[str], _query: dict[str, str], answer: Answer) -> None:
        answer.status = status

    with pacs(day(), refusing) as peer:
        loaded = make(peer)
        with pytest.raises(SourceUnreachableError) as raised:
            take(loaded)
    assert str(raised.value).startswith("source pacs: ")
    assert SECRET not in str(raised.value) and "CANARI" not in str(raised.value)


@pytest.mark.parametrize("body", [b"{", b"{}", b'"x"', b"[" * 100_000, b"\xff\xfe", b""])
def test_an_answer_that_is_no_list_is_no_answer(make: Callable[..., Config], body: bytes) -> None:
    def nonsense(_parts: list[str], _query: dict[str, str], answer: Answer) -> None:
        answer.body = body

    with pacs(day(), nonsense) as peer:
        loaded = make(peer)
        with pytest.raises(SourceUnreachableError):
            take(loaded)


def test_a_listing_without_measure_is_cut(make: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_LISTING", 1000)

    def huge(_parts: list[str], _query: dict[str, str], answer: Answer) -> None:
        answer.body = b"[" + b" " * 2000 + b"]"

    with pacs(day(), huge) as peer:
        loaded = make(peer)
        with pytest.raises(SourceUnreachableError, match="has no end"):
            take(loaded)


def test_a_slow_server_is_not_waited_for_without_end(make: Callable[..., Config]) -> None:
    def slow(parts: list[str], _query: dict[str, str], answer: Answer) -> None:
        if len(parts) == 6 and parts[5] == "1.2.1.1.1":
            answer.drip = 1.5

    with pacs(day(), slow) as peer:
        loaded = make(peer, timeout_seconds=0.5, attempts=2)
        take(loaded)
    assert ledger(loaded) == {ACCEPTED: 5, ("quarantined", "NOT_FETCHED"): 1}


def test_a_night_that_broke_off_fetches_only_what_it_lacks(
    make: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with pacs(day()) as peer:
        loaded = make(peer)
        with monkeypatch.context() as patched:
            patched.setattr("pipelines.intake.ledger.record", crash)
            with pytest.raises(KeyboardInterrupt):
                take(loaded)
        before = len(peer.asked)
        assert take(loaded) == {"accepted": 6}
        assert not any("/instances/" in path for path in peer.asked[before:])


def test_the_doctor_asks_and_says_what_to_do(make: Callable[..., Config]) -> None:
    with pacs(day(1)) as peer:
        loaded = make(peer)
        to = {"to": {"type": "dicomweb", "url": peer.url, "attempts": 1}}
        results = Results.model_validate(
            {"objects": to, "priority": {"host": "127.0.0.1", "port": 1, "template": "no"}}
        )
        loaded.sites["essai"] = loaded.site("essai").model_copy(update={"results": results})
        assert [(row.name, row.ok, row.found) for row in doctor.sources(loaded)] == [
            ("source essai/pacs", True, "answers")
        ]
        objects, priority = doctor.destinations(loaded)
        assert (objects.ok, objects.found) == (True, "answers")
        assert (priority.ok, priority.remedy) == (
            False,
            "the file cannot be read; correct the path, its mode, or write it in UTF-8",
        )
        assert not any("/instances/" in path for path in peer.asked)
    (row,) = doctor.sources(loaded)
    assert not row.ok and "is it running" in row.remedy
    assert not next(doctor.destinations(loaded)).ok


def test_only_a_server_that_our_authority_vouches_for_is_asked(make: Callable[..., Config], tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        command = [
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
        more = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", str(tmp_path / f"{name}.key"), "-out", str(tmp_path / f"{name}.pem")]
        subprocess.run([*command, *more, *files], check=True, capture_output=True)
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(tmp_path / "ours.pem", tmp_path / "ours.key")
    secured.verify_mode = ssl.CERT_REQUIRED
    secured.load_verify_locations(tmp_path / "theirs.pem")
    with pacs(day(1), secured=secured) as peer:
        own = {"certificate": str(tmp_path / "theirs.pem"), "key": str(tmp_path / "theirs.key")}
        loaded = make(peer, tls={"authorities": str(tmp_path / "ours.pem"), **own})
        assert take(loaded) == {"accepted": 2}
        asked = len(peer.asked)
        source = loaded.site("essai").sources[0]
        for tls in ({"authorities": tmp_path / "theirs.pem"}, {"authorities": tmp_path / "ours.pem"}, {}):
            changed = source.model_copy(update={"tls": Tls.model_validate(tls), "attempts": 1})
            with pytest.raises(SourceUnreachableError):
                connected.pacs(loaded, loaded.site("essai"), changed).echo()
        assert len(peer.asked) == asked, "it saw no question, and so no secret"


def test_a_secret_from_the_environment_and_its_absence(
    make: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = {"environment": "BILAN_TEST_PACS"}
    monkeypatch.setenv("BILAN_TEST_PACS", SECRET)
    with pacs(day(1)) as peer:
        loaded = make(peer, login={"kind": "basic", "user": "bilan", "secret": secret})
        take(loaded)
        assert peer.authorizations == {"Basic YmlsYW46Q0FOQVJJLXRva2Vu"}
        monkeypatch.delenv("BILAN_TEST_PACS")
        with pytest.raises(SourceUnreachableError, match="its secret cannot be read"):
            take(loaded)


def test_a_token_that_is_renewed_during_the_night_is_read_again(make: Callable[..., Config], tmp_path: Path) -> None:
    file, valid = tmp_path / "home" / "keys" / "pacs", [f"Bearer {SECRET}"]

    def expiring(parts: list[str], query: dict[str, str], answer: Answer) -> None:
        if len(parts) == 6 and valid == [f"Bearer {SECRET}"]:
            valid[0] = "Bearer CANARI-renewed"
            file.write_text("CANARI-renewed\n")
        if peer.last != valid[0]:
            answer.status, answer.body = 401, b""

    with pacs(day(), expiring) as peer:
        loaded = make(peer)
        take(loaded)
        assert ledger(loaded) == {ACCEPTED: 6}
        # A token that nobody renewed is not sent again and again.
        valid[0], asked = "Bearer CANARI-another", len(peer.asked)
        with pytest.raises(SourceUnreachableError, match="refuses us"):
            take(loaded, DAY + timedelta(days=1))
        assert len(peer.asked) == asked + 1


def test_a_redirected_listing_is_noted_as_a_failure_of_the_source(make: Callable[..., Config]) -> None:
    def elsewhere(_parts: list[str], _query: dict[str, str], answer: Answer) -> None:
        answer.status, answer.headers = 302, {"Location": "http://127.0.0.1:1/"}

    with pacs(day(), elsewhere) as peer:
        loaded = make(peer)
        night.take_images(loaded, "essai", [DAY])
    with connect.writer(loaded.warehouse, 1) as connection:
        state = connection.execute("select source, failing_since is not null from source_state").fetchall()
        failure = connection.execute("select step, error from night_failure").fetchall()
    assert (state, failure) == ([("pacs", True)], [("study", "SOURCE_UNREACHABLE")])

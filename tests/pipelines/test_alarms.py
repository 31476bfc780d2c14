"""Alarms: one for each cause, told once to addresses on the own network, with an end; no patient data in them."""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from aiosmtpd.controller import Controller

from pipelines import alarms, config, notify
from pipelines.config import Config
from pipelines.config_alarms import Alarms
from pipelines.init import init
from warehouse import connect, load, nights, source_states
from warehouse.app_store import AppStore
from warehouse.publish import publish
from warehouse.rows import LedgerRow
from warehouse.site import SiteFacts
from warehouse.study import StudyRow

SITE = "paris"
# A Monday; its night begins on Tuesday at five, its list is due at half past seven.
DAY = date(2026, 10, 19)
AFTER = datetime(2026, 10, 20, 9, 0, tzinfo=UTC) - timedelta(hours=2)  # nine in Paris
HEX = "{:032x}"


class Mails:
    def __init__(self) -> None:
        self.got: list[Any] = []
        self.answer = "250 taken"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.answer


@pytest.fixture
def mails() -> Iterator[tuple[Mails, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    handler = Mails()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


class Hook(BaseHTTPRequestHandler):
    got: ClassVar[list[dict[str, Any]]] = []
    status: ClassVar[int] = 204

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.status < 300:
            self.got.append(json.loads(body))
        self.send_response(self.status)
        if self.status == 302:
            self.send_header("Location", "http://192.0.2.1/")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[int]:
    Hook.got, Hook.status = [], 204
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path) -> Callable[..., Config]:
    def make(port: int = 1, **told: Any) -> Config:
        place = tmp_path / "home"
        if not place.exists():
            init(place, SITE)
        (place / "bilan.yaml").write_text(
            yaml.safe_dump({"smtp": {"host": "127.0.0.1", "port": port, "security": "none", "sender": "b@h.example"}})
        )
        path = place / "sites" / f"{SITE}.yaml"
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        settings.update(name="Hôpital CANARI\r\nBcc: x@y.example", language="fr", country="FR", alarms=told)
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return config.load(place)

    return make


def fill(loaded: Config, through: date = DAY, **last: Any) -> None:
    """Eight weeks of nights, each with 20 images (2 refused) and 10 messages; `last` is what the last one took."""
    connect.migrate(loaded.warehouse)
    with connect.writer(loaded.warehouse) as connection:
        facts = SiteFacts(
            SITE, date(1970, 1, 1), "x", "FR", "fr", "Europe/Paris", "public", "08:00", "18:00", (1,), 24, 1, None, None
        )  # fmt: skip
        load.load(connection, "site", [facts])
        rows: list[LedgerRow] = []
        for back in range(56, -1, -1):
            day = through - timedelta(days=back)
            what = {"images": 20, "refused": 2, "messages": 10, **(last if back == 0 else {})}
            at = datetime(day.year, day.month, day.day, 4, tzinfo=UTC) + timedelta(days=1)
            nights.begin(connection, SITE, day, at)
            if what.get("status") != "missing":
                nights.close(connection, SITE, day, at, "complete")
            kinds = [("dicom", "accepted")] * (what["images"] - what["refused"] if what["images"] else 0)
            kinds += [("dicom", "quarantined")] * (what["refused"] if what["images"] else 0)
            kinds += [("message", "accepted")] * what["messages"]
            for number, (kind, outcome) in enumerate(kinds):
                name = HEX.format(day.toordinal() * 1000 + number)
                rows.append(
                    LedgerRow(SITE, name, kind, "drop", day, at, name, "1-1", name, outcome, (), None, None, None, "k")
                )
        load.load(connection, "ledger", rows)
    publish(loaded.warehouse, loaded.published)


def causes(loaded: Config, now: datetime = AFTER) -> list[tuple[str, str]]:
    return [(cause.cause, cause.subject) for cause in alarms.examine(loaded, SITE, now)]


def test_nothing_is_amiss_before_the_first_night_nor_after_a_usual_one(home: Callable[..., Config]) -> None:
    loaded = home()
    assert causes(loaded) == []
    fill(loaded)
    assert causes(loaded) == []


def test_a_night_without_images_is_one_alarm_from_eight_on(home: Callable[..., Config]) -> None:
    loaded = home()
    fill(loaded, images=0)
    eight = datetime(2026, 10, 20, 6, 0, tzinfo=UTC)
    assert causes(loaded, eight - timedelta(seconds=1)) == []
    assert causes(loaded, eight) == [("no_images", "")]
    assert alarms.examine(loaded, SITE, eight)[0].figures == {"usual": 20}


def test_a_silent_ris_is_one_alarm(home: Callable[..., Config]) -> None:
    loaded = home()
    fill(loaded, messages=0)
    assert causes(loaded) == [("ris_silent", "")]


def test_refused_files_beyond_three_sigma_are_one_alarm_however_many_they_are(home: Callable[..., Config]) -> None:
    """30 offered a night, 2 refused; the mean is pulled up by the night itself."""
    loaded = home()
    for refused, alarm in ((6, False), (9, True)):
        mean = (55 * 2 + refused) / (56 * 30)
        assert (refused / 30 > mean + 3 * math.sqrt(mean * (1 - mean) / 30)) == alarm
    fill(loaded, refused=6)
    assert causes(loaded) == []
    fill(loaded, through=DAY + timedelta(days=1), refused=9)
    assert causes(loaded, AFTER + timedelta(days=1)) == [("quarantine_rising", "")]


def test_a_night_that_is_not_complete_is_late_once_its_list_was_due(home: Callable[..., Config]) -> None:
    loaded = home()
    fill(loaded, status="missing")
    due = datetime(2026, 10, 20, 5, 30, tzinfo=UTC)
    assert causes(loaded, due) == []
    assert causes(loaded, due + timedelta(minutes=1)) == [("night_late", "")]
    fill(loaded)
    # The night after did not even begin.
    assert causes(loaded, due + timedelta(days=1, minutes=1)) == [("night_late", "")]


def test_each_source_that_cannot_be_read_is_one_alarm(home: Callable[..., Config]) -> None:
    loaded = home()
    fill(loaded)
    with connect.writer(loaded.warehouse) as connection:
        source_states.note(connection, SITE, {"pacs": False, "ris": False, "other": True}, AFTER)
        source_states.note(connection, SITE, {"pacs": False, "ris": True}, AFTER + timedelta(days=1))
        assert source_states.failing(connection, SITE) == {"pacs": AFTER}
    publish(loaded.warehouse, loaded.published)
    assert causes(loaded) == [("source_unreachable", "pacs")]


@pytest.mark.parametrize(("positive", "alarm"), [(20, False), (45, True), (2, True)])
def test_the_rate_of_positives_is_judged_by_whole_weeks(
    home: Callable[..., Config], positive: int, alarm: bool
) -> None:
    """100 studies a week, 20 of them positive or nearly; the last whole week has `positive`."""
    loaded = home()
    fill(loaded)
    monday = date(2026, 10, 12)
    # No run of seven on one side of the mean, no trend: 19, 21, 19, 21, ...
    weeks = [(monday - timedelta(weeks=back), positive if back == 0 else 19 + 2 * (back % 2)) for back in range(20)]
    rows = [study(week, number, "positive" if number < n else "negative") for week, n in weeks for number in range(100)]
    # The week that has begun is not judged.
    rows += [study(DAY, number, "positive") for number in range(30)]
    with connect.writer(loaded.warehouse) as connection:
        load.load(connection, "study", rows)
    publish(loaded.warehouse, loaded.published)
    assert causes(loaded) == ([("positive_rate", "")] if alarm else [])


def study(week: date, number: int, result: str) -> StudyRow:
    at = datetime(week.year, week.month, week.day, 12, tzinfo=UTC)
    name = HEX.format(week.toordinal() * 1000 + number)
    return StudyRow(
        site=SITE, day=week, study_uid=name, patient_id=None, modality="DX", region="wrist", laterality=None,
        device=None, sex=None, age_band=None, patient_class=None, images=1, images_inferred=1, ordered=None,
        exam_started=at, exam_completed=at, received=at, ai_completed=at, report_preliminary=None, report_final=None,
        report_corrected=None, score=0.5, ai_result=result, model_sha256=None, report_state="unreported",
        report_label=None, report_acuity=None, report_message_id=None, verdict=None, verdict_at=None, clock_skew=False,
    )  # fmt: skip


def test_an_alarm_is_told_once_by_mail_and_webhook_and_so_is_its_end(
    home: Callable[..., Config], mails: tuple[Mails, int], hook: int
) -> None:
    server, port = mails
    loaded = home(port, mail=["it@h.example", "head@h.example"], webhook=f"http://127.0.0.1:{hook}/bilan")
    fill(loaded, images=0, messages=0)
    for _ in range(3):
        assert alarms.run(loaded, SITE, AFTER) == []
    assert len(server.got) == 4  # two causes, two recipients
    assert [(one["cause"], one["state"]) for one in Hook.got] == [("no_images", "raised"), ("ris_silent", "raised")]
    first = server.got[0]
    # What a site's name holds starts no header.
    assert "\n" not in str(first["Subject"]) and first["Bcc"] is None
    assert first["Subject"].startswith("Hôpital CANARI Bcc: x@y.example\u202f: alarme\u202f: aucun")
    assert first["Auto-Submitted"] == "auto-generated"
    assert "d'habitude" in first.get_content().replace("’", "'")
    # Mended: each end is told once, and the next time it is a new alarm.
    fill(loaded, through=DAY + timedelta(days=1))
    for _ in range(2):
        assert alarms.run(loaded, SITE, AFTER + timedelta(days=1)) == []
    assert len(server.got) == 8
    assert {str(mail["Subject"]).split("\u202f: ")[1] for mail in server.got[4:]} == {"fin d’alarme"}
    assert [one["state"] for one in Hook.got] == ["raised", "raised", "ended", "ended"]
    assert [alarm.state for alarm in alarms.known(loaded, SITE)] == ["ended", "ended"]
    with connect.writer(loaded.warehouse) as connection:
        source_states.note(connection, SITE, {"pacs": False}, AFTER)
    publish(loaded.warehouse, loaded.published)
    alarms.run(loaded, SITE, AFTER + timedelta(days=1, hours=1))
    assert [one["subject"] for one in Hook.got[4:]] == ["pacs"]
    assert alarms.known(loaded, SITE)[0].subject == "pacs"


def test_what_is_not_taken_is_told_the_next_time_on_that_channel_alone(
    home: Callable[..., Config], mails: tuple[Mails, int], hook: int
) -> None:
    server, port = mails
    loaded = home(port, mail=["it@h.example"], webhook=f"http://127.0.0.1:{hook}/bilan")
    fill(loaded, messages=0)
    for status, answer in ((500, "250 taken"), (302, "250 taken")):
        Hook.status, server.answer = status, answer
        [failed] = alarms.run(loaded, SITE, AFTER)
        assert failed.startswith("webhook:") and str(status) in failed
    assert len(server.got) == 1
    Hook.status = 204
    assert alarms.run(loaded, SITE, AFTER) == []
    assert (len(server.got), len(Hook.got)) == (1, 1)


def test_a_mail_that_is_refused_is_tried_again(home: Callable[..., Config], mails: tuple[Mails, int]) -> None:
    server, port = mails
    loaded = home(port, mail=["it@h.example"])
    fill(loaded, messages=0)
    server.answer = "550 no"
    assert "mail server" in alarms.run(loaded, SITE, AFTER)[0]
    server.answer = "250 taken"
    assert alarms.run(loaded, SITE, AFTER) == [] and len(server.got) == 1


def test_two_processes_tell_once(home: Callable[..., Config]) -> None:
    loaded = home()
    fill(loaded, messages=0)
    alarms.run(loaded, SITE, AFTER)
    store = AppStore(loaded.app_store)
    [alarm] = alarms.known(loaded, SITE)
    from warehouse import alarms as kept  # noqa: PLC0415 - the use case has the same name

    assert [kept.claim(store, alarm, "mail:a@b.example", AFTER) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1", True), ("10.1.2.3", True), ("172.31.0.1", True), ("192.168.0.9", True), ("100.64.0.1", True),
        ("::1", True), ("fd00::5", True), ("::ffff:10.0.0.1", True),
        ("8.8.8.8", False), ("172.32.0.1", False), ("2001:4860:4860::8888", False), ("::ffff:8.8.8.8", False),
        ("0.0.0.0", False), ("240.0.0.1", False), ("169.254.169.254", False), ("fe80::1", False),
    ],
)  # fmt: skip
def test_only_own_addresses_are_told(monkeypatch: pytest.MonkeyPatch, address: str, own: bool) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (address, 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: found)
    if own:
        assert notify.own_address("host", 80, public=False) == address
    else:
        with pytest.raises(notify.NotToldError, match="public address"):
            notify.own_address("host", 80, public=False)
    assert notify.own_address("host", 80, public=True) == address


def test_one_public_address_among_own_ones_is_refused_and_nothing_is_sent(
    home: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = home(webhook="http://hook.h.example/bilan")
    fill(loaded, messages=0)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in ("10.0.0.1", "8.8.8.8")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: found)
    monkeypatch.setattr(socket, "create_connection", lambda *_args, **_named: pytest.fail("a connection was opened"))
    assert "public address" in alarms.run(loaded, SITE, AFTER)[0]


@pytest.mark.parametrize("address", ["ftp://h/x", "http://u:p@h/x", "http://h/x?token=1", "http://h/\r\nX: y", "//h/x"])
def test_addresses_of_webhooks_are_plain(address: str) -> None:
    with pytest.raises(ValueError, match="webhook"):
        Alarms(webhook=address)


def test_a_trial_says_what_became_of_each_channel(
    home: Callable[..., Config], mails: tuple[Mails, int], hook: int
) -> None:
    server, port = mails
    loaded = home(port, mail=["it@h.example"], webhook=f"http://127.0.0.1:{hook}/bilan")
    assert set(alarms.trial(loaded, SITE).values()) == {"sent"}
    assert (len(server.got), Hook.got[0]["state"]) == (1, "trial")
    Hook.status = 404
    assert alarms.trial(loaded, SITE)[f"webhook:http://127.0.0.1:{hook}/bilan"].startswith("the webhook answers 404")
    assert alarms.known(loaded, SITE) == []

"""The month of every site: side by side, in one browser, none stopping another; once by mail."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from typer.testing import CliRunner

from pipelines import delivery, month, months
from pipelines.cli import app
from pipelines.config import Config, load
from pipelines.errors import ConfigError, NothingToReportError
from pipelines.preview import Preview
from reports import drawing
from reports.cover import cover
from reports.drawing import BrowserMissingError, browser

MONTH = "2026-06"
HOME = Callable[..., Config]


def chromium() -> bool:
    try:
        browser()
    except BrowserMissingError:
        return False
    return True


real = pytest.mark.skipif(not chromium(), reason="Chromium is not installed")


@pytest.mark.real
@pytest.mark.slow
@real
def test_every_site_has_its_report_and_a_broken_one_stops_none(tmp_path: Path, month_home: HOME) -> None:
    config = month_home(tmp_path / "home", ("tiny", "young", "empty"))
    file = tmp_path / "home" / "sites" / "empty.yaml"
    file.write_text(file.read_text().replace("report: {}", "report: {logo: none.png}"))
    (tmp_path / "home" / "sites" / "later.yaml").write_text(file.read_text())
    seen: list[str] = []
    results = months.run(load(config.home), MONTH, progress=lambda result: seen.append(result["site"]))
    by_site = {result["site"]: result for result in results}
    assert {site: result["status"] for site, result in by_site.items()} == {
        "empty": "failed",
        "later": "nothing",
        "tiny": "complete",
        "young": "complete",
    }
    assert sorted(seen) == sorted(by_site)
    assert "report.logo" in by_site["empty"]["error"]
    for site in ("tiny", "young"):
        assert [Path(path).name for path in by_site[site]["made"]] == ["report.pdf", "figures.json", "figures.csv"]
        first = Path(by_site[site]["made"][0]).read_bytes()
        assert first.startswith(b"%PDF-1.7")
    (again,) = months.run(load(config.home), MONTH, ["tiny"])
    assert again["issue"] == 1
    assert Path(again["made"][0]).read_bytes() == Path(by_site["tiny"]["made"][0]).read_bytes()


def test_the_figures_of_all_sites_are_those_of_each(tmp_path: Path, month_home: HOME) -> None:
    config = month_home(tmp_path / "home", ("tiny", "young", "empty"))
    file = tmp_path / "home" / "sites" / "empty.yaml"
    (tmp_path / "home" / "sites" / "later.yaml").write_text(file.read_text())
    config = load(config.home)
    found = month.all_figures(config, MONTH)
    assert [one["site"] for one in found] == ["empty", "tiny", "young"]
    assert found == [month.figures(config, site, MONTH) for site in ("empty", "tiny", "young")]
    with pytest.raises(NothingToReportError, match="no site has studies or nights in 2019-01"):
        month.all_figures(config, "2019-01")
    asked = ["figures", "--month", MONTH, "--home", str(config.home)]
    told = CliRunner().invoke(app, [*asked, "--all", "--json"])
    assert json.loads(told.output) == found
    assert CliRunner().invoke(app, [*asked, "--all"]).output.splitlines()[0] == "empty"
    assert CliRunner().invoke(app, asked).exit_code == 2
    assert CliRunner().invoke(app, [*asked, "--all", "--site", "tiny"]).exit_code == 2


class Box:
    """A mail server's end: keeps what it was given, or refuses it."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, bytes]] = []
        self.refuse = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return "451 not now"
        self.mails += [(address, envelope.content) for address in envelope.rcpt_tos]
        return "250 OK"


@pytest.fixture
def box() -> Iterator[tuple[Box, int]]:
    kept = Box()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port, ready_timeout=60)
    controller.start()
    yield kept, port
    controller.stop()


def mailed(tmp_path: Path, month_home: HOME, port: int, *recipients: str) -> tuple[Config, dict[str, Any]]:
    smtp = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "bilan@hospital.example"}
    config = month_home(tmp_path / "home", ("empty",), {"smtp": smtp}, recipients=list(recipients))
    pdf = tmp_path / "report.pdf"
    pdf.write_bytes(b"%PDF-1.7 x")
    return config, {"site": "empty", "month": MONTH, "issue": 1, "made": [str(pdf)]}


def test_a_report_is_sent_once_to_each_recipient(tmp_path: Path, month_home: HOME, box: tuple[Box, int]) -> None:
    kept, port = box
    config, result = mailed(tmp_path, month_home, port, "head@hospital.example", "deputy@hospital.example")
    assert delivery.send(config, result) == ["sent", "sent"]
    assert delivery.send(config, result) == ["had this issue before: not sent again"] * 2
    assert sorted(address for address, _ in kept.mails) == ["deputy@hospital.example", "head@hospital.example"]
    mail = message_from_bytes(kept.mails[0][1], policy=policy.default)
    assert mail["Subject"] == "Cabinet vide\u202f: rapport mensuel de juin 2026"
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == "bilan-2026-06.pdf"
    assert attached.get_content() == b"%PDF-1.7 x"
    assert delivery.send(config, {**result, "issue": 2}) == ["sent", "sent"]
    # The warehouse holds no address.
    assert b"hospital.example" not in config.warehouse.read_bytes()


def test_what_the_server_refused_is_sent_the_next_time(tmp_path: Path, month_home: HOME, box: tuple[Box, int]) -> None:
    kept, port = box
    config, result = mailed(tmp_path, month_home, port, "head@hospital.example")
    kept.refuse = True
    with pytest.raises(delivery.DeliveryError, match="refuses"):
        delivery.send(config, result)
    kept.refuse = False
    assert delivery.send(config, result) == ["sent"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_scheduled_report_is_mailed_once_and_one_run_by_hand_is_not(
    tmp_path: Path, month_home: HOME, box: tuple[Box, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg  # noqa: PLC0415 - slow to load, and needed here alone

    from pipelines.defs import assets  # noqa: PLC0415
    from pipelines.defs.resources import BilanHome  # noqa: PLC0415

    kept, port = box
    config, result = mailed(tmp_path, month_home, port, "head@hospital.example")
    monkeypatch.setattr(assets.monthly, "run", lambda *_: result)
    due = {"dagster/schedule_name": "month_empty"}

    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("site", ["empty"])

        def run(tags: dict[str, str]) -> dg.ExecuteInProcessResult:
            return dg.materialize(
                [assets.monthly_report],
                partition_key=dg.MultiPartitionKey({"site": "empty", "month": MONTH}),
                resources={"home": BilanHome(path=str(config.home))},
                instance=instance,
                tags=tags,
                raise_on_error=False,
            )

        assert run({}).success
        assert kept.mails == []
        kept.refuse = True
        failed = run(due)
        # The report is there, and the run is seen to have failed.
        assert not failed.success and len(failed.asset_materializations_for_node("monthly_report")) >= 1
        assert "hospital.example" not in str([event.event_specific_data for event in failed.all_events])
        kept.refuse = False
        sent = [
            run(tags).asset_materializations_for_node("monthly_report")[0].metadata["sent"].value
            for tags in (due, {"dagster/sensor_name": "missed_months"}, {})
        ]
    assert sent == [1, 0, 0]
    assert [address for address, _ in kept.mails] == ["head@hospital.example"]


def test_a_server_that_is_not_there_is_told_and_tried_again(tmp_path: Path, month_home: HOME) -> None:
    config, result = mailed(tmp_path, month_home, 9, "head@hospital.example")
    for _ in range(2):
        with pytest.raises(delivery.DeliveryError, match="cannot be reached"):
            delivery.send(config, result)


def test_without_a_server_or_recipients_nothing_is_sent(tmp_path: Path, month_home: HOME) -> None:
    config = month_home(tmp_path / "home", ("empty",))
    assert delivery.send(config, {"site": "empty", "month": MONTH, "issue": 1, "made": []}) == []


@pytest.mark.parametrize("address", ["a@b.example\nBcc: x@y.example", "Head <head@b.example>", "a,b@c.example", "a"])
def test_a_recipient_is_one_plain_address(tmp_path: Path, month_home: HOME, address: str) -> None:
    with pytest.raises(ConfigError, match=r"report\.recipients\.0: write one address"):
        month_home(tmp_path / "home", ("empty",), recipients=[address])


def test_a_site_name_cannot_start_another_header() -> None:
    words = cover("en", "Evil\r\nBcc: x@y.example\u2028", MONTH, 2)
    assert "\n" not in words.subject and "\r" not in words.subject
    assert words.file == "bilan-2026-06-2.pdf"
    assert "issue 2" in words.text


def ask(port: int, path: str, host: str | None = None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Host": host} if host else {})
    return connection.getresponse()


@pytest.mark.real
@pytest.mark.slow
@real
def test_the_preview_follows_the_file_and_is_for_this_machine(tmp_path: Path, month_home: HOME) -> None:
    config = month_home(tmp_path / "home", ("tiny",))
    file = config.home / "sites" / "tiny.yaml"
    with drawing.warm() as page, Preview(config.home, "tiny", MONTH, page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        answer = ask(port, "/")
        body = answer.read().decode()
        assert "Maison médicale des Prés" in body
        assert "script-src 'nonce-" in str(answer.getheader("Content-Security-Policy"))
        assert ask(port, "/", "evil.example").status == 403
        assert ask(port, "/fonts/../monthly.css").status == 404
        before = ask(port, "/version").read()
        file.write_text(file.read_text().replace("report: {}", "report: {blocks: {activity: [tred]}}"))
        assert ask(port, "/version").read() != before
        assert "did you mean `trend`" in ask(port, "/").read().decode()
        server.shutdown()

"""The web application under 50 readers while a night writes and publishes, and a list of 2,000 cases opened cold."""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from benchmarks.timing import interleaved, machine
from inference.simulation.site import DEMO_SITES
from pipelines import config as configuration
from pipelines import demo, users
from pipelines.config import Config
from reports.web import settings as web_settings
from warehouse import cases, connect, data_cut, load, publish, web_sessions
from warehouse.pseudonym import write_key
from warehouse.published import Published
from warehouse.study import StudyRow

SITE = DEMO_SITES[0]
DAY = date(2026, 6, 29)
NOON = datetime(2026, 6, 29, 12, 0, tzinfo=UTC)
MODEL = "ab" * 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this benchmark can be told."""
    parser.add_argument("--cases", type=int, default=2000, help="flagged cases of the last night")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=5.0, help="mean seconds that a reader looks at a page")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def run(options: argparse.Namespace) -> list[str]:
    """Return the lines of the result."""
    before = machine()
    with tempfile.TemporaryDirectory(prefix="bilan-benchmark-") as folder:
        config = make(Path(folder) / "home", options.cases)
        measured = _served(config, options)
        ours, plain = interleaved(_ways(config), options.turns)
    found: dict[str, Any] = {
        "machine": before,
        "cases": options.cases,
        **measured,
        "list_data_ms": {way.name: round(1000 * statistics.median(way.seconds), 1) for way in (ours, plain)},
    }
    if options.json:
        return [json.dumps(found)]
    return [
        f"{options.cases} cases, {options.readers} readers for {options.seconds:.0f} s; {before}",
        f"list, first byte: {found['first_byte_cold_ms']} ms just started, {found['first_byte_ms']} ms after (median)",
        f"a list takes {found['list_processor_ms']} ms of processor time; the application used "
        f"{found['server_processor_share']} of a core under load",
        *(f"{kind:10} {told}" for kind, told in found["requests"].items()),
        f"errors {found['errors']}; published {found['publications']} times meanwhile",
        ours.line("list", 1),
        plain.line("list", 1),
    ]


def _row(name: str, **values: Any) -> Any:
    return make_dataclass(name, values, frozen=True)(**values)


def _id(kind: str, number: int) -> str:
    return f"{abs(hash((kind, number))) % 16**12:012x}".rjust(32, "0")


def make(home: Path, count: int) -> Config:
    """Make a home whose last night has `count` flagged cases of two images, with thumbnails and sentences."""
    for folder in ("sites", "data", "keys"):
        (home / folder).mkdir(parents=True)
    (home / "bilan.yaml").write_text("simulated_clock: true\nweb: {second_factor: []}\n", encoding="utf-8")
    text = yaml.safe_dump(demo.site_file(SITE, home), allow_unicode=True)
    (home / "sites" / f"{SITE.site}.yaml").write_text(text, encoding="utf-8")
    write_key(home / "keys" / f"{SITE.site}.key")
    config = configuration.load(home)
    connect.migrate(config.warehouse)
    from pipelines import night  # noqa: PLC0415 - loads the model's libraries

    night.begin(config, SITE.site, [DAY])
    rows = [study(number) for number in range(count)]
    with connect.writer(config.warehouse) as connection:
        load.load(connection, "study", rows)
        shots = [shot for row in rows for shot in images(row)]
        load.load(connection, "instance", [shot for shot, _ in shots])
        load.load(connection, "finding", [finding for _, finding in shots])
        load.load(connection, "report_label", [label(row) for row in rows if row.report_message_id])
    publish.publish(config.warehouse, config.published)
    folder = config.spool(SITE.site) / "thumbnails"
    folder.mkdir(parents=True)
    first = folder / f"{shots[0][0].instance_uid}.png"
    first.write_bytes(_picture())
    for shot, _ in shots[1:]:
        os.link(first, folder / f"{shot.instance_uid}.png")
    users.add(config, "reader", "Reader", [f"clinician@{SITE.site}"], "fr")
    return config


def study(number: int, changed: int = 0) -> StudyRow:
    """Return one flagged study; `changed` moves its report's time, as a late correction does."""
    kind = number % 4
    reported = kind in (0, 3)
    done = NOON - timedelta(seconds=20 * number)
    return StudyRow(
        site=SITE.site, day=DAY, study_uid=_id("study", number), patient_id=_id("patient", number), modality="DX",
        region=("wrist", "hand", "ankle", "knee")[number % 7 % 4], laterality="LR"[number % 2], device=_id("device", 1),
        sex="FM"[number % 2], age_band="25-44", patient_class="E", images=2, images_inferred=2, ordered=None,
        exam_started=done, exam_completed=done, received=done, ai_completed=done + timedelta(minutes=20),
        report_preliminary=None, report_final=done + timedelta(hours=1, seconds=changed) if reported else None,
        report_corrected=None, score=(0.9, 0.9, 0.3, 0.02)[kind],
        ai_result=("positive", "positive", "doubtful", "negative")[kind], model_sha256=MODEL,
        report_state="final" if reported else "unreported",
        report_label={0: "absent", 3: "present"}.get(kind), report_acuity={0: "none", 3: "acute"}.get(kind),
        report_message_id=_id("message", number) if reported else None, verdict=None, verdict_at=None,
        clock_skew=False, report_tier="decided" if reported else None,
    )  # fmt: skip


def images(row: StudyRow) -> list[tuple[Any, Any]]:
    """Return the two images of a study, each with its finding."""
    made = []
    for number, view in enumerate(("AP", "LL")):
        name = _id(f"image {row.study_uid}", number)
        shot = _row(
            "Shot", site=row.site, day=row.day, study_uid=row.study_uid, series_uid=_id(row.study_uid, 9),
            instance_uid=name, sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1", modality="DX", region=row.region,
            laterality=row.laterality, view=view, rows=2000, columns=1600,
            transfer_syntax_uid="1.2.840.10008.1.2.1", received_at=row.received, in_scope=True, flags=(), key_id="k",
        )  # fmt: skip
        score = row.score or 0.0
        box = {"x0": 500.0, "y0": 800.0, "x1": 1000.0, "y1": 1300.0, "score": score}
        finding = _row(
            "Found", site=row.site, study_uid=row.study_uid, instance_uid=name, code="fracture", status="ok",
            score=score, boxes=(box,), reason=None, model_name="m", model_version="1", model_sha256=MODEL,
            ai_completed=row.ai_completed, key_id="k",
        )  # fmt: skip
        made.append((shot, finding))
    return made


def label(row: StudyRow) -> Any:
    """Return what the labeller read in a study's report."""
    return _row(
        "Label", site=row.site, message_id=row.report_message_id, label=row.report_label, acuity=row.report_acuity,
        tier="decided", language="fr", evidence="Pas de lésion osseuse traumatique récente.", rules=(), pack="1",
    )  # fmt: skip


def _picture() -> bytes:
    import io  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    made = io.BytesIO()
    Image.effect_noise((205, 256), 30).save(made, "PNG")
    return made.getvalue()


def _night(home: str, until: float, published: Any) -> None:
    """Write and publish, again and again, as a night does with each correction that comes."""
    config, turn = configuration.load(Path(home)), 0
    while time.time() < until:
        turn += 1
        rows = [study(number, turn) for number in range(500)]
        with connect.writer(config.warehouse) as connection:
            load.load(connection, "study", rows, replace=True)
            time.sleep(1.0)  # a night holds the warehouse for as long as it writes
        publish.publish(config.warehouse, config.published)
        published.value += 1
        time.sleep(1.0)


@dataclass
class Reader:
    """One person: opens the list, looks at a case and its pictures, comes back; from an address of her own."""

    number: int
    port: int
    token: str
    pause: float
    took: list[tuple[str, float, int]] = field(default_factory=list)
    tag: str = ""

    def get(self, kind: str, path: str, **headers: str) -> tuple[int, str]:
        """Ask, note how long the whole answer took, and return status and text."""
        own = (f"127.0.{1 + self.number // 200}.{1 + self.number % 200}", 0)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30, source_address=own)
        started = time.perf_counter()
        try:
            connection.request("GET", path, headers={"Cookie": f"bilan={self.token}", **headers})
            answer = connection.getresponse()
            body = answer.read()
            status = answer.status
            self.tag = answer.headers.get("ETag", self.tag)
        except OSError:
            body, status = b"", 0
        finally:
            connection.close()
        self.took.append((kind, time.perf_counter() - started, status))
        return status, body.decode("utf-8", "replace")

    def read(self, until: float) -> None:
        """Work until then."""
        chance = random.Random(self.number)  # noqa: S311 - nothing to keep secret
        listed = f"/site/{SITE.site}/cases"
        time.sleep(chance.uniform(0, self.pause))
        while time.time() < until:
            _, page = self.get("list", listed)
            self.look(chance)
            self.get("refresh", f"{listed}/rows", **{"If-None-Match": self.tag, "HX-Request": "true"})
            addresses = re.findall(r'href="([^"]+)" data-row', page)
            for address in chance.sample(addresses, min(2, len(addresses))):
                _, case = self.get("case", address.replace("&amp;", "&"))
                for picture in re.findall(r'data-poster="([^"]+)"', case):
                    self.get("picture", picture)
                self.look(chance)

    def look(self, chance: random.Random) -> None:
        """Look at a page, some shorter, some longer."""
        time.sleep(min(4 * self.pause, chance.expovariate(1 / self.pause)))


def _served(config: Config, options: argparse.Namespace) -> dict[str, Any]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", "--home", str(config.home), "--port", str(port)]
    starting = [sys.executable, "-c", f"from pipelines.cli import main; import sys; sys.argv[1:] = {words!r}; main()"]
    store, account = users.find(config, "reader")
    tokens = [
        web_sessions.start(
            store, user_id=account.user_id, stage="full", method="password", lifetime=timedelta(hours=1),
            limits=web_settings.LIMITS, address="", device="", now=datetime.now(UTC),
        ).token
        for _ in range(options.readers + 1)
    ]  # fmt: skip
    with subprocess.Popen(starting, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:  # noqa: S603
        try:
            _wait(port)
            alone = Reader(250, port, tokens.pop(), 0)
            for _ in range(11):
                alone.get("list", f"/site/{SITE.site}/cases")
            used = _processor(server.pid)
            for _ in range(20):
                alone.get("list again", f"/site/{SITE.site}/cases")
            list_ms = round(1000 * (_processor(server.pid) - used) / 20, 1)
            used, started = _processor(server.pid), time.perf_counter()
            busy = _busy(config, options, port, tokens)
            share = (_processor(server.pid) - used) / (time.perf_counter() - started)
        finally:
            server.terminate()
    first, *after = [seconds for kind, seconds, _ in alone.took if kind == "list"]
    return {
        "first_byte_cold_ms": round(1000 * first),
        "first_byte_ms": round(1000 * statistics.median(after)),
        "list_processor_ms": list_ms,
        "server_processor_share": round(share, 2),
        **busy,
    }


def _processor(pid: int) -> float:
    """Return the seconds of processor time that a process has used: other load does not lengthen them."""
    spent = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")


def _busy(config: Config, options: argparse.Namespace, port: int, tokens: list[str]) -> dict[str, Any]:
    until = time.time() + options.seconds
    spawning = multiprocessing.get_context("spawn")
    published = spawning.Value("i", 0)
    writing = spawning.Process(target=_night, args=(str(config.home), until, published))
    writing.start()
    readers = [Reader(number, port, token, options.pause) for number, token in enumerate(tokens)]
    threads = [threading.Thread(target=reader.read, args=(until,)) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writing.join()
    took = [each for reader in readers for each in reader.took]
    statuses = Counter(status for _, _, status in took if status not in (200, 304))
    return {
        "readers": options.readers,
        "requests": {
            kind: _summary([seconds for name, seconds, _ in took if kind in ("all", name)])
            for kind in ("all", "list", "refresh", "case", "picture")
        },
        "errors": {str(status): n for status, n in statuses.items()} or 0,
        "publications": published.value,
    }


def _summary(seconds: list[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {"n": len(seconds)}
    cuts = statistics.quantiles(seconds, n=100)
    return {"n": len(seconds)} | {
        name: round(1000 * value) for name, value in (("p50_ms", cuts[49]), ("p95_ms", cuts[94]), ("p99_ms", cuts[98]))
    }


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the application did not start")


def _ways(config: Config) -> dict[str, Any]:
    """Return what one list needs of the data: as Bilan reads it after a publication was seen once, and plainly."""
    published = Published(config.published)
    end = DAY + timedelta(days=1)
    with published.connection() as connection:
        kept = cases.worklist(connection, SITE.site, DAY, end)
    uids = [case.study_uid for case in kept[:100]]

    def ours() -> None:
        assert published.identity  # noqa: S101 - one stat tells whether what is kept still holds
        with published.connection() as connection:
            cases.pictures(connection, SITE.site, uids)

    def plain() -> None:
        with connect.reader(config.published) as connection:
            found = cases.worklist(connection, SITE.site, DAY, end)
            cases.day_counts(connection, SITE.site, DAY, end)
            data_cut.latest_commit(connection, SITE.site)
            cases.pictures(connection, SITE.site, [case.study_uid for case in found[:100]])

    return {"kept between requests": ours, "opened and read anew": plain}

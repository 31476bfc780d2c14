"""The whole night and the month without a network, and afterwards no trace of a patient where none may be.

Every identifying field of the delivery holds a canary: names, numbers, addresses, comments, private
tags, operators, requests, file names. The night, the month, a night whose source is gone and a night
that is killed run through the command line, Dagster included, in a network namespace that has no
interface at all.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pikepdf
import pytest

from inference.simulation.study import CANARIES

PROGRAM = Path(__file__).with_name("one_night.py")
BILAN = Path(sys.executable).with_name("bilan")
SITE, DAY, MONTH = "saint-aubin", "2026-10-24", "2026-10"
# Where identities are at home: what arrived, what was kept of it, and the identified store.
AT_HOME = ("inbox", "spool", "quarantine")
ADDRESS = re.compile(rb"https?://[^\s\"'<>()\\]+")
# Names of vocabularies that only look like addresses: of SVG, XMP and PDF/A.
VOCABULARIES = (b"http://www.w3.org/", b"http://ns.adobe.com/", b"http://purl.org/dc/", b"http://www.aiim.org/")


def _isolated() -> bool:
    return (
        shutil.which("unshare") is not None and subprocess.run(["unshare", "-rn", "true"], check=False).returncode == 0
    )


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not _isolated(), reason="this machine lets nobody make a network namespace (unshare -rn)"),
]


@dataclass(frozen=True)
class Ran:
    home: Path
    elsewhere: Path  # the account's own home and temporary files
    said: str  # everything printed


def _run(elsewhere: Path, *arguments: str, seconds: float | None = None) -> tuple[int, str]:
    environment = {
        **os.environ,
        "HOME": str(elsewhere),
        "TMPDIR": str(elsewhere),
        "XDG_CACHE_HOME": str(elsewhere / "cache"),
        "PYTHONWARNINGS": "ignore",
    }
    with subprocess.Popen(
        ["unshare", "-rn", str(BILAN), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        if seconds is not None:
            time.sleep(seconds)
            process.kill()
        said, _ = process.communicate(timeout=400)
    return process.returncode, said


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("boundary")
    home, elsewhere = folder / "home", folder / "elsewhere"
    elsewhere.mkdir()
    subprocess.run([sys.executable, "-W", "ignore", str(PROGRAM), "deliver", str(home)], check=True)
    inbox = home / "inbox" / SITE
    for path in inbox.rglob("*.hl7"):
        path.write_bytes(_named(path.read_bytes()))
    for path in sorted(inbox.rglob("*")):
        if path.is_file():
            path.rename(path.with_name(f"CANARINOM-{path.name}"))
    said = []
    killed, words = _run(elsewhere, "night", "--home", str(home), "--site", SITE, "--date", DAY, seconds=6.0)
    assert killed != 0
    said.append(words)
    gone = (inbox / "hl7").rename(inbox / "CANARI-away")
    code, words = _run(elsewhere, "night", "--home", str(home), "--site", SITE, "--date", DAY)
    assert code == 1
    said.append(words)
    gone.rename(inbox / "hl7")
    for arguments in (("night", "--date", DAY), ("month", "--month", MONTH)):
        code, words = _run(elsewhere, arguments[0], "--home", str(home), "--site", SITE, *arguments[1:])
        assert code == 0, words
        said.append(words)
    return Ran(home, elsewhere, "\n".join(said))


def test_the_night_and_the_month_need_no_network(ran: Ran) -> None:
    assert list((ran.home / "issued").rglob("list.html"))
    assert list((ran.home / "issued").rglob("*.pdf"))


def test_no_canary_outside_of_where_identities_are_kept(ran: Ran) -> None:
    leaks = []
    for root in (ran.home, ran.elsewhere):
        for path in root.rglob("*"):
            place = path.relative_to(root)
            at_home = root == ran.home and place.parts[0] in AT_HOME
            if at_home and place.parts[0] == "inbox":
                continue
            # In spool and quarantine the content is the patient's; the name, being ours, must not be.
            judged = str(place).encode()
            if path.is_file() and not at_home and path.name != "identified.sqlite":
                judged += _content(path)
            if _canary(judged):
                leaks.append(str(place))
    assert leaks == []


def test_the_sentence_of_a_report_is_kept_without_whom_it_names(ran: Ran) -> None:
    with duckdb.connect(str(ran.home / "data" / "published.duckdb"), read_only=True) as connection:
        kept = connection.execute("select evidence from report_label where evidence like '%fracture (%'").fetchall()
    assert kept
    assert all("fracture ([…], dossier […])" in evidence for (evidence,) in kept)


def test_no_canary_in_what_was_said(ran: Ran) -> None:
    assert ran.said
    assert not _canary(ran.said.encode())


def test_nothing_issued_holds_an_address(ran: Ran) -> None:
    found = set()
    for path in (ran.home / "issued").rglob("*"):
        if path.is_file():
            found |= {item for item in ADDRESS.findall(_content(path)) if not item.startswith(VOCABULARIES)}
    assert found == set()


def _named(file: bytes) -> bytes:
    """Return a file of reports each of which names, in its very finding, the patient and her number."""
    messages = re.split(rb"(?=\rMSH\|)", file)
    for index, message in enumerate(messages):
        if found := re.search(rb"\rPID\|1\|\|(\w+)[^|]*\|\|(\w+)\^", message):
            messages[index] = message.replace(b"fracture", b"fracture (%s, dossier %s)" % (found[2], found[1]))
    return b"".join(messages)


def _canary(data: bytes) -> bool:
    return any(canary.encode() in data for canary in CANARIES)


def _content(path: Path) -> bytes:
    """Return a file's bytes; of a PDF also its streams as they read once unpacked."""
    data = path.read_bytes()
    if path.suffix != ".pdf":
        return data
    with pikepdf.open(path) as document:
        streams = [item.read_bytes() for item in document.objects if isinstance(item, pikepdf.Stream) and _plain(item)]
        return b"\n".join([data, *streams])


def _plain(stream: pikepdf.Stream) -> bool:
    return stream.get("/Subtype") != "/Image" and "/Length1" not in stream

"""A night killed at any write, or whose writes fail: one more run makes everything as if nothing had been.

``make test`` runs a few points, ``make drills`` every write point and 500 kills at random moments.
strace kills: it stops the process at the n-th call of a kind, in the kernel, before the call is made.
The nights are forks of a process that has everything loaded (`one_night.serve`); one is a process of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import duckdb
import pytest

PROGRAM = Path(__file__).with_name("one_night.py")
FULL = os.environ.get("BILAN_DRILLS") == "full"
WRITES = ("rename", "fsync", "fdatasync", "pwrite64", "unlink", "write")
SHORT = [("rename", 7, "signal=SIGKILL"), ("fdatasync", 14, "signal=SIGKILL"), ("pwrite64", 9, "error=ENOSPC")]
MOST = {"write": 140, "pwrite64": 120, "fdatasync": 90, "fsync": 60, "rename": 80, "unlink": 30}
KILLS = 500 if FULL else 1

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")]


class Nights:
    """A process that runs nights in forks of itself, one at a time; a context manager."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "ignore", str(PROGRAM), "serve"]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()

    def _answer(self) -> int:
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())

    def run(self, home: Path, trace: tuple[str, ...] = (), kill_after: float | None = None) -> int:
        """Run a night to its end or to a kill after so many seconds; return its exit status."""
        assert self._server.stdin is not None
        self._server.stdin.write(f"{home}\n")
        self._server.stdin.flush()
        process = self._answer()
        tracer = None
        if trace:
            tracer = subprocess.Popen(["strace", "-f", "-qq", *trace, "-p", str(process)], stderr=subprocess.DEVNULL)
            status = Path(f"/proc/{process}/status")
            while "TracerPid:\t0\n" in status.read_text():
                assert tracer.poll() is None, "strace could not be attached"
                time.sleep(0.01)
        os.kill(process, signal.SIGCONT)
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):  # it was quicker
                os.kill(process, signal.SIGKILL)
        ended = self._answer()
        # A fork of the night holds both ends of its pipe, so it would not hear that the night is dead.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        if tracer is not None:
            tracer.wait(60)
        return ended


@pytest.fixture(scope="module")
def nights() -> Iterator[Nights]:
    with Nights() as running:
        yield running


def night(home: Path) -> subprocess.Popen[bytes]:
    """A night in a process of its own."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, str(PROGRAM), "run", str(home)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("crash") / "delivered"
    done = subprocess.run([sys.executable, "-W", "ignore", str(PROGRAM), "deliver", str(home)], check=False)
    assert done.returncode == 0
    return home


@pytest.fixture
def home(delivered: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the delivery, times of files kept: they are part of an offer's identity."""
    yield copy(delivered, tmp_path / "home")
    shutil.rmtree(tmp_path / "home")


def copy(delivered: Path, home: Path) -> Path:
    shutil.copytree(delivered, home)
    for settings in (home / "sites").glob("*.yaml"):
        settings.write_text(settings.read_text(encoding="utf-8").replace(str(delivered), str(home)), encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def undisturbed(delivered: Path, nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = copy(delivered, tmp_path_factory.mktemp("undisturbed") / "home")
    assert nights.run(home) == 0
    return state(home)


@pytest.fixture(scope="module")
def seconds(delivered: Path, nights: Nights, undisturbed: object, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long an undisturbed night takes here, now that its files are in the page cache."""
    home = copy(delivered, tmp_path_factory.mktemp("timed") / "home")
    begun = time.monotonic()
    assert nights.run(home) == 0
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def calls(delivered: Path, nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """The most calls of each kind that one thread of an undisturbed night makes: strace counts by thread."""
    home = copy(delivered, tmp_path_factory.mktemp("traced") / "home")
    log = home.with_name("calls")
    assert nights.run(home, ("-o", str(log), "-e", f"trace={','.join(WRITES)}")) == 0
    made = Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(errors="replace"), re.MULTILINE))
    return Counter({call: max(n for (_, kind), n in made.items() if kind == call) for call in WRITES})


def state(home: Path) -> dict[str, str]:
    """Hash of every table, of every issued file, of everything kept; what a kill left aside has names with a dot."""
    found: dict[str, str] = {}
    for name in ("warehouse", "published"):
        with duckdb.connect(str(home / "data" / f"{name}.duckdb"), read_only=True) as connection:
            for (table,) in connection.execute("select table_name from duckdb_tables()").fetchall():
                rows = connection.execute(f"select * from {table} order by all").fetchall()
                rows = [row[:2] for row in rows] if table == "schema_version" else rows
                found[f"{name}.{table}"] = hashlib.sha256(repr(rows).encode()).hexdigest()
    with sqlite3.connect(home / "data" / "identified.sqlite") as store:
        rows = store.execute("select site, study_pseudonym, study_uid, accession_number, patient_id from identified")
        found["identified"] = hashlib.sha256(repr(sorted(rows.fetchall(), key=repr)).encode()).hexdigest()
    for folder in ("issued", "spool", "quarantine"):
        for path in sorted((home / folder).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                key = str(path.relative_to(home))
                found[key] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def points() -> list[tuple[str, int, str]]:
    if not FULL:
        return SHORT
    kinds = [(call, "signal=SIGKILL") for call in WRITES]
    kinds += [(call, f"error={code}") for call in ("pwrite64", "write", "fsync") for code in ("ENOSPC", "EIO")]
    return [(call, number, what) for call, what in kinds for number in range(1, MOST[call] + 1)]


def test_the_drill_reaches_every_write(calls: Counter[str]) -> None:
    print(f"DRILL crash: calls of the busiest thread: {dict(calls)}")
    assert all(0 < calls[call] <= MOST[call] for call in WRITES)


@pytest.mark.parametrize(("call", "number", "what"), points())
def test_after_a_failure_at_a_write_one_more_run_makes_all_well(
    call: str, number: int, what: str, home: Path, undisturbed: dict[str, str], calls: Counter[str], nights: Nights
) -> None:
    # Which thread of DuckDB writes what varies from run to run, hence some more.
    if number > calls[call] + 5:
        pytest.skip("no night makes so many calls of this kind")
    inject = ("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={number}")
    ended = nights.run(home, inject)
    print(f"DRILL crash {call} {number} {what}: ended {ended}")
    assert FULL or "error" in what or ended == -signal.SIGKILL, "the short form has points that the night reaches"
    for path in (home / "issued").rglob("*"):
        assert path.name.startswith(".") or path.is_dir() or whole(path), "half a file is visible"
    assert nights.run(home) == 0
    assert state(home) == undisturbed


def whole(path: Path) -> bool:
    """The list ends as a list does."""
    text = path.read_text(encoding="utf-8")
    return text.rstrip().endswith("</html>") if path.suffix == ".html" else text.endswith("\n")


@pytest.mark.parametrize("seed", range(KILLS))
def test_after_a_kill_at_any_moment_one_more_run_makes_all_well(
    seed: int, home: Path, undisturbed: dict[str, str], seconds: float, nights: Nights
) -> None:
    after = random.Random(seed).uniform(0.0, seconds)
    ended = nights.run(home, kill_after=after)
    print(f"DRILL crash random {seed}: {'killed' if ended == -signal.SIGKILL else 'ended'} after {after:.2f} s")
    for path in (home / "issued").rglob("*"):
        assert path.name.startswith(".") or path.is_dir() or whole(path), "half a file is visible"
    assert nights.run(home) == 0
    assert state(home) == undisturbed


def test_a_night_that_is_a_process_of_its_own_and_killed_is_made_good(home: Path, undisturbed: dict[str, str]) -> None:
    running = night(home)
    # Once the ledger is there the images are being taken or analysed.
    while not (home / "data" / "published.duckdb").exists() and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    assert running.wait(60) == -signal.SIGKILL
    assert night(home).wait(300) == 0
    assert state(home) == undisturbed

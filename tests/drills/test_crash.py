"""A night killed at any write, or whose writes fail: one more run makes everything as if nothing had been.

``make test`` runs a few points, ``make drills`` every write point and 500 kills at random moments.
strace kills: it stops the process at the n-th call of a kind, in the kernel, before the call is made.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

PROGRAM = Path(__file__).with_name("one_night.py")
FULL = os.environ.get("BILAN_DRILLS") == "full"
WRITES = ("rename", "fsync", "fdatasync", "pwrite64", "unlink", "write")
SHORT = [("rename", 7, "signal=SIGKILL"), ("fdatasync", 14, "signal=SIGKILL"), ("pwrite64", 9, "error=ENOSPC")]
KILLS = 500 if FULL else 1

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")]


def night(home: Path, *prefix: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [*prefix, sys.executable, str(PROGRAM), "run", str(home)]
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
def undisturbed(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = copy(delivered, tmp_path_factory.mktemp("undisturbed") / "home")
    assert night(home).wait(300) == 0
    return state(home)


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
    # Counted for each thread; what is past the last call of a kind disturbs nothing, and ends the search early.
    kinds = [(call, "signal=SIGKILL") for call in WRITES]
    kinds += [(call, f"error={code}") for call in ("pwrite64", "write", "fsync") for code in ("ENOSPC", "EIO")]
    most = {"write": 60, "pwrite64": 80, "fdatasync": 60, "fsync": 60, "rename": 60, "unlink": 20}
    return [(call, number, what) for call, what in kinds for number in range(1, most[call] + 1)]


@pytest.mark.parametrize(("call", "number", "what"), points())
def test_after_a_failure_at_a_write_one_more_run_makes_all_well(
    call: str, number: int, what: str, home: Path, undisturbed: dict[str, str]
) -> None:
    inject = f"inject={call}:{what}:when={number}"
    # -D: strace is the child, so that what is waited for and killed is the night itself.
    ended = night(home, "strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject).wait(300)
    assert FULL or "error" in what or ended == -signal.SIGKILL, "the short form has points that the night reaches"
    for path in (home / "issued").rglob("*"):
        assert path.name.startswith(".") or path.is_dir() or whole(path), "half a file is visible"
    assert night(home).wait(300) == 0
    assert state(home) == undisturbed


def whole(path: Path) -> bool:
    """The list ends as a list does."""
    text = path.read_text(encoding="utf-8")
    return text.rstrip().endswith("</html>") if path.suffix == ".html" else text.endswith("\n")


@pytest.mark.parametrize("seed", range(KILLS))
def test_after_a_kill_at_any_moment_one_more_run_makes_all_well(
    seed: int, home: Path, undisturbed: dict[str, str]
) -> None:
    running = night(home)
    time.sleep(random.Random(seed).uniform(1.0, 8.0))
    running.send_signal(signal.SIGKILL)
    running.wait(60)
    assert night(home).wait(300) == 0
    assert state(home) == undisturbed

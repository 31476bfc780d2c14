"""A million mutated files and a million mutated messages: no death, no hang, no word of a patient.

``make test`` runs 50,000 of each, ``make drills`` the million. A mistake of ours raises: what runs
here has not the barrier that the night puts around it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("fuzz.py")
COUNT = 1_000_000 if os.environ.get("BILAN_DRILLS") == "full" else 50_000
SHARES = 2  # processes

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["dicom", "hl7"])
def test_no_mutant_stops_hangs_or_tells(kind: str) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", str(PROGRAM), kind, str(20_261_124 + share), str(COUNT // SHARES)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for share in range(SHARES)
    ]
    judged = 0
    for process in running:
        out, err = process.communicate()
        assert process.returncode == 0, err[-2000:]
        assert err == ""
        found = json.loads(out)
        print(f"DRILL fuzz {kind}: {found}")
        assert found["unknown"] == found["leaks"] == 0
        assert found["slowest"] < 10
        assert found["outcomes"]["quarantined"] > COUNT / SHARES / 10
        assert found["outcomes"]["accepted"] > COUNT / SHARES / 100
        judged += sum(found["outcomes"].values())
    assert judged == COUNT

"""Mutated files or messages through the gate: ``fuzz.py dicom|hl7 SEED COUNT``; prints what came of them as JSON."""

import importlib.util
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from inference import dicom, hl7
from inference.reasons import OUTCOMES, REASONS
from inference.records import Instance, Rejection

HOSTILE = Path(__file__).parents[1] / "hostile"
SLOW = 10.0  # seconds


def module(name: str) -> ModuleType:
    """Return a module of the hostile tests."""
    spec = importlib.util.spec_from_file_location(name, HOSTILE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[name] = found
    spec.loader.exec_module(found)
    return found


def dicom_judgements(seed: int, count: int) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Outcome, reasons and what a refusal says of itself, of each mutant."""
    tests = module("test_dicom_gate")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        path = Path(folder) / "mutant"
        for data in tests._mutants(count, seed):
            path.write_bytes(data)
            found = dicom.examine(path, tests.GATE, tests.dicom_cases.NOW)
            if isinstance(found, Instance):
                yield (*dicom.outcome(found), "")
            else:
                yield found.outcome, found.reasons, repr(found)


def hl7_judgements(seed: int, count: int) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Outcome, reasons and what a refusal says of itself, of the first message of each mutant."""
    tests = module("test_hl7_gate")
    rng = random.Random(seed)
    seeds = [case.data for case in tests.cases.CASES if len(case.data) < 20_000]
    for _ in range(count):
        entries = hl7.read(tests.mutated(rng, rng.choice(seeds)), tests.SETTINGS, tests.cases.NOW)
        told = "".join(repr(entry) for entry in entries if isinstance(entry, Rejection))
        yield (*hl7.outcome(entries[0]), told)


def fuzz(kind: str, seed: int, count: int) -> dict[str, Any]:
    """Judge mutants; count outcomes and the slowest, unknown codes and leaks."""
    judgements = (dicom_judgements if kind == "dicom" else hl7_judgements)(seed, count)
    outcomes: Counter[str] = Counter()
    slowest, last, unknown, leaks = 0.0, time.perf_counter(), 0, 0
    for outcome, codes, told in judgements:
        now = time.perf_counter()
        slowest, last = max(slowest, now - last), now
        outcomes[outcome] += 1
        unknown += outcome not in OUTCOMES or any(code not in REASONS for code in codes)
        leaks += "CANARY" in told
    return {"outcomes": outcomes, "slowest": round(slowest, 3), "unknown": unknown, "leaks": leaks}


if __name__ == "__main__":
    print(json.dumps(fuzz(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))

"""Every hostile and every unusual message has the outcome that the gate owes it, and none stops it."""

from __future__ import annotations

import importlib.util
import logging
import random
import sys
import time
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from inference import hl7, reasons
from inference.check_hl7 import check_hl7
from inference.hl7_batch import Raw, messages
from inference.records import Demographics, PatientMerge, Rejection
from inference.settings import GateSettings

_spec = importlib.util.spec_from_file_location("hl7_cases", Path(__file__).with_name("hl7_cases.py"))
assert _spec and _spec.loader
cases = importlib.util.module_from_spec(_spec)
sys.modules["hl7_cases"] = cases
_spec.loader.exec_module(cases)

SETTINGS = GateSettings(time_zone=ZoneInfo("Europe/Paris"))


def test_the_set_is_broad() -> None:
    assert len(cases.CASES) >= 80
    assert len({case.name for case in cases.CASES}) == len(cases.CASES)
    assert len({case.data for case in cases.CASES}) == len(cases.CASES)
    assert set(Counter(case.outcome for case in cases.CASES)) == {
        "accepted",
        "accepted_flagged",
        "accepted_not_inferred",
        "quarantined",
        "not_hl7",
    }


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_case(case, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(case.data)
    start = time.perf_counter()
    ((_, outcome, codes),) = check_hl7([path], SETTINGS, cases.NOW)
    assert (outcome, codes[:1]) == (case.outcome, (case.reason,) if case.reason else ())
    assert all(code in reasons.REASONS for code in codes)
    assert time.perf_counter() - start < 10


def test_all_of_them_in_one_go(tmp_path: Path) -> None:
    """Nothing that one file does changes what the next one gets."""
    paths = [tmp_path / case.name for case in cases.CASES]
    for path, case in zip(paths, cases.CASES, strict=True):
        path.write_bytes(case.data)
    order = list(zip(paths, cases.CASES, strict=True))
    random.Random(7).shuffle(order)
    told = check_hl7([path for path, _ in order], SETTINGS, cases.NOW)
    for (path, outcome, _), (given, case) in zip(told, order, strict=True):
        assert path == given
        assert outcome == case.outcome, case.name


def test_a_folder_is_walked_and_what_is_gone_is_said(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "b" / "c" / "one").write_bytes(cases.join(cases.parts("ONE")))
    (tmp_path / "a").write_bytes(b"")
    told = list(check_hl7([tmp_path, tmp_path / "gone"], SETTINGS, cases.NOW))
    assert [(path.name, outcome) for path, outcome, _ in told] == [
        ("a", "not_hl7"),
        ("one", "accepted"),
        ("gone", "quarantined"),
    ]


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Change a few bytes, cut, repeat or swap pieces."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(found) + 1)
        match rng.randrange(6):
            case 0:
                found[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                found[at:at] = rng.choice(
                    [b"|", b"^", b"\\", b"~", b"&", b"\r", b"\x0b", b"\x1c", b"\0", b"MSH|", b"\rOBR|", b"\\X", b'""']
                )
            case 2:
                del found[at : at + rng.randint(1, 40)]
            case 3:
                found[at:at] = found[max(0, at - rng.randint(1, 200)) : at]
            case 4:
                found = found[:at]
            case _:
                found[at : at + 8] = bytes(rng.randrange(256) for _ in range(8))
        if not found:
            break
    return bytes(found)


def fuzz(rounds: int, seed: int) -> Counter[str]:
    """Read mutated messages; return how often each outcome came."""
    rng = random.Random(seed)
    seeds = [case.data for case in cases.CASES if len(case.data) < 20_000]
    counts: Counter[str] = Counter()
    for _ in range(rounds):
        entries = hl7.read(mutated(rng, rng.choice(seeds)), SETTINGS, cases.NOW)
        assert entries, "a file without a word"
        for entry in entries:
            outcome, codes = hl7.outcome(entry)
            assert outcome in reasons.OUTCOMES
            assert all(code in reasons.REASONS for code in codes)
            if isinstance(entry, tuple):
                assert entry
                assert len({event.message_id for event in entry}) == len(entry)
                for event in entry:
                    assert event.patient_id
                    assert isinstance(event, PatientMerge | Demographics) or event.accession_number or event.study_uid
            counts[outcome] += 1
    return counts


def test_mutated_messages_always_have_an_outcome(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        counts = fuzz(4000, 20261)
    assert {"accepted", "accepted_flagged", "quarantined", "not_hl7"} <= set(counts)
    assert not caplog.records


def test_rejections_hold_no_value() -> None:
    for case in cases.CASES:
        for entry in hl7.read(case.data[:50_000], SETTINGS, cases.NOW):
            if isinstance(entry, Rejection):
                assert "CANARY" not in repr(entry)


def test_every_byte_of_a_message_reaches_one_entry() -> None:
    """Whatever is glued together: as many messages come out as headers went in."""
    rng = random.Random(3)
    pieces = [cases.join(cases.parts(f"G{number}")) for number in range(30)]
    for _ in range(50):
        chosen = rng.sample(pieces, rng.randint(1, 12))
        shaped = [cases.frame(piece) if rng.random() < 0.5 else piece for piece in chosen]
        bare = b"".join(chosen)
        assert len([item for item in messages(bare) if isinstance(item, Raw)]) == len(chosen)
        framed = b"".join(cases.frame(piece) for piece in chosen)
        assert len([item for item in messages(framed) if isinstance(item, Raw)]) == len(chosen)
        mixed = [item for item in messages(b"".join(shaped)) if isinstance(item, Raw)]
        assert len(mixed) == len(chosen)

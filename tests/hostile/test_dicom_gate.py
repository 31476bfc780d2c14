"""Every hostile, broken, foreign, out-of-scope and unusual file gets the outcome it is owed, in time and space."""

import importlib.util
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from inference import dicom
from inference.check import check_dicom
from inference.child import Decoders
from inference.reasons import OUTCOMES, REASONS
from inference.records import Instance
from inference.settings import DecodeSettings, GateSettings


def _cases(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


dicom_cases = _cases("dicom_cases")
encodings = _cases("dicom_encodings")  # adds its own to them
GATE = GateSettings(time_zone=ZoneInfo("Europe/Paris"))
DECODE = DecodeSettings()


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Outcome, reasons and seconds of each case by name; all judged in one go, as a delivery would be."""
    folder = tmp_path_factory.mktemp("hostile")
    paths = {}
    for number, case in enumerate(dicom_cases.CASES):
        path = folder / f"{number:04d}"
        path.write_bytes(case.make())
        paths[path] = case.name
    found, last = {}, time.monotonic()
    for path, outcome, reasons in check_dicom(paths, GATE, DECODE, dicom_cases.NOW):
        now = time.monotonic()
        found[paths[path]] = (outcome, reasons, now - last)
        last = now
    return found


def test_there_are_enough_cases_and_their_names_differ():
    assert len(dicom_cases.CASES) >= 150
    assert max(Counter(case.name for case in dicom_cases.CASES).values()) == 1


@pytest.mark.parametrize("case", dicom_cases.CASES, ids=lambda case: case.name)
def test_outcome(case, judged):
    outcome, reasons, seconds = judged[case.name]
    assert (outcome, reasons[0] if reasons else None) == (case.outcome, case.reason), reasons
    assert seconds < 10


def test_each_encoding_of_a_picture_decodes_to_it(tmp_path):
    """The reader is told nothing: the picture of each form is that of the form it was made from."""
    made = {
        case.name: case.make for case in dicom_cases.CASES if case.name in {*encodings.SAME, *encodings.SAME.values()}
    }
    paths = {}
    for number, (name, make) in enumerate(made.items()):
        paths[name] = tmp_path / str(number)
        paths[name].write_bytes(make())
    with Decoders(DECODE) as decoders:
        found = dict(zip(made, (result for _, result in decoders.map(paths.values())), strict=True))
    assert len({found[name].image.tobytes() for name in ("plain", "8 bit", "32 bit", "rgb")}) > 1
    for name, as_case in encodings.SAME.items():
        assert found[name].image.shape == found[as_case].image.shape, name
        assert abs(found[name].image - found[as_case].image).max() < 1e-3, name


def test_reasons_are_in_the_table(judged):
    for outcome, reasons, _ in judged.values():
        assert outcome in OUTCOMES
        assert set(reasons) <= set(REASONS)


def _judge(paths, gate=GATE):
    return [(outcome, reasons) for _, outcome, reasons in check_dicom(paths, gate, DECODE, dicom_cases.NOW)]


def test_duplicates_and_conflicts_show_among_the_files_given(tmp_path):
    first = dicom_cases.image()
    data = dicom_cases.encode(first)
    first.StudyDescription = "MAIN GAUCHE"
    changed = dicom_cases.encode(first)
    for name, content in (("a", data), ("b", data), ("c", changed), ("d", data[:-5]), ("e", data)):
        (tmp_path / name).write_bytes(content)
    assert _judge([tmp_path]) == [
        ("accepted", ()),
        ("duplicate", ("DUPLICATE",)),
        ("conflict", ("UID_CONFLICT",)),
        ("quarantined", ("TRUNCATED",)),
        ("duplicate", ("DUPLICATE",)),
    ]
    # Judged in the order given: what comes first is the original.
    assert _judge([tmp_path / "c", tmp_path / "a"]) == [("accepted", ()), ("conflict", ("UID_CONFLICT",))]


def test_a_refused_file_does_not_spoil_the_identifier_of_a_good_one(tmp_path):
    good = dicom_cases.compressed(dicom_cases.RLE, dicom_cases.rle(dicom_cases.picture()))
    bad = dicom_cases.compressed(dicom_cases.RLE, dicom_cases.rle(dicom_cases.picture())[:-40])
    bad.SOPInstanceUID = good.SOPInstanceUID
    (tmp_path / "1").write_bytes(dicom_cases.encode(bad))
    (tmp_path / "2").write_bytes(dicom_cases.encode(good))
    assert _judge([tmp_path]) == [("quarantined", ("PIXEL_DECODE",)), ("accepted", ())]


def test_scope_is_the_sites_choice(tmp_path):
    (tmp_path / "rf").write_bytes(dicom_cases.encode(dicom_cases.image(sop_class=dicom_cases.XRF)))
    (tmp_path / "chest").write_bytes(dicom_cases.encode(dicom_cases.image(BodyPartExamined="CHEST")))
    wide = GateSettings(
        ZoneInfo("Europe/Paris"), modalities=frozenset({"RF", "DX"}), regions=frozenset({"hand", "chest"})
    )
    assert _judge([tmp_path], wide) == [("accepted", ()), ("accepted", ())]
    outcomes = [outcome for outcome, _ in _judge([tmp_path])]
    assert outcomes == ["accepted_not_inferred", "accepted_not_inferred"]


def test_paths_that_are_no_files_are_judged_too(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    judged = _judge([tmp_path, tmp_path / "absent"])
    assert judged == [
        ("quarantined", ("PARSE_ERROR",)),
        ("not_dicom", ("NOT_DICOM",)),
        ("quarantined", ("PARSE_ERROR",)),
    ]


def test_a_file_over_the_limit_is_not_read(tmp_path):
    data = dicom_cases.encode(dicom_cases.image())
    (tmp_path / "large").write_bytes(data)
    (tmp_path / "other").write_bytes(b"x" * len(data))
    small = GateSettings(ZoneInfo("Europe/Paris"), max_file_bytes=1000)
    assert _judge([tmp_path], small) == [("quarantined", ("FILE_TOO_LARGE",)), ("not_dicom", ("NOT_DICOM",))]


def _mutants(count, seed):
    """Deterministic damage: bytes flipped, cut out, doubled, overwritten with lengths that lie."""
    rng = random.Random(seed)
    bases = [case.make() for case in dicom_cases.CASES if case.name in BASES]
    assert len(bases) == len(BASES)
    for _ in range(count):
        data = bytearray(rng.choice(bases))
        for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
            place = rng.randrange(len(data))
            # The header is where the damage is interesting; the pixels are most of the file.
            place = place if rng.random() < 0.3 else rng.randrange(min(len(data), 1400))
            kind = rng.randrange(6)
            if kind == 0:
                data[place] = rng.randrange(256)
            elif kind == 1:
                data[place] ^= 1 << rng.randrange(8)
            elif kind == 2:
                del data[place : place + rng.choice((1, 2, 8, 100))]
            elif kind == 3:
                data[place:place] = data[place : place + rng.choice((1, 4, 16, 64))]
            elif kind == 4:
                data[place : place + 4] = rng.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\xfe\xff\x00\xe0")
                )
            else:
                data = data[:place] or bytearray(b"\0")
            if not data:
                data = bytearray(b"\0")
        yield bytes(data)


BASES = frozenset(
    {
        "plain",
        "implicit little endian",
        "big endian",
        "deflated",
        "no preamble, implicit, no meta",
        "jpeg-ls",
        "rle 16 bit",
        "jpeg lossless first order",
        "jpeg 2000",
        "lossy with the flag, jpeg baseline",
        "voi lut",
        "body part from the anatomic code",
        "charset iso 2022 japanese",
        "report with deep content",
        "sequences twenty deep, defined lengths",
        "icon image",
    }
)


def test_no_damage_raises_or_tells_a_name(tmp_path, capfd):
    """The gate on 2,000 mutants: one of the outcomes, known codes, no word of the patient anywhere."""
    path = tmp_path / "mutant"
    outcomes = Counter()
    for data in _mutants(2000, seed=20261123):
        path.write_bytes(data)
        found = dicom.examine(path, GATE, dicom_cases.NOW)
        outcome, reasons = dicom.outcome(found) if isinstance(found, Instance) else (found.outcome, found.reasons)
        outcomes[outcome] += 1
        assert outcome in OUTCOMES
        assert set(reasons) <= set(REASONS)
        assert reasons or outcome == "accepted"
    assert outcomes["quarantined"] > 300
    assert outcomes["accepted"] > 100
    captured = capfd.readouterr()
    assert "CANARY" not in captured.out + captured.err


def test_no_damaged_pixels_stop_the_decoders(tmp_path):
    """The whole of `check` on 150 mutants, decoded in the children."""
    paths = []
    for number, data in enumerate(_mutants(150, seed=7)):
        paths.append(tmp_path / f"{number:04d}")
        paths[-1].write_bytes(data)
    judged = _judge(paths)
    assert len(judged) == 150
    assert {outcome for outcome, _ in judged} <= set(OUTCOMES)

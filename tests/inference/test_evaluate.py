"""Labelled images against a model: figures by hand, bad files counted and named."""

import csv
import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from inference import evaluate
from inference.errors import EvaluationError
from inference.evaluate import FileScore, LabelledFile
from inference.settings import DecodeSettings
from inference.simulation import dicom_writer
from inference.simulation.plan import plan
from inference.simulation.site import SAINT_AUBIN
from pipelines.cli import app

POINTS = {"doubtful": 0.4, "positive": 0.9}
DESCRIBED = {"name": "toy", "version": "1", "sha256": "0" * 64, "operating_points": POINTS}


class LeftMinusRight(torch.nn.Module):
    """Score = how much brighter the left half is: known by construction; NaN where all is white."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        right = images[:, 0, :, 16:].mean(dim=(1, 2))
        logit = (images[:, 0, :, :16].mean(dim=(1, 2)) - right) * 8.0
        if bool(images.mean() > 0.95):
            logit = logit * float("nan")
        return logit, images[:, 0, :2, :2] * 0.0


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch announces TorchScript's end
        torch.jit.script(LeftMinusRight()).save(str(folder / "w.pt"))
    described = {
        "task": "fracture",
        "format": "torchscript",
        "architecture": "toy",
        "weights": "w.pt",
        "input": {"size": 32, "channels": 1, "mean": 0.0, "std": 1.0, "flip": False},
        "calibration": {"slope": 1.0, "intercept": 0.0},
        "localisation": {"threshold": 0.5},
        "scope": {"regions": ["hand"]},
        "training": {"data": [{"name": "n", "licence": "l", "credit": "c"}], "recipe": {}, "hours": 0},
        "performance": {},
    }
    sha256 = hashlib.sha256((folder / "w.pt").read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps(DESCRIBED | described | {"sha256": sha256}))
    return folder


def draw(path, left):
    image = np.zeros((40, 40), np.uint8)
    image[:, :20] = left
    image[:, 20:] = 255 - left
    Image.fromarray(image).save(path)


def manifest(folder, rows, header=("path", "label")):
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def pictures(folder):
    """Five pictures of known order, one that no model can score, and files that are no pictures."""
    (folder / "pictures").mkdir()
    rows = []
    known = [("a.png", 255, 1, "hand"), ("b.jpg", 250, 1, "hand;leg"), ("c.png", 0, 1, "leg"), ("d.png", 5, 0, "hand")]
    for name, left, label, region in [*known, ("e.png", 0, 0, "")]:
        draw(folder / "pictures" / name, left)
        rows.append((f"pictures/{name}", label, region))
    white = np.full((40, 40), 255, np.uint8)
    white[0] = 0
    Image.fromarray(white).save(folder / "white.png")
    (folder / "text.png").write_bytes(b"CANARY")
    (folder / "cut.dcm").write_bytes(b"\0" * 128 + b"DICM")
    bad = [("white.png", 1, "hand"), ("text.png", 0, "hand"), ("missing.png", 0, "hand"), ("cut.dcm", 1, "hand")]
    return [*rows[:2], *bad, *rows[2:]]


@pytest.mark.slow
def test_the_command_scores_in_the_sandbox_and_names_what_it_could_not(tmp_path, model):
    path = manifest(tmp_path, pictures(tmp_path), ("path", "label", "region"))
    arguments = ["eval", "images", str(path), "--model", str(model), "--json", "--scores", str(tmp_path / "s.csv")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.stderr
    data = json.loads(done.stdout)
    assert (data["n"], data["positives"], data["groups"]) == (5, 3, None)
    # c (fracture) ties with d and e after normalisation: 4 pairs won, 2 half won, of 6.
    assert data["auroc"]["value"] == pytest.approx(5 / 6)
    assert data["auroc"]["low"] <= data["auroc"]["value"] <= data["auroc"]["high"]
    doubtful, positive = (data["operating_points"][name] for name in ("doubtful", "positive"))
    assert (doubtful["threshold"], doubtful["sensitivity"]["numerator"], doubtful["sensitivity"]["denominator"]) == (
        0.4,
        2,
        3,
    )
    assert (positive["specificity"]["numerator"], positive["specificity"]["denominator"]) == (2, 2)
    # b counts in both of its regions, e in none that is named.
    assert {name: (part["n"], part["positives"]) for name, part in data["by_region"].items()} == {
        "hand": (3, 2),
        "leg": (2, 2),
        "unknown": (1, 0),
    }
    assert data["by_region"]["hand"]["auroc"]["value"] == 1.0
    assert data["by_region"]["leg"]["auroc"]["value"] is None
    reasons = {item["position"]: (Path(item["path"]).name, item["reason"]) for item in data["failed"]}
    assert reasons == {
        3: ("white.png", "MODEL_FAILED"),
        4: ("text.png", "PIXEL_DECODE"),
        5: ("missing.png", "FILE_UNREADABLE"),
        6: ("cut.dcm", reasons[6][1]),
    }
    assert "CANARY" not in done.stdout + done.stderr
    assert "9 of 9 images" in done.stderr
    with (tmp_path / "s.csv").open() as file:
        scores = list(csv.DictReader(file))
    assert [Path(row["path"]).name for row in scores][:3] == ["a.png", "b.jpg", "white.png"]
    assert scores[2]["score"] == ""
    # The left half white, the right half black: 8 x 1, calibrated with 1 and 0.
    assert float(scores[0]["score"]) == pytest.approx(1 / (1 + np.exp(-8)), abs=1e-4)


@pytest.mark.slow
def test_a_picture_and_the_same_pixels_in_dicom_score_alike(tmp_path, model):
    ramp = np.tile(np.linspace(1, 0, 48, dtype=np.float32) ** 2, (40, 1))
    study = plan(SAINT_AUBIN, SAINT_AUBIN.partner_since, SAINT_AUBIN.partner_since)[0]
    stored = dicom_writer.stored(ramp, study.device.monochrome1)
    dicom_writer.write(dicom_writer.wrap(stored, study, study.views[0], SAINT_AUBIN), tmp_path / "a.dcm")
    Image.fromarray(np.rint(ramp * 255).astype(np.uint8)).save(tmp_path / "a.png")
    found = evaluate.evaluate_images(manifest(tmp_path, [("a.dcm", 1), ("a.png", 0)]), model, lanes=1)
    dicom, picture = (file.score for file in found.files)
    assert dicom == pytest.approx(picture, abs=0.02)
    assert 0.5 < dicom < 1


@pytest.mark.slow
def test_many_files_keep_their_order_whatever_the_lanes(tmp_path, model):
    rows = []
    for number in range(24):
        draw(tmp_path / f"{number}.png", 100 + 6 * number)
        rows.append((f"{number}.png", number // 12, f"patient{number // 4}"))
    path = manifest(tmp_path, rows, ("path", "label", "group"))
    done = []
    found = evaluate.evaluate_images(path, model, DecodeSettings(workers=2), lambda *n: done.append(n), lanes=2)
    assert [file.path.name for file in found.files] == [row[0] for row in rows]
    assert done == [(number, 24) for number in range(1, 25)]
    assert found.whole.groups == 6
    assert found.files[5].file.group == "patient1"
    assert found.images_per_second > 0


def scored(*rows):
    """Files with (score, label, group, regions)."""
    made = []
    for number, (score, label, group, regions) in enumerate(rows, 1):
        made.append(FileScore(LabelledFile(Path(f"{number}"), label, group, regions, number), score, None))
    return made


def test_intervals_are_over_groups_only_where_every_image_has_one():
    every = scored(*((0.1 * n, n > 5, f"p{n // 2}", ()) for n in range(10)))
    found = evaluate.summarise(DESCRIBED, every, 1.0)
    assert (found.whole.groups, found.whole.auroc.value, found.by_region) == (5, 1.0, {})
    some = [*every, *scored((0.2, 0, None, ()))]
    assert evaluate.summarise(DESCRIBED, some, 1.0).whole.groups is None


def test_nothing_scored_has_no_figures_and_says_so():
    found = evaluate.summarise(DESCRIBED, [FileScore(LabelledFile(Path("x"), 1, None), None, "PIXEL_DECODE")], 0.0)
    assert (found.whole.images, len(found.failed)) == (0, 1)
    assert np.isnan(found.whole.auroc.value)
    assert np.isnan(found.whole.calibration_error)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"file,label\na.png,1\n", "columns path and label"),
        (b"", "columns path and label"),
        (b"path,label\na.png,yes\n", "line 2"),
        (b"path,label\na.png,1\n,0\n", "line 3"),
        (b"path,label\n\xff\xfe,1\n", "UTF-8"),
    ],
)
def test_unusable_manifests_say_what_to_correct(tmp_path, model, text, sentence):
    (tmp_path / "m.csv").write_bytes(text)
    with pytest.raises(EvaluationError, match=sentence):
        evaluate.evaluate_images(tmp_path / "m.csv", model)


def test_a_missing_manifest_says_so(tmp_path, model):
    with pytest.raises(EvaluationError, match="cannot be read"):
        evaluate.evaluate_images(tmp_path / "absent.csv", model)

"""Labelled images against a model: figures by hand, bad files counted and named."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inference import bundle, evaluate
from inference.errors import EvaluationError

pytest.importorskip("inference.pixels", reason="decoder not there yet")

SIZE = 32


def left_minus_right(batch):
    """Score = how much brighter the left half is: known by construction."""
    logit = (batch[:, 0, :, : SIZE // 2].mean((1, 2)) - batch[:, 0, :, SIZE // 2 :].mean((1, 2))) * 8
    return logit, np.zeros((len(batch), 2, 2), np.float32)


@pytest.fixture
def model():
    return bundle.Model(
        name="fake",
        version="1",
        sha256="0" * 64,
        task="fracture",
        input_size=SIZE,
        flip=False,
        slope=1.0,
        intercept=0.0,
        operating_points={"doubtful": 0.4, "positive": 0.9},
        box_threshold=0.5,
        regions=("hand",),
        forward=left_minus_right,
    )


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


def test_figures_by_hand_with_relative_paths(tmp_path, model):
    (tmp_path / "pictures").mkdir()
    rows = []
    for name, left, label in [("a.png", 255, 1), ("b.jpg", 250, 1), ("c.png", 0, 1), ("d.png", 5, 0), ("e.png", 0, 0)]:
        draw(tmp_path / "pictures" / name, left)
        rows.append((f"pictures/{name}", label))
    result = evaluate.evaluate_images(manifest(tmp_path, rows), model)
    assert (result.images, result.positives, result.failed) == (5, 3, ())
    # c (fracture) ties with d and e after normalisation: 4 pairs won, 2 half won, of 6.
    assert result.auroc.value == pytest.approx(5 / 6)
    assert result.auroc.low <= result.auroc.value <= result.auroc.high
    doubtful, positive = result.points
    assert (doubtful.name, doubtful.threshold) == ("doubtful", 0.4)
    assert (doubtful.sensitivity.numerator, doubtful.sensitivity.denominator) == (2, 3)
    assert (positive.specificity.numerator, positive.specificity.denominator) == (2, 2)
    assert result.images_per_second > 0


def test_bad_files_are_named_and_do_not_stop_the_rest(tmp_path, model):
    draw(tmp_path / "good.png", 255)
    (tmp_path / "text.png").write_bytes(b"hello")
    (tmp_path / "cut.dcm").write_bytes(b"\0" * 128 + b"DICM")
    rows = [("good.png", 1), ("text.png", 0), ("missing.png", 0), ("cut.dcm", 1)]
    done = []
    result = evaluate.evaluate_images(
        manifest(tmp_path, rows), model, progress=lambda n, total: done.append((n, total))
    )
    assert result.images == 1
    assert [file.path.name for file in result.failed] == ["text.png", "missing.png", "cut.dcm"]
    assert all(file.reason for file in result.failed)
    assert [file.path.name for file in result.files] == ["good.png", "text.png", "missing.png", "cut.dcm"]
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert np.isnan(result.auroc.value)


def test_a_model_that_fails_is_counted(tmp_path, model):
    draw(tmp_path / "a.png", 255)
    broken = replace(model, forward=lambda batch: (np.array([np.nan]), np.zeros((1, 2, 2))))
    result = evaluate.evaluate_images(manifest(tmp_path, [("a.png", 1)]), broken)
    assert [file.reason for file in result.failed] == ["MODEL_FAILED"]


def test_more_files_than_the_look_ahead_keep_their_order(tmp_path, model):
    rows = []
    for number in range(40):
        draw(tmp_path / f"{number}.png", 255 if number % 2 else 0)
        rows.append((f"{number}.png", number % 2, f"patient{number // 4}"))
    result = evaluate.evaluate_images(manifest(tmp_path, rows, ("path", "label", "group")), model)
    assert [file.path.name for file in result.files] == [row[0] for row in rows]
    assert result.auroc.value == 1.0
    assert result.files[5].group == "patient1"


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

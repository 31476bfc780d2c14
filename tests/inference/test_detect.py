"""Letterbox, scores, boxes and heat: geometry by hand, results independent of the company."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import bundle, detect
from inference.errors import ModelOutputError


def fake(cells, logit=0.0, size=64, **changes):
    """Build a model whose map is given and whose logit is constant."""
    cells = np.asarray(cells, np.float32)
    model = bundle.Model(
        name="fake",
        version="1",
        sha256="0" * 64,
        task="fracture",
        input_size=size,
        flip=False,
        slope=1.0,
        intercept=0.0,
        operating_points={"doubtful": 0.3, "positive": 0.6},
        box_threshold=0.5,
        regions=("hand",),
        forward=lambda batch: (np.full(len(batch), logit, np.float32), cells[np.newaxis]),
    )
    return replace(model, **changes)


@pytest.fixture(scope="module")
def default():
    return bundle.load(bundle.embedded())


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(1)
    shapes = [(60, 80), (454, 373), (300, 300), (91, 37)]
    return [random.random(shape, dtype=np.float32) for shape in shapes]


def test_letterbox_keeps_the_aspect_and_centres():
    image = np.tile(np.linspace(0, 1, 200, dtype=np.float32), (100, 1))
    square, scale, top, left = detect.letterbox(image, 64)
    assert (square.shape, scale, top, left) == ((64, 64), 0.32, 16, 0)
    assert square[:16].max() == square[48:].max() == 0
    assert (np.diff(square[20]) >= 0).all()


def test_letterbox_averages_what_it_reduces():
    checkers = np.indices((256, 256)).sum(0).astype(np.float32) % 2
    checkers[:, 128:] += 2.0
    square, *_ = detect.letterbox(checkers / 3, 32)
    assert np.ptp(square[2:-2, 2:12]) < 0.02  # a fine pattern becomes flat grey, not moiré


@given(st.floats(0.05, 0.9), st.floats(0.0, 0.1))
@settings(max_examples=20, deadline=None)
def test_letterbox_undoes_window_and_depth(gain, offset):
    image = np.random.default_rng(2).random((50, 40), dtype=np.float32)
    one, *_ = detect.letterbox(image, 64)
    other, *_ = detect.letterbox(image * np.float32(gain) + np.float32(offset), 64)
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2)])
@pytest.mark.parametrize("value", [0.0, 0.7])
def test_flat_and_tiny_images_become_black(shape, value):
    square, *_ = detect.letterbox(np.full(shape, value, np.float32), 32)
    assert square.max() == 0


def test_same_score_alone_and_in_any_company(default, pictures):
    together = detect.detect(default, pictures)
    shuffled = detect.detect(default, pictures[::-1])[::-1]
    for image, one, other in zip(pictures, together, shuffled, strict=True):
        alone = detect.detect(default, [image])[0]
        assert one.score == pytest.approx(alone.score, abs=1e-5)
        assert other.score == pytest.approx(alone.score, abs=1e-5)
        assert one.boxes == alone.boxes
        np.testing.assert_allclose(one.heat, alone.heat, atol=1e-5)


def test_a_mirrored_image_scores_the_same(default, pictures):
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in pictures[2:3]]
    one, other = detect.detect(default, [pictures[2], *mirrored])
    assert default.flip
    assert one.score == pytest.approx(other.score, abs=1e-5)


def test_eight_and_twelve_bits_score_alike(default, pictures):
    twelve = np.rint(pictures[1] * 4095) / np.float32(4095)
    eight = np.rint(pictures[1] * 255) / np.float32(255)
    one, other = detect.detect(default, [twelve.astype(np.float32), eight.astype(np.float32)])
    assert one.score == pytest.approx(other.score, abs=0.01)


def test_box_lands_on_the_image_where_the_map_is_hot():
    cells = np.full((4, 4), -9.0)
    cells[1, 2] = 4.0
    # 32 x 64 image in a 64 square: scale 1, top 16; cells are 16 pixels.
    (box,) = detect.detect(fake(cells), [np.random.rand(32, 64).astype(np.float32)])[0].boxes
    assert (box.x0, box.y0, box.x1, box.y1) == (32, 0, 48, 16)
    assert box.score == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-6)


def test_boxes_in_the_padding_are_dropped_and_overlapping_ones_cut():
    cells = np.full((4, 4), -9.0)
    cells[0, 0] = 4.0  # rows 0..16 of the square: all padding
    cells[1:3, 3] = 3.0
    detection = detect.detect(fake(cells), [np.random.rand(32, 64).astype(np.float32)])[0]
    assert [(b.x0, b.y0, b.x1, b.y1) for b in detection.boxes] == [(48, 0, 64, 32)]


def test_flagged_image_without_hot_cells_still_shows_where():
    cells = np.full((4, 4), -5.0)
    cells[2, 1] = -2.0
    image = [np.random.rand(64, 64).astype(np.float32)]
    flagged = detect.detect(fake(cells, logit=2.0), image)[0]
    assert [(b.x0, b.y0, b.x1, b.y1) for b in flagged.boxes] == [(16, 32, 32, 48)]
    assert detect.detect(fake(cells, logit=-9.0), image)[0].boxes == ()


def test_at_most_five_boxes_strongest_first():
    cells = np.full((8, 8), -9.0)
    cells[::2, ::2] = np.arange(1, 17).reshape(4, 4)
    boxes = detect.detect(fake(cells), [np.random.rand(64, 64).astype(np.float32)])[0].boxes
    assert len(boxes) == 5
    assert [box.score for box in boxes] == sorted((box.score for box in boxes), reverse=True)


def test_heat_covers_the_image_and_not_the_padding():
    cells = np.full((4, 4), -30.0)
    cells[0] = 30.0  # hot only in the padding above
    detection = detect.detect(fake(cells), [np.random.rand(32, 64).astype(np.float32)])[0]
    assert detection.heat.shape == (2, 4)
    assert detection.heat.max() < 0.01


def test_calibration_is_platt_scaling():
    model = fake(np.zeros((4, 4)), logit=1.5, slope=0.5, intercept=-1.0)
    score = detect.detect(model, [np.random.rand(8, 8).astype(np.float32)])[0].score
    assert score == pytest.approx(1 / (1 + np.exp(0.25)))


@pytest.mark.parametrize("logit", [1e4, -1e4])
def test_huge_logits_stay_probabilities(logit):
    score = detect.detect(fake(np.zeros((4, 4)), logit=logit), [np.ones((8, 8), np.float32)])[0].score
    assert 0.0 <= score <= 1.0


@pytest.mark.parametrize(
    "output",
    [
        (np.array([np.nan], np.float32), np.zeros((1, 4, 4), np.float32)),
        (np.array([np.inf], np.float32), np.zeros((1, 4, 4), np.float32)),
        (np.zeros((1, 1), np.float32), np.zeros((1, 4, 4), np.float32)),
        (np.zeros(2, np.float32), np.zeros((1, 4, 4), np.float32)),
        (np.zeros(1, np.float32), np.full((1, 4, 4), np.nan, np.float32)),
        (np.zeros(1, np.float32), np.zeros((1, 1, 4, 4), np.float32)),
        (np.zeros(1, np.float32), np.zeros((1, 4, 3), np.float32)),
        (np.zeros(1, np.float32), np.zeros((1, 0, 0), np.float32)),
    ],
)
def test_nonsense_output_raises(output):
    model = fake(np.zeros((4, 4)), forward=lambda batch: output)
    with pytest.raises(ModelOutputError, match="use another bundle"):
        detect.detect(model, [np.ones((8, 8), np.float32)])


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_boxes_and_heat_stay_inside_whatever_the_shape(rows, columns, seed):
    random = np.random.default_rng(seed)
    model = fake(random.normal(0, 3, (4, 4)), logit=random.normal())
    detection = detect.detect(model, [random.random((rows, columns), dtype=np.float32)])[0]
    for box in detection.boxes:
        assert 0 <= box.x0 < box.x1 <= columns
        assert 0 <= box.y0 < box.y1 <= rows
    assert detection.heat.min() >= 0
    assert detection.heat.max() <= 1

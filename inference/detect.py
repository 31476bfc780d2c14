"""Pixels to detections: letterbox, score, boxes and heat map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from inference.bundle import Model
from inference.errors import BundleError, ModelOutputError
from inference.records import Box

Array = npt.NDArray[np.float32]

_DARK_PERCENTILE = 0.5
_BRIGHT_PERCENTILE = 99.5
_MOST_BOXES = 5


@dataclass(frozen=True)
class Detection:
    """What a model sees in one image.

    Attributes
    ----------
    score
        Calibrated probability of a fracture, 0..1.
    boxes
        At most five places, strongest first, in pixels of the image given (ends
        exclusive); the score of a box is its highest heat. An image whose score
        reaches the doubtful point has at least one.
    heat
        float32 [h, w] in 0..1: the localisation map, stretched edge to edge over the
        image given.
    """

    score: float
    boxes: tuple[Box, ...]
    heat: Array


@dataclass(frozen=True)
class Frame:
    """Where an image of ``rows`` x ``columns`` lies in the square, and the map's cell size.

    ``scale``, ``top`` and ``left`` are those of :func:`letterbox`; ``cell`` is in
    square pixels.
    """

    rows: int
    columns: int
    scale: float
    top: int
    left: int
    cell: float


def detect(model: Model, images: list[Array]) -> list[Detection]:
    """Score images, each float32 [rows, columns] in 0..1, bone bright.

    Images are run one by one: how they were grouped can then not change a result,
    and on a CPU a batch is no faster.

    Raises
    ------
    ModelOutputError
        The model returned NaN, infinity, or an output of the wrong shape.
    """
    return [_detect_one(model, image) for image in images]


def trial(model: Model) -> None:
    """Run a loaded model once on a drawn picture, as a night would.

    Raises
    ------
    BundleError
        It raises, or its output has another shape than stated or holds NaN or infinity.
    """
    rows, columns = np.indices((96, 64), dtype=np.float32)
    picture = np.clip(1 - np.abs(columns - 32) / 16, 0, 1) * (0.5 + rows / 192)
    try:
        detect(model, [picture.astype(np.float32)])
    except ModelOutputError as error:
        raise BundleError(f"the bundle failed its trial on a drawn picture: {error}") from None


def letterbox(image: Array, size: int) -> tuple[Array, float, int, int]:
    """Fit an image into a square, normalise its grey levels and pad with 0.

    Training and the night use this one function, so the network never meets an
    input prepared in another way. Grey levels are stretched between two
    percentiles of the image itself: the window chosen at the console, the bit
    depth and an 8-bit JPEG then matter little.

    Parameters
    ----------
    image
        float32 [rows, columns] in 0..1, bone bright.
    size
        Side of the square in pixels.

    Returns
    -------
    square, scale, top, left
        float32 [size, size] in 0..1; square pixels per image pixel; row and
        column of the image's first pixel in the square.
    """
    rows, columns = image.shape
    scale = size / max(rows, columns)
    height, width = max(1, round(rows * scale)), max(1, round(columns * scale))
    # Pillow's bilinear filter widens with the reduction: every source pixel counts.
    resized = np.asarray(
        Image.fromarray(np.ascontiguousarray(image, dtype=np.float32)).resize(
            (width, height), Image.Resampling.BILINEAR
        ),
        dtype=np.float32,
    )
    dark, bright = np.percentile(resized, (_DARK_PERCENTILE, _BRIGHT_PERCENTILE))
    square = np.zeros((size, size), dtype=np.float32)
    top, left = (size - height) // 2, (size - width) // 2
    if bright - dark > 1e-6:
        square[top : top + height, left : left + width] = np.clip((resized - dark) / (bright - dark), 0.0, 1.0)
    return square, scale, top, left


def raw(model: Model, square: Array) -> tuple[float, Array]:
    """Run the network on one letterboxed image, mirrored too if the bundle says so.

    Returns
    -------
    logit, map
        Before calibration; map logits float32 [h, w] over the whole square.

    Raises
    ------
    ModelOutputError
        As for :func:`detect`.
    """
    logit, cells = _checked(model, square)
    if model.flip:
        mirrored_logit, mirrored_cells = _checked(model, np.ascontiguousarray(square[:, ::-1]))
        logit = (logit + mirrored_logit) / 2
        cells = (cells + mirrored_cells[:, ::-1]) / np.float32(2)
    return logit, cells


def probability(model: Model, logit: float) -> float:
    """Return the calibrated score (0..1) of a network's logit (Platt scaling).

    References
    ----------
    Platt J., "Probabilistic Outputs for Support Vector Machines", 1999.
    """
    return float(_sigmoid(np.float64(model.slope * logit + model.intercept)))


def _detect_one(model: Model, image: Array) -> Detection:
    square, scale, top, left = letterbox(image, model.input_size)
    logit, cells = raw(model, square)
    score = probability(model, logit)
    heat = np.asarray(_sigmoid(cells.astype(np.float64)), dtype=np.float32)
    rows, columns = image.shape
    frame = Frame(rows, columns, scale, top, left, model.input_size / heat.shape[0])
    return Detection(
        score=score,
        boxes=boxes(heat, model.box_threshold, score >= model.operating_points["doubtful"], frame),
        heat=_crop(heat, frame),
    )


def boxes(heat: Array, threshold: float, at_least_one: bool, frame: Frame) -> tuple[Box, ...]:
    """Draw a box around each connected hot region of a map, strongest first.

    Parameters
    ----------
    heat
        float32 [h, w] in 0..1 over the letterboxed square.
    threshold
        Lowest heat of a cell inside a box.
    at_least_one
        Whether a map that stays below ``threshold`` gets a box at its maximum.
    """
    places = _places(heat, threshold, at_least_one)
    drawn = (_to_image(place, frame) for place in places)
    return tuple(box for box in drawn if box.x1 > box.x0 and box.y1 > box.y0)


def _checked(model: Model, square: Array) -> tuple[float, Array]:
    logit, cells = model.forward(square[np.newaxis, np.newaxis])
    if logit.shape != (1,):
        raise ModelOutputError("the model's logit must have the shape [n]: use another bundle.")
    if cells.ndim != 3 or cells.shape[0] != 1 or cells.shape[1] != cells.shape[2] or not cells.size:
        raise ModelOutputError("the model's map must have the shape [n, h, w] with h = w: use another bundle.")
    if not (np.isfinite(logit).all() and np.isfinite(cells).all()):
        raise ModelOutputError("the model returned NaN or infinity: use another bundle.")
    return float(logit[0]), cells[0]


def _sigmoid(x: npt.NDArray[np.float64] | np.float64) -> npt.NDArray[np.float64]:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))  # unlike exp, tanh cannot overflow


def _places(heat: Array, threshold: float, at_least_one: bool) -> list[tuple[int, int, int, int, float]]:
    """Connected hot regions as (first row, first column, end row, end column, peak)."""
    peak = float(heat.max())
    hot = heat >= threshold
    if not hot.any():
        if not at_least_one:
            return []
        hot = heat >= peak * 0.7
    labels, _ = ndimage.label(hot)
    places = []
    for index, found in enumerate(ndimage.find_objects(labels), start=1):
        highest = float(heat[found][labels[found] == index].max())
        rows, columns = found
        places.append((rows.start, columns.start, rows.stop, columns.stop, highest))
    places.sort(key=lambda place: (-place[4], place[0], place[1]))
    return places[: _MOST_BOXES if peak >= threshold else 1]


def _to_image(place: tuple[int, int, int, int, float], frame: Frame) -> Box:
    first_row, first_column, end_row, end_column, peak = place

    def across(column: int) -> float:
        return float(np.clip((column * frame.cell - frame.left) / frame.scale, 0, frame.columns))

    def down(row: int) -> float:
        return float(np.clip((row * frame.cell - frame.top) / frame.scale, 0, frame.rows))

    return Box(across(first_column), down(first_row), across(end_column), down(end_row), peak)


def _crop(heat: Array, frame: Frame) -> Array:
    """Resample the part of the map that covers the image, at about the map's own step."""
    width, height = frame.columns * frame.scale, frame.rows * frame.scale
    edges = (
        frame.left / frame.cell,
        frame.top / frame.cell,
        min(heat.shape[1], (frame.left + width) / frame.cell),
        min(heat.shape[0], (frame.top + height) / frame.cell),
    )
    size = (max(1, round(width / frame.cell)), max(1, round(height / frame.cell)))
    resampled = Image.fromarray(heat).resize(size, Image.Resampling.BILINEAR, box=edges)
    return np.clip(np.asarray(resampled, dtype=np.float32), 0.0, 1.0)

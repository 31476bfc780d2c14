"""What a trained bundle does on images kept apart, and whether it takes shortcuts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference import accuracy, detect
from inference.bundle import Model
from inference.training.dataset import REGIONS, VIEWS, Radiograph, decode

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """The network's answer for one image, before calibration.

    Attributes
    ----------
    heat, frame
        The map (0..1) and where it lies on the image.
    true_boxes
        Fracture boxes (x0, y0, x1, y1) in image pixels.
    """

    radiograph: Radiograph
    logit: float
    heat: Array
    frame: detect.Frame
    true_boxes: tuple[tuple[float, float, float, float], ...]

    def peak_hit(self) -> bool:
        """Whether the map's maximum lies inside a true box."""
        x, y = peak(self.heat, self.frame)
        return any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in self.true_boxes)


def read(
    model: Model,
    radiographs: list[Radiograph],
    data: Path,
    change: Callable[[Array], Array] = lambda image: image,
) -> list[Reading]:
    """Run the model on images, each first passed through ``change``."""
    readings = []
    for radiograph in radiographs:
        image = change(decode(data / "images" / radiograph.name))
        square, scale, top, left = detect.letterbox(image, model.input_size)
        logit, cells = detect.raw(model, square)
        heat = np.asarray(1 / (1 + np.exp(-cells.astype(np.float64))), dtype=np.float32)
        rows, columns = image.shape
        frame = detect.Frame(rows, columns, scale, top, left, model.input_size / len(heat))
        boxes = true_boxes(radiograph, rows, columns)
        readings.append(Reading(radiograph, logit, heat, frame, boxes))
    return readings


def true_boxes(radiograph: Radiograph, rows: int, columns: int) -> tuple[tuple[float, float, float, float], ...]:
    """Fracture boxes (x0, y0, x1, y1) in pixels of an image of the given shape."""
    return tuple(
        (
            (x - width / 2) * columns,
            (y - height / 2) * rows,
            (x + width / 2) * columns,
            (y + height / 2) * rows,
        )
        for x, y, width, height in radiograph.boxes
    )


def peak(heat: Array, frame: detect.Frame) -> tuple[float, float]:
    """Place (x, y) of the map's maximum in image pixels, refined by its eight neighbours."""
    row, column = (int(i) for i in np.unravel_index(int(np.argmax(heat)), heat.shape))
    first_row, first_column = max(0, row - 1), max(0, column - 1)
    weight = heat[first_row : row + 2, first_column : column + 2].astype(np.float64)
    rows, columns = np.indices(weight.shape)
    y = float((weight * (rows + first_row + 0.5)).sum() / weight.sum()) * frame.cell
    x = float((weight * (columns + first_column + 0.5)).sum() / weight.sum()) * frame.cell
    return (x - frame.left) / frame.scale, (y - frame.top) / frame.scale


def overlap(box: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union of two rectangles (x0, y0, x1, y1)."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    inside = width * height
    areas = (box[2] - box[0]) * (box[3] - box[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return inside / (areas - inside)


def box_score(readings: list[Reading], threshold: float) -> float:
    """F1 of the boxes drawn at a threshold against the true ones, matched at IoU 0.2."""
    drawn = found = wanted = 0
    for reading in readings:
        boxes = detect.boxes(reading.heat, threshold, False, reading.frame)
        corners = [(box.x0, box.y0, box.x1, box.y1) for box in boxes]
        drawn += len(corners)
        wanted += len(reading.true_boxes)
        found += sum(any(overlap(true, box) >= 0.2 for box in corners) for true in reading.true_boxes)
    return 2 * found / max(1, drawn + wanted)


def labels_of(readings: list[Reading]) -> npt.NDArray[np.int64]:
    """Labels int64 [n]."""
    return np.array([reading.radiograph.label for reading in readings], dtype=np.int64)


def logits_of(readings: list[Reading]) -> npt.NDArray[np.float64]:
    """Logits float64 [n]."""
    return np.array([reading.logit for reading in readings], dtype=np.float64)


def performance(model: Model, readings: list[Reading]) -> dict[str, Any]:
    """Figures of a fold, overall and per body part, with 95 % intervals by patient group."""
    scores = np.array([detect.probability(model, reading.logit) for reading in readings])
    labels = labels_of(readings)
    result: dict[str, Any] = {**_figures(model, labels, scores, readings), "regions": {}}
    for region in REGIONS:
        index = [i for i, r in enumerate(readings) if region in r.radiograph.regions]
        if index:
            part = [readings[i] for i in index]
            result["regions"][region] = _figures(model, labels[index], scores[index], part)
    return result


def _figures(
    model: Model,
    labels: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float64],
    readings: list[Reading],
) -> dict[str, Any]:
    groups = [reading.radiograph.group for reading in readings]
    points = model.operating_points
    called = [
        reading.peak_hit()
        for reading, score in zip(readings, scores, strict=True)
        if reading.true_boxes and score >= points["positive"]
    ]
    return {
        "images": len(labels),
        "fractures": int(labels.sum()),
        "groups": len(set(groups)),
        "auroc": rounded(asdict(accuracy.auroc_interval(labels, scores, groups))),
        "calibration_error": rounded(accuracy.calibration_error(labels, scores)),
        "doubtful": _point(labels, scores, points["doubtful"]),
        "positive": _point(labels, scores, points["positive"]),
        "peak_in_box": rounded(asdict(accuracy.wilson(sum(called), len(called)))),
    }


def _point(labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64], threshold: float) -> dict[str, Any]:
    return {
        "sensitivity": rounded(asdict(accuracy.sensitivity(labels, scores, threshold))),
        "specificity": rounded(asdict(accuracy.specificity(labels, scores, threshold))),
    }


def rounded(value: Any) -> Any:
    """Round to eight decimals, so that who rounds again to three gets what the value itself gives; NaN becomes None."""
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, float):
        return round(value, 8) if np.isfinite(value) else None
    return value


def cropped(image: Array, share: float = 0.08) -> Array:
    """Cut a share off each edge: markers, collimator edges and file borders are gone."""
    rows, columns = (int(side * share) for side in image.shape)
    return image[rows : image.shape[0] - rows, columns : image.shape[1] - columns]


def by_box_size(model: Model, readings: list[Reading]) -> dict[str, Any]:
    """Share of the fractures called at least doubtful, by the longest side of their largest box."""
    result = {}
    for name, low, high in (("under 5 %", 0.0, 0.05), ("5 to 10 %", 0.05, 0.1), ("over 10 %", 0.1, 2.0)):
        called = [
            detect.probability(model, reading.logit) >= model.operating_points["doubtful"]
            for reading in readings
            if reading.true_boxes and low <= _longest(reading) < high
        ]
        result[name] = rounded(asdict(accuracy.wilson(sum(called), len(called))))
    return result


def _longest(reading: Reading) -> float:
    sides = [max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in reading.true_boxes]
    return max(sides) / max(reading.frame.rows, reading.frame.columns)


def shortcuts(readings: list[Reading], cut: list[Reading], train: list[Radiograph], data: Path) -> dict[str, Any]:
    """How much of the score could come from anything but bone: AUROC under each condition.

    Parameters
    ----------
    readings, cut
        The same test images, whole and with their edges cut off (:func:`cropped`).
    train
        Images to fit the two models that see no bone on.
    """
    labels, logits = labels_of(readings), logits_of(readings)
    held = [reading.radiograph for reading in readings]
    groups = np.array([radiograph.group for radiograph in held])

    def interval(scores: npt.NDArray[np.float64], index: npt.NDArray[np.bool_]) -> dict[str, Any]:
        found = accuracy.auroc_interval(labels[index], scores[index], groups[index])
        return {"images": int(index.sum()), **rounded(asdict(found))}

    every = np.ones(len(held), dtype=bool)
    sizes = np.array([_size_class(radiograph) for radiograph in held])
    plain = np.array([not radiograph.hardware for radiograph in held])
    edges = [[_edges(radiograph, data) for radiograph in part] for part in (train, held)]
    kinds = [[_kind(radiograph) for radiograph in part] for part in (train, held)]
    known = np.array([radiograph.label for radiograph in train])
    return {
        "by_size": {str(size): interval(logits, sizes == size) for size in sorted(set(sizes))},
        "without_hardware": interval(logits, plain),
        "borders_cropped": interval(logits_of(cut), every),
        "size_and_border_only": interval(_logistic(edges[0], known, edges[1]), every),
        "body_part_and_view_only": interval(_logistic(kinds[0], known, kinds[1]), every),
    }


def _size_class(radiograph: Radiograph) -> str:
    if max(radiograph.width, radiograph.height) > 454:
        return "larger than 454"
    return f"{radiograph.width} x {radiograph.height}"


def _edges(radiograph: Radiograph, data: Path) -> list[float]:
    """File size and the grey levels of the four outer strips; no bone is looked at."""
    image = decode(data / "images" / radiograph.name)
    strip = max(1, min(image.shape) // 20)
    strips = (image[:strip], image[-strip:], image[:, :strip], image[:, -strip:])
    levels = [value for part in strips for value in (float(part.mean()), float(part.std()))]
    portrait = float(radiograph.height > radiograph.width)
    large = float(max(radiograph.width, radiograph.height) > 454)
    return [portrait, large, radiograph.width / radiograph.height, *levels]


def _kind(radiograph: Radiograph) -> list[float]:
    """Body parts and views as zeros and ones."""
    return [float(region in radiograph.regions) for region in REGIONS] + [
        float(view in radiograph.views) for view in VIEWS
    ]


def _logistic(
    known: list[list[float]], labels: npt.NDArray[np.int64], new: list[list[float]]
) -> npt.NDArray[np.float64]:
    """Ridge logistic regression by Newton's method; log-odds for ``new``."""
    x = np.array(known)
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-9
    design = np.column_stack([(x - mean) / deviation, np.ones(len(x))])
    beta = np.zeros(design.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-(design @ beta)))
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.eye(len(beta))
        beta += np.linalg.solve(hessian, design.T @ (labels - p) - beta)
    others = (np.array(new) - mean) / deviation
    return np.asarray(np.column_stack([others, np.ones(len(new))]) @ beta)

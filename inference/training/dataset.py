"""Labelled radiographs with boxes and patient groups, decoded once and kept in memory."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.detect import letterbox
from inference.pixels import read_picture
from inference.records import Rejection

REGIONS = ("hand", "leg", "hip", "shoulder")
VIEWS = ("frontal", "lateral", "oblique", "multiscan")
MASK_STRIDE = 4


@dataclass(frozen=True)
class Radiograph:
    """One labelled image.

    Attributes
    ----------
    name
        File name in the ``images`` folder.
    label
        1 when a fracture is shown, else 0.
    fold
        Cross-validation fold; a group never crosses folds.
    group
        Views of one patient and near duplicates share a group.
    regions
        Body parts shown, of ``REGIONS``.
    views
        Projections, of ``VIEWS``; ``multiscan`` is several pictures in one.
    hardware
        Whether plates, screws or the like are seen.
    uncertain
        Whether a duplicate of this image carried the opposite label.
    width, height
        Size in pixels of the image as published.
    boxes
        Fracture boxes (x centre, y centre, width, height) relative to the image.
    """

    name: str
    label: int
    fold: int
    group: int
    regions: tuple[str, ...]
    views: tuple[str, ...]
    hardware: bool
    uncertain: bool
    width: int
    height: int
    boxes: tuple[tuple[float, float, float, float], ...]


def read_radiographs(data: Path) -> list[Radiograph]:
    """Read ``labels.csv`` and ``boxes_yolo`` of a data folder, sorted by name."""
    with (data / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["image_id"])
    return [
        Radiograph(
            name=row["image_id"],
            label=int(row["label"]),
            fold=int(row["fold"]),
            group=int(row["group"]),
            regions=tuple(region for region in REGIONS if row[region] == "1"),
            views=tuple(view for view in VIEWS if row.get(view) == "1"),
            hardware=row.get("hardware") == "1",
            uncertain=row["label_uncertain"] == "1",
            width=int(row["width"]),
            height=int(row["height"]),
            boxes=_read_boxes(data / "boxes_yolo" / f"{Path(row['image_id']).stem}.txt"),
        )
        for row in rows
    ]


def _read_boxes(path: Path) -> tuple[tuple[float, float, float, float], ...]:
    if not path.exists():
        return ()
    boxes = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            _, x, y, width, height = (float(word) for word in line.split())
            boxes.append((x, y, width, height))
    return tuple(boxes)


def decode(path: Path) -> npt.NDArray[np.float32]:
    """Decode a JPEG or PNG as the night does, to float32 [rows, columns] in 0..1.

    Raises
    ------
    ValueError
        The file is no readable picture: take it out of ``labels.csv``.
    """
    prepared = read_picture(path)
    if isinstance(prepared, Rejection):
        raise ValueError(f"a training image cannot be read ({prepared.reasons[0]})")  # noqa: TRY004 - a value, not a type
    return prepared.image


def squares(data: Path, radiographs: list[Radiograph], size: int, cache: Path) -> npt.NDArray[np.uint8]:
    """Letterboxed images, uint8 [n, size, size], from the cache file when it fits.

    The cache is keyed by the names and the size, written under another name and
    then renamed, so a kill leaves no half of it.
    """
    key = hashlib.sha256("\n".join([str(size), *(r.name for r in radiographs)]).encode())
    path = cache / f"squares-{key.hexdigest()[:16]}.npy"
    if path.exists():
        return np.asarray(np.load(path))
    result = np.empty((len(radiographs), size, size), dtype=np.uint8)
    for index, radiograph in enumerate(radiographs):
        square, _, _, _ = letterbox(decode(data / "images" / radiograph.name), size)
        result[index] = np.rint(square * 255.0).astype(np.uint8)
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, result)
    partial.replace(path)
    return result


def masks(radiographs: list[Radiograph], size: int) -> npt.NDArray[np.uint8]:
    """Masks of the fracture boxes on the letterboxed square, at stride ``MASK_STRIDE``.

    Returns
    -------
    uint8 [n, size / MASK_STRIDE, size / MASK_STRIDE]
        1 inside a box; a box smaller than a cell marks the cell that holds it.
    """
    side = size // MASK_STRIDE
    result = np.zeros((len(radiographs), side, side), dtype=np.uint8)
    for index, radiograph in enumerate(radiographs):
        longest = max(radiograph.width, radiograph.height)
        wide, high = radiograph.width / longest * side, radiograph.height / longest * side
        left, top = (side - wide) / 2, (side - high) / 2
        for x, y, width, height in radiograph.boxes:
            x0, x1 = left + (x - width / 2) * wide, left + (x + width / 2) * wide
            y0, y1 = top + (y - height / 2) * high, top + (y + height / 2) * high
            rows = slice(max(0, int(y0)), max(int(y0) + 1, int(np.ceil(y1))))
            columns = slice(max(0, int(x0)), max(int(x0) + 1, int(np.ceil(x1))))
            result[index, rows, columns] = 1
    return result

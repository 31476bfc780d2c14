"""A model against labelled images: ``bilan eval images MANIFEST.csv``."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from inference import accuracy
from inference.detect import detect
from inference.errors import EvaluationError, ModelOutputError
from inference.records import Rejection
from inference.settings import DecodeSettings

if TYPE_CHECKING:
    from inference.bundle import Model

Array = npt.NDArray[np.float32]

_LOOK_AHEAD = 16
_DICOM_PREFIX = b"DICM"


@dataclass(frozen=True)
class LabelledFile:
    """One row of a manifest; ``group`` joins images of one patient, ``None`` if not given."""

    path: Path
    label: int
    group: str | None


@dataclass(frozen=True)
class FileScore:
    """Outcome of one file: its score (0..1), or the reason code why it has none."""

    path: Path
    label: int
    group: str | None
    score: float | None
    reason: str | None


@dataclass(frozen=True)
class Point:
    """What an operating point means on these images; rates carry Wilson 95 % intervals."""

    name: str
    threshold: float
    sensitivity: accuracy.Rate
    specificity: accuracy.Rate


@dataclass(frozen=True)
class ImageEvaluation:
    """A model's figures on labelled images.

    Attributes
    ----------
    images, positives
        Images scored, and how many of them show a fracture.
    auroc
        With a 95 % bootstrap interval, by group where the manifest names groups.
    points
        ``doubtful`` and ``positive``.
    calibration_error
        Expected calibration error over ten bins.
    images_per_second
        Decoding and scoring together.
    failed
        Files without a score, with the reason.
    files
        Every file in the manifest's order.
    """

    model_name: str
    model_version: str
    model_sha256: str
    images: int
    positives: int
    auroc: accuracy.Interval
    points: tuple[Point, ...]
    calibration_error: float
    images_per_second: float
    failed: tuple[FileScore, ...]
    files: tuple[FileScore, ...]


def evaluate_images(
    manifest: Path,
    model: Model,
    settings: DecodeSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImageEvaluation:
    """Score every file of a manifest and compare with its labels.

    Files that cannot be read are counted and named, and never stop the rest.

    Parameters
    ----------
    manifest
        CSV with the columns ``path`` (JPEG, PNG or DICOM; relative to the manifest),
        ``label`` (0 or 1) and optionally ``group`` (same for all images of a patient).
    progress
        Called with files done and files in all.

    Raises
    ------
    EvaluationError
        The manifest is unreadable, or lacks a column, or a label is not 0 or 1.
    """
    rows = read_manifest(manifest)
    started = time.monotonic()
    files = []
    for row, image in _decoded(rows, settings or DecodeSettings()):
        files.append(_score(model, row, image))
        if progress is not None:
            progress(len(files), len(rows))
    return summarise(model, files, time.monotonic() - started)


def read_manifest(manifest: Path) -> list[LabelledFile]:
    """Read a manifest; see :func:`evaluate_images` for its columns and errors."""
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"path", "label"} <= set(reader.fieldnames or ()):
                raise EvaluationError("the manifest needs the columns path and label.")
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error):
        raise EvaluationError("the manifest cannot be read as a UTF-8 CSV file.") from None
    result = []
    for number, row in enumerate(rows, start=2):
        if row["label"] not in ("0", "1") or not row["path"]:
            raise EvaluationError(f"line {number} of the manifest: label must be 0 or 1, with a path.")
        path = manifest.parent / row["path"]
        result.append(LabelledFile(path, int(row["label"]), row.get("group") or None))
    return result


def summarise(model: Model, files: list[FileScore], seconds: float) -> ImageEvaluation:
    """Compute the figures of scored files; those without a score are counted apart."""
    scored = [(file, file.score) for file in files if file.score is not None]
    labels = np.array([file.label for file, _ in scored], dtype=np.int64)
    scores = np.array([score for _, score in scored], dtype=np.float64)
    named = bool(scored) and all(file.group is not None for file, _ in scored)
    groups = np.array([file.group for file, _ in scored], dtype=str) if named else None
    return ImageEvaluation(
        model_name=model.name,
        model_version=model.version,
        model_sha256=model.sha256,
        images=len(scored),
        positives=int(labels.sum()),
        auroc=accuracy.auroc_interval(labels, scores, groups),
        points=tuple(
            Point(
                name,
                model.operating_points[name],
                accuracy.sensitivity(labels, scores, model.operating_points[name]),
                accuracy.specificity(labels, scores, model.operating_points[name]),
            )
            for name in ("doubtful", "positive")
        ),
        calibration_error=accuracy.calibration_error(labels, scores),
        images_per_second=len(files) / seconds if seconds > 0 else float("inf"),
        failed=tuple(file for file in files if file.score is None),
        files=tuple(files),
    )


def _decoded(rows: list[LabelledFile], settings: DecodeSettings) -> Iterator[tuple[LabelledFile, Array | str]]:
    """Decode in the manifest's order on a second thread, a few files ahead of the model."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting: list[tuple[LabelledFile, Future[Array | str]]] = []
        for row in rows:
            waiting.append((row, pool.submit(_read, row.path, settings)))
            if len(waiting) > _LOOK_AHEAD:
                first, future = waiting.pop(0)
                yield first, future.result()
        for row, future in waiting:
            yield row, future.result()


def _read(path: Path, settings: DecodeSettings) -> Array | str:
    """Image float32 [rows, columns] in 0..1, or the reason code why there is none."""
    from inference import pixels  # noqa: PLC0415 - decoders load only where they are needed

    try:
        with path.open("rb") as file:
            is_dicom = file.read(132)[128:] == _DICOM_PREFIX
    except OSError:
        return "FILE_UNREADABLE"
    prepared = pixels.decode(path, settings) if is_dicom else pixels.read_picture(path)
    return prepared.reasons[0] if isinstance(prepared, Rejection) else prepared.image


def _score(model: Model, row: LabelledFile, image: Array | str) -> FileScore:
    if isinstance(image, str):
        return FileScore(row.path, row.label, row.group, None, image)
    try:
        score = detect(model, [image])[0].score
    except ModelOutputError:
        return FileScore(row.path, row.label, row.group, None, "MODEL_FAILED")
    return FileScore(row.path, row.label, row.group, score, None)

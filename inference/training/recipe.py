"""What a training run does, as data: written to the report and to the model card."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """Consecutive epochs at one resolution.

    Attributes
    ----------
    epochs
        Number of epochs.
    size
        Side of the square input in pixels, a multiple of 32.
    batch
        Images per step.
    frozen
        The stem and this many blocks keep their pretrained weights; -1 trains all.
    """

    epochs: int
    size: int
    batch: int
    frozen: int


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Attributes
    ----------
    stages
        Progressive resolution; one cosine learning rate spans all of them.
    train_folds, calibration_folds, test_folds
        Disjoint; the test folds are looked at once, when the bundle is written.
    negatives_per_epoch
        Images without fracture drawn afresh each epoch beside all with one.
    learning_rate, head_learning_rate
        Peak rates of the pretrained layers and of the new ones.
    warm_up
        Share of all steps in which the rate rises.
    weight_decay, smoothing, map_weight
        AdamW's decay; label smoothing; weight of the map's loss.
    average
        Decay of the exponential moving average of the weights, per step.
    cached_size
        Side in pixels of the cached squares that augmentation resamples.
    doubtful_sensitivity, positive_specificity
        What the operating points reach on the calibration folds: about one standard
        error above the 0.90 and 0.95 that are wanted on other images.
    box_thresholds
        Heats to choose the boxes' threshold from.
    seed
        Of everything random.
    smallest_crop
        Augmentation crops an image to no less than this share of its width.
    dropout, drop_path
        Shares of the pooled features, and of the last residual branch, left out at random.
    held_out
        Training folds in the groups that cross-validation holds out in turn; empty: none is made.
    teacher_stages
        Shorter and coarser schedule of the networks of the cross-validation.
    trust
        Weight of what a network that never saw the image says, beside its label.
    start
        Name, version, sha256, recipe and hours of the bundle whose weights the run started
        from; ``None``: ImageNet weights.
    """

    stages: tuple[Stage, ...] = (
        Stage(epochs=10, size=256, batch=16, frozen=3),
        Stage(epochs=4, size=320, batch=16, frozen=3),
        Stage(epochs=5, size=384, batch=16, frozen=5),
    )
    train_folds: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    calibration_folds: tuple[int, ...] = (6,)
    test_folds: tuple[int, ...] = (7,)
    negatives_per_epoch: int = 550
    learning_rate: float = 5e-4
    head_learning_rate: float = 2e-3
    warm_up: float = 0.04
    weight_decay: float = 0.02
    smoothing: float = 0.03
    map_weight: float = 0.5
    average: float = 0.997
    cached_size: int = 448
    doubtful_sensitivity: float = 0.94
    positive_specificity: float = 0.96
    box_thresholds: tuple[float, ...] = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
    seed: int = 20231
    smallest_crop: float = 0.8
    dropout: float = 0.2
    drop_path: float = 0.0
    held_out: tuple[tuple[int, ...], ...] = ()
    teacher_stages: tuple[Stage, ...] = ()
    trust: float = 0.0
    start: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain values for ``model.json``."""
        return asdict(self)

    def epochs(self) -> int:
        """Return the number of epochs over all stages."""
        return sum(stage.epochs for stage in self.stages)

    def stage(self, epoch: int) -> Stage:
        """Return the stage that an epoch (from 0) belongs to."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage
            epoch -= stage.epochs
        return self.stages[-1]


REFINEMENT = Recipe(
    stages=(Stage(epochs=14, size=448, batch=16, frozen=3),),
    negatives_per_epoch=600,
    learning_rate=3e-4,
    head_learning_rate=8e-4,
    cached_size=512,
    seed=20232,
)
"""Further training of a bundle at nearly the images' own resolution (91 % are 454 px long)."""

REGULARISED = Recipe(
    stages=(
        Stage(epochs=8, size=256, batch=16, frozen=3),
        Stage(epochs=5, size=320, batch=16, frozen=3),
        Stage(epochs=5, size=384, batch=16, frozen=3),
        Stage(epochs=6, size=448, batch=16, frozen=3),
    ),
    negatives_per_epoch=600,
    weight_decay=0.05,
    map_weight=1.0,
    average=0.998,
    cached_size=512,
    seed=20251,
    smallest_crop=0.7,
    dropout=0.3,
    drop_path=0.15,
    held_out=((0, 1), (2, 3), (4, 5)),
    teacher_stages=(Stage(epochs=7, size=256, batch=16, frozen=3), Stage(epochs=5, size=320, batch=16, frozen=3)),
    trust=0.4,
)
"""From ImageNet weights, held back harder from learning images by heart, and taught beside the labels by
the networks of a cross-validation."""

RECIPES = {"plain": Recipe(), "regularised": REGULARISED}
"""The recipes that start from ImageNet weights, by the name that the command line takes."""

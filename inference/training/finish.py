"""From a checkpoint to a bundle with its card, report, curve and held-out manifest."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from inference import bundle
from inference.network import FractureNet
from inference.training import assess, card, dataset, export, loop
from inference.training.crossfit import CrossFit
from inference.training.dataset import Radiograph
from inference.training.loop import Progress
from inference.training.recipe import Recipe


def finish(
    recipe: Recipe,
    progress: Progress,
    fit: CrossFit | None,
    radiographs: list[Radiograph],
    data: Path,
    out: Path,
    *,
    version: str,
    say: Callable[[str], None],
) -> Path:
    """Write the bundle folder, ``report.json``, ``report.md``, ``curve.png`` and ``held_out.csv``.

    Weights are read back from the file, so every figure is that of the bundle as
    it will be used.

    Parameters
    ----------
    fit
        The recipe's cross-validation, if it has one.
    """
    folder = out / "bundle"
    size = int(progress.history[-1]["size"])
    hours = ((fit.seconds if fit else 0.0) + sum(row["seconds"] for row in progress.history)) / 3600
    same_size = [row for row in progress.history if row["size"] == size]
    chosen = max(same_size, key=lambda row: (row["auroc"], row["epoch"]))
    described = {**recipe.as_json(), "epochs_run": len(progress.history), "epoch_chosen": chosen["epoch"]}

    held = _of(radiographs, recipe.calibration_folds)
    network = FractureNet()
    network.load_state_dict(progress.best)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = loop.evidence(network, dataset.squares(data, held, size, out / "cache"))
    export.write_weights(loop.balance(progress.best, found, loop.labels_of(held)), folder)
    about = export.description(version=version, size=size, recipe=described, hours=hours)
    known = {"cross_validation": fit.figures} if fit else {}
    measure(folder, about, recipe, radiographs, data, known=known, say=say)
    description = bundle.describe(folder)
    card.learning_curve(progress.history, out / "curve.png")
    report = {"history": progress.history, **description}
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (out / "report.md").write_text(card.training_report(description, progress.history), encoding="utf-8")
    _manifest(_of(radiographs, recipe.test_folds), data, out / "held_out.csv")
    return folder


def measure(
    folder: Path,
    about: dict[str, Any],
    recipe: Recipe,
    radiographs: list[Radiograph],
    data: Path,
    *,
    known: dict[str, Any],
    say: Callable[[str], None],
) -> None:
    """Fit calibration and operating points to the weights in a folder, measure them, write ``model.json`` and card.

    Parameters
    ----------
    about
        ``model.json`` as far as it is known.
    known
        What was measured before.
    """

    def described(fit: export.Fit, performance: dict[str, Any]) -> bundle.Model:
        export.write_description(folder, about, fit, performance)
        return bundle.load(folder)

    unseen = _of(radiographs, recipe.test_folds)
    calibration = assess.read(described(export.UNFITTED, {}), _of(radiographs, recipe.calibration_folds), data)
    fitted = export.fit(
        assess.labels_of(calibration),
        assess.logits_of(calibration),
        sensitivity=recipe.doubtful_sensitivity,
        specificity=recipe.positive_specificity,
        box_threshold=max(recipe.box_thresholds, key=lambda t: assess.box_score(calibration, t)),
    )
    model = described(fitted, {})
    say("calibration and operating points fitted; now the test fold")
    test = assess.read(model, unseen, data)
    cut = assess.read(model, unseen, data, assess.cropped)
    performance = {
        **known,
        "test": assess.performance(model, test),
        "calibration": assess.performance(model, calibration),
        "by_box_size": assess.by_box_size(model, test),
        "shortcuts": assess.shortcuts(test, cut, _of(radiographs, recipe.train_folds), data),
    }
    described(fitted, performance)
    (folder / "MODEL_CARD.md").write_text(card.model_card(bundle.describe(folder)), encoding="utf-8")
    say(f"test AUROC {card.interval(performance['test']['auroc'])}; bundle written")


def _of(radiographs: list[Radiograph], folds: tuple[int, ...]) -> list[Radiograph]:
    return [radiograph for radiograph in radiographs if radiograph.fold in folds]


def _manifest(radiographs: list[Radiograph], data: Path, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "region"])
        for radiograph in radiographs:
            image = (data / "images" / radiograph.name).resolve()
            writer.writerow([image, radiograph.label, radiograph.group, ";".join(radiograph.regions)])

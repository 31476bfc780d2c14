"""The model card and the learning curve, rendered from measured results only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

# Assumed electrical power of one busy server core with its share of the machine.
_WATTS_PER_CORE = 10.0
_CORES = 2


def model_card(description: dict[str, Any]) -> str:
    """Render ``MODEL_CARD.md`` from a ``model.json`` written by the training."""
    test = description["performance"]["test"]
    training = description["training"]
    hours = _hours(training)
    lines = [
        f"# Model card: {description['name']} {description['version']}",
        "",
        "**Not a medical device.** It sorts radiographs for a second look and is never a diagnosis.",
        "This page is written by the training program from what it measured.",
        "",
        "## Intended use",
        "Flags radiographs of adults' and children's limbs that may show an acute fracture, overnight,",
        "for a radiologist who reads every one of them anyway. The data group them as hand, leg, hip and",
        f"shoulder; regions accepted: {', '.join(description['scope']['regions'])}.",
        "It has learnt nothing of spine, ribs, skull, face or abdomen and must not be used there.",
        "",
        "## Data, licence and credit",
        *(f"- {data['name']}, {data['licence']}. {data['credit']}." for data in training["data"]),
        "",
        "Changes made to FracAtlas: images letterboxed, grey levels stretched, augmented; no image",
        "is shipped. The labels are two radiologists' with an orthopaedist's confirmation; repeated",
        "images disagree in about 7 %, which bounds any figure below.",
        "",
        "## Recipe",
        f"EfficientNet-lite0 with a stride-16 localisation map ({description['architecture']}),",
        _recipe(training["recipe"]),
        f"Training took {hours:.1f} h on {_CORES} CPU cores, about "
        f"{hours * _CORES * _WATTS_PER_CORE:.0f} Wh (assuming {_WATTS_PER_CORE:.0f} W per "
        "core).",
        "",
        f"## Performance on the held-out test fold ({test['images']} images, "
        f"{test['fractures']} with a fracture, {test['groups']} patient groups)",
        "Looked at once per bundle; 95 % intervals by bootstrap over patient groups (AUROC) or",
        "Wilson's method (rates).",
        "",
        *_table(test),
        "",
        f"Expected calibration error: {_number(test['calibration_error'])}. Operating points:",
        f"doubtful {_number(description['operating_points']['doubtful'])}, positive "
        f"{_number(description['operating_points']['positive'])} (calibrated score).",
        "",
        *_cross_validation(description["performance"].get("cross_validation"), training["recipe"]),
        "The same on the calibration fold, on which epoch, calibration and operating points were",
        "chosen (so it flatters):",
        "",
        *_table(description["performance"]["calibration"]),
        "",
        "## Shortcuts",
        *_shortcuts(description["performance"]["shortcuts"]),
        "",
        "## Known failures",
        "Share of the test fold's fractures called at least doubtful, by the longest side of their box",
        "relative to the image's longest side:",
        *(f"- {name}: {interval(part)}" for name, part in description["performance"]["by_box_size"].items()),
        "",
        "Not measured here, and to be expected:",
        "- Lower figures at other hospitals and on other devices (the data come from three hospitals of one",
        "  country): measure with your own images (`bilan eval images`).",
        "- Metal implants, plaster, healed fractures and growth plates called positive: in these data every",
        "  image with metal also has a fracture.",
        "- Another share of fractures than in these data makes the scores too high or too low as",
        "  probabilities: move the operating points.",
    ]
    return "\n".join(lines) + "\n"


def training_report(description: dict[str, Any], history: list[dict[str, float]]) -> str:
    """Render ``report.md``: what was done epoch by epoch, what was chosen, and what came of it."""
    training, points, test = (
        description["training"],
        description["operating_points"],
        description["performance"]["test"],
    )
    recipe = training["recipe"]
    start = recipe.get("start")
    stopped = len(history) < sum(stage["epochs"] for stage in recipe["stages"])
    lines = [
        f"# Training of {description['name']} {description['version']}",
        "",
        f"Started from {start['name'] + ' ' + start['version'] if start else 'ImageNet weights'}; {_stages(recipe)}; "
        f"seed {recipe['seed']}; {training['hours']:.2f} h" + (", stopped before its end." if stopped else "."),
        f"Folds {recipe['train_folds']} train, {recipe['calibration_folds']} calibrate, {recipe['test_folds']} test.",
        "",
        "![Learning curve](curve.png)",
        "",
        "| epoch | pixels | loss | AUROC, calibration fold | seconds |",
        "|---|---|---|---|---|",
        *(
            f"| {row['epoch']:.0f}{' (chosen)' if row['epoch'] == recipe['epoch_chosen'] else ''} | {row['size']:.0f} "
            f"| {row['loss']:.4f} | {_number(row['auroc'])} | {row['seconds']:.0f} |"
            for row in history
        ),
        "",
        "Fitted on the calibration fold: score = sigmoid("
        f"{description['calibration']['slope']:.3f} x logit + {description['calibration']['intercept']:.3f}); "
        f"doubtful from {_number(points['doubtful'])}, positive from {_number(points['positive'])}; "
        f"boxes from heat {description['localisation']['threshold']}.",
        "",
        f"## Test fold ({test['images']} images, {test['fractures']} with a fracture, {test['groups']} patient groups)",
        "",
        *_table(test),
        "",
        f"Expected calibration error: {_number(test['calibration_error'])}. More in `bundle/MODEL_CARD.md`; the same",
        "in numbers in `report.json`.",
    ]
    return "\n".join(lines) + "\n"


def _recipe(recipe: dict[str, Any]) -> str:
    start = recipe.get("start")
    earlier = f"{_stages(start['recipe'])} (bundle {start['version']}), then " if start else ""
    taught = (
        f"beside the labels it was taught, with a weight of {recipe['trust']}, by networks of a cross-validation that "
        "had not seen the image; "
        if recipe.get("trust")
        else ""
    )
    whole = recipe.get("quantised_from")
    quantised = (
        f"quantised to integers of eight bits for ONNX Runtime from {whole['name']} {whole['version']}, by the ranges "
        f"of its activations over {recipe['quantised_over']} training images; that one was made as follows: "
        if whole
        else ""
    )
    return (
        f"{quantised}started from ImageNet weights; {earlier}{_stages(recipe)}; {taught}"
        f"the weights are the running average after epoch {recipe['epoch_chosen']} of {recipe['epochs_run']}; boxes "
        f"supervise the map. Folds {recipe['train_folds']} train, {recipe['calibration_folds']} choose the epoch, "
        f"weigh map against global evidence and calibrate, {recipe['test_folds']} test; no patient "
        f"group crosses folds. Each image is scored as it is and mirrored, and the two averaged."
    )


def _hours(training: dict[str, Any]) -> float:
    """Hours of a bundle and of those that it was trained further from."""
    start = training["recipe"].get("start")
    return float(training["hours"]) + (_hours(start) if start else 0.0)


def _cross_validation(figures: dict[str, Any] | None, recipe: dict[str, Any]) -> list[str]:
    if figures is None:
        return []
    schedule = _stages({"stages": recipe["teacher_stages"]})
    parts = [
        ("all", figures["auroc"]),
        *((f"folds {held}", part) for held, part in zip(recipe["held_out"], figures["parts"], strict=True)),
    ]
    return [
        "Grouped cross-validation of the training folds by the same recipe on a shorter schedule",
        f"({schedule}; one network, no epoch chosen on the images held out):",
        "",
        "| held out | n (fractures) | AUROC |",
        "|---|---|---|",
        *(
            f"| {name} | {part['images']} ({part['fractures']}) | {interval(part)} |"
            for name, part in [*parts, *figures["regions"].items()]
        ),
        "",
    ]


def _stages(recipe: dict[str, Any]) -> str:
    return " then ".join(f"{s['epochs']} epochs at {s['size']} px" for s in recipe["stages"])


def _table(figures: dict[str, Any]) -> list[str]:
    rows = [
        "| images | n (fractures) | AUROC | sensitivity, doubtful | specificity, doubtful "
        "| sensitivity, positive | specificity, positive | map peak in a true box |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, part in [("all", figures), *figures["regions"].items()]:
        doubtful, positive = part["doubtful"], part["positive"]
        cells = [
            name,
            f"{part['images']} ({part['fractures']})",
            *(
                interval(value)
                for value in (
                    part["auroc"],
                    doubtful["sensitivity"],
                    doubtful["specificity"],
                    positive["sensitivity"],
                    positive["specificity"],
                    part["peak_in_box"],
                )
            ),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _shortcuts(found: dict[str, Any]) -> list[str]:
    return [
        "AUROC on the test fold without looking at bone (logistic models fitted on the training folds):",
        f"- file size and edge strips only: {interval(found['size_and_border_only'])}",
        f"- body part and view only: {interval(found['body_part_and_view_only'])}",
        "",
        "AUROC of this model on the test fold:",
        f"- with 8 % of each edge cut off: {interval(found['borders_cropped'])}",
        f"- without the images that show metal (n = {found['without_hardware']['images']}): "
        f"{interval(found['without_hardware'])}",
        *(
            f"- within images of size {size} (n = {part['images']}): {interval(part)}"
            for size, part in found["by_size"].items()
        ),
    ]


def interval(part: dict[str, Any]) -> str:
    """Write a figure with its interval, to three decimals."""
    if part["value"] is None:
        return "not defined"
    return f"{_number(part['value'])} ({_number(part['low'])} to {_number(part['high'])})"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.3f}"


def learning_curve(history: list[dict[str, float]], path: Path) -> None:
    """Draw training loss and calibration AUROC by epoch to a PNG."""
    width, height, margin = 900, 420, 60
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    inner_width, inner_height = width - 2 * margin, height - 2 * margin
    count = max(2, len(history))

    def points(name: str, low: float, high: float) -> list[tuple[float, float]]:
        return [
            (
                margin + index * inner_width / (count - 1),
                margin + inner_height * (1 - (row[name] - low) / (high - low)),
            )
            for index, row in enumerate(history)
        ]

    draw.rectangle((margin, margin, width - margin, height - margin), outline="#888888")
    top_loss = max([row["loss"] for row in history], default=1.0)
    if len(history) > 1:
        draw.line(points("loss", 0.0, top_loss), fill="#b4530a", width=2)
        draw.line(points("auroc", 0.5, 1.0), fill="#0b6e75", width=2)
    draw.text((margin, margin - 40), "Training loss (left axis)", fill="#b4530a")
    draw.text((margin, margin - 22), "AUROC on the calibration fold (right axis)", fill="#0b6e75")
    for step in range(6):
        y = margin + inner_height * (1 - step / 5)
        draw.text((8, y - 6), f"{top_loss * step / 5:.2f}", fill="#b4530a")
        draw.text((width - margin + 8, y - 6), f"{0.5 + step / 10:.1f}", fill="#0b6e75")
    draw.text((margin, height - margin + 8), "epoch 1", fill="black")
    draw.text((width - margin - 40, height - margin + 8), f"epoch {len(history)}", fill="black")
    image.save(path)

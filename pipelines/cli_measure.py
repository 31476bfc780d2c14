"""`bilan check` and `bilan eval`: judge files, measure model and labeller; nothing is stored."""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.console import AsJson, clear_errors, print_json, say

check_app = typer.Typer(no_args_is_help=True, help="Judge files as the night would, and store nothing.")
eval_app = typer.Typer(no_args_is_help=True, help="Measure the model or the labeller on labelled data.")


@check_app.command("dicom")
def check_dicom(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders, judged in the order given.")],
    as_json: AsJson = False,
    time_zone: Annotated[str, typer.Option(help="Zone of times without an offset.")] = "Europe/Paris",
) -> None:
    """Judge DICOM files: one line per file with outcome and reasons.

    Example: bilan check dicom /srv/in/*.dcm --json
    """
    from inference.check import check_dicom as judge  # noqa: PLC0415
    from inference.settings import DecodeSettings  # noqa: PLC0415

    for path, outcome, reasons in judge(paths, gate(time_zone), DecodeSettings(), datetime.now(UTC)):
        judged(path, outcome, reasons, as_json)
    told_nothing(paths)


@check_app.command("hl7")
def check_hl7(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders, judged in the order given.")],
    as_json: AsJson = False,
    time_zone: Annotated[str, typer.Option(help="Zone of times without an offset.")] = "Europe/Paris",
) -> None:
    """Judge HL7 v2 files: one line per file with outcome and reasons.

    Example: bilan check hl7 /srv/in/hl7 --json
    """
    from inference.check_hl7 import check_hl7 as judge  # noqa: PLC0415

    for path, outcome, reasons in judge(paths, gate(time_zone), datetime.now(UTC)):
        judged(path, outcome, reasons, as_json)
    told_nothing(paths)


def gate(time_zone: str) -> Any:
    """Return the gate's settings with this time zone."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from inference.settings import GateSettings  # noqa: PLC0415

    try:
        return GateSettings(time_zone=ZoneInfo(time_zone))
    except (KeyError, ValueError, OSError):
        raise typer.BadParameter("not an IANA time zone such as Europe/Paris") from None


def told_nothing(paths: list[Path]) -> None:
    """Say of which paths there was nothing to judge; exit with 2 where one names nothing at all."""
    for path in paths:
        if path.is_dir() and not any(path.iterdir()):
            say(f"nothing in the folder {path}")
    missing = [path for path in paths if not os.path.lexists(path)]
    for path in missing:
        say(f"error: no such file or folder: {path}")
    if missing:
        raise typer.Exit(2)


def judged(path: Path, outcome: str, reasons: tuple[str, ...], as_json: bool) -> None:
    """Print what became of a file: as JSON, or as a line with a sentence below for each reason."""
    from inference.reasons import sentence  # noqa: PLC0415

    if as_json:
        typer.echo(json.dumps({"file": str(path), "outcome": outcome, "reasons": list(reasons)}, ensure_ascii=False))
    else:
        typer.echo(f"{outcome:22} {path}")
        for reason in reasons:
            typer.echo(f"{'':22}   {reason}: {sentence(reason, 'en')}")
    sys.stdout.flush()


@eval_app.command("images")
def eval_images(
    manifest: Annotated[
        Path, typer.Argument(help="CSV with the columns path and label (0 or 1), optionally group, region.")
    ],
    as_json: AsJson = False,
    scores: Annotated[Path | None, typer.Option(help="Write path,score of each image to this CSV.")] = None,
    model: Annotated[str, typer.Option(help="Folder of a model bundle, or embedded, or embedded-int8.")] = "embedded",
) -> None:
    """Measure the model on labelled images: JPEG, PNG or DICOM; decoded and scored as in a night.

    AUROC has a 95 % bootstrap interval, over groups (patients) where the manifest names one for each
    image. With a region column, every figure is given for each region too.

    Example: bilan eval images held_out.csv --scores scores.csv --json
    """
    from inference import description, evaluate  # noqa: PLC0415

    with clear_errors():
        bundle = description.embedded(model) if model in description.EMBEDDED else Path(model)
        found = evaluate.evaluate_images(manifest, bundle, progress=_every_hundred)
    if scores:
        with scores.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["path", "score"])
            table.writerows([item.path, "" if item.score is None else f"{item.score:.6f}"] for item in found.files)
    data = {
        "model": f"{found.model_name} {found.model_version}",
        **_image_figures(found.whole),
        "images_per_second": found.images_per_second,
        "by_region": {region: _image_figures(part) for region, part in found.by_region.items()},
        # By its place in the manifest (1 = first row): what a file holds is nobody's business here.
        "failed": [{"path": item.path, "reason": item.reason, "position": item.position} for item in found.failed],
    }
    if as_json:
        print_json(data)
        return
    rows = [("all", found.whole), *found.by_region.items()]
    typer.echo(f"{data['model']}: {found.whole.images} images scored, {len(found.failed)} not")
    for name, part in rows:
        typer.echo("\n".join(_image_lines(name, part)))
    for item in found.failed:
        typer.echo(f"row {item.position}: {item.reason}")


def _image_figures(part: Any) -> dict[str, Any]:
    rates = ("sensitivity", "specificity")
    return {
        "n": part.images,
        "positives": part.positives,
        "groups": part.groups,
        "auroc": asdict(part.auroc),
        "operating_points": {
            point.name: {"threshold": point.threshold, **{rate: asdict(getattr(point, rate)) for rate in rates}}
            for point in part.points
        },
        "calibration_error": part.calibration_error,
    }


def _image_lines(name: str, part: Any) -> list[str]:
    def shown(found: Any) -> str:
        return (
            f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})" if math.isfinite(found.value) else "not defined"
        )

    over = "images" if part.groups is None else f"{part.groups} groups"
    lines = [
        f"{name}: {part.images} images, {part.positives} with a fracture",
        f"  AUROC {shown(part.auroc)}, 95 % bootstrap interval over {over}",
    ]
    lines += [
        f"  {point.name} from {point.threshold:.3f}: sensitivity {shown(point.sensitivity)}, "
        f"{point.sensitivity.numerator} of {point.sensitivity.denominator}; specificity "
        f"{shown(point.specificity)}, {point.specificity.numerator} of {point.specificity.denominator}"
        for point in part.points
    ]
    return [*lines, f"  expected calibration error {part.calibration_error:.3f}"]


def _every_hundred(done: int, total: int) -> None:
    if done % 100 == 0 or done == total:
        say(f"{done} of {total} images")


@eval_app.command("reports")
def eval_reports(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON lines with id, language, text, gold.")
    ],
    as_json: AsJson = False,
    labels: Annotated[
        Path | None, typer.Option(help="Write id, label and evidence of each report to this JSONL.")
    ] = None,
) -> None:
    """Measure the labeller on labelled reports.

    Example: bilan eval reports reports.jsonl --labels labels.jsonl --json
    """
    from inference.evaluate_reports import evaluate_reports  # noqa: PLC0415

    with clear_errors():
        found = evaluate_reports(file)
    if labels:
        lines = ({"id": item.id, "label": item.label, "evidence": item.evidence} for item in found.readings)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        labels.write_text(text, encoding="utf-8")
    readings = {"n": found.scores.n, **asdict(found.scores)}
    whole = {key: value for key, value in asdict(found).items() if key not in ("scores", "readings")}
    _figures({**readings, **whole}, as_json)


def _figures(data: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(data)
        return
    for name, value in data.items():
        typer.echo(f"{name:24} {json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value}")

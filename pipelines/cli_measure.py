"""`bilan check` and `bilan eval`: judge files, measure model and labeller; nothing is stored."""

from __future__ import annotations

import csv
import json
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

    for path, outcome, reasons in judge(paths, _gate(time_zone), DecodeSettings(), datetime.now(UTC)):
        _judged(path, outcome, reasons, as_json)


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

    for path, outcome, reasons in judge(paths, _gate(time_zone), datetime.now(UTC)):
        _judged(path, outcome, reasons, as_json)


def _gate(time_zone: str) -> Any:
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from inference.settings import GateSettings  # noqa: PLC0415

    try:
        return GateSettings(time_zone=ZoneInfo(time_zone))
    except (KeyError, ValueError, OSError):
        raise typer.BadParameter("not an IANA time zone such as Europe/Paris") from None


def _judged(path: Path, outcome: str, reasons: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"file": str(path), "outcome": outcome, "reasons": list(reasons)}, ensure_ascii=False))
    else:
        typer.echo(f"{outcome:22} {' '.join(reasons):40} {path}")
    sys.stdout.flush()


@eval_app.command("images")
def eval_images(
    manifest: Annotated[Path, typer.Argument(help="CSV with the columns path and label (0 or 1), optionally group.")],
    as_json: AsJson = False,
    scores: Annotated[Path | None, typer.Option(help="Write path,score of each image to this CSV.")] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of a model bundle (default: the embedded one).")] = None,
) -> None:
    """Measure the model on labelled images: JPEG, PNG or DICOM.

    Example: bilan eval images held_out.csv --scores scores.csv --json
    """
    from inference import bundle, evaluate  # noqa: PLC0415 - loads torch

    with clear_errors():
        found = evaluate.evaluate_images(manifest, bundle.load(model or bundle.embedded()), progress=_every_hundred)
    if scores:
        with scores.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["path", "score"])
            table.writerows([item.path, "" if item.score is None else f"{item.score:.6f}"] for item in found.files)
    rates = ("sensitivity", "specificity")
    data = {
        "model": f"{found.model_name} {found.model_version}",
        "n": found.images,
        "positives": found.positives,
        "auroc": asdict(found.auroc),
        "operating_points": {
            point.name: {"threshold": point.threshold, **{rate: asdict(getattr(point, rate)) for rate in rates}}
            for point in found.points
        },
        "calibration_error": found.calibration_error,
        "images_per_second": found.images_per_second,
        "failed": [{"path": item.path, "reason": item.reason} for item in found.failed],
    }
    _figures(data, as_json)


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

"""The command line: a thin shell; every command calls one function and prints what it returns."""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipelines.config import Config

app = typer.Typer(
    name="bilan",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Nightly fracture detection on radiographs, on this machine, and the reports made from it.\n\n"
    "Examples:\n\n"
    "    bilan init /srv/bilan\n\n"
    "    bilan doctor --home /srv/bilan\n\n"
    "    bilan night --site saint-aubin --date 2026-11-22\n\n"
    "    bilan month --site saint-aubin --month 2026-10\n\n"
    "    bilan demo\n\n"
    "Not a medical device: results are for information and quality review.",
)
check_app = typer.Typer(no_args_is_help=True, help="Judge files as the night would, and store nothing.")
eval_app = typer.Typer(no_args_is_help=True, help="Measure the model or the labeller on labelled data.")
app.add_typer(check_app, name="check")
app.add_typer(eval_app, name="eval")

Home = Annotated[Path, typer.Option("--home", envvar="BILAN_HOME", help="Home directory of this installation.")]
SiteName = Annotated[str, typer.Option("--site", help="Short name of the site: its file's name in sites/.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
HOME = Path("bilan_home")


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Print errors that an operator can mend in words, and exit with 2."""
    from inference.errors import BilanInferenceError  # noqa: PLC0415 - keeps `--help` quick
    from pipelines.errors import BilanError  # noqa: PLC0415
    from reports.errors import ReportError  # noqa: PLC0415
    from warehouse.errors import WarehouseError  # noqa: PLC0415

    try:
        yield
    except (BilanError, BilanInferenceError, ReportError, WarehouseError) as error:
        for line in str(error).splitlines():
            typer.secho(f"error: {line}", fg="red", err=True)
        raise typer.Exit(2) from None


def _load(home: Path) -> Config:
    from pipelines import config  # noqa: PLC0415

    return config.load(home)


def _print(data: Any) -> None:
    typer.echo(json.dumps(_plain(data), ensure_ascii=False, indent=2, default=str))


def _plain(data: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by null."""
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("write the date as YYYY-MM-DD") from None


def _month(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m").strftime("%Y-%m")  # noqa: DTZ007 - a month has no zone
    except ValueError:
        raise typer.BadParameter("write the month as YYYY-MM") from None


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Directory to create.")],
    site: Annotated[str, typer.Option(help="Short name of the first site.")] = "example",
) -> None:
    """Create a home directory: commented bilan.yaml, an example site, a random pseudonym key.

    Example: bilan init /srv/bilan --site saint-aubin
    """
    from pipelines import init as use_case  # noqa: PLC0415

    with _clear_errors():
        for path in use_case.init(directory, site):
            typer.echo(path)
    typer.echo(f"Next: edit {directory / 'sites' / (site + '.yaml')}, then run `bilan doctor --home {directory}`.")


@app.command()
def doctor(home: Home = HOME, as_json: AsJson = False) -> None:
    """Check the installation and say how to mend what is wrong; exit 1 if anything is.

    Example: bilan doctor --home /srv/bilan
    """
    from pipelines import doctor as use_case  # noqa: PLC0415

    results = use_case.examine(home)
    if as_json:
        _print([result.as_dict() for result in results])
    else:
        for result in results:
            mark, colour = ("ok  ", "green") if result.ok else ("MEND", "red")
            typer.secho(f"{mark}  {result.name}: {result.found}", fg=colour)
            if not result.ok:
                typer.echo(f"      {result.remedy}")
    raise typer.Exit(0 if all(result.ok for result in results) else 1)


@app.command()
def night(
    site: SiteName,
    day: Annotated[
        str, typer.Option("--date", help="Local date whose night to run, YYYY-MM-DD (default: yesterday).")
    ] = "",
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Run one site's night: take, infer, read reports, publish, issue the flagged list.

    Running it again changes nothing that has not changed. Exit 0 only if the night is complete.

    Example: bilan night --site saint-aubin --date 2026-11-22 --json
    """
    from pipelines import dagster_run  # noqa: PLC0415

    with _clear_errors():
        config = _load(home)
        when = _day(day) if day else datetime.now(config.site(site).zone).date() - timedelta(days=1)
        result = dagster_run.night(config, site, when, progress=_say)
        if as_json:
            _print(result)
        else:
            _say(_night_words(result))
    raise typer.Exit(0 if result["status"] in ("complete", "late") else 1)


def _night_words(result: dict[str, Any]) -> str:
    sums = ", ".join(f"{count} {outcome}" for outcome, count in result["ledger"]["new"].items()) or "nothing new"
    made = "\n".join(f"  {path}" for path in result["made"])
    return f"Night {result['status']}: {sums}; {result['studies']} studies, {result['flagged']} flagged.\n{made}"


@app.command()
def month(
    site: SiteName,
    month: Annotated[str, typer.Option("--month", help="Month, YYYY-MM.")],
    home: Home = HOME,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report (default: the home's issued/ folder).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make one site's monthly report: PDF, figures as JSON and CSV.

    Example: bilan month --site saint-aubin --month 2026-10
    """
    from pipelines import dagster_run  # noqa: PLC0415

    month = _month(month)
    with _clear_errors():
        result = dagster_run.month(_load(home), site, month, out)
        if as_json:
            _print(result)
        else:
            for path in result["made"]:
                typer.echo(path)
    raise typer.Exit(0 if result["status"] == "complete" else 1)


@app.command()
def figures(
    site: SiteName,
    month: Annotated[str, typer.Option("--month", help="Month, YYYY-MM.")],
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Print every figure of a month's report with its interval, denominator and exclusions.

    Example: bilan figures --site saint-aubin --month 2026-10 --json
    """
    from pipelines import month as use_case  # noqa: PLC0415

    with _clear_errors():
        data = use_case.figures(_load(home), site, _month(month))
    if as_json:
        _print(data)
        return
    for value in data["figures"]:
        stratum = " ".join(f"{key}={item}" for key, item in value["stratum"].items())
        shown = "suppressed" if value["suppressed"] else "-" if value["value"] is None else f"{value['value']:.4g}"
        interval = "" if value["low"] is None else f"  [{value['low']:.4g} - {value['high']:.4g}]"
        typer.echo(f"{value['name']:32} {stratum:36} {shown:>10} {value['unit']}{interval}")


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

    with _clear_errors():
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
        _say(f"{done} of {total} images")


@eval_app.command("reports")
def eval_reports(
    file: Annotated[Path, typer.Argument(help="JSON lines with id, language, text, gold.")],
    as_json: AsJson = False,
    labels: Annotated[
        Path | None, typer.Option(help="Write id, label and evidence of each report to this JSONL.")
    ] = None,
) -> None:
    """Measure the labeller on labelled reports.

    Example: bilan eval reports reports.jsonl --labels labels.jsonl --json
    """
    from inference.evaluate_reports import evaluate_reports  # noqa: PLC0415

    with _clear_errors():
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
        _print(data)
        return
    for name, value in data.items():
        typer.echo(f"{name:24} {json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value}")


@app.command("dagster")
def dagster_page(
    home: Home = HOME,
    port: Annotated[
        int, typer.Option(help="Port on 127.0.0.1; the page has no login and is not for other machines.")
    ] = 3000,
) -> None:
    """Start Dagster's scheduler and its page on this machine alone.

    Example: bilan dagster --home /srv/bilan --port 3000
    """
    from pipelines import dagster_run  # noqa: PLC0415

    with _clear_errors():
        config = _load(home)
    variables = dagster_run.prepare(config.home)
    # `-d` names a trusted folder: Dagster puts its working directory first among Python's paths.
    command = [
        "dagster",
        "dev",
        "-m",
        "pipelines.definitions",
        "-d",
        str(config.home),
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    os.execve(Path(sys.executable).with_name("dagster"), command, {**os.environ, **variables})  # noqa: S606


@app.command()
def demo(
    home: Annotated[Path, typer.Option(help="Home directory to create; an earlier demo there is replaced.")] = Path(
        "bilan_demo"
    ),
    images: Annotated[
        Path | None, typer.Option(help="Folder of real JPEG or PNG radiographs to use instead of drawings.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV with columns image (or image_id) and label 0/1.")] = None,
    nights: Annotated[int, typer.Option(min=1, max=14, help="Nights to run with images.")] = 3,
) -> None:
    """Three simulated sites, end to end: nights through Dagster, flagged lists, monthly PDFs.

    Example: bilan demo --images ~/radiographs --labels ~/labels.csv
    """
    from pipelines import demo as use_case  # noqa: PLC0415

    with _clear_errors():
        use_case.run(home, images=images, labels=labels, nights=nights, say=_say)


def main() -> None:
    """Run the command line."""
    # Other makers' libraries write into the user's cache otherwise; nothing leaves BILAN_HOME.
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    app()

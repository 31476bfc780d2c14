"""`bilan check csv`, `bilan check fhir`, `bilan oppose` and `bilan withdraw`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli_measure import check_app, gate, judged, told_nothing
from pipelines.console import HOME, AsJson, Home, SiteName, clear_errors, print_json


@check_app.command("csv")
def check_csv(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders, judged in the order given.")],
    site: SiteName,
    source: Annotated[str, typer.Option(help="Name of the source in the site's file (default: its only one).")] = "",
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Judge a RIS's CSV exports by the columns in the site's file: one line per file with outcome and reasons.

    Example: bilan check csv export.csv --site saint-aubin --json
    """
    from inference import report_csv  # noqa: PLC0415
    from inference.check_messages import check_messages  # noqa: PLC0415
    from pipelines import config, messages  # noqa: PLC0415

    with clear_errors():
        settings = config.load(home).site(site)
        export = messages.export(settings, source)
    limits, now = settings.gate_settings(), datetime.now(UTC)
    for path, outcome, reasons in check_messages(paths, lambda data: report_csv.read(data, export, limits, now)):
        judged(path, outcome, reasons, as_json)
    told_nothing(paths)


@check_app.command("fhir")
def check_fhir(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders, judged in the order given.")],
    as_json: AsJson = False,
    time_zone: Annotated[str, typer.Option(help="Zone of times without an offset.")] = "Europe/Paris",
) -> None:
    """Judge FHIR R4 files (bundles, reports, NDJSON): one line per file with outcome and reasons.

    Example: bilan check fhir /srv/in/fhir --json
    """
    from inference import fhir  # noqa: PLC0415
    from inference.check_messages import check_messages  # noqa: PLC0415

    limits, now = gate(time_zone), datetime.now(UTC)
    for path, outcome, reasons in check_messages(paths, lambda data: fhir.read(data, limits, now)):
        judged(path, outcome, reasons, as_json)
    told_nothing(paths)


def oppose(
    file: Annotated[Path, typer.Argument(help="CSV with the column patient_id, or - for standard input.")],
    site: SiteName,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Note patients who object to the analysis, or (state `lifted`) no longer do; exit 1 if a line is refused.

    Columns: patient_id; decided_at (YYYY-MM-DD, empty: now); state (opposed or lifted, empty: opposed).

    Example: bilan oppose objections.csv --site saint-aubin
    """
    from pipelines import config  # noqa: PLC0415
    from pipelines import oppose as use_case  # noqa: PLC0415

    with clear_errors():
        try:
            data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        except OSError:
            raise typer.BadParameter("the file cannot be read") from None
        result = use_case.oppose(config.load(home), site, data)
    if as_json:
        print_json(result)
    else:
        lines = ", ".join(map(str, result["refused_lines"])) or "none"
        typer.echo(f"{result['noted']} new of {result['read']} decisions; lines refused: {lines}")
    raise typer.Exit(1 if result["refused_lines"] else 0)


def withdraw(
    file: Annotated[Path, typer.Argument(help="CSV with study_uid or accession_number, or - for standard input.")],
    site: SiteName,
    undo: Annotated[bool, typer.Option("--undo", help="Let these studies count again.")] = False,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Take back studies that were deleted or made in error; exit 1 if a line names no study of this site.

    From the next night on they are neither analysed nor counted; published months tell it as an addendum.

    Example: bilan withdraw deleted.csv --site saint-aubin
    """
    from pipelines import config  # noqa: PLC0415
    from pipelines import withdraw as use_case  # noqa: PLC0415

    with clear_errors():
        try:
            data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        except OSError:
            raise typer.BadParameter("the file cannot be read") from None
        result = use_case.withdraw(config.load(home), site, data, undo)
    if as_json:
        print_json(result)
    else:
        lines = ", ".join(map(str, result["unknown_lines"])) or "none"
        typer.echo(f"{result['changed']} studies changed by {result['read']} lines; lines naming none: {lines}")
    raise typer.Exit(1 if result["unknown_lines"] else 0)

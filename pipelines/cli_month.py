"""`bilan month`: one site's report, all sites' reports, or one to look at while adjusting it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.console import HOME, AsJson, Home, clear_errors, print_json, say

if TYPE_CHECKING:
    from pipelines.config import Config


def month(
    site: Annotated[str, typer.Option("--site", help="Short name of the site: its file's name in sites/.")] = "",
    month: Annotated[str, typer.Option("--month", help="Month, YYYY-MM (default: the last full one).")] = "",
    home: Home = HOME,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report (default: the home's issued/ folder).")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every site, side by side.")] = False,
    send: Annotated[bool, typer.Option("--send", help="Mail it to the site's report.recipients, once.")] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show it in the browser, anew after each change of the site's file.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the preview on 127.0.0.1 (default: a free one).")] = 0,
    as_json: AsJson = False,
) -> None:
    """Make monthly reports: PDF, figures as JSON and CSV.

    Examples
    --------
        bilan month --site saint-aubin --month 2026-10

        bilan month --all --send

        bilan month --site saint-aubin --month 2026-10 --preview
    """
    from pipelines import config as configuration  # noqa: PLC0415

    if every == bool(site):
        raise typer.BadParameter("name one site with --site, or take them --all")
    if every and (preview or out is not None):
        raise typer.BadParameter("--preview and --out are of one --site")
    when = a_month(month)
    with clear_errors():
        config = configuration.load(home)
        if preview:
            from pipelines import preview as server  # noqa: PLC0415

            config.site(site)
            server.run(config.home, site, when, port, say)
            return
        results = _all(config, when) if every else [_one(config, site, when, out)]
    failed = [result for result in results if result["status"] == "failed"]
    unsent = _send(config, results) if send else 0
    if as_json:
        print_json(results if every else results[0])
    else:
        _tell(results, every)
    raise typer.Exit(1 if failed or unsent else 0)


def _one(config: Config, site: str, month: str, out: Path | None) -> dict[str, Any]:
    from pipelines import dagster_run  # noqa: PLC0415

    return dagster_run.month(config, site, month, out)


def _all(config: Config, month: str) -> list[dict[str, Any]]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    from pipelines import dagster_run  # noqa: PLC0415

    columns = (
        TextColumn(month),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[site]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=len(config.sites), site="")
        return dagster_run.months(
            config, month, progress=lambda result: bar.update(task, advance=1, site=result["site"])
        )


def _send(config: Config, results: list[dict[str, Any]]) -> int:
    from pipelines import delivery  # noqa: PLC0415
    from pipelines.errors import BilanError  # noqa: PLC0415

    lost = 0
    for result in results:
        if not result["made"]:
            continue
        try:
            result["sent"] = delivery.send(config, result)
        except BilanError as error:
            result["sent"], lost = [f"not sent: {error}"], lost + 1
    return lost


def _tell(results: list[dict[str, Any]], every: bool) -> None:
    for result in results:
        if every and result["status"] != "complete":
            say(f"{result['site']}: {result['status']}: {result['error']}")
        for path in result["made"]:
            typer.echo(path)
        for line in result.get("sent", []):
            say(f"{result['site']}: {line}")


def a_month(text: str) -> str:
    """Return a month given on the command line; the last full one where none is."""
    if not text:
        return (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    try:
        return datetime.strptime(text, "%Y-%m").strftime("%Y-%m")  # noqa: DTZ007 - a month has no zone
    except ValueError:
        raise typer.BadParameter("write the month as YYYY-MM") from None

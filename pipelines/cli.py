"""The command line: a thin shell; every command calls one function and prints what it returns."""

from __future__ import annotations

import os
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli_audit import audit_app
from pipelines.cli_explain import explain
from pipelines.cli_export import export
from pipelines.cli_hub import hub_app
from pipelines.cli_labels import labels_app
from pipelines.cli_measure import check_app, eval_app
from pipelines.cli_messages import oppose, withdraw
from pipelines.cli_month import month
from pipelines.cli_operations import alarms, backfill, backup, backup_key, restore, systemd
from pipelines.cli_peers import peers_app
from pipelines.cli_receive import receive_app
from pipelines.cli_rights import erase, retention, rotate_key
from pipelines.cli_thresholds import thresholds
from pipelines.cli_web import serve, trail_app, user_app
from pipelines.console import HOME, AsJson, Home, SiteName, clear_errors, print_json, say

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
app.command()(oppose)
app.command()(erase)
app.command()(retention)
app.command()(rotate_key)
app.command()(withdraw)
app.add_typer(check_app, name="check")
app.add_typer(eval_app, name="eval")
app.command("month")(month)
app.command()(backfill)
app.command()(alarms)
app.command()(backup)
app.command()(backup_key)
app.command()(restore)
app.command()(systemd)
app.add_typer(user_app, name="user")
app.add_typer(audit_app, name="audit-sample")
app.add_typer(trail_app, name="audit")
app.add_typer(labels_app, name="labels")
app.command()(serve)
app.command()(export)
app.add_typer(hub_app, name="hub")
app.add_typer(peers_app, name="peers")
app.command()(thresholds)
app.command()(explain)
app.add_typer(receive_app)


def _load(home: Path) -> Config:
    from pipelines import config  # noqa: PLC0415

    return config.load(home)


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

    with clear_errors():
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
        print_json([result.as_dict() for result in results])
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

    with clear_errors():
        config = _load(home)
        when = _day(day) if day else datetime.now(config.site(site).zone).date() - timedelta(days=1)
        result = dagster_run.night(config, site, when, progress=say)
        if as_json:
            print_json(result)
        else:
            say(_night_words(result))
    raise typer.Exit(0 if result["status"] in ("complete", "late") else 1)


def _night_words(result: dict[str, Any]) -> str:
    sums = ", ".join(f"{count} {outcome}" for outcome, count in result["new"].items()) or "nothing new"
    made = "\n".join(f"  {path}" for path in result["made"])
    head = f"Night {result['status']}: {sums}; {result['studies']} studies, {result['flagged']} flagged.\n"
    return f"{head}{_why(result['error'], result.get('why'))}{made}"


def _why(error: str | None, words: str | None) -> str:
    """Return why a night failed, in words where its code has some."""
    from inference.reasons import REASONS, sentence  # noqa: PLC0415

    if error is None:
        return ""
    known = [sentence(code, "en") for code in REASONS if code in error.replace(":", " ").split()]
    if words is not None and words.startswith(f"{error}: "):
        known = [words.removeprefix(f"{error}: ").rstrip(".") + "."]
    return f"  {error}: {' '.join([*known, 'Run `bilan doctor`; then run the night again.'])}\n"


@app.command()
def figures(
    month: Annotated[str, typer.Option("--month", help="Month, YYYY-MM.")],
    site: Annotated[str, typer.Option("--site", help="One site.")] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Every configured site with studies or nights in the month.")
    ] = False,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Print every figure of a month's report with its interval, denominator and exclusions.

    Examples
    --------
        bilan figures --site saint-aubin --month 2026-10 --json

        bilan figures --all --month 2026-10 --json
    """
    from pipelines import month as use_case  # noqa: PLC0415

    if every == bool(site):
        raise typer.BadParameter("name one site with --site, or take them --all")
    when = _month(month)
    with clear_errors():
        config = _load(home)
        found = use_case.all_figures(config, when) if every else [use_case.figures(config, site, when)]
    if as_json:
        print_json(found if every else found[0])
        return
    for data in found:
        if every:
            typer.echo(data["site"])
        _print_figures(data)


def _print_figures(data: dict[str, Any]) -> None:
    for value in data["figures"]:
        stratum = " ".join(f"{key}={item}" for key, item in value["stratum"].items())
        shown = "suppressed" if value["suppressed"] else "-" if value["value"] is None else f"{value['value']:.4g}"
        low, high = ("-" if value[limit] is None else f"{value[limit]:.4g}" for limit in ("low", "high"))
        interval = "" if (low, high) == ("-", "-") else f"  [{low} - {high}]"
        typer.echo(f"{value['name']:32} {stratum:36} {shown:>10} {value['unit']}{interval}")


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

    with clear_errors():
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
    nights: Annotated[int, typer.Option(min=1, max=14, help="Nights to run with images.")] = 2,
) -> None:
    """Three simulated sites, end to end: nights through Dagster, flagged lists, monthly PDFs.

    Example: bilan demo --images ~/radiographs --labels ~/labels.csv
    """
    from pipelines import demo as use_case  # noqa: PLC0415

    with clear_errors():
        use_case.run(home, images=images, labels=labels, nights=nights, say=say)


def main() -> None:
    """Run the command line."""
    # Other makers' libraries write into the user's cache otherwise; nothing leaves BILAN_HOME.
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    app()

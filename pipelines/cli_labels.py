"""`bilan labels`: the reports that the labeller leaves to a person, and what the person says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.console import HOME, AsJson, Home, SiteName, clear_errors, print_json, say

labels_app = typer.Typer(
    no_args_is_help=True, help="Reports that the labeller leaves to a person: list them, take corrections."
)


@labels_app.command("queue")
def show_queue(
    site: SiteName,
    csv: Annotated[Path | None, typer.Option("--csv", help="CSV file to write, to be filled in.")] = None,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Count the reports that wait for a person, or write them as CSV: pseudonyms and redacted text.

    Fill in `label` (present, absent, uncertain, not_addressed), `acuity` (acute, followup, old, none)
    and `author`; then import the file.

    Example: bilan labels queue --site saint-aubin --csv queue.csv
    """
    from pipelines import config, corrections  # noqa: PLC0415 - keeps `--help` quick

    with clear_errors():
        loaded = config.load(home)
        waiting = corrections.export(loaded, site, csv) if csv else len(corrections.queue(loaded, site))
    if as_json:
        print_json({"site": site, "waiting": waiting, "file": str(csv) if csv else None})
    else:
        say(f"Reports that wait for a person: {waiting}" + (f" (in {csv})." if csv else "."))


@labels_app.command("import")
def import_corrections(
    site: SiteName,
    file: Annotated[Path, typer.Argument(help="CSV file with report, label, acuity, author and time.")],
    author: Annotated[str, typer.Option("--author", help="Who corrected, where a row does not say it.")] = "",
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Keep a person's corrections; exit 1 where a line cannot be used. The next night puts them over the labels.

    Example: bilan labels import queue.csv --site saint-aubin --author dr-a
    """
    from pipelines import config, corrections  # noqa: PLC0415

    with clear_errors():
        result = corrections.take(config.load(home), site, file, author or None)
    if as_json:
        print_json({"kept": result.kept, "unchanged": result.unchanged, "refused_lines": list(result.refused)})
    else:
        say(f"Corrections kept: {result.kept}; rows empty or known: {result.unchanged}.")
        if result.refused:
            say("Lines that cannot be used: " + ", ".join(str(line) for line in result.refused))
    raise typer.Exit(1 if result.refused else 0)

"""`bilan audit-sample`: the labeller's error at a site, measured by reading a random sample of reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.console import HOME, AsJson, Home, SiteName, a_month, clear_errors, print_json, say

audit_app = typer.Typer(
    no_args_is_help=True, help="Measure the labeller's error: draw reports at random, read them, count."
)


@audit_app.command()
def draw(
    site: SiteName,
    month: Annotated[str, typer.Option("--month", help="Month that is over, YYYY-MM.")],
    per_cell: Annotated[int, typer.Option(min=1, help="Reports to draw in each of the four cells.")] = 25,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Draw a month's sample; drawing it again finds the same one.

    Example: bilan audit-sample draw --site saint-aubin --month 2026-10
    """
    from pipelines import audit, config  # noqa: PLC0415 - keeps `--help` quick

    month = a_month(month)
    with clear_errors():
        drawn = audit.draw(config.load(home), site, month, per_cell)
    if as_json:
        print_json({"site": site, "month": month, "drawn": drawn})
    else:
        say(f"Reports drawn for {month}: {drawn}.")


@audit_app.command("export")
def export_sample(
    site: SiteName,
    out: Annotated[Path, typer.Option("--out", help="CSV file to write.")],
    month: Annotated[str, typer.Option("--month", help="Month, YYYY-MM (default: all that wait).")] = "",
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Write the reports that wait for a reader as CSV: pseudonyms and redacted text, never the AI result.

    Fill in `label` (present, absent, uncertain, not_addressed) and, for a fracture that is not recent,
    `acuity` (followup, old); then import the file.

    Example: bilan audit-sample export --site saint-aubin --out sample.csv
    """
    from pipelines import audit, config  # noqa: PLC0415

    with clear_errors():
        waiting = audit.export(config.load(home), site, a_month(month) if month else None, out)
    if as_json:
        print_json({"site": site, "file": str(out), "reports": waiting})
    else:
        say(f"Reports to read in {out}: {waiting}.")


@audit_app.command("import")
def import_readings(
    site: SiteName,
    file: Annotated[Path, typer.Argument(help="Exported CSV file, filled in.")],
    reader: Annotated[str, typer.Option("--reader", help="Who read: a short name; only its pseudonym is shown on.")],
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Keep what was read; exit 1 where a line cannot be used. The next night counts it.

    Example: bilan audit-sample import sample.csv --site saint-aubin --reader dr-a
    """
    from pipelines import audit, config  # noqa: PLC0415

    with clear_errors():
        result = audit.take(config.load(home), site, file, reader)
    if as_json:
        print_json({"kept": result.kept, "unchanged": result.unchanged, "refused_lines": list(result.refused)})
    else:
        say(f"{result.kept} readings kept, {result.unchanged} rows empty or known.")
        if result.refused:
            say("Lines that cannot be used: " + ", ".join(str(line) for line in result.refused))
    raise typer.Exit(1 if result.refused else 0)

"""`bilan backfill`: commands for whoever runs an installation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from pipelines.console import HOME, AsJson, Home, SiteName, clear_errors, print_json, say


def _month(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m").strftime("%Y-%m")  # noqa: DTZ007 - a month has no zone
    except ValueError:
        raise typer.BadParameter("write the month as YYYY-MM") from None


def backfill(
    site: SiteName,
    first: Annotated[str, typer.Option("--from", help="First month, YYYY-MM.")],
    last: Annotated[str, typer.Option("--to", help="Last month, YYYY-MM.")],
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Run the nights and the reports of earlier months, oldest first; run again, it goes on where it ended.

    Exit 1 if a night failed; what failed is tried again by the same command.

    Example: bilan backfill --site saint-aubin --from 2025-11 --to 2026-10
    """
    from pipelines import config, dagster_run  # noqa: PLC0415

    months = _month(first), _month(last)
    with clear_errors():
        result = dagster_run.backfill(config.load(home), site, *months, tell=say, progress=say)
    if as_json:
        print_json(result)
    else:
        say(f"{result['nights']} nights, {result['studies']} studies in {result['seconds']:.0f} s: {result['status']}")
    raise typer.Exit(0 if result["status"] == "complete" else 1)

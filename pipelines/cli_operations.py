"""`bilan backfill` and `bilan alarms`: commands for whoever runs an installation."""

from __future__ import annotations

from datetime import UTC, datetime
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


def alarms(
    site: SiteName,
    test: Annotated[bool, typer.Option("--test", help="Send a message that only tries each address.")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Look now, and tell who is to be told, as the sensor does.")
    ] = False,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Show a site's alarms: those open now, then those that ended last. Exit 1 if one is open or was not told.

    Example: bilan alarms --site saint-aubin --now
    """
    from pipelines import alarms as use_case  # noqa: PLC0415
    from pipelines import config as configuration  # noqa: PLC0415
    from reports import notice  # noqa: PLC0415
    from reports.language import language  # noqa: PLC0415

    with clear_errors():
        config = configuration.load(home)
        if test:
            result = use_case.trial(config, site)
            for channel, became in result.items():
                say(f"{channel}: {became}")
            if not result:
                say("no address: see alarms in the site's file")
            raise typer.Exit(0 if result and set(result.values()) == {"sent"} else 1)
        failed = use_case.run(config, site, datetime.now(UTC)) if now else []
        found = use_case.known(config, site)
    words = language("en")
    rows = [
        {
            "cause": alarm.cause,
            "subject": alarm.subject,
            "since": alarm.opened_at.isoformat(timespec="seconds"),
            "ended": alarm.ended_at.isoformat(timespec="seconds") if alarm.ended_at else None,
            "figures": dict(alarm.figures),
            "text": notice.sentence(words, alarm.cause, alarm.subject, alarm.figures),
        }
        for alarm in found
    ]
    if as_json:
        print_json({"site": site, "alarms": rows, "not_told": failed})
    else:
        for row in rows:
            until = f" to {row['ended']}" if row["ended"] else ""
            typer.echo(f"{'over' if row['ended'] else 'OPEN'}  {row['since']}{until}  {row['cause']}: {row['text']}")
        for line in failed:
            say(f"not told: {line}")
    raise typer.Exit(1 if failed or any(row["ended"] is None for row in rows) else 0)

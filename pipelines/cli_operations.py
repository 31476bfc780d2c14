"""Commands for whoever runs an installation: backfill, alarms, backup, restore, systemd."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
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


def backup(
    to: Annotated[Path, typer.Option("--to", help="Archive to write, outside of the home.")],
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Archive of the keys, to be kept in another place than the data.")
    ] = None,
    images: Annotated[bool, typer.Option("--images", help="With spool and quarantine.")] = False,
    recipient: Annotated[
        str | None, typer.Option(help="Public key (`bilan backup-key`) to which keys and identified store are sealed.")
    ] = None,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Back up a home while everything runs: databases, site files, reports, what receivers took.

    Keys are never in it: without them a restored home cannot go on, so name a file for them too.

    Example: bilan backup --to /backup/bilan.tar --keys /safe/bilan-keys.tar
    """
    from pipelines import backup as use_case  # noqa: PLC0415
    from pipelines import config  # noqa: PLC0415

    with clear_errors():
        result = use_case.make(config.load(home), to, keys, images=images, recipient=recipient)
    if as_json:
        print_json(result)
        return
    say(f"{result['files']} files, {result['bytes'] / 1e6:.1f} MB in {to}")
    if keys is None:
        say("The keys are not in it. Keep a copy of keys/ (and tls/) apart, or name a file with --keys.")
    elif recipient is not None:
        say(f"{result['key_files']} files, keys and the identified store, sealed in {keys}.")
    else:
        say(f"{result['key_files']} keys, not encrypted, in {keys}: keep it apart from the data.")
    if not images:
        say("Images and messages (spool, quarantine) are not in it; the PACS has them. --images takes them along.")


def restore(
    archive: Annotated[Path, typer.Argument(help="What `bilan backup` wrote.")],
    home: Home = HOME,
    keys: Annotated[Path | None, typer.Option("--keys", help="The archive of the keys.")] = None,
    opening_key: Annotated[
        Path | None, typer.Option("--opening-key", help="The key that opens it, if it was sealed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Restore a home where there is none: every file is compared with its hash first. Exit 1 if keys are missing.

    Example: bilan restore /backup/bilan.tar --keys /safe/bilan-keys.tar --home /srv/bilan/home
    """
    from pipelines import backup as use_case  # noqa: PLC0415

    with clear_errors():
        result = use_case.restore(archive, home, keys, opening_key)
    faulty = [*result["keys_missing"], *result["keys_wrong"]]
    if as_json:
        print_json(result)
    else:
        say(f"{result['files']} files of {result['taken_at']} (Bilan {result['version']}) are in {home}.")
        for site, day in result["last_nights"].items():
            say(f"{site}: the last night in it is that of {day}; the nights after it are run again.")
        say("Lost since then: verdicts, corrections, sign-ins, alarms; issues of months (made again as new issues);")
        say(
            "what receivers took and a later night would have; erasures: run `bilan erase` again for those asked since."
        )
        if not result["images"]:
            say("Without spool: reports whose messages are gone keep their labels, thumbnails are missing.")
        for site in faulty:
            word = "missing" if site in result["keys_missing"] else "another than that of the data"
            say(f"{site}: keys/{site}.key is {word}: put the right one there before the next night.")
    raise typer.Exit(1 if faulty else 0)


def backup_key(
    file: Annotated[Path, typer.Argument(help="File of the key; it is made (mode 0600) where there is none.")],
) -> None:
    """Print the public half of a key to which back-ups are sealed; keep its file where no back-up is.

    Example: bilan backup-key /safe/bilan-backup.key
    """
    from pipelines import backup as use_case  # noqa: PLC0415

    with clear_errors():
        typer.echo(use_case.recipient_key(file))


def systemd(
    user: Annotated[str, typer.Option(help="Account that Bilan runs under.")] = "bilan",
    programs: Annotated[
        Path | None, typer.Option(help="Folder of the commands (default: that of this Python).")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the web application on 127.0.0.1.")] = 8080,
    install: Annotated[Path | None, typer.Option(help="Write the files below this folder, such as /etc.")] = None,
    home: Home = HOME,
) -> None:
    """Print systemd units for scheduler, its page, web application and the receivers that sites have; or install them.

    Example: bilan systemd --home /srv/bilan/home --install /etc
    """
    import sys  # noqa: PLC0415

    from pipelines import config, dagster_run, units  # noqa: PLC0415

    with clear_errors():
        loaded = config.load(home)
        dagster_run.prepare(loaded.home)
        files = units.units(loaded, user, programs or Path(sys.executable).parent, port)
    if install is None:
        for name, text in files.items():
            typer.echo(f"# /etc/{name}\n{text}")
        return
    for path in units.install(files, install):
        typer.echo(path)
    say("Next: systemctl daemon-reload && systemd-tmpfiles --create bilan.conf && systemctl enable --now bilan.target")

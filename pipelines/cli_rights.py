"""`bilan erase`, `bilan retention`, `bilan rotate-key`: patients' rights, time limits, the key of the pseudonyms."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from pipelines.console import HOME, AsJson, Home, SiteName, clear_errors, print_json


def erase(
    site: SiteName,
    patient: Annotated[
        str,
        typer.Option(
            help="Patient ID as in the images. Others can read a command's arguments in the list of processes, and "
            "the shell keeps them: leave it out and type it at the prompt, or use --stdin."
        ),
    ] = "",
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the number from standard input, one line.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go; change nothing.")] = False,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Erase a patient: every store of this installation, and whatever is delivered of him or her from now on.

    Counts of published months stay. Archives made by a back-up are not reached: after restoring one, run this again.

    Example: bilan erase --site saint-aubin --dry-run
    """
    from pipelines import config  # noqa: PLC0415
    from pipelines import erase as use_case  # noqa: PLC0415

    if stdin:
        patient = sys.stdin.readline()
    elif not patient:
        patient = typer.prompt("Patient ID (not shown)", hide_input=True, confirmation_prompt=not dry_run, err=True)
    with clear_errors():
        result = use_case.erase(config.load(home), site, patient, dry_run=dry_run)
    if as_json:
        print_json(result)
    else:
        typer.echo(_words(result))


def _words(result: dict[str, Any]) -> str:
    found = f"studies: {result['studies']}, images: {result['images']}, messages: {result['messages']}, "
    found += f"refused files: {result['quarantined_files']}, patient numbers: {result['numbers']}"
    if result["dry_run"]:
        return f"Would be erased: {found}. Nothing was changed."
    return f"Erased: {found}. From now on nothing of this patient is taken at this site."


def rotate_key(site: SiteName, home: Home = HOME, as_json: AsJson = False) -> None:
    """Replace a site's pseudonym key: everything stored is renamed, figures stay as they are.

    Back up `keys/` afterwards. A run that is cut short is undone or completed by the next one, or by the next night.

    Example: bilan rotate-key --site saint-aubin
    """
    from pipelines import config, rotate  # noqa: PLC0415

    with clear_errors():
        result = rotate.rotate(config.load(home), site)
    if as_json:
        print_json(result)
    else:
        typer.echo(f"Key {result['key_id']} is in force in place of {result['before']}. Back up keys/ now.")


def retention(
    site: Annotated[str, typer.Option("--site", help="Short name of the site (default: every site).")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go; change nothing.")] = False,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Remove what is older than `retention` in the site's file says; each night does the same.

    Example: bilan retention --site saint-aubin --dry-run
    """
    from datetime import UTC, datetime  # noqa: PLC0415

    from pipelines import config  # noqa: PLC0415
    from pipelines import retention as use_case  # noqa: PLC0415

    with clear_errors():
        loaded = config.load(home)
        names = [loaded.site(site).site] if site else sorted(loaded.sites)
        results = [use_case.run(loaded, name, datetime.now(UTC), dry_run=dry_run) for name in names]
    if as_json:
        print_json(results)
        return
    for result in results:
        counts = ", ".join(f"{store}: {n}" for store, n in result["removed"].items())
        typer.echo(f"{result['site']}: {'would be removed' if dry_run else 'removed'}: {counts}")

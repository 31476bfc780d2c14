"""`bilan peers`: what the partner's hub gives back to a site, by file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.console import HOME, AsJson, Home, SiteName, clear_errors, print_json

peers_app = typer.Typer(no_args_is_help=True, help="Annotations and anonymous peers, as the partner's hub gives back.")


@peers_app.command("import")
def peers_import(
    files: Annotated[list[Path], typer.Argument(help="Files that the hub made: `bilan hub return` there.")],
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Keep what the hub gave back; each file is kept whole, or refused with a reason. Exit 1 if any was refused.

    Example: bilan peers import saint-aubin_return_0003.bilan-return
    """
    from pipelines import config, peers  # noqa: PLC0415
    from reports.language import language  # noqa: PLC0415
    from reports.refusals import refused_return  # noqa: PLC0415

    with clear_errors():
        done = peers.take(config.load(home), files)
    told = [
        {
            "file": str(each.path),
            "site": each.site,
            "seq": each.seq,
            "kept": each.reason is None,
            "reason": each.reason,
            "sentence": refused_return(language("en"), each.reason) if each.reason else None,
        }
        for each in done
    ]
    if as_json:
        print_json(told)
    else:
        for line in told:
            said = "kept" if line["kept"] else f"refused: {line['reason']}: {line['sentence']}"
            typer.echo(f"{line['file']}: {said}")
    raise typer.Exit(0 if all(line["kept"] for line in told) else 1)


@peers_app.command("show")
def peers_show(site: SiteName, home: Home = HOME) -> None:
    """Print what is kept of the hub's last file for a site, as JSON.

    Example: bilan peers show --site saint-aubin
    """
    from pipelines import config, peers  # noqa: PLC0415

    with clear_errors():
        print_json(peers.shown(config.load(home), site))

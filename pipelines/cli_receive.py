"""Commands that keep running: the receivers."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.console import HOME, Home, clear_errors, say

receive_app = typer.Typer(no_args_is_help=True)
OneSite = Annotated[str, typer.Option("--site", help="Short name of one site (default: all of them).")]


@receive_app.command()
def receive(home: Home = HOME, site: OneSite = "") -> None:
    """Receive images by C-STORE from modalities or a PACS, until stopped; the night reads what came.

    Needs a source of type cstore in the site's file. Success is answered once an object is safe on disk.

    Example: bilan receive --home /srv/bilan --site saint-aubin
    """
    from pipelines import config, receivers  # noqa: PLC0415

    with clear_errors():
        receivers.receive(config.load(home), site or None, say)


@receive_app.command()
def listen(home: Home = HOME, site: OneSite = "") -> None:
    """Receive HL7 messages over MLLP, until stopped; the night reads what came.

    Needs a source of type mllp in the site's file. AA is answered once a message is safe on disk.

    Example: bilan listen --home /srv/bilan --site saint-aubin
    """
    from pipelines import config, receivers  # noqa: PLC0415

    with clear_errors():
        receivers.listen(config.load(home), site or None, say)

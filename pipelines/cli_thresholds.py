"""`bilan thresholds`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.console import HOME, AsJson, Home, SiteName, clear_errors, print_json


def thresholds(
    site: SiteName,
    home: Home = HOME,
    months: Annotated[int, typer.Option(min=1, max=36, help="How many months back from the last study.")] = 3,
    doubtful: Annotated[
        float | None, typer.Option(min=0, max=1, help="A score from which to flag; give both or none.")
    ] = None,
    positive: Annotated[float | None, typer.Option(min=0, max=1, help="A score from which to call positive.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what each choice of thresholds would have meant on the site's last months.

    For candidates, the current thresholds and those that you ask about: studies flagged per day,
    agreement with the reports, fractures of the reports that would have been missed, false alarms;
    each with its 95 % interval. Nothing is changed: a site's own thresholds go into its file.

    Example: bilan thresholds --site saint-aubin --months 3 --doubtful 0.1 --positive 0.5
    """
    if (doubtful is None) != (positive is None) or (doubtful or 0) > (positive or 0):
        raise typer.BadParameter("give --doubtful and --positive together, the first not above the second")
    from pipelines import config  # noqa: PLC0415
    from pipelines import thresholds as use_case  # noqa: PLC0415
    from reports.language import language  # noqa: PLC0415
    from reports.thresholds import page, to_json  # noqa: PLC0415

    with clear_errors():
        loaded = config.load(home)
        found = use_case.compare(loaded, site, months, doubtful, positive)
    if as_json:
        print_json(to_json(found))
    else:
        typer.echo(page(found, language(loaded.site(site).language)), nl=False)

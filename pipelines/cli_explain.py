"""`bilan explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.console import HOME, AsJson, Home, SiteName, a_month, clear_errors, print_json

if TYPE_CHECKING:
    from warehouse.accounts import Account


def explain(
    site: SiteName,
    month: Annotated[str, typer.Option("--month", help="Month, YYYY-MM.")],
    figure: Annotated[str, typer.Option("--figure", help="Name of the figure, as in figures.json.")],
    studies_as: Annotated[
        str,
        typer.Option(
            "--studies-as",
            metavar="LOGIN",
            help="List the studies behind it; asks for this account's password and code.",
        ),
    ] = "",
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Tell where a figure comes from: definition, query, numerator, denominator, exclusions by reason.

    The pseudonymised studies behind it are for clinicians and heads of department of the site: with
    `--studies-as` their account's password is asked for, and the code of its second factor if it has one; the audit
    trail notes it.

    Examples
    --------
        bilan explain --site saint-aubin --month 2026-10 --figure positive_rate

        bilan explain --site saint-aubin --month 2026-10 --figure discordances --studies-as m.diallo@example.org
    """
    from pipelines import config  # noqa: PLC0415 - keeps `--help` quick
    from pipelines import explain as use_case  # noqa: PLC0415
    from reports.explain import page, to_json  # noqa: PLC0415
    from reports.language import language  # noqa: PLC0415

    when = a_month(month)
    with clear_errors():
        loaded = config.load(home)
        loaded.site(site)
        account: Account | None = None
        if studies_as:
            password = typer.prompt("Password", hide_input=True, err=True)
            account = use_case.admitted(loaded, studies_as, password, site, _code)
        found = use_case.explain(loaded, site, when, figure, account=account)
    if as_json:
        print_json(to_json(found))
    else:
        typer.echo(page(found, language(found.language)), nl=False)


def _code() -> str:
    return str(typer.prompt("Code of your second factor", hide_input=True, err=True))

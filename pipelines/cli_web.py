"""Commands of the web application: `bilan serve`, `bilan user`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.console import HOME, AsJson, Home, clear_errors, print_json

if TYPE_CHECKING:
    from pipelines.config import Config

user_app = typer.Typer(no_args_is_help=True, help="Accounts of the web application.")


def _load(home: Path) -> Config:
    from pipelines import config  # noqa: PLC0415

    return config.load(home)


def serve(
    home: Home = HOME,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8080,
) -> None:
    """Serve the web application: the list of the morning, the site's month, administration.

    Example: bilan serve --home /srv/bilan --host 127.0.0.1 --port 8080
    """
    from pipelines import serve as use_case  # noqa: PLC0415

    with clear_errors():
        use_case.run(_load(home), host, port)


@user_app.command("add")
def user_add(
    login: Annotated[str, typer.Argument(help="Login, such as an e-mail address.")],
    role: Annotated[
        list[str],
        typer.Option(
            help="clinician, department_head, partnership_manager, administrator or auditor; @site for one site."
        ),
    ],
    name: Annotated[str, typer.Option(help="Name shown to others.")] = "",
    language: Annotated[str, typer.Option(help="fr or en.")] = "fr",
    home: Home = HOME,
) -> None:
    """Make an account and print its one-time password.

    Example: bilan user add m.diallo@example.org --name "Dr Diallo" --role clinician@saint-aubin
    """
    from pipelines import users  # noqa: PLC0415

    with clear_errors():
        account, password = users.add(_load(home), login, name, role, language)
    typer.echo(f"{account.login}: one-time password {password} (valid {users.ONE_TIME_DAYS} days)")


@user_app.command("list")
def user_list(home: Home = HOME, as_json: AsJson = False) -> None:
    """List the accounts with their roles.

    Example: bilan user list --home /srv/bilan
    """
    from pipelines import users  # noqa: PLC0415
    from warehouse import accounts  # noqa: PLC0415

    with clear_errors():
        found = accounts.every(users.store(_load(home)))
    listed: list[dict[str, Any]] = [
        {
            "login": account.login,
            "name": account.name,
            "roles": sorted(role if site == accounts.EVERY_SITE else f"{role}@{site}" for role, site in account.roles),
            "disabled": account.disabled_at is not None,
        }
        for account in found
    ]
    if as_json:
        print_json(listed)
        return
    for each in listed:
        state = "  disabled" if each["disabled"] else ""
        typer.echo(f"{each['login']:32} {', '.join(each['roles'])}{state}")

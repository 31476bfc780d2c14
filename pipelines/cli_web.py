"""Commands of the web application: `bilan serve`, `bilan user`, `bilan audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.console import HOME, AsJson, Home, clear_errors, print_json

if TYPE_CHECKING:
    from pipelines.config import Config
    from warehouse.accounts import Account

trail_app = typer.Typer(no_args_is_help=True, help="The audit trail of the web application.")
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
            help="clinician, department_head, partnership_manager, administrator or auditor; @site for one site, "
            "@group:NAME for a group of a hub."
        ),
    ],
    name: Annotated[str, typer.Option(help="Name shown to others.")] = "",
    language: Annotated[str, typer.Option(help="fr or en.")] = "fr",
    single_sign_on: Annotated[
        bool, typer.Option("--single-sign-on", help="No password: only through the hospital's identity provider.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Make an account and print its one-time password.

    Example: bilan user add m.diallo@example.org --name "Dr Diallo" --role clinician@saint-aubin
    """
    from pipelines import users  # noqa: PLC0415

    with clear_errors():
        if language not in ("fr", "en"):
            raise typer.BadParameter("write fr or en")
        account, password = users.add(_load(home), login, name, role, language, single_sign_on=single_sign_on)
    if single_sign_on:
        typer.echo(f"{account.login}: signs in through the identity provider")
        return
    typer.echo(f"{account.login}: one-time password {password} (valid {users.ONE_TIME_DAYS} days)")


Login = Annotated[str, typer.Argument(help="Login of the account.")]


@user_app.command("disable")
def user_disable(
    login: Login, undo: Annotated[bool, typer.Option("--undo", help="Open it again.")] = False, home: Home = HOME
) -> None:
    """Close an account and end its sessions; the trail of what it did stays.

    Example: bilan user disable m.diallo@example.org
    """
    from pipelines import users  # noqa: PLC0415

    with clear_errors():
        users.set_disabled(_load(home), login, disabled=not undo)
    typer.echo(f"{login}: {'open' if undo else 'disabled'}")


@user_app.command("password")
def user_password(
    login: Login,
    second_factor: Annotated[
        bool, typer.Option("--reset-second-factor", help="Also remove the second factor, for a lost phone.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Give an account a new one-time password and end its sessions.

    Example: bilan user password m.diallo@example.org
    """
    from pipelines import users  # noqa: PLC0415

    with clear_errors():
        config = _load(home)
        password = users.new_password(config, login)
        if second_factor:
            users.reset_second_factor(config, login)
    typer.echo(f"{login}: one-time password {password} (valid {users.ONE_TIME_DAYS} days)")


@user_app.command("role")
def user_role(
    login: Login,
    grant: Annotated[list[str] | None, typer.Option(help="Role to give; @site for one site.")] = None,
    revoke: Annotated[
        list[str] | None, typer.Option(help="Role to take away, written as `user list` shows it.")
    ] = None,
    home: Home = HOME,
) -> None:
    """Give and take roles.

    Example: bilan user role m.diallo@example.org --grant department_head@saint-aubin
    """
    from pipelines import users  # noqa: PLC0415

    with clear_errors():
        account = users.change_roles(_load(home), login, grant or [], revoke or [])
    typer.echo(f"{login}: {', '.join(_roles(account)) or 'no role'}")


def _roles(account: Account) -> list[str]:
    from warehouse.accounts import EVERY_SITE  # noqa: PLC0415

    return sorted(role if site == EVERY_SITE else f"{role}@{site}" for role, site in account.roles)


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
            "roles": _roles(account),
            "second_factor": account.totp_secret is not None,
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


@trail_app.command("verify")
def audit_verify(home: Home = HOME, as_json: AsJson = False) -> None:
    """Check that no row of the audit trail was changed, removed or cut off; exit 1 if one was.

    The last row's number and hash are printed: noted elsewhere, they prove later that the trail up to
    here was not written anew.

    Example: bilan audit verify --home /srv/bilan
    """
    from pipelines import trail, users  # noqa: PLC0415
    from warehouse import audit  # noqa: PLC0415

    with clear_errors():
        config = _load(home)
        found = audit.verify(users.store(config), trail.known_key(config))
    head = {"seq": found.head.seq, "hash": found.head.hash} if found.head else None
    if as_json:
        print_json({"rows": found.rows, "head": head, "problems": found.problems})
    else:
        for problem in found.problems:
            typer.secho(f"BROKEN  {problem}", fg="red")
        typer.echo(f"{found.rows} rows, last {head['seq']} {head['hash']}" if head else "no row yet")
    raise typer.Exit(1 if found.problems else 0)


@trail_app.command("export")
def audit_export(home: Home = HOME) -> None:
    """Print the whole audit trail as JSON lines, with the hashes; the export itself is noted in it.

    Example: bilan audit export --home /srv/bilan > trail.jsonl
    """
    import json  # noqa: PLC0415

    from pipelines import users  # noqa: PLC0415
    from warehouse import audit  # noqa: PLC0415

    with clear_errors():
        store = users.store(_load(home))
        audit.record(store, "audit_exported", users.actor())
        for row in audit.export(store):
            typer.echo(json.dumps(row, ensure_ascii=False))


@trail_app.command("prune")
def audit_prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Remove the rows that are older than `web.audit_months`, as each night does; what is left can be verified.

    Example: bilan audit prune --dry-run --home /srv/bilan
    """
    from pipelines import trail  # noqa: PLC0415

    with clear_errors():
        found = trail.prune(_load(home), dry_run=dry_run)
    if as_json:
        print_json({"rows": found.rows, "through": found.through, "dry_run": dry_run})
    else:
        typer.echo(f"Rows past their retention: {found.rows}; {'nothing was' if dry_run else 'they were'} removed.")

"""Accounts, as `bilan user` and the demonstration make and change them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pipelines.config import Config
from pipelines.config_hub import hub_published
from pipelines.errors import BilanError
from warehouse import accounts, hub_sites
from warehouse.accounts import EVERY_SITE, ROLES, Account
from warehouse.app_store import AppStore
from warehouse.audit import Actor
from warehouse.connect import HUB, reader

ONE_TIME_DAYS = 7


class UserError(BilanError):
    """An account cannot be made or changed as asked; the text says why."""


def store(config: Config) -> AppStore:
    """Return the application's database, brought to this version."""
    found = AppStore(config.app_store)
    found.migrate()
    return found


def granted(config: Config, roles: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return roles written as ``role`` (every site) or ``role@site`` as pairs.

    A partnership manager can have the role at a site that this machine knows as a hub, or at ``group:NAME``.

    Raises
    ------
    UserError
        If a role or a site does not exist.
    """
    pairs = set()
    for text in roles:
        role, _, site = text.partition("@")
        if role not in ROLES:
            raise UserError(f"no such role; choose among {', '.join(ROLES)}")
        if role == "partnership_manager" and (site.startswith("group:") or site in _partner_sites(config)):
            pairs.add((role, site))
            continue
        if site and site not in config.sites:
            raise UserError(f"no such site; known sites: {', '.join(config.sites) or 'none yet'}")
        pairs.add((role, site or EVERY_SITE))
    return frozenset(pairs)


def actor(site: str = "") -> Actor:
    """Return the command line as the audit trail names it: no account, and no address of a network."""
    return Actor("", "command line", datetime.now(UTC), site)


def _partner_sites(config: Config) -> frozenset[str]:
    """Return the sites that this machine knows as a hub."""
    if not hub_published(config.home).exists():
        return frozenset()
    with reader(hub_published(config.home), HUB) as connection:
        return frozenset(site.site for site in hub_sites.sites(connection))


def find(config: Config, login: str) -> tuple[AppStore, Account]:
    """Return the account of a login.

    Raises
    ------
    UserError
        If there is none.
    """
    opened = store(config)
    account = accounts.by_login(opened, login)
    if account is None:
        raise UserError("no account of this login; `bilan user list` shows those there are")
    return opened, account


def set_disabled(config: Config, login: str, *, disabled: bool) -> None:
    """Close an account and end its sessions, or open it again."""
    opened, account = find(config, login)
    accounts.set_disabled(opened, account.user_id, disabled=disabled, by=actor())


def new_password(config: Config, login: str) -> str:
    """Give an account a one-time password, end its sessions, and return the password."""
    from reports.web import passwords  # noqa: PLC0415 - keeps `--help` quick

    opened, account = find(config, login)
    chosen, until = passwords.one_time(), datetime.now(UTC) + timedelta(days=ONE_TIME_DAYS)
    accounts.set_password(opened, account.user_id, passwords.hashed(chosen), one_time_until=until, by=actor())
    return chosen


def reset_second_factor(config: Config, login: str) -> None:
    """Remove a second factor whose device was lost; one that is required is set up anew at the next sign-in."""
    opened, account = find(config, login)
    accounts.set_totp(opened, account.user_id, None, step=None, by=actor())


def change_roles(config: Config, login: str, granted_roles: Iterable[str], revoked_roles: Iterable[str]) -> Account:
    """Give roles and take roles away, each written as in `granted`; return the account as it is then."""
    opened, account = find(config, login)
    for role, site in sorted(granted(config, granted_roles)):
        accounts.grant(opened, account.user_id, role, site, actor())
    for role, site in sorted(granted(config, revoked_roles)):
        accounts.revoke(opened, account.user_id, role, site, actor())
    return accounts.by_id(opened, account.user_id) or account


def add(
    config: Config,
    login: str,
    name: str,
    roles: Iterable[str],
    language: str = "fr",
    password: str | None = None,
    *,
    single_sign_on: bool = False,
) -> tuple[Account, str]:
    """Make an account; return it with its password: a one-time one, unless one is given.

    With `single_sign_on` it has none: its owner signs in through the hospital's identity provider.
    """
    from reports.web import passwords  # noqa: PLC0415 - keeps `--help` quick

    chosen = "" if single_sign_on else password or passwords.one_time()
    one_time = not single_sign_on and password is None
    made = accounts.add(
        store(config),
        login=login,
        name=name or login,
        language=language,
        password_hash=passwords.hashed(chosen) if chosen else None,
        one_time_until=datetime.now(UTC) + timedelta(days=ONE_TIME_DAYS) if one_time else None,
        roles=granted(config, roles),
        by=actor(),
    )
    return made, chosen

"""Accounts, as `bilan user` and the demonstration make and change them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pipelines.config import Config
from pipelines.errors import BilanError
from warehouse import accounts
from warehouse.accounts import EVERY_SITE, ROLES, Account
from warehouse.app_store import AppStore

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
        if site and site not in config.sites:
            raise UserError(f"no such site; known sites: {', '.join(config.sites) or 'none yet'}")
        pairs.add((role, site or EVERY_SITE))
    return frozenset(pairs)


def add(
    config: Config, login: str, name: str, roles: Iterable[str], language: str = "fr", password: str | None = None
) -> tuple[Account, str]:
    """Make an account; return it with its password: a one-time one, unless one is given."""
    from reports.web import passwords  # noqa: PLC0415 - keeps `--help` quick

    now = datetime.now(UTC)
    chosen = password or passwords.one_time()
    made = accounts.add(
        store(config),
        login=login,
        name=name or login,
        language=language,
        password_hash=passwords.hashed(chosen),
        one_time_until=None if password else now + timedelta(days=ONE_TIME_DAYS),
        roles=granted(config, roles),
        now=now,
    )
    return made, chosen

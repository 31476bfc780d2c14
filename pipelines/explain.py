"""Where a figure of a month comes from; with the right to it, the pseudonymised studies behind it."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from pipelines import users
from pipelines.config import Config
from pipelines.errors import BilanError
from pipelines.month import require_data
from reports.explain import Explanation
from reports.kpi import month_figures
from warehouse import accounts, audit, behind, connect
from warehouse.accounts import EVERY_SITE, Account
from warehouse.audit import Actor
from warehouse.figure import definitions, figures

# Who sees single studies in the web application, too.
ROLES = ("clinician", "department_head")


class FigureError(BilanError):
    """There is no figure of this name. The text names those that are like it."""


class RightError(BilanError):
    """The account may not see the studies of the site, or this is not its password. Ask for the role."""


def explain(
    config: Config,
    site: str,
    month: str,
    figure: str,
    *,
    account: Account | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Explanation:
    """Return definition, query, numerators, denominators and exclusions of a figure of a month.

    With an `account` (see `admitted`) the studies behind it too, which the audit trail notes.

    Raises
    ------
    FigureError
        If there is no figure of this name.
    NothingToReportError
        If the site has nothing in the month.
    """
    known = definitions()
    if figure not in known:
        close = ", ".join(get_close_matches(figure, known)) or "see docs/figures.md"
        raise FigureError(f"no such figure; {close}")
    require_data(config, site, month)
    definition = known[figure]
    query = definition.sql.removesuffix(".sql")
    with connect.reader(config.published) as connection:
        found = month_figures(connection, site, month)
        studies = None
        if account is not None:
            studies = behind.parts(connection, query, site, found.start, found.end, found.data_cut, progress)
    if account is not None:
        by = Actor(account.user_id, users.actor().address, users.actor().now, site)
        audit.record(users.store(config), "studies_explained", by, about=f"{month} {figure}")
    return Explanation(
        site=site,
        language=config.site(site).language,
        month=month,
        data_cut=found.data_cut,
        definition=definition,
        query=figures()[query].query,
        values=tuple(found.values.get(figure, ())),
        asked=account is not None,
        studies=None if studies is None else tuple(studies),
    )


def admitted(config: Config, login: str, password: str, site: str) -> Account:
    """Return the account of whoever may see the studies of a site, proved by the password.

    Raises
    ------
    RightError
        If it is not the password of an open account with one of `ROLES` at the site.
    """
    from reports.web import passwords  # noqa: PLC0415 - keeps `--help` quick

    opened = users.store(config)
    account = accounts.by_login(opened, login)
    right = passwords.matches(account.password_hash if account else None, password)
    if account is None or not right or account.disabled_at is not None or account.one_time_until is not None:
        raise RightError("no open account of this login and password; a one-time password has to be changed first")
    if not any((role, place) in account.roles for role in ROLES for place in (site, EVERY_SITE)):
        raise RightError(f"the studies behind a figure are for {' and '.join(ROLES)} of the site; ask for the role")
    return account

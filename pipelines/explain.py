"""Where a figure of a month comes from; with the right to it, the pseudonymised studies behind it."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from pipelines import trail, users
from pipelines.config import Config
from pipelines.errors import BilanError
from pipelines.month import require_data
from reports.explain import Explanation
from reports.kpi import month_figures
from warehouse import accounts, audit, behind, connect, sign_in_failures
from warehouse.accounts import EVERY_SITE, Account
from warehouse.app_store import AppStore
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


def admitted(config: Config, login: str, password: str, site: str, code: Callable[[], str] = lambda: "") -> Account:
    """Return the account of whoever may see the studies of a site, proved as the web application asks for it.

    `code` is asked for the code of the second factor, once the password is right, where the account has one.
    Refusals are counted with those of the web application, and the audit trail notes them.

    Raises
    ------
    RightError
        If it is not the password, or not the code, of an open account with one of `ROLES` at the site; if the account
        still lacks a second factor that its role asks for; after too many attempts.
    """
    from reports.web import passwords, second_factor  # noqa: PLC0415 - keeps `--help` quick

    opened, by = users.store(config), users.actor(site)
    account = accounts.by_login(opened, login)
    counted = account.user_id if account else login.strip().lower()
    _not_too_often(opened, counted, by)
    right = passwords.matches(account.password_hash if account else None, password)
    if account is None or not right or account.disabled_at is not None or account.one_time_until is not None:
        _refused(opened, counted, by, account)
        raise RightError("no open account of this login and password; a one-time password has to be changed first")
    if not any((role, place) in account.roles for role in ROLES for place in (site, EVERY_SITE)):
        raise RightError(f"the studies behind a figure are for {' and '.join(ROLES)} of the site; ask for the role")
    if account.totp_secret is not None:
        counted = f"code of {account.user_id}"
        _not_too_often(opened, counted, by)
        if not second_factor.accepted(opened, trail.key(config), account, code(), by.now):
            _refused(opened, counted, by, account, step="second_factor")
            raise RightError("this code is wrong, or was used already; wait for the next one")
    elif set(config.machine.web.second_factor) & {role for role, _ in account.roles}:
        raise RightError("the account has no second factor yet; sign in to the web application once to set it up")
    for each in (account.user_id, f"code of {account.user_id}"):
        sign_in_failures.clear(opened, each)
    return account


def _not_too_often(opened: AppStore, counted: str, by: Actor) -> None:
    if sign_in_failures.wait(opened, counted, by.address, by.now) is not None:
        raise RightError("too many attempts; try again in a quarter of an hour")


def _refused(opened: AppStore, counted: str, by: Actor, account: Account | None, **detail: str) -> None:
    sign_in_failures.note(opened, counted, by.address, by.now)
    audit.record(opened, "signed_in", by, about=account.user_id if account else "", outcome=4, detail=detail)

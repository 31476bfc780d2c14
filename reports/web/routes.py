"""The route table: every address of the application is one row here, with who may ask for it.

A screen is a module of this package with its own ``ROWS``; name it in `SCREENS`.
"""

from __future__ import annotations

from types import ModuleType

from starlette.routing import Route

from reports.web import (
    account,
    admin_machine,
    admin_sessions,
    admin_site,
    admin_trail,
    admin_users,
    archive,
    case,
    cases,
    discordances,
    images,
    portfolio,
    portfolio_site,
    preferences,
    reading,
    recovery,
    report_settings,
    sign_in,
    sign_in_steps,
    single_sign_on,
    site_month,
    start,
    static,
)
from reports.web.guard import guarded
from reports.web.row import Row
from reports.web.visit import Application

# In the order of the navigation.
SCREENS: tuple[ModuleType, ...] = (
    start,
    cases,
    case,
    images,
    reading,
    discordances,
    site_month,
    archive,
    report_settings,
    sign_in,
    sign_in_steps,
    single_sign_on,
    preferences,
    portfolio,
    portfolio_site,
    account,
    recovery,
    admin_users,
    admin_sessions,
    admin_site,
    admin_machine,
    admin_trail,
)


def rows() -> tuple[Row, ...]:
    """Return the table."""
    return tuple(row for screen in SCREENS for row in screen.ROWS)


def routes(app: Application) -> list[Route]:
    """Return the table as Starlette's routes, each behind the guard; static files need none."""
    made = [Route(row.path, guarded(app, row), methods=list(row.methods), name=row.name) for row in rows()]
    return [*made, Route(static.PREFIX + "{name}", static.answer, methods=["GET"], name="static")]

"""The navigation: what a user finds in it, by role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.web.row import Row

if TYPE_CHECKING:
    from reports.web.user import User


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the navigation: the route's name, its message, its site if it has one."""

    name: str
    message: str
    site: str | None


@dataclass(frozen=True, slots=True)
class Menu:
    """The rows that stand in the navigation, in the order of the route table."""

    rows: tuple[Row, ...]

    def of(self, user: User, site: str | None = None) -> list[Entry]:
        """Return what this user may open; pages of a site lead to `site`, or to the user's first one."""
        return [entry for row in self.rows for entry in _entries(row, user, site)]


def of(rows: tuple[Row, ...]) -> Menu:
    """Return the navigation of a route table."""
    return Menu(tuple(row for row in rows if row.menu))


def _entries(row: Row, user: User, site: str | None) -> list[Entry]:
    if isinstance(row.who, str) or not user.may(row.who):
        return []
    if "{site}" not in row.path:
        return [Entry(row.name, row.menu or "", None)]
    sites = user.sites(*row.who)
    return [Entry(row.name, row.menu or "", site if site in sites else sites[0])] if sites else []

"""Who asks: roles and the sites that each is bound to. What is not granted is denied."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.accounts import EVERY_SITE, Account

CLINICIAN = "clinician"
DEPARTMENT_HEAD = "department_head"
PARTNERSHIP_MANAGER = "partnership_manager"
ADMINISTRATOR = "administrator"
AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class User:
    """The person signed in; `known` are the sites of this installation, in the order of pages."""

    user_id: str
    login: str
    name: str
    language: str
    theme: str
    roles: frozenset[tuple[str, str]]
    known: tuple[str, ...]

    def may(self, roles: frozenset[str], site: str | None = None) -> bool:
        """Tell whether the user has one of `roles`, at `site` if one is named."""
        if site is not None and site not in self.known:
            return False
        return any(role in roles and (site is None or where in (site, EVERY_SITE)) for role, where in self.roles)

    def sites(self, *roles: str) -> tuple[str, ...]:
        """Return the sites at which the user has one of these roles (without any: any role)."""
        wanted = frozenset(roles) or frozenset(role for role, _ in self.roles)
        return tuple(site for site in self.known if self.may(wanted, site))


def of_account(account: Account, known: tuple[str, ...]) -> User:
    """Return the user of an account."""
    return User(account.user_id, account.login, account.name, account.language, account.theme, account.roles, known)

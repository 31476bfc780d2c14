"""Administration of accounts: who may sign in, in which role at which site."""

from __future__ import annotations

from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from reports.language import LOCALES, message
from reports.web import passwords
from reports.web.row import Row
from reports.web.user import ADMINISTRATOR, PARTNERSHIP_MANAGER
from reports.web.visit import Visit, missing
from warehouse import accounts, hub_sites
from warehouse.accounts import EVERY_SITE, ROLES, Account, LoginTakenError

WHO = frozenset({ADMINISTRATOR})
ONE_TIME = timedelta(days=7)
LOGIN_LONGEST = 120
MOST_PLACES = 300  # of a hub: more is no list to choose from; `bilan user role` takes them all


def reach(visit: Visit) -> set[str]:
    """Return the sites that this administrator may give roles at; ``*`` for one of every site."""
    return {site for role, site in visit.who.roles if role == ADMINISTRATOR}


def manages(visit: Visit, account: Account) -> bool:
    """Tell whether an account is this administrator's to change: all its roles lie within reach."""
    sites = reach(visit)
    return EVERY_SITE in sites or (bool(account.roles) and {site for _, site in account.roles} <= sites)


def show(visit: Visit) -> Response:
    """List the accounts."""
    return _list(visit, 200)


def add(visit: Visit) -> Response:
    """Make an account; its one-time password is shown once."""
    login, name = visit.fields.get("login", "").strip(), visit.fields.get("name", "").strip()
    language = visit.fields.get("language", "")
    if not login or len(login) > LOGIN_LONGEST or not login.isprintable() or language not in LOCALES:
        return _list(visit, 422, problem=visit.words.text("Give a login, and choose a language."))
    role = _role(visit)
    password = passwords.one_time()
    try:
        made = accounts.add(
            visit.app.store,
            login=login,
            name=name[:LOGIN_LONGEST] or login,
            language=language,
            password_hash=passwords.hashed(password),
            one_time_until=visit.app.services.now() + ONE_TIME,
            roles=[role],
            by=visit.actor,
        )
    except LoginTakenError:
        return _list(visit, 422, problem=visit.words.text("There is an account of this login already."))
    return _one(visit, made, password=password)


def show_one(visit: Visit) -> Response:
    """Show one account."""
    return _one(visit, _account(visit))


def change(visit: Visit) -> Response:
    """Change one account, as the button pressed says."""
    account, store, by = _account(visit), visit.app.store, visit.actor
    action = visit.fields.get("action", "")
    own = account.user_id == visit.who.user_id
    if own and action in ("disable", "revoke"):
        return _one(
            visit, account, status=422, problem=visit.words.text("Ask another administrator to do this to you.")
        )
    if action == "grant":
        accounts.grant(store, account.user_id, *_role(visit), by)
    elif action == "revoke":
        accounts.revoke(store, account.user_id, *_role(visit), by)
    elif action in ("disable", "enable"):
        accounts.set_disabled(store, account.user_id, disabled=action == "disable", by=by)
    elif action == "second_factor":
        accounts.set_totp(store, account.user_id, None, step=None, by=by)
    elif action == "password":
        password, until = passwords.one_time(), visit.app.services.now() + ONE_TIME
        accounts.set_password(store, account.user_id, passwords.hashed(password), one_time_until=until, by=by)
        return _one(visit, account, password=password)
    else:
        raise HTTPException(400)
    return RedirectResponse(visit.link("admin_user", user=account.user_id), 303)


def _account(visit: Visit) -> Account:
    account = accounts.by_id(visit.app.store, visit.request.path_params["user"])
    if account is None or not manages(visit, account):
        raise missing()
    return account


def _role(visit: Visit) -> tuple[str, str]:
    """Return the role and the site of the form, if they are this administrator's to give."""
    role, _, site = visit.fields.get("role", "").partition("@")
    known = {EVERY_SITE, *visit.who.known}
    if role == PARTNERSHIP_MANAGER and EVERY_SITE in reach(visit):
        known |= {place for place, _ in _hub_places(visit)}
    if role not in ROLES or site not in known or not reach(visit) & {site, EVERY_SITE}:
        raise HTTPException(400)
    return role, site


def _hub_places(visit: Visit) -> list[tuple[str, str]]:
    """Return what a partnership manager can follow on a hub, with its name: each group, then each site."""
    hub = visit.app.hub
    if hub is None or not hub.path.is_file():
        return []
    with hub.connection() as connection:
        sites = hub_sites.sites(connection)
    groups = sorted({site.site_group for site in sites if site.site_group})
    named = [(f"group:{group}", visit.words.text("group %(group)s", group=group)) for group in groups]
    return named + [(site.site, site.name) for site in sites]


def _choices(visit: Visit) -> list[tuple[str, str, str]]:
    """Return the roles that can be given: role, site and the site's name."""
    sites = reach(visit)
    places = [(info.site, info.name) for info in visit.app.settings.sites if sites & {info.site, EVERY_SITE}]
    if EVERY_SITE in sites:
        places.insert(0, (EVERY_SITE, visit.words.text("every site")))
    found = [(role, site, name) for site, name in places for role in ROLES]
    if EVERY_SITE in sites:
        found += [(PARTNERSHIP_MANAGER, place, name) for place, name in _hub_places(visit)[:MOST_PLACES]]
    return found


def _list(visit: Visit, status: int, problem: str = "") -> Response:
    found = [account for account in accounts.every(visit.app.store) if manages(visit, account)]
    return visit.page(
        "admin_users.html.j2",
        status=status,
        accounts=found,
        choices=_choices(visit),
        problem=problem,
        fields=visit.fields,
        one_time=False,
    )


def _one(visit: Visit, account: Account, *, status: int = 200, problem: str = "", password: str = "") -> Response:
    current = accounts.by_id(visit.app.store, account.user_id) or account
    return visit.page(
        "admin_user.html.j2",
        status=status,
        account=current,
        choices=_choices(visit),
        problem=problem,
        password=password,
        own=current.user_id == visit.who.user_id,
    )


ROWS = (
    Row("/admin/users", "admin_users", show, WHO, menu=message("Administration")),
    Row("/admin/users", "admin_users_add", add, WHO, methods=("POST",), part="admin_users"),
    Row("/admin/users/{user}", "admin_user", show_one, WHO, part="admin_users"),
    Row("/admin/users/{user}", "admin_user_change", change, WHO, methods=("POST",), part="admin_users"),
)

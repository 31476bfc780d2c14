"""Signing in and out: the password, and what follows it."""

from __future__ import annotations

import secrets
from datetime import timedelta

from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from reports.web import passwords
from reports.web.guard import cookie_name, set_cookie
from reports.web.row import ANYONE, Row
from reports.web.trail import audited
from reports.web.visit import Visit
from warehouse import accounts, audit, sign_in_failures, web_sessions
from warehouse.accounts import Account

HALF_WAY = timedelta(minutes=10)
DEVICE_COOKIE = "bilan-device"
DEVICE_SECONDS = int(sign_in_failures.DEVICE_KNOWN.total_seconds())


def ask(visit: Visit) -> Response:
    """Show the sign-in page; who is signed in already goes on."""
    if visit.settled:
        return RedirectResponse(onward(visit) or visit.link("home"), 303)
    return _page(visit, 200)


def take(visit: Visit) -> Response:
    """Check login and password."""
    store, now = visit.app.store, visit.app.services.now()
    account = accounts.by_login(store, visit.fields.get("login", "").strip())
    counted, network = _counted(visit, account), _network(visit.address)
    wait = sign_in_failures.wait(store, counted, network, now)
    if wait is not None:
        page = _page(visit, 429, wait=max(1, round(wait.total_seconds() / 60)))
        page.headers["Retry-After"] = str(max(1, round(wait.total_seconds())))
        return page
    right = passwords.matches(account.password_hash if account else None, visit.fields.get("password", ""))
    if account is None or not right or account.disabled_at is not None or _expired(visit, account):
        sign_in_failures.note(store, counted, network, now)
        audited(visit, "signed_in", about=account.user_id if account else "", outcome=4)
        return _page(visit, 401, refused=True)
    sign_in_failures.clear(store, counted)
    return let_in(visit, account, due(visit, account))


def due(visit: Visit, account: Account, *, second_factor_given: bool = False) -> str:
    """Return what is still asked of who has given the password: a stage of the session."""
    if account.totp_secret is not None and not second_factor_given:
        return "second_factor"
    if account.one_time_until is not None:
        return "new_password"
    if account.totp_secret is None and visit.app.settings.second_factor & {role for role, _ in account.roles}:
        return "enrolment"
    return "full"


def let_in(visit: Visit, account: Account, stage: str, method: str = "password") -> Response:
    """Start a session with a new cookie, end the one before, and go on."""
    store, now, limits = visit.app.store, visit.app.services.now(), visit.app.settings.limits
    session = web_sessions.start(
        store,
        user_id=account.user_id,
        stage=stage,
        method=method,
        lifetime=limits.absolute if stage == "full" else HALF_WAY,
        limits=limits,
        address=visit.address,
        device=visit.request.headers.get("user-agent", ""),
        now=now,
        replaced=visit.session.session_id if visit.session else None,
    )
    if stage != "full":
        target = f"{visit.link('sign_in_step')}{query(visit)}"
        response = RedirectResponse(target, 303)
    else:
        by = audit.Actor(account.user_id, visit.address, now)
        audit.record(store, "signed_in", by, detail={"method": method})
        response = RedirectResponse(onward(visit) or visit.link("home"), 303)
        _remember(visit, account, response)
    set_cookie(response, visit.app.settings, cookie_name(visit.app.settings), session.token)
    return response


def leave(visit: Visit) -> Response:
    """End the session, whatever its stage."""
    if visit.session is not None:
        web_sessions.end(visit.app.store, visit.session.session_id)
        audited(visit, "signed_out")
    settings = visit.app.settings
    response = visit.go("sign_in")
    response.delete_cookie(cookie_name(settings), httponly=True, samesite="lax", secure=settings.secure)
    return response


def onward(visit: Visit) -> str:
    """Return the page to go on to: only an address of ours that answers a GET, else nothing."""
    asked = visit.fields.get("next") or visit.request.query_params.get("next", "")
    scope = {"type": "http", "path": asked, "method": "GET", "headers": []}
    ours = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isascii() and asked.isprintable()
    if ours and "?" not in asked and any(route.matches(scope)[0] is Match.FULL for route in visit.request.app.routes):
        return asked
    return ""


def query(visit: Visit) -> str:
    """Return the page to go on to as the query of a sign-in page."""
    target = onward(visit)
    return f"?next={target}" if target else ""


def refuse(visit: Visit, status: int, why: str) -> Response:
    """Show the sign-in page with a reason in words (an English message of the catalogue)."""
    return _page(visit, status, problem=visit.words.text(why))


def _page(visit: Visit, status: int, *, refused: bool = False, wait: int | None = None, problem: str = "") -> Response:
    provider = visit.app.settings.provider
    return visit.page(
        "sign_in.html.j2",
        status=status,
        next=onward(visit),
        refused=refused,
        wait=wait,
        login=visit.fields.get("login", ""),
        problem=problem,
        provider=provider.label if provider else None,
        query=query(visit),
    )


def _expired(visit: Visit, account: Account) -> bool:
    return account.one_time_until is not None and visit.app.services.now() >= account.one_time_until


def _counted(visit: Visit, account: Account | None) -> str:
    """Return whose failures these are: the account's, apart for a browser that it has signed in from before."""
    device = visit.request.cookies.get(DEVICE_COOKIE, "")
    if account is not None and sign_in_failures.knows_device(
        visit.app.store, account.user_id, device, visit.app.services.now()
    ):
        return f"{account.user_id} {device}"
    return account.user_id if account else visit.fields.get("login", "").strip().lower()


def _network(address: str) -> str:
    # Who has one IPv6 address has 2^64 of them.
    return ":".join(address.split(":")[:4]) if address.count(":") > 1 else address


def _remember(visit: Visit, account: Account, response: Response) -> None:
    token = visit.request.cookies.get(DEVICE_COOKIE, "")
    if len(token) < 32:
        token = secrets.token_urlsafe(32)
    sign_in_failures.remember_device(visit.app.store, account.user_id, token, visit.app.services.now())
    set_cookie(response, visit.app.settings, DEVICE_COOKIE, token, seconds=DEVICE_SECONDS)


ROWS = (
    Row("/sign-in", "sign_in", ask, ANYONE),
    Row("/sign-in", "sign_in_take", take, ANYONE, methods=("POST",), body_limit=8 * 1024),
    Row("/sign-out", "sign_out", leave, ANYONE, methods=("POST",)),
)

"""Signing in and out."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from reports.web import passwords
from reports.web.guard import cookie_name, set_cookie
from reports.web.row import ANYONE, HALF_SIGNED_IN, SIGNED_IN, Row
from reports.web.visit import Visit
from warehouse import accounts, web_sessions
from warehouse.accounts import Account


def ask(visit: Visit) -> Response:
    """Show the sign-in page; who is signed in already goes on."""
    if visit.session is not None and visit.session.stage == "full":
        return visit.go("home")
    return visit.page("sign_in.html.j2", next=onward(visit), refused=False, login="")


def take(visit: Visit) -> Response:
    """Check login and password."""
    login, password = visit.fields.get("login", "").strip(), visit.fields.get("password", "")
    account = accounts.by_login(visit.app.store, login)
    right = passwords.matches(account.password_hash if account else None, password)
    if account is None or not right or account.disabled_at is not None:
        return visit.page("sign_in.html.j2", status=401, next=onward(visit), refused=True, login=login)
    return let_in(visit, account, "full")


def let_in(visit: Visit, account: Account, stage: str) -> Response:
    """Start a session with a new cookie (the one before ends) and go on."""
    session = web_sessions.start(
        visit.app.store,
        user_id=account.user_id,
        stage=stage,
        method="password",
        limits=visit.app.settings.limits,
        address=visit.address,
        device=visit.request.headers.get("user-agent", ""),
        now=visit.app.services.now(),
        replaced=visit.session.session_id if visit.session else None,
    )
    response = RedirectResponse(onward(visit) or visit.link("home"), 303)
    set_cookie(response, visit.app.settings, cookie_name(visit.app.settings), session.token)
    return response


def step(visit: Visit) -> Response:
    """Show what is still due: second factor, enrolment or a new password."""
    return visit.go("home")


def leave(visit: Visit) -> Response:
    """End the session."""
    if visit.session is not None:
        web_sessions.end(visit.app.store, visit.session.session_id)
    response = visit.go("sign_in")
    response.delete_cookie(
        cookie_name(visit.app.settings), httponly=True, samesite="lax", secure=visit.app.settings.secure
    )
    return response


def onward(visit: Visit) -> str:
    """Return the page to go on to: only an address of ours that answers a GET, else nothing."""
    asked = visit.fields.get("next") or visit.request.query_params.get("next", "")
    scope = {"type": "http", "path": asked, "method": "GET", "headers": []}
    known = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable()
    if known and any(route.matches(scope)[0] is Match.FULL for route in visit.request.app.routes):
        return asked
    return ""


ROWS = (
    Row("/sign-in", "sign_in", ask, ANYONE),
    Row("/sign-in", "sign_in_take", take, ANYONE, methods=("POST",), body_limit=8 * 1024),
    Row("/sign-in/step", "sign_in_step", step, HALF_SIGNED_IN),
    Row("/sign-out", "sign_out", leave, SIGNED_IN, methods=("POST",)),
)

"""My account: password, second factor, sessions, colours."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from reports.language import message
from reports.web import passwords
from reports.web.row import SIGNED_IN, Row
from reports.web.sign_in_steps import enrolled, enrolment, refused_password
from reports.web.trail import audited
from reports.web.visit import Visit, missing
from warehouse import accounts, sign_in_failures, web_sessions
from warehouse.accounts import Account

THEMES = ("auto", "light", "dark")
DONE = {
    "password": message("Your password was changed. Your other sessions were ended."),
    "session": message("The session was ended."),
}


def show(visit: Visit) -> Response:
    """Show the account of the user."""
    return _page(visit, 200)


def change_password(visit: Visit) -> Response:
    """Change the password, given the present one."""
    account, store, now = _account(visit), visit.app.store, visit.app.services.now()
    counted = f"password of {account.user_id}"
    if sign_in_failures.wait(store, counted, visit.address, now) is not None:
        return _page(visit, 429, problem=visit.words.text("Too many attempts. Try again in a quarter of an hour."))
    if not passwords.matches(account.password_hash, visit.fields.get("present", "")):
        sign_in_failures.note(store, counted, visit.address, now)
        return _page(visit, 422, problem=visit.words.text("The present password is wrong."))
    problem = refused_password(visit, account)
    if problem is not None:
        return _page(visit, 422, problem=problem)
    kept = visit.session.session_id if visit.session else ""
    hashed = passwords.hashed(visit.fields["new"])
    accounts.set_password(store, account.user_id, hashed, one_time_until=None, by=visit.actor, kept=kept)
    return RedirectResponse(f"{visit.link('account')}?done=password", 303)


def show_enrolment(visit: Visit) -> Response:
    """Show a new secret for a second factor."""
    return visit.page("second_factor.html.j2", problem="", enrolment=enrolment(visit))


def enrol(visit: Visit) -> Response:
    """Set up the second factor; the present password is asked for, as a stolen session must not suffice."""
    account = _account(visit)
    if not passwords.matches(account.password_hash, visit.fields.get("present", "")):
        problem: str | None = visit.words.text("The present password is wrong.")
    else:
        problem = enrolled(visit, account)
    if problem is not None:
        return visit.page("second_factor.html.j2", status=422, problem=problem, enrolment=enrolment(visit))
    web_sessions.end_all(visit.app.store, account.user_id, visit.session.session_id if visit.session else "")
    return visit.go("account_recovery")


def end_session(visit: Visit) -> Response:
    """End one of the user's own sessions."""
    wanted = visit.fields.get("session", "")
    limits, now = visit.app.settings.limits, visit.app.services.now()
    own = {each.session_id for each in web_sessions.listed(visit.app.store, limits, now, visit.who.user_id)}
    if wanted not in own:
        raise missing()
    web_sessions.end(visit.app.store, wanted)
    audited(visit, "session_ended", about=visit.who.user_id)
    return RedirectResponse(f"{visit.link('account')}?done=session", 303)


def choose_theme(visit: Visit) -> Response:
    """Keep the colours."""
    theme = visit.fields.get("theme", "")
    if theme in THEMES:
        accounts.set_theme(visit.app.store, visit.who.user_id, theme)
    return visit.go("account")


def _account(visit: Visit) -> Account:
    account = accounts.by_id(visit.app.store, visit.who.user_id)
    if account is None:
        raise missing()
    return account


def _page(visit: Visit, status: int, problem: str = "") -> Response:
    limits, now = visit.app.settings.limits, visit.app.services.now()
    done = DONE.get(visit.request.query_params.get("done", ""), "")
    return visit.page(
        "account.html.j2",
        status=status,
        account=_account(visit),
        sessions=web_sessions.listed(visit.app.store, limits, now, visit.who.user_id),
        problem=problem,
        done=visit.words.text(done) if done else "",
        themes=THEMES,
    )


ROWS = (
    Row("/account", "account", show, SIGNED_IN),
    Row("/account/password", "account_password", change_password, SIGNED_IN, methods=("POST",), body_limit=8 * 1024),
    Row("/account/second-factor", "account_second_factor", show_enrolment, SIGNED_IN),
    Row("/account/second-factor", "account_enrol", enrol, SIGNED_IN, methods=("POST",), body_limit=8 * 1024),
    Row("/account/session", "account_session", end_session, SIGNED_IN, methods=("POST",)),
    Row("/account/theme", "account_theme", choose_theme, SIGNED_IN, methods=("POST",)),
)

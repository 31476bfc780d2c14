"""What may be due after the password: the second factor, a password of one's own, enrolment of a second factor."""

from __future__ import annotations

from starlette.responses import Response

from reports.web import passwords, recovery, second_factor, sign_in
from reports.web.row import HALF_SIGNED_IN, Row
from reports.web.sign_in import onward
from reports.web.trail import audited
from reports.web.visit import Visit, missing
from warehouse import accounts, sign_in_failures, web_sessions
from warehouse.accounts import Account


def show(visit: Visit) -> Response:
    """Show the step that is due."""
    return _page(visit, 200)


def take(visit: Visit) -> Response:
    """Take the step that is due."""
    if visit.session is None:
        raise missing()
    return {"second_factor": _code, "new_password": _password, "enrolment": _enrol}[visit.session.stage](visit)


def _code(visit: Visit) -> Response:
    account, store, now = _account(visit), visit.app.store, visit.app.services.now()
    counted = f"code of {account.user_id}"
    wait = sign_in_failures.wait(store, counted, visit.address, now)
    if wait is not None:
        web_sessions.end(store, visit.session.session_id if visit.session else "")
        return visit.go("sign_in")
    if not _right(visit, account):
        sign_in_failures.note(store, counted, visit.address, now)
        audited(visit, "signed_in", about=account.user_id, outcome=4, step="second_factor")
        return _page(
            visit, 401, problem=visit.words.text("This code is wrong, or was used already. Wait for the next one.")
        )
    sign_in_failures.clear(store, counted)
    return sign_in.let_in(visit, account, sign_in.due(visit, account, second_factor_given=True))


def _right(visit: Visit, account: Account) -> bool:
    if "recovery" in visit.fields:
        return recovery.accepted(visit, account.user_id, visit.fields["recovery"])
    now = visit.app.services.now()
    return second_factor.accepted(visit.app.store, visit.app.settings.key, account, visit.fields.get("code", ""), now)


def _password(visit: Visit) -> Response:
    account = _account(visit)
    problem = refused_password(visit, account)
    if problem is not None:
        return _page(visit, 422, problem=problem)
    hashed = passwords.hashed(visit.fields["new"])
    accounts.set_password(
        visit.app.store,
        account.user_id,
        hashed,
        one_time_until=None,
        by=visit.actor,
        kept=visit.session.session_id if visit.session else "",
    )
    return _further(visit)


def _enrol(visit: Visit) -> Response:
    account = _account(visit)
    problem = enrolled(visit, account)
    if problem:
        return _page(visit, 422, problem=problem)
    further = _further(visit)
    further.headers["location"] = visit.link("account_recovery")
    return further


def _further(visit: Visit) -> Response:
    account = _account(visit)
    return sign_in.let_in(visit, account, sign_in.due(visit, account, second_factor_given=True))


def refused_password(visit: Visit, account: Account) -> str | None:
    """Return what is wrong with the new password of the form, or None."""
    new = visit.fields.get("new", "")
    if new != visit.fields.get("again", ""):
        return visit.words.text("The two passwords differ.")
    if passwords.matches(account.password_hash, new):
        return visit.words.text("Choose a password other than the present one.")
    weak = passwords.weakness(new, account.login, account.name)
    return visit.words.text(weak) if weak else None


def enrolled(visit: Visit, account: Account) -> str | None:
    """Enrol the second factor of the form, once its code is right; return what is wrong, or None."""
    secret = visit.unseal("totp", visit.fields.get("secret", ""))
    step = second_factor.matching_step(secret, visit.fields.get("code", ""), visit.app.services.now())
    if step is None:
        return visit.words.text("This code is wrong. Check the clock of your phone, then enter the next code.")
    locked = second_factor.locked(visit.app.settings.key, account.user_id, secret)
    accounts.set_totp(visit.app.store, account.user_id, locked, step=step, by=visit.actor)
    return None


def enrolment(visit: Visit) -> dict[str, object]:
    """Return what a page needs to enrol a second factor: a secret (the form's own, when it comes back), its picture."""
    given = visit.fields.get("secret")
    secret = visit.unseal("totp", given) if given else second_factor.new_secret()
    groups = " ".join(secret[index : index + 4] for index in range(0, len(secret), 4))
    return {
        "sealed": visit.seal("totp", secret),
        "groups": groups,
        "picture": second_factor.picture(secret, visit.who.login),
    }


def _account(visit: Visit) -> Account:
    account = accounts.by_id(visit.app.store, visit.who.user_id)
    if account is None:
        raise missing()
    return account


def _page(visit: Visit, status: int, problem: str = "") -> Response:
    stage = visit.session.stage if visit.session else ""
    return visit.page(
        "sign_in_step.html.j2",
        status=status,
        stage=stage,
        problem=problem,
        next=onward(visit),
        enrolment=enrolment(visit) if stage == "enrolment" else None,
    )


ROWS = (
    Row("/sign-in/step", "sign_in_step", show, HALF_SIGNED_IN),
    Row("/sign-in/step", "sign_in_step_take", take, HALF_SIGNED_IN, methods=("POST",), body_limit=8 * 1024),
)

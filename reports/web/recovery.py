"""Recovery codes of one's second factor: made and shown once on a page of the account."""

from __future__ import annotations

from starlette.responses import Response

from reports.web import passwords
from reports.web.row import SIGNED_IN, Row
from reports.web.visit import Visit, missing
from warehouse import accounts, recovery_codes, sign_in_failures

CODES = 10


def show(visit: Visit) -> Response:
    """Say what recovery codes are for, and how many are left."""
    return _page(visit, 200)


def make(visit: Visit) -> Response:
    """Make new codes, given the password, and show them this once."""
    store, user_id, now = visit.app.store, visit.who.user_id, visit.app.services.now()
    account = accounts.by_id(store, user_id)
    if account is None or account.totp_secret is None:
        raise missing()
    counted = f"password of {user_id}"
    if sign_in_failures.wait(store, counted, visit.address, now) is not None:
        return _page(visit, 429, problem=visit.words.text("Too many attempts. Try again in a quarter of an hour."))
    if not passwords.matches(account.password_hash, visit.fields.get("present", "")):
        sign_in_failures.note(store, counted, visit.address, now)
        return _page(visit, 422, problem=visit.words.text("The present password is wrong."))
    codes = [passwords.recovery_code() for _ in range(CODES)]
    recovery_codes.replace(store, user_id, [passwords.hashed(code) for code in codes], visit.actor)
    return _page(visit, 200, codes=[f"{place}-{code}" for place, code in enumerate(codes, 1)])


def accepted(visit: Visit, user_id: str, given: str) -> bool:
    """Tell whether this is a recovery code of the account that was not used, and use it up."""
    number, _, code = given.strip().partition("-")
    place = int(number) if number.isdecimal() and len(number) < 3 else 0
    kept = recovery_codes.left(visit.app.store, user_id).get(place)
    right = passwords.matches(kept, code)
    return bool(kept and right) and recovery_codes.use(visit.app.store, user_id, place, str(kept), visit.actor)


def _page(visit: Visit, status: int, problem: str = "", codes: list[str] | None = None) -> Response:
    account = accounts.by_id(visit.app.store, visit.who.user_id)
    return visit.page(
        "recovery.html.j2",
        status=status,
        problem=problem,
        codes=codes,
        left=len(recovery_codes.left(visit.app.store, visit.who.user_id)),
        enrolled=account is not None and account.totp_secret is not None,
    )


ROWS = (
    Row("/account/recovery", "account_recovery", show, SIGNED_IN),
    Row("/account/recovery", "account_recovery_make", make, SIGNED_IN, methods=("POST",), body_limit=8 * 1024),
)

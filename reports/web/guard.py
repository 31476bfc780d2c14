"""The guard: lets a request through to its page, or answers in its stead. Default deny.

It reads the form within its size, finds the session, compares roles and site with the route's row,
and demands the anti-forgery value of every request that changes something.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import PurePath
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reports.language import LOCALES, Language, language
from reports.web import user as users
from reports.web.row import ANYONE, HALF_SIGNED_IN, SIGNED_IN, Row
from reports.web.settings import SiteInfo, WebSettings
from reports.web.traffic import ROUTE
from reports.web.user import User
from reports.web.visit import Application, Visit, csrf
from warehouse import accounts, web_sessions
from warehouse.errors import WarehouseError
from warehouse.web_sessions import WebSession

LOG = logging.getLogger("bilan.web")

SAFE = ("GET", "HEAD")
FORM = "application/x-www-form-urlencoded"
FIELDS_LIMIT = 1000
VISITOR_COOKIE = "bilan-visitor"  # before signing in: binds the sign-in form to this browser
LANGUAGE_COOKIE = "bilan-language"


def cookie_name(settings: WebSettings) -> str:
    """Return the name of the session's cookie; browsers hold ``__Host-`` to this host and to TLS."""
    return "__Host-bilan" if settings.secure else "bilan"


def set_cookie(response: Response, settings: WebSettings, name: str, value: str, *, seconds: int | None = None) -> None:
    """Set a cookie that scripts cannot read and other sites' forms do not send; by default it ends with the browser."""
    # Not `strict`: a link in the PACS or the way back from the identity provider must find the session.
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=settings.secure, path="/")


def guarded(app: Application, row: Row) -> Callable[[Request], Awaitable[Response]]:
    """Return the ASGI answer of a row: its page function behind the guard."""

    async def answer(request: Request) -> Response:
        request.scope[ROUTE] = row.name
        body = b"" if request.method in SAFE else await _body(request, row.body_limit)
        try:
            return await run_in_threadpool(_answer, app, row, request, body)
        except HTTPException:
            raise
        except WarehouseError as error:
            LOG.warning("%s: %s", row.name, type(error).__name__)
            raise HTTPException(503) from None
        except Exception as error:  # noqa: BLE001 - its text could hold a field's value: only the place is noted
            LOG.error("%s: %s at %s", row.name, type(error).__name__, _place(error))  # noqa: TRY400
            raise HTTPException(500) from None

    return answer


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " < ".join(f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))


async def _body(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > limit:
        raise HTTPException(413)
    whole = bytearray()
    async for piece in request.stream():
        whole += piece
        if len(whole) > limit:
            raise HTTPException(413)
    return bytes(whole)


def _answer(app: Application, row: Row, request: Request, body: bytes) -> Response:
    now = app.services.now()
    session, user = _session(app, request, now, passive=row.passive)
    visitor = request.cookies.get(VISITOR_COOKIE, "")
    fresh = "" if session or len(visitor) >= 32 else secrets.token_urlsafe(32)
    secret = session.token if session else visitor or fresh
    refused = _refusal(row, request, session, user)
    lists = _fields(request, body)
    visit = Visit(
        request=request,
        app=app,
        words=words_of(request, user),
        secret=secret,
        user=user,
        session=session,
        site=_site(app, row, request, user),
        fields={name: values[-1] for name, values in lists.items()},
        lists=lists,
        body=body,
        part=row.part or row.name,
    )
    if refused is not None:
        return refused
    if request.method not in SAFE:
        _demand_csrf(visit)
    response = row.answer(visit)
    if fresh and row.who == ANYONE:
        set_cookie(response, app.settings, VISITOR_COOKIE, fresh)
    return response


def _session(
    app: Application, request: Request, now: datetime, *, passive: bool
) -> tuple[WebSession | None, User | None]:
    token = request.cookies.get(cookie_name(app.settings), "")
    if not token:
        return None, None
    session = web_sessions.find(app.store, token, app.settings.limits, now, used=not passive)
    account = accounts.by_id(app.store, session.user_id) if session else None
    if session is None or account is None or account.disabled_at is not None:
        return None, None
    return session, users.of_account(account, tuple(info.site for info in app.settings.sites))


def _refusal(row: Row, request: Request, session: WebSession | None, user: User | None) -> Response | None:
    """Return the answer to a request that its row does not allow."""
    if row.who == ANYONE:
        return None
    if session is None or user is None:
        return _to_sign_in(request, request.app.url_path_for("sign_in"))
    if row.who == HALF_SIGNED_IN:
        return None if session.stage != "full" else _to_sign_in(request, request.app.url_path_for("home"))
    if session.stage != "full":
        return _to_sign_in(request, request.app.url_path_for("sign_in_step"))
    if row.who == SIGNED_IN:
        return None
    assert not isinstance(row.who, str)  # noqa: S101 - the words above are all there are
    site = request.path_params.get("site")
    if not user.may(row.who, site):
        # Whether another site or its object exists is nobody's business.
        raise HTTPException(404 if site is not None else 403)
    return None


def _to_sign_in(request: Request, target: str) -> Response:
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": target})
    back = request.url.path if request.method == "GET" else ""
    return RedirectResponse(f"{target}?next={quote(back, safe='')}" if back not in ("", "/") else target, 303)


def _demand_csrf(visit: Visit) -> None:
    given = visit.request.headers.get("x-csrf-token") or visit.fields.get("csrf", "")
    origin = visit.request.headers.get("sec-fetch-site", "same-origin")
    if origin not in ("same-origin", "none") or not hmac.compare_digest(given.encode(), csrf(visit.secret).encode()):
        raise HTTPException(403)


def _fields(request: Request, body: bytes) -> dict[str, list[str]]:
    if not body:
        return {}
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != FORM:
        raise HTTPException(415)
    try:
        return parse_qs(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_LIMIT)
    except ValueError:
        raise HTTPException(400) from None


def _site(app: Application, row: Row, request: Request, user: User | None) -> SiteInfo | None:
    name = request.path_params.get("site")
    if name is None or user is None:
        return None
    return next((info for info in app.settings.sites if info.site == name), None)


def words_of(request: Request, user: User | None) -> Language:
    """Return the language of a request: the user's, else the chosen one, else what the browser asks for."""
    if user is not None:
        return language(user.language)
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LOCALES:
        return language(chosen)
    asked = [part.split(";")[0].strip()[:2].lower() for part in request.headers.get("accept-language", "").split(",")]
    return language(next((code for code in asked if code in LOCALES), "fr"))

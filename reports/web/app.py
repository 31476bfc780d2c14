"""`create`: the web application, from its settings and what the shell lends it."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response

from reports.language import Language, message
from reports.web import menu, routes, second_factor
from reports.web.guard import words_of
from reports.web.headers import Headers
from reports.web.settings import Services, WebSettings
from reports.web.traffic import Traffic
from reports.web.visit import Application, Visit
from warehouse.app_store import AppStore
from warehouse.connect import HUB
from warehouse.published import Published

_ERRORS = {
    400: (message("The request cannot be understood"), message("Go back and try again.")),
    403: (
        message("Not allowed"),
        message("Your roles do not include this page, or the form was open for too long. Go back and try again."),
    ),
    404: (message("Not found"), message("This page does not exist, or it is not yours to see.")),
    405: (message("Not allowed"), message("This address cannot be used this way.")),
    413: (message("Too large"), message("More was sent than this page takes.")),
    415: (message("The request cannot be understood"), message("Go back and try again.")),
    429: (message("Too many requests"), message("Wait a moment, then try again.")),
    503: (
        message("Not available"),
        message("Nothing has been published yet, or the data are being brought up to date. Try again soon."),
    ),
}
_UNKNOWN = (message("Something went wrong"), message("It was noted. Try again; if it stays, tell your administrator."))


def explained(status: int, words: Language) -> tuple[str, str]:
    """Return what an HTTP status means for a reader, and what to do."""
    title, advice = _ERRORS.get(status, _UNKNOWN)
    return words.text(title), words.text(advice)


def create(settings: WebSettings, services: Services) -> Starlette:
    """Return the application; its database is made, or brought to this version, first."""
    store = AppStore(settings.app_store)
    store.migrate()
    if second_factor.lock_all(store, settings.key):
        store.compact()  # the plain ones are in no free page nor in the log
    hub = Published(settings.hub, HUB) if settings.hub else None
    app = Application(
        settings,
        services,
        store,
        menu.of(routes.rows()),
        Published(settings.published),
        {row.name: row.path for row in routes.rows()},
        hub,
    )

    def failed(request: Request, error: Exception) -> Response:
        """Say in one page what went wrong; never what was asked for."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        visit = Visit(request=request, app=app, words=words_of(request, None), secret="")
        headers = dict(getattr(error, "headers", None) or {})
        title, advice = explained(status, visit.words)
        page = visit.page("error.html.j2", status=status, code=status, title=title, advice=advice)
        page.headers.update(headers)
        return page

    return Starlette(
        routes=routes.routes(app),
        middleware=[
            Middleware(Headers, secure=settings.secure),
            Middleware(Traffic),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(settings.hosts)),
        ],
        exception_handlers={HTTPException: failed, 500: failed},
    )

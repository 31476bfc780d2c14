"""The hub's other door: sites' machines put their bundles, and nobody signs in. A signature opens it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from reports.language import language
from reports.refusals import refusal
from reports.web.headers import Headers
from reports.web.settings import WebSettings
from reports.web.traffic import ROUTE, Traffic
from warehouse.bundle_file import LIMIT

Take = Callable[[bytes], str | None]
# What was taken before is no failure: the site may have missed our answer.
STATUS = {None: 200, "REPLAYED": 208, "TOO_LARGE": 413}


def with_bundles(application: Starlette, settings: WebSettings, take: Take) -> Starlette:
    """Return the application with ``PUT /bundles/<name>`` beside it.

    `take` gets the content and returns None, or the code of the refusal, which goes into the header
    ``Bilan-Refusal``. The name in the address is nobody's business: what counts is what was signed.
    """

    async def put(request: Request) -> Response:
        request.scope[ROUTE] = "bundle"
        content = bytearray()
        async for piece in request.stream():
            content += piece
            if len(content) > LIMIT:
                return _answer("TOO_LARGE")
        return _answer(await run_in_threadpool(take, bytes(content)))

    door = Starlette(
        routes=[Route("/{name}", put, methods=["PUT"])],
        middleware=[
            Middleware(Headers, secure=settings.secure),
            Middleware(Traffic),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(settings.hosts)),
        ],
    )
    return Starlette(routes=[Mount("/bundles", door), Mount("/", application)])


def _answer(reason: str | None) -> Response:
    sentence = "Taken." if reason is None else refusal(language("en"), reason)
    headers = {} if reason is None else {"Bilan-Refusal": reason}
    return PlainTextResponse(sentence + "\n", STATUS.get(reason, 409), headers=headers)

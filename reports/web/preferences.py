"""What a user may set: language and colours."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from reports.language import LOCALES
from reports.web.guard import LANGUAGE_COOKIE, set_cookie
from reports.web.row import ANYONE, Row
from reports.web.sign_in import onward
from reports.web.visit import Visit
from warehouse import accounts


def choose_language(visit: Visit) -> Response:
    """Keep the language: of the account, or of this browser before signing in."""
    chosen = visit.fields.get("language", "")
    response = RedirectResponse(onward(visit) or visit.link("home"), 303)
    if chosen in LOCALES:
        if visit.user is not None:
            accounts.set_language(visit.app.store, visit.user.user_id, chosen)
        set_cookie(response, visit.app.settings, LANGUAGE_COOKIE, chosen)
    return response


ROWS = (Row("/language", "language", choose_language, ANYONE, methods=("POST",)),)

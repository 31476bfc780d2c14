"""One request as a page function sees it: who asks, in which language, with which fields; and the answers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from reports import pages
from reports.language import Language
from reports.web import sealed, static
from reports.web.settings import Services, SiteInfo, WebSettings
from reports.web.user import User
from warehouse.app_store import AppStore
from warehouse.audit import Actor
from warehouse.published import Published
from warehouse.web_sessions import WebSession

if TYPE_CHECKING:
    from reports.web.menu import Menu


@dataclass(frozen=True, slots=True)
class Application:
    """What all requests share."""

    settings: WebSettings
    services: Services
    store: AppStore
    menu: Menu
    published: Published
    paths: Mapping[str, str]
    hub: Published | None = None
    kept: dict[Any, Any] = field(default_factory=dict)
    """What was computed of the hub's last publication."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the navigation, as the page shows it."""

    name: str
    href: str
    message: str
    current: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, already let in by the guard.

    `user` and `session` are None on pages that anyone may see. `fields` are those of the form, last
    value wins; `lists` has all values. `site` is that of the address.
    """

    request: Request
    app: Application
    words: Language
    secret: str
    user: User | None = None
    session: WebSession | None = None
    site: SiteInfo | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, list[str]] = field(default_factory=dict)
    body: bytes = b""
    part: str = ""

    @property
    def settled(self) -> bool:
        """Whether the user is signed in with all that is asked for."""
        return self.session is not None and self.session.stage == "full"

    @property
    def theme(self) -> str:
        """Colours: auto, light or dark."""
        return self.user.theme if self.user else "auto"

    @property
    def entries(self) -> list[Link]:
        """The navigation of this user."""
        found = self.app.menu.of(self.who, self.site.site if self.site else None)
        return [
            Link(
                entry.name,
                self.link(entry.name, **({"site": entry.site} if entry.site else {})),
                entry.message,
                entry.name == self.part,
            )
            for entry in found
        ]

    @property
    def neighbours(self) -> list[tuple[SiteInfo, str]]:
        """The sites at which this user may see this part of the application, with its address there."""
        row = next((row for row in self.app.menu.rows if row.name == self.part and "{site}" in row.path), None)
        if row is None:
            return []
        sites = self.who.sites(*row.who)
        return [(self.app.settings.site(site), self.link(row.name, site=site)) for site in sites]

    @property
    def who(self) -> User:
        """The user, on pages that only those signed in may see."""
        if self.user is None:
            raise HTTPException(404)
        return self.user

    @property
    def here(self) -> SiteInfo:
        """The site of the address, on pages that have one."""
        if self.site is None:
            raise HTTPException(404)
        return self.site

    @property
    def partial(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def address(self) -> str:
        """Where the request comes from (of the client, where a trusted proxy says so)."""
        return self.request.client.host if self.request.client else ""

    @property
    def actor(self) -> Actor:
        """The user as the audit trail names who does something."""
        user_id, site = self.user.user_id if self.user else "", self.site.site if self.site else ""
        return Actor(user_id, self.address, self.app.services.now(), site)

    @property
    def time_zone(self) -> str:
        """The time zone of the page's site, else of the user's first one."""
        site = self.site or next((self.app.settings.site(name) for name in self.who.sites()), None)
        return site.time_zone if site else "UTC"

    @property
    def csrf(self) -> str:
        """What each form and each htmx request must bring along; bound to the cookie."""
        return csrf(self.secret)

    def link(self, name: str, /, **params: Any) -> str:
        """Return the address of a route by its name, without host."""
        # Starlette would look through all routes for each of a list's hundreds of links.
        return self.app.paths[name].format(**params)

    def seal(self, kind: str, thing: str) -> str:
        """Return a pseudonym as an opaque part of an address, for this session; an image's for a short time."""
        return sealed.seal(self.secret, kind, thing, self.app.services.now())

    def unseal(self, kind: str, text: str) -> str:
        """Return what such a part stands for; not found if it is forged, another session's or too old."""
        thing = sealed.unseal(self.secret, kind, text, self.app.services.now())
        if thing is None:
            raise missing()
        return thing

    def moment(self, moment: datetime | None) -> str:
        """Return a time in the reader's time zone."""
        return self.words.moment(moment, self.time_zone, "day_time")

    def page(self, template: str, /, status: int = 200, **context: object) -> HTMLResponse:
        """Return a page made from ``templates/web/<template>``."""
        text = pages.page(self.words, f"web/{template}", visit=self, static=static.address, **context)
        return HTMLResponse(text, status_code=status)

    def go(self, name: str, /, **params: Any) -> Response:
        """Send the browser to another page, by GET."""
        return RedirectResponse(self.link(name, **params), status_code=303)


def csrf(secret: str) -> str:
    """Return the anti-forgery value of a cookie: only who can read our pages knows it."""
    return hmac.new(secret.encode(), b"bilan csrf", hashlib.sha256).hexdigest()


def missing() -> HTTPException:
    """Return the answer to an object that does not exist, or that is not the user's to see."""
    return HTTPException(404)

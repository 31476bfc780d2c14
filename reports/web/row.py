"""A row of the route table: an address, who may ask for it, how, and the function that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from reports.web.visit import Visit

ANYONE = "anyone"
"""Also before signing in."""
HALF_SIGNED_IN = "half_signed_in"
"""After the password, while a second factor or a new password is due."""
SIGNED_IN = "signed_in"
"""Whatever the role."""

BODY_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One route.

    Nobody but `who` gets an answer other than 403 or 404; an address with ``{site}`` is answered
    only to those who have one of the roles there.

    `passive` pages are fetched by a timer: they do not keep a session alive. `menu` is the English
    message under which the page stands in the navigation; `part` is the name of the navigation's
    row that a page below it belongs to.
    """

    path: str
    name: str
    answer: Callable[[Visit], Response]
    who: str | frozenset[str]
    methods: tuple[str, ...] = ("GET",)
    menu: str | None = None
    part: str = ""
    passive: bool = False
    body_limit: int = BODY_LIMIT

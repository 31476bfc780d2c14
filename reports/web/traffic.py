"""How much one address may ask for, and the access log: what was asked, never by whom nor about whom."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("bilan.access")
ROUTE = "bilan.route"
"""Key of the scope under which the guard notes the route's name."""
# A list of 2,000 cases loads its pictures as one scrolls; a reading room may share one address.
BURST = 1500.0
PER_SECOND = 100.0
ADDRESSES = 10_000


@dataclass
class Buckets:
    """A token bucket for each address; those long full are forgotten."""

    clock: Callable[[], float] = time.monotonic
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, address: str) -> bool:
        """Take one request of this address; False if it has asked for too much."""
        now = self.clock()
        with self._lock:
            left, since = self._left.get(address, (BURST, now))
            left = min(BURST, left + (now - since) * PER_SECOND)
            if len(self._left) >= ADDRESSES:
                self._left = {each: kept for each, kept in self._left.items() if now - kept[1] < BURST / PER_SECOND}
            self._left[address] = (max(0.0, left - 1), now)
            return left >= 1


class Traffic:
    """ASGI middleware: limits each address, and writes one line for each answer.

    The line has method, route (its name, not the address asked for), status, bytes and milliseconds:
    no address, no user, no identifier, no query.
    """

    def __init__(self, app: ASGIApp, *, buckets: Buckets | None = None) -> None:
        self.app = app
        self.buckets = buckets or Buckets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, size = time.perf_counter(), 500, 0

        async def counting(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        client = scope.get("client")
        if self.buckets.take(client[0] if client else ""):
            await self.app(scope, receive, counting)
        else:
            refusal = PlainTextResponse("Too many requests. Wait a moment.\n", 429, headers={"Retry-After": "5"})
            await refusal(scope, receive, counting)
        taken = 1000 * (time.perf_counter() - started)
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST") else "other"
        LOG.info("%s %s %d %d B %.0f ms", method, scope.get(ROUTE, "-"), status, size, taken)

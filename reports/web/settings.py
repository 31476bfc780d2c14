"""What the web application is told when it starts, and what it is lent by the shell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from warehouse.web_sessions import Limits


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """One site of this installation, as its file says."""

    site: str
    name: str
    language: str
    time_zone: str
    pacs_link: str | None = None


LIMITS = Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=12))


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Settings of the application.

    `secure`: the browser reaches us by TLS, ours or the proxy's. `hosts`: host names that we answer
    to. `second_factor`: the roles that must have one.
    """

    app_store: Path
    published: Path
    identified: Path
    issued: Path
    sites: tuple[SiteInfo, ...]
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    secure: bool = False
    limits: Limits = LIMITS
    second_factor: frozenset[str] = frozenset()
    demonstration: bool = False

    def site(self, name: str) -> SiteInfo:
        """Return one site's facts."""
        return next(info for info in self.sites if info.site == name)


def _clock() -> datetime:
    return datetime.now(UTC)


def _no_image(site: str, instance_uid: str) -> bytes | None:
    return None


def _nothing(*_: object) -> list[dict[str, Any]]:
    return []


def _today(site: str) -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Services:
    """What `pipelines.serve` lends: the web application imports neither pixels nor Dagster.

    Each is a plain function; the defaults know nothing, for tests that need no more.
    """

    now: Callable[[], datetime] = _clock
    today: Callable[[str], date] = _today
    """(site): the site's local date of the last night's list."""
    picture: Callable[[str, str], bytes | None] = _no_image
    """(site, instance pseudonym): the image as an 8-bit grey PNG, or None."""
    doctor: Callable[[], Sequence[dict[str, Any]]] = field(default=_nothing)
    """Examinations with name, ok, found and remedy."""
    runs: Callable[[], Sequence[dict[str, Any]]] = field(default=_nothing)
    """The scheduler's last runs."""

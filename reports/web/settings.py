"""What the web application is told when it starts, and what it is lent by the shell."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.web_sessions import Limits

if TYPE_CHECKING:
    from reports.monthly import Composition


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """One site of this installation, as its file says."""

    site: str
    name: str
    language: str
    time_zone: str
    pacs_link: str | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """The hospital's OpenID Connect provider.

    `roles` gives pairs of role and site for each value of `roles_claim`; empty: the account's own stand.
    `public_address` is where browsers find us, without a slash at its end.
    """

    issuer: str
    client_id: str
    client_secret: str
    public_address: str
    label: str = "SSO"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    login_claim: str = "email"
    roles_claim: str = "groups"
    roles: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)


LIMITS = Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=12))


@dataclass(frozen=True, slots=True)
class Pixels:
    """One image for the viewer: `head` says how to read and window what `compressed` (gzip) holds.

    `head` has rows, columns, bits (8 or 16, little-endian), low, high (the window at first), slope,
    intercept (to the units of the modality LUT, or None), photometric, spacing, spacing_at.
    """

    head: Mapping[str, Any]
    compressed: bytes


@dataclass(frozen=True, slots=True)
class ReportText:
    """A report as the radiologist wrote it; ``text[start:end]`` is the deciding sentence, where there is one."""

    text: str
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Settings of the application.

    `secure`: the browser reaches us by TLS, ours or the proxy's. `hosts`: host names that we answer
    to. `second_factor`: the roles that must have one. `key` (32 bytes, kept outside the database) encrypts
    the secrets of second factors and the tickets of verdicts; without one, one of this process is made. `hub` is the
    published copy of the hub's aggregates, where this machine is one; `model_versions` were released, oldest first.
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
    provider: Provider | None = None
    hub: Path | None = None
    model_versions: tuple[str, ...] = ()
    key: bytes = field(default_factory=partial(secrets.token_bytes, 32), repr=False)

    def site(self, name: str) -> SiteInfo:
        """Return one site's facts."""
        return next(info for info in self.sites if info.site == name)


def _clock() -> datetime:
    return datetime.now(UTC)


def _no_image(site: str, instance_uid: str) -> bytes | None:
    return None


def _no_pixels(site: str, study_uid: str, instance_uid: str) -> Pixels | None:
    return None


def _no_text(site: str, message_id: str) -> ReportText | None:
    return None


def _no_links(site: str, study_uids: Sequence[str]) -> Mapping[str, str]:
    return {}


def _no_month(site: str, month: str, language: str) -> None:
    return None


def _nothing_chosen(site: str) -> Mapping[str, Any]:
    return {"sections": [], "blocks": {}, "accent": "#0b6e75", "language": None, "turnaround_hours": 24.0}


def _no_problems(site: str, choice: Mapping[str, Any]) -> Sequence[str]:
    return ()


def _no_preview(site: str, month: str, choice: Mapping[str, Any]) -> None:
    return None


def _no_retry(site: str, content_id: str) -> str:
    return "gone"


def _no_reason(code: str, language: str) -> str:
    return code


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
    thumbnail: Callable[[str, str], bytes | None] = _no_image
    """(site, instance pseudonym): the image as a small 8-bit grey PNG, or None."""
    heat: Callable[[str, str], bytes | None] = _no_image
    """(site, instance pseudonym): the model's map, a grey PNG to stretch over the image, or None."""
    pixels: Callable[[str, str, str], Pixels | None] = _no_pixels
    """(site, study pseudonym, instance pseudonym): the image in full size and depth, or None."""
    report_text: Callable[[str, str], ReportText | None] = _no_text
    """(site, message pseudonym): what the radiologist wrote, or None."""
    links: Callable[[str, Sequence[str]], Mapping[str, str]] = _no_links
    """(site, study pseudonyms): the PACS viewer's address of each, where it is known."""
    month: Callable[[str, str, str], Composition | None] = _no_month
    """(site, month, language): the report of the month before its charts are drawn, or None."""
    report_chosen: Callable[[str], Mapping[str, Any]] = _nothing_chosen
    """(site): what is in force of the site's report: sections, blocks, accent, language, turnaround_hours."""
    report_problems: Callable[[str, Mapping[str, Any]], Sequence[str]] = _no_problems
    """(site, choice): the names of what cannot be used of it."""
    report_preview: Callable[[str, str, Mapping[str, Any]], Composition | None] = _no_preview
    """(site, month, choice): the report as the choice would make it, or None."""
    reason: Callable[[str, str], str] = _no_reason
    """(reason code, language): the sentence for people."""
    retry: Callable[[str, str], str] = _no_retry
    """(site, content pseudonym): read a refused file again; accepted, refused, busy or gone."""
    doctor: Callable[[], Sequence[dict[str, Any]]] = field(default=_nothing)
    """Examinations with name, ok, found and remedy."""
    runs: Callable[[], Sequence[dict[str, Any]]] = field(default=_nothing)
    """The scheduler's last runs."""

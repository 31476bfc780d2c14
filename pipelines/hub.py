"""The hub on this machine: made, told of its sites, given their bundles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines import users
from pipelines.config import Config
from pipelines.config_hub import Hub, hub_published, hub_store, opening_key
from pipelines.errors import BilanError
from warehouse import bundle_file, hub_import, hub_sites, portfolio_notes, publish, signature, status
from warehouse.bundle_file import LIMIT, Bundle, BundleFileError
from warehouse.connect import HUB, reader, writer
from warehouse.hub_import import Outcome, Rules
from warehouse.hub_sites import PartnerSite


class CardError(BilanError):
    """The file is no site's card: make it there with `bilan export --site S --card`."""


class HubError(BilanError):
    """The hub is not made yet, or does not know the site: see the text."""


class _Card(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    site: Annotated[str, Field(pattern="^[a-z0-9-]{1,41}$")]
    name: Annotated[str, Field(min_length=1, max_length=120)]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    language: Literal["fr", "en"]
    sector: Literal["public", "private"]
    contract_studies_per_month: Annotated[int, Field(ge=0, le=10**7)] | None
    since: date | None
    key: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    fingerprint: str


def init(config: Config) -> str:
    """Make the hub's database and key; return the public key that sites may seal their bundles to."""
    hub_sites.make(hub_store(config.home))
    published(config)
    return signature.public_text(signature.opening_key(opening_key(config.home)))


def register(config: Config, card: Path, **changes: Any) -> PartnerSite:
    """Take a site's card, or change what is known of a site; what `changes` leaves None stays as it was.

    Raises
    ------
    CardError
        If the file is no card.
    HubError
        If the site is known with another key: two sites must not have one id.
    """
    told = _card(card)
    with writer(store(config), config.machine.writer_wait_minutes, HUB) as connection:
        known = {site.site: site for site in hub_sites.sites(connection)}
        before = known.get(told.site)
        if before is not None and before.key != told.key and not changes.get("new_key"):
            raise HubError(
                f"a site {told.site} is known with another key: give the second site another id, or, if it is the "
                "same site and its key was lost, compare fingerprints by telephone and repeat with --new-key"
            )
        given = {name: value for name, value in changes.items() if value is not None and name != "new_key"}
        made = PartnerSite(
            **told.model_dump(exclude={"fingerprint"}),
            site_group=before.site_group if before else None,
            manager=before.manager if before else None,
            stage=before.stage if before else "set_up",
            benchmark=before.benchmark if before else False,
            registered_at=before.registered_at if before else datetime.now(UTC),
        )
        made = replace(made, **given)
        hub_sites.put(connection, made)
    published(config)
    return made


def take(config: Config, files: Sequence[bytes], now: datetime | None = None) -> list[Outcome]:
    """Import bundles and publish; return what became of each."""
    asked = config.machine.hub or Hub()
    key = opening_key(config.home)
    rules = Rules(asked.small_cell, now or datetime.now(UTC), signature.opening_key(key) if key.exists() else None)
    path, bundles, outcomes = store(config), [], []
    for content in files:
        found = _status(content, rules)
        if found is None:
            bundles.append(content)
        else:
            outcomes.append(_told(config, content, found, rules.now))
    if bundles:
        outcomes += hub_import.take(path, bundles, rules, config.machine.writer_wait_minutes)
        published(config)
    return outcomes


def _status(content: bytes, rules: Rules) -> Bundle | None:
    """Return the bundle of a file that carries a daily status, None for any other file."""
    try:
        found = bundle_file.read(content, rules.opening_key)
    except BundleFileError:
        return None
    return found if status.is_status(found) else None


def _told(config: Config, content: bytes, found: Bundle, now: datetime) -> Outcome:
    keys = _keys(config)
    reason = status.take(users.store(config), keys, found, now)
    site = found.site if found.site in keys else None
    return Outcome(hashlib.sha256(content).hexdigest(), site, None, None, reason)


def _keys(config: Config) -> dict[str, str]:
    with reader(hub_published(config.home), HUB) as connection:
        return {site.site: site.key for site in hub_sites.sites(connection)}


def receive(config: Config, content: bytes, now: datetime | None = None) -> str | None:
    """Take one bundle that came over the network; return None, or the code of the refusal.

    What no site of ours has signed is refused without a trace in the database: anybody can knock, and the log of
    refusals is of sites, not of floods.
    """
    key = opening_key(config.home)
    try:
        bundle = bundle_file.read(content, signature.opening_key(key) if key.exists() else None)
    except BundleFileError as error:
        return error.reason
    known = _keys(config)
    if bundle.site not in known:
        return "UNKNOWN_SITE"
    if bundle.key != known[bundle.site]:
        return "OTHER_KEY"
    if not signature.signed_by(bundle.key, bundle.payload.encode(), bytes.fromhex(bundle.signature)):
        return "BAD_SIGNATURE"
    return take(config, [content], now)[0].reason


def review(config: Config, text: str, out: Path, *, group: str = "", manager: str = "", code: str = "fr") -> None:
    """Write the quarterly review of a group's or a manager's sites, or of all, as a PDF.

    Raises
    ------
    HubError
        If the text is no quarter, or no site fits.
    """
    from reports import business_review, pages  # noqa: PLC0415 - loads much
    from reports.language import language  # noqa: PLC0415
    from reports.portfolio import portfolio, with_statuses  # noqa: PLC0415

    try:
        quarter = business_review.quarter(text)
    except ValueError as error:
        raise HubError(str(error)) from None
    now = datetime.now(UTC)
    versions = [model.version for model in (config.machine.hub or Hub()).models]
    with reader(hub_published(config.home), HUB) as connection:
        found = portfolio(connection, versions, now.date())
    found = with_statuses(found, status.heard(users.store(config)), now.date())
    lines = [line for line in found.lines if group in ("", line.site.site_group) and manager in ("", line.site.manager)]
    if not lines:
        raise HubError("no site of this group or manager; `bilan hub register` sets both")
    words = language(code)
    title = group or manager or words.text("Portfolio")
    notes = portfolio_notes.notes(users.store(config))
    pages.write(out, business_review.review(lines, quarter, words, title, notes, now))


def read(paths: Sequence[Path]) -> list[bytes]:
    """Return the content of files, and of the bundles in folders; of what is far too large only the beginning.

    Raises
    ------
    HubError
        If a path is not there.
    """
    found: list[bytes] = []
    for path in paths:
        if not path.exists():
            raise HubError("no such file or folder; name bundles, or folders that hold some")
        for file in sorted(path.rglob("*.bilan")) if path.is_dir() else [path]:
            with file.open("rb") as opened:
                found.append(opened.read(LIMIT + 1))
    return found


def _card(path: Path) -> _Card:
    try:
        told = _Card.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        raise CardError("the file is no site's card; make it there with `bilan export --site S --card`") from None
    if told.fingerprint != signature.fingerprint(told.key):
        raise CardError("the card's fingerprint is not that of its key: it was altered; ask for it again")
    return told


def store(config: Config) -> Path:
    """Return the hub's database, brought to this version.

    Raises
    ------
    HubError
        If this home is no hub.
    """
    path = hub_store(config.home)
    if not path.exists():
        raise HubError("this home is no hub yet; run `bilan hub init`")
    if hub_sites.make(path):
        published(config)
    return path


def published(config: Config) -> None:
    """Put the readers' copy of the hub in place."""
    publish.publish(hub_store(config.home), hub_published(config.home), config.machine.writer_wait_minutes, HUB)

"""A site's aggregates: shown, approved, made, signed, taken to the hub. Nothing is sent that was not shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines import approval, bundle_transport, month, status, users
from pipelines.config import Config
from pipelines.config_hub import export_folder, signing_key
from pipelines.errors import BilanError
from reports import leaving, pages
from reports.definition import installed_versions
from warehouse import audit, connect, export, sent, signature
from warehouse.bundle_file import Bundle, as_file
from warehouse.data_cut import latest_commit
from warehouse.sent import Approval, Sent
from warehouse.site import site_facts


class CodeError(BilanError):
    """The code is not that of the page as it would be now: run the command with --show and read the page again."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be sent of a month now; `code` stands on the page and is quoted by who approves it."""

    told: Mapping[str, Any]
    scope_sha256: str
    content_sha256: str
    now: datetime

    @property
    def code(self) -> str:
        """Twelve hex digits that stand for this content, this scope."""
        return hashlib.sha256(f"{self.scope_sha256} {self.content_sha256}".encode()).hexdigest()[:12]


def draft(config: Config, site: str, when: str) -> Draft:
    """Return what would be sent of a month.

    Raises
    ------
    warehouse.export.MonthOpenError
        If the month is still followed.
    pipelines.errors.NothingToReportError
        If the site has no study and no night in that month.
    """
    month.require_data(config, site, when)
    settings = config.site(site)
    with connect.reader(config.published) as connection:
        before = [each for each in sent.bundles(connection, site) if each.month == when]
        now = datetime.now(UTC)
        if config.machine.simulated_clock:
            now = latest_commit(connection, site) or now
        told = export.content(
            connection,
            site,
            when,
            k=settings.disclosure.export_small_cell,
            used=export.usage(users.store(config), site, when, settings.time_zone),
            earlier=[each.told["tables"] for each in before],
            now=now,
            program=installed_versions()["bilan"],
        )
    return Draft(told, approval.scope(config, site), export.content_sha256(told), now)


def show(config: Config, site: str, when: str) -> tuple[Draft, list[Path]]:
    """Write the page that says what would leave, in the site's languages, and return it with the draft."""
    found = draft(config, site, when)
    with connect.reader(config.published) as connection:
        approved = sent.approvals(connection, site)
        name = site_facts(connection, site, datetime.now(UTC).date()).name
    daily = None
    if config.machine.export.status:
        daily = status.content(config, site, datetime.now(UTC))
    made = _pages(config, site, found.told, found.code, name, approved, daily)
    return found, made


def approve(config: Config, site: str, when: str, code: str, by: str) -> Approval:
    """Keep that somebody has read the page of this code and approves of it.

    Raises
    ------
    CodeError
        If the page would be another one now.
    """
    found = draft(config, site, when)
    if code.replace(" ", "").lower() != found.code:
        raise CodeError("the code is not that of the page as it is now: run it with --show, and read the page again")
    approved = Approval(datetime.now(UTC), by, found.scope_sha256, found.content_sha256)
    sent.approve(config.warehouse, site, approved, config.machine.writer_wait_minutes)
    _publish(config)
    audit.record(users.store(config), "export_approved", users.actor(), about=site, detail={"month": when})
    return approved


def run(config: Config, site: str, when: str) -> dict[str, Any]:
    """Make a month's bundle, or find the one that tells the same, and take it where the settings say.

    Raises
    ------
    warehouse.sent.NotApprovedError
        If nobody approved of it.
    pipelines.bundle_transport.TransportError
        If it could not be taken to the hub; the bundle is kept, the same command tries again.
    """
    found = draft(config, site, when)
    made, fresh = sent.keep(
        config.warehouse,
        site,
        found.told,
        scope_sha256=found.scope_sha256,
        now=found.now,
        wait_minutes=config.machine.writer_wait_minutes,
    )
    if fresh:
        _publish(config)
        detail = {"month": when, "seq": made.seq}
        audit.record(users.store(config), "aggregates_exported", users.actor(), about=site, detail=detail)
    path = export_folder(config.home, site, when) / f"{site}_{when}_{made.seq:04d}.bilan"
    content = as_file(bundle(config, site, made), config.machine.export.hub_key)
    pages.write(path, content)
    return {
        "site": site,
        "month": when,
        "seq": made.seq,
        "new": fresh,
        "restates": made.told["restates"],
        "sha256": made.payload_sha256,
        "bundle": str(path),
        "taken": bundle_transport.take(config, path.name, content),
    }


def bundle(config: Config, site: str, made: Sent) -> Bundle:
    """Return a bundle with its signature."""
    key = signature.signing_key(signing_key(config.home, site))
    return Bundle(site, signature.public_text(key), made.payload, signature.sign(key, made.payload.encode()).hex())


def card(config: Config, site: str) -> dict[str, Any]:
    """Return what a hub needs to know this site by; the operator of the hub compares the fingerprint."""
    settings = config.site(site)
    key = signature.public_text(signature.signing_key(signing_key(config.home, site)))
    return {
        "site": site,
        "name": settings.name,
        "country": settings.country,
        "language": settings.language,
        "sector": settings.sector,
        "contract_studies_per_month": settings.partnership.contract_studies_per_month,
        "since": settings.partnership.since.isoformat() if settings.partnership.since else None,
        "key": key,
        "fingerprint": signature.fingerprint(key),
    }


def _pages(
    config: Config,
    site: str,
    told: Mapping[str, Any],
    code: str,
    name: str,
    approved: list[Approval],
    daily: Mapping[str, Any] | None,
) -> list[Path]:
    recipient = config.machine.export
    made = []
    for language in ("fr", "en"):
        page = leaving.Page(
            told=told,
            name=name,
            code=code,
            address=recipient.address,
            folder=str(recipient.folder) if recipient.folder else None,
            sealed=recipient.hub_key is not None,
            daily=daily,
            approvals=[(each.approved_at, each.approved_by) for each in approved],
        )
        for ending, content in leaving.render(page, language).items():
            path = export_folder(config.home, site, str(told["month"])) / f"{leaving.NAMES[language]}.{ending}"
            pages.write(path, content)
            made.append(path)
    return made


def _publish(config: Config) -> None:
    from warehouse import publish  # noqa: PLC0415 - only when something was kept

    publish.publish(config.warehouse, config.published, config.machine.writer_wait_minutes)

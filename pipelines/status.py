"""The daily sign of life of a site to its partner's hub: off unless `export.status` says so, approved like a bundle."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from inference import description
from inference.errors import BundleError
from pipelines import alarms, approval, bundle_transport, late, users
from pipelines.config import Config
from pipelines.config_hub import signing_key
from pipelines.errors import BilanError
from reports import pages
from reports.definition import installed_versions
from warehouse import connect, nights, sent, signature, status
from warehouse.bundle_file import Bundle, as_file


class StatusOffError(BilanError):
    """The daily status is off: set `status: true` under `export` in bilan.yaml, then have it approved."""


def content(config: Config, site: str, now: datetime) -> dict[str, Any]:
    """Return what the status of a site says at `now` (UTC), without number and day."""
    due = late.last_due(config.site(site), now)
    days = [due - timedelta(days=back) for back in reversed(range(status.NIGHTS))]
    told: list[dict[str, str]] = []
    if config.published.exists():
        with connect.reader(config.published) as connection:
            first, states = nights.since(connection, site, days[0])
        told = [
            {"day": day.isoformat(), "state": states.get(day, "missed")}
            for day in days
            if first is not None and day >= first
        ]
    try:
        described = description.describe(config.bundle(site))
        model, version = str(described["name"])[:80], str(described["version"])[:40]
    except BundleError:  # the night says so; this is a sign of life all the same
        model, version = "", ""
    causes = {cause.cause for cause in alarms.examine(config, site, now)}
    return {
        "schema": status.SCHEMA,
        "site": site,
        "program": installed_versions()["bilan"],
        "model": model,
        "model_version": version,
        "nights": told,
        "alarms": [cause for cause in status.CAUSES if cause in causes],
    }


def run(config: Config, site: str, now: datetime | None = None) -> dict[str, Any]:
    """Make today's status, keep it as a file, and take it where the settings say.

    Raises
    ------
    StatusOffError
        If the settings do not have it.
    warehouse.sent.NotApprovedError
        If nobody approved of it: the page that `bilan export --show` writes names it.
    pipelines.bundle_transport.TransportError
        If it could not be taken to the hub.
    """
    now = now or datetime.now(UTC)
    settings = config.site(site)
    if not config.machine.export.status:
        raise StatusOffError("the daily status is off: set `status: true` under `export` in bilan.yaml")
    with connect.reader(config.published) as connection:
        sent.demand_approval(sent.approvals(connection, site), approval.scope(config, site), None)
    text = status.keep(users.store(config), site, content(config, site, now), now.astimezone(settings.zone).date())
    key = signature.signing_key(signing_key(config.home, site))
    made = Bundle(site, signature.public_text(key), text, signature.sign(key, text.encode()).hex())
    # One name: in a shared folder the last one is enough.
    path = config.home / "issued" / site / "exports" / f"{site}_status.bilan"
    file = as_file(made, config.machine.export.hub_key)
    pages.write(path, file)
    return {"site": site, "status": str(path), "taken": bundle_transport.take(config, path.name, file)}


def due(config: Config, site: str, now: datetime) -> bool:
    """Say whether today's status is owed: once a day, when the list of the night should be there."""
    settings = config.site(site)
    if not config.machine.export.status or config.machine.simulated_clock or not config.published.exists():
        return False
    local = now.astimezone(settings.zone)
    if local.time() < time.fromisoformat(settings.night.list_time):
        return False
    last = status.sent_on(users.store(config), site)
    return last is None or last < local.date()

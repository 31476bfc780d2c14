"""The audit trail's retention, as the night and `bilan audit prune` keep it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.config import Config
from pipelines.config_web import app_key
from warehouse import audit, audit_retention
from warehouse.app_store import AppStore
from warehouse.audit import Actor
from warehouse.audit_retention import Expired
from warehouse.pseudonym import read_key, write_key

MONTH = timedelta(days=30.4375)


def known_key(config: Config) -> bytes | None:
    """Return the key of the application, or None where there is none yet."""
    return read_key(app_key(config.home)) if app_key(config.home).exists() else None


def key(config: Config) -> bytes:
    """Return the key of the application, making it where there is none yet."""
    path = app_key(config.home)
    if not path.exists():
        write_key(path)
    return read_key(path)


def note(config: Config, event: str, site: str, detail: Mapping[str, Any], now: datetime) -> None:
    """Append what a night, a command or the alarms did to the audit trail; `detail` holds counts and our own words."""
    store = AppStore(config.app_store)
    store.migrate()
    audit.record(store, event, Actor("", "command line", now, site), detail=detail)


def prune(config: Config, *, dry_run: bool = False) -> Expired:
    """Remove what is older than `web.audit_months`; with `dry_run` only say what that is."""
    now = datetime.now(UTC)
    before = now - config.machine.web.audit_months * MONTH
    if not config.app_store.exists():
        return Expired(0, 0)
    store = AppStore(config.app_store)
    store.migrate()
    found = audit_retention.expired(store, before)
    if dry_run or not found.rows:
        return found
    return audit_retention.cut(store, before, Actor("", "command line", now), key(config))

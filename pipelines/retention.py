"""Each store lets go of what is older than the site's file says; what was removed is counted and kept as proof."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from inference.labels import pack
from pipelines.config import Config
from warehouse import app_pseudonyms, audit, connect, identified, pending, publish, retention, rewrite
from warehouse.app_store import AppStore
from warehouse.retention import Due


@dataclass(frozen=True)
class Plan:
    """What is due at a site: files and folders by store, and what the two databases let go."""

    files: dict[str, list[Path]]
    identified: int
    rows: Due | None
    before: dict[str, date]

    def counts(self) -> dict[str, int]:
        """Return how much each store lets go."""
        found = {store: len(paths) for store, paths in self.files.items()}
        rows = len(self.rows.studies) + len(self.rows.messages) if self.rows else 0
        return {**found, "identified": self.identified, "studies": rows}


def run(config: Config, site: str, now: datetime, *, dry_run: bool = False) -> dict[str, Any]:
    """Remove what is due at a site and return how much, by store; with `dry_run` only count.

    Never touched: what was issued, the months that are open or not issued yet, images and reports that
    still wait for the model or the labeller, and the decisions of patients.

    Parameters
    ----------
    now
        Our own clock, UTC.
    """
    wait = config.machine.writer_wait_minutes
    with connect.writer(config.warehouse, wait) as connection:
        plan = _plan(config, site, now, connection)
    counts = plan.counts()
    result = {"site": site, "removed": counts, "dry_run": dry_run}
    if dry_run or not any(counts.values()):
        return result
    for path in (path for paths in plan.files.values() for path in paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if plan.identified:
        identified.forget(config.identified, site, _instant(config, site, plan.before["identified"]))
    store = AppStore(config.app_store)
    store.migrate()
    if plan.rows and (plan.rows.studies or plan.rows.messages):
        gone = {"study_uid": frozenset(plan.rows.studies), "message_id": frozenset(plan.rows.messages)}
        app_pseudonyms.remove(store, site, gone)
    with connect.writer(config.warehouse, wait) as connection:
        if plan.rows:
            retention.remove(connection, site, plan.rows)
        removed = {name: (plan.before[name], n) for name, n in counts.items() if n}
        retention.note(connection, site, removed, now)
    if counts["studies"]:
        rewrite.rewrite(config.warehouse, wait_minutes=wait)
    by = audit.Actor("", "retention", now, site)
    audit.record(store, "data_retired", by, detail={name: n for name, n in counts.items() if n})
    publish.publish(config.warehouse, config.published, wait)
    return result


def _plan(config: Config, site: str, now: datetime, connection: Any) -> Plan:
    limits = config.site(site).retention
    today = now.astimezone(config.site(site).zone).date()
    days = {
        "images": limits.images_days,
        "thumbnails": limits.thumbnails_days,
        "messages": limits.messages_days,
        "quarantine": limits.quarantine_days,
        "identified": limits.identified_days,
        "lists": limits.lists_days,
        "studies": limits.studies_days,
    }
    before = {store: today - timedelta(days=n) for store, n in days.items() if n is not None}
    spool = config.spool(site)
    waiting = {image.study_uid for image in pending.images(connection, site)}
    unread = pending.labels(connection, site, [pack.load(language).version for language in pack.LANGUAGES])
    found = {
        "images": (path for path in _in(spool / "dicom") if path.name not in waiting),
        "thumbnails": _in(spool / "thumbnails"),
        "messages": (path for path in _in(spool / "messages") if path.stem not in unread),
        "quarantine": _in(config.quarantine(site)),
    }
    files = {
        name: sorted(_older(paths, _instant(config, site, before[name]))) if name in before else []
        for name, paths in found.items()
    }
    folder = config.list_folder(site, today).parent
    files["lists"] = [path for path in _in(folder) if "lists" in before and path.name < before["lists"].isoformat()]
    n = (
        identified.due(config.identified, site, _instant(config, site, before["identified"]))
        if "identified" in before
        else 0
    )
    rows = retention.due(connection, site, before["studies"]) if "studies" in before else None
    return Plan(files, n, rows, {**before, **({"studies": rows.before} if rows else {})})


def _in(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(folder.iterdir())


def _older(paths: Iterable[Path], limit: datetime) -> Iterator[Path]:
    """Yield what was last written before a time; a folder's time is that of its newest file."""
    for path in paths:
        inside = [path, *path.iterdir()] if path.is_dir() else [path]
        files = [one for one in inside if one.is_file()] or inside
        if max(one.stat().st_mtime for one in files) < limit.timestamp():
            yield path


def _instant(config: Config, site: str, day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=config.site(site).zone).astimezone(UTC)

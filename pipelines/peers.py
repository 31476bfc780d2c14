"""What the hub gave back to the sites of this machine: imported, kept, shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines import users
from pipelines.config import Config
from pipelines.errors import BilanError
from warehouse import audit, connect, publish, returned
from warehouse.data_cut import latest_commit
from warehouse.returned import LIMIT, ReturnError


class NoFileError(BilanError):
    """There is no such file: name the files that the partnership manager handed over."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file: kept (`reason` is None), or refused."""

    path: Path
    site: str | None
    seq: int | None
    reason: str | None


def take(config: Config, paths: Sequence[Path], now: datetime | None = None) -> list[Taken]:
    """Keep what the hub gave back, each file whole or not at all, and publish.

    Raises
    ------
    NoFileError
        If a file is not there.
    """
    # Whatever this version adds to the schema must be there before the first file is kept.
    connect.migrate(config.warehouse, config.machine.writer_wait_minutes)
    done = [_one(config, path, now or datetime.now(UTC)) for path in paths]
    if any(each.reason is None for each in done):
        publish.publish(config.warehouse, config.published, config.machine.writer_wait_minutes)
    return done


def _one(config: Config, path: Path, now: datetime) -> Taken:
    if not path.is_file():
        raise NoFileError("no such file; name what the partnership manager handed over")
    with path.open("rb") as opened:
        content = opened.read(LIMIT + 1)
    try:
        found = returned.read(content, config.machine.export.hub_signs, config.sites, now)
    except ReturnError as error:
        return Taken(path, None, None, error.reason)
    site, seq = found.told.site, found.told.seq
    try:
        returned.keep(config.warehouse, found, _clock(config, site, now), config.machine.writer_wait_minutes)
    except ReturnError as error:
        return Taken(path, site, seq, error.reason)
    audit.record(users.store(config), "peers_imported", users.actor(), about=site, detail={"seq": seq})
    return Taken(path, site, seq, None)


def _clock(config: Config, site: str, now: datetime) -> datetime:
    """Return when it was imported by the clock that cuts the site's reports."""
    if not config.machine.simulated_clock or not config.published.exists():
        return now
    with connect.reader(config.published) as connection:
        return latest_commit(connection, site) or now


def shown(config: Config, site: str) -> dict[str, Any]:
    """Return what is kept of a site's last return: annotations and peer figures."""
    config.site(site)
    with connect.reader(config.published) as connection:
        found = returned.at(connection, site, datetime.max.replace(tzinfo=UTC))
    return found.model_dump(by_alias=True) if found else {"site": site, "notes": [], "peers": []}

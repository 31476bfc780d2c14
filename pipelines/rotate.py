"""A site's pseudonym key replaced: one rename is the moment from which the new key is in force.

`keys/SITE.key.new` is written, the warehouse is written anew under it into `warehouse.duckdb.rotating`,
the key becomes `SITE.key.next`, and the rename of the fresh warehouse onto the old one brings both into
force (`warehouse.pseudonym.in_force`). What is left, files and the other stores, is a function of the
warehouse: it is done, and done again after a kill, until the key takes the name `SITE.key`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.config import Config
from warehouse import app_pseudonyms, audit, connect, identified, publish, rewrite, rotation
from warehouse.app_store import AppStore
from warehouse.pseudonym import Pseudonymiser, next_key, read_key, rotating, write_key

_DIGITS = 32  # of a pseudonym


def rotate(config: Config, site: str) -> dict[str, Any]:
    """Give a site a new pseudonym key and rename everything that is stored; figures stay as they are.

    Raises
    ------
    warehouse.rotation.NightRunningError
        If a night of the site is under way.
    """
    config.site(site)
    wait = config.machine.writer_wait_minutes
    connect.migrate(config.warehouse, wait)
    for name in config.sites:
        resume(config, name)
    with connect.writer(config.warehouse, wait) as connection:
        rotation.refuse_running(connection, site)
    key, made, following = _names(config, site)
    old = read_key(key)
    made.unlink(missing_ok=True)
    write_key(made, old)
    mask = Pseudonymiser(read_key(made))
    rewrite.rewrite(
        config.warehouse,
        lambda table, rows: rotation.renamed_rows(table, rows, site, mask),
        lambda before, after: rotation.finish(before, after, site, mask, datetime.now(UTC)),
        lambda: _move(made, following),
        rotating(config.warehouse),
        wait,
    )
    resume(config, site)
    return {"site": site, "key_id": mask.key_id, "links": mask.links, "before": Pseudonymiser(old).key_id}


def resume(config: Config, site: str) -> None:
    """End what an interrupted replacement left: before the rename it is undone, after it it is completed."""
    key, made, following = _names(config, site)
    if not (made.exists() or following.exists() or rotating(config.warehouse).exists()):
        return
    with connect.lock(config.warehouse, config.machine.writer_wait_minutes):
        made.unlink(missing_ok=True)
        if rotating(config.warehouse).exists():
            # The keys first, whichever site's: alone, without the fresh warehouse beside it, a next key would be
            # taken for the one in force. None of them is yet: a replacement begins when all before are completed.
            for prepared in sorted(key.parent.glob("*.key.n*")):
                prepared.unlink()
            connect.sync(key.parent)
            rewrite.remove(rotating(config.warehouse))
        if not following.exists():
            return
    mask = Pseudonymiser(read_key(following))
    with connect.writer(config.warehouse, config.machine.writer_wait_minutes) as connection:
        known = rotation.kept_names(connection, site)
        _files(config, site, _rename(mask, known))
    identified.rename(config.identified, site, mask)
    applied(config, site, mask, known)
    for damaged in config.warehouse.parent.glob(f"{config.warehouse.stem}.damaged-*"):
        damaged.unlink()
    publish.publish(config.warehouse, config.published, config.machine.writer_wait_minutes)
    applied(config, site, mask, known)  # what was answered in between, on a page of the old copy
    _move(following, key)


def applied(config: Config, site: str, mask: Pseudonymiser, known: set[str]) -> None:
    """Rename what the web application holds under the key before; what has its new name is left alone."""
    store = AppStore(config.app_store)
    store.migrate()
    with store.writing() as app:
        app_pseudonyms.rename(app, site, _rename(mask, known))
        if app_pseudonyms.note_key(app, site, mask.key_id):
            by = audit.Actor("", "command line", datetime.now(UTC), site)
            audit.append(app, "key_rotated", by, about=mask.key_id)
    store.compact()


def _rename(mask: Pseudonymiser, known: set[str]) -> Callable[[str], str]:
    """Return what gives a name its new one: only a name that the warehouse now has is new, so once is enough."""

    def renamed(name: str) -> str:
        new = mask.renamed(name)
        return new if new in known else name

    return renamed


def _files(config: Config, site: str, renamed: Callable[[str], str]) -> None:
    spool = config.spool(site)
    _folder(spool / "dicom", renamed)
    for folder in (*(spool / "dicom").glob("*"), spool / "messages", spool / "thumbnails"):
        _folder(folder, renamed)
    _folder(config.quarantine(site), renamed)


def _folder(folder: Path, renamed: Callable[[str], str]) -> None:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        new = folder / (renamed(path.name[:_DIGITS]) + path.name[_DIGITS:])
        if new == path:
            continue
        if new.is_dir():  # a study that the next night had begun to fill
            for inside in path.iterdir():
                inside.replace(new / inside.name)
            path.rmdir()
        else:
            path.replace(new)
    if folder.is_dir():
        connect.sync(folder)


def _names(config: Config, site: str) -> tuple[Path, Path, Path]:
    key = config.home / "keys" / f"{site}.key"
    return key, key.with_name(key.name + ".new"), next_key(key)


def _move(old: Path, new: Path) -> None:
    old.replace(new)
    connect.sync(new.parent)

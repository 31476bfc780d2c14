"""A patient taken out of every store: files, identified store, application's store, warehouse, readers' copy.

All of it is a function of the tombstones (`warehouse.erasure`), so that an erasure cut short by a crash
is ended by the next night, and what a night was holding while the patient was erased goes at its end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from inference.hl7 import Entry
from inference.mentions import mentions
from inference.records import Rejection
from pipelines import messages
from pipelines.config import Config
from warehouse import app_pseudonyms, audit, connect, erasure, identified, publish, rewrite
from warehouse.app_store import AppStore
from warehouse.erasure import Traces
from warehouse.pseudonym import Pseudonymiser, is_pseudonym, read_key

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DIGITS = 32  # of a pseudonym


def resume(config: Config, site: str) -> int:
    """End the erasures of a site that are under way; return how many."""
    wait = config.machine.writer_wait_minutes
    with connect.writer(config.warehouse, wait) as connection:
        open_ones = erasure.under_way(connection, site)
        if not open_ones:
            return 0
        gone = erasure.tombstones(connection, site)
        files = erasure.message_files(connection, site)
        _files(config, site, gone, files)
        erasure.remove_rows(connection, site)
    mask = Pseudonymiser(read_key(config.key(site)))
    identified.erase(config.identified, site, gone.patient_id, gone.study_uid, mask)
    store = AppStore(config.app_store)
    store.migrate()
    by_column = {column: getattr(gone, column) for column in app_pseudonyms.COLUMNS}
    app_pseudonyms.remove(store, site, by_column)
    with connect.lock(config.warehouse, wait):
        _leftovers(config)
    rewrite.rewrite(config.warehouse, wait_minutes=wait)
    publish.publish(config.warehouse, config.published, wait)
    _lists(config, site, gone.study_uid)
    for one in open_ones:
        by = audit.Actor("", "command line", datetime.now(UTC), site)
        counts = {"studies": one.studies, "images": one.images, "messages": one.messages}
        with store.writing() as app:
            if not audit.is_told(app, "patient_erased", one.erasure_id):
                audit.append(app, "patient_erased", by, about=one.erasure_id, detail=counts)
    with connect.writer(config.warehouse, wait) as connection:
        erasure.finish(connection, site, datetime.now(UTC))
    return len(open_ones)


def _leftovers(config: Config) -> None:
    """Remove other copies of the warehouse: damaged ones kept for a look, and what interrupted runs left."""
    name, folder = config.warehouse.name, config.warehouse.parent
    for path in (*folder.glob(f"{config.warehouse.stem}.damaged-*"), *folder.glob(f"{name}.*")):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in (f"{name}.lock", f"{name}.wal", f"{name}.rotating"):  # the last is `pipelines.rotate`'s
            path.unlink()


def sweep(config: Config, site: str, connection: DuckDBPyConnection) -> None:
    """Take away what a step that was running while a patient was erased has written since."""
    gone = erasure.tombstones(connection, site)
    if gone.patient_id:
        _files(config, site, gone, [])
        erasure.remove_rows(connection, site)


def in_quarantine(config: Config, site: str, numbers: Collection[str]) -> frozenset[str]:
    """Return the names (pseudonyms) of the refused files that speak of one of these numbers."""
    found = set()
    for path in config.quarantine(site).glob("*.bin"):
        if is_pseudonym(path.stem) and mentions(path.read_bytes(), numbers):
            found.add(path.stem)
    return frozenset(found)


def _files(config: Config, site: str, gone: Traces, message_files: Collection[str]) -> None:
    spool, quarantine = config.spool(site), config.quarantine(site)
    for study in gone.study_uid:
        if (spool / "dicom" / study).is_dir():
            shutil.rmtree(spool / "dicom" / study)
    _unlink(spool / "thumbnails", gone.instance_uid)
    _unlink(quarantine, gone.instance_uid | gone.content_id | frozenset(message_files))
    _unlink(spool / "messages", frozenset(message_files), asides=True)
    refused = refuses(config, site, gone)
    for content_id in message_files:
        for content, ending in messages.ENDINGS.items():
            _rewrite(config, site, spool / "messages" / f"{content_id}{ending}", content, refused)


def _unlink(folder: Path, names: frozenset[str], asides: bool = False) -> None:
    """Remove the files of these names with any ending, and what a killed run left of them aside (``.name...``)."""
    for path in folder.iterdir() if names and folder.is_dir() else ():
        hidden = path.name.startswith(".")
        if path.name.removeprefix(".")[:_DIGITS] in names and (hidden or not asides):
            path.unlink()


def _rewrite(config: Config, site: str, path: Path, content: str, refused: Callable[[Entry], bool]) -> None:
    """Take the patient's messages out of a spooled file; a file of no one else goes as a whole."""
    if not path.is_file():
        return
    left = messages.without(path.read_bytes(), content, config.site(site), datetime.now(UTC), refused)
    if left is None:
        path.unlink()
        return
    write(left, path)


def write(content: bytes, target: Path) -> None:
    """Write a file so that it is whole or absent."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(target)


def refuses(config: Config, site: str, gone: Traces) -> Callable[[Entry], bool]:
    """Return what says of a message whether it speaks of someone who was erased."""
    mask = Pseudonymiser(read_key(config.key(site)))

    def refused(entry: Entry) -> bool:
        if isinstance(entry, Rejection):
            return False
        return any(is_gone(mask, gone, fact) for fact in entry)

    return refused


def is_gone(mask: Pseudonymiser, gone: Traces, fact: object) -> bool:
    """Return whether an image or a message's fact is of someone who was erased.

    By patient or study; by accession number only where no patient is named, since several may share one.
    """
    if not gone.patient_id:
        return False
    patients = [value for name in ("patient_id", "merged_id") if (value := getattr(fact, name, None))]
    if any(mask.of("patient_id", value) in gone.patient_id for value in patients):
        return True
    for name, known in (("study_uid", gone.study_uid), ("instance_uid", gone.instance_uid)):
        value = getattr(fact, name, None)
        if value and mask.of(name, value) in known:
            return True
    accession = getattr(fact, "accession_number", None)
    return bool(not patients and accession and mask.of("accession_number", accession) in gone.accession_number)


def _lists(config: Config, site: str, studies: frozenset[str]) -> None:
    """Remove the flagged lists that name one of these studies; the empty folder says which day to issue again."""
    folder = config.home / "issued" / site / "lists"
    wanted = [study.encode() for study in studies]
    for path in sorted(folder.glob("*/*")):
        if path.is_file() and any(study in path.read_bytes() for study in wanted):
            for made in path.parent.iterdir():
                made.unlink()

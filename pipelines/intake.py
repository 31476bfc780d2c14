"""The intake: what the sources offer goes through the gate into ledger, spool and quarantine.

One file or message offered is one ledger row with one outcome. Files go to the spool before the
row is committed, so a row never speaks of a file that is not there; a crash between the two leaves
a file that the next run writes again under the same name.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from inference import dicom, hl7
from inference.records import Instance, Rejection, ReportEvent
from pipelines.config import Config, FolderSource, Site
from pipelines.errors import SourceUnreachableError
from pipelines.sources import folder
from pipelines.sources.folder import Offered
from warehouse import connect, identified, ledger, load
from warehouse.pseudonym import Pseudonymiser, read_key
from warehouse.rows import LedgerRow

CHUNK = 200
ACCEPTED = ("accepted", "accepted_flagged", "accepted_not_inferred", "unmatched")


@dataclass
class Seen:
    """What the ledger knows already, by pseudonym; grows while files are judged."""

    places: set[tuple[str, str]]
    offers: set[str]
    instances: dict[str, str]
    messages: set[str]
    controls: dict[str, str]


@dataclass
class Judged:
    """The ledger rows of one file, the facts in it, and where the file itself goes."""

    offered: Offered
    rows: list[LedgerRow]
    instances: list[Instance] = field(default_factory=list)
    events: list[ReportEvent] = field(default_factory=list)
    keep: Path | None = None
    refuse: Path | None = None


@dataclass(frozen=True)
class Intake:
    """One site's gate for one night."""

    site: Site
    night: date
    now: datetime
    mask: Pseudonymiser
    spool: Path
    quarantine: Path

    def judge(self, offered: Offered, content: str, seen: Seen) -> Judged:
        """Judge one file: bytes to outcome, ledger rows, facts; nothing is written."""
        digest, data = _digest(offered.path, keep=content == "hl7")
        if content == "hl7":
            return self._messages(offered, digest, data, seen)
        return self._image(offered, digest, seen)

    def place(self, offered: Offered) -> tuple[str, str]:
        """Return where a file lies (as a pseudonym) and its size and time."""
        return self.mask.of("place", f"{offered.source}/{offered.place}"), offered.stamp

    def _row(self, offered: Offered, digest: str, index: int, outcome: str, codes: tuple[str, ...], **known: str | None) -> LedgerRow:
        return LedgerRow(
            offer_id=self.mask.of("offer", f"{offered.source}/{offered.place}/{digest}/{index}"),
            kind=known.pop("kind") or "dicom",
            source=offered.source,
            night=self.night,
            received_at=self.now,
            place_id=self.place(offered)[0],
            stamp=offered.stamp,
            content_id=self.mask.of("content", digest),
            outcome=outcome,
            reasons=codes,
            study_uid=known.get("study_uid"),
            instance_uid=known.get("instance_uid"),
            message_id=known.get("message_id"),
        )

    def _image(self, offered: Offered, digest: str, seen: Seen) -> Judged:
        content_id = self.mask.of("content", digest)
        result = dicom.gate(offered.path, self.site.gate_settings(), datetime.now(UTC))
        refuse = self.quarantine / f"{content_id}.bin"
        if isinstance(result, Rejection):
            row = self._row(offered, digest, 0, result.outcome, result.reasons, kind="dicom")
            return Judged(offered, [row], refuse=refuse)
        uids: dict[str, str | None] = {"study_uid": result.study_uid, "instance_uid": result.instance_uid, "kind": "dicom"}
        instance_id = self.mask.of("instance_uid", result.instance_uid)
        known = seen.instances.get(instance_id)
        if known == content_id:
            return Judged(offered, [self._row(offered, digest, 0, "duplicate", ("DUPLICATE",), **uids)])
        if known is not None:
            row = self._row(offered, digest, 0, "conflict", ("UID_CONFLICT",), **uids)
            return Judged(offered, [row], refuse=refuse)
        seen.instances[instance_id] = content_id
        outcome, codes = dicom.outcome(result)
        keep = self.spool / "dicom" / self.mask.of("study_uid", result.study_uid) / f"{instance_id}.dcm"
        return Judged(offered, [self._row(offered, digest, 0, outcome, codes, **uids)], instances=[result], keep=keep)

    def _messages(self, offered: Offered, digest: str, data: bytes, seen: Seen) -> Judged:
        content_id = self.mask.of("content", digest)
        judged = Judged(offered, [])
        for index, entry in enumerate(hl7.read(data, self.site.gate_settings(), datetime.now(UTC))):
            outcome, codes, events = self._message(entry, seen)
            first = events[0].message_id if events else None
            if outcome == "unmatched":
                judged.events.extend(events)
            judged.rows.append(self._row(offered, digest, index, outcome, codes, message_id=first, kind="message"))
        if any(row.outcome in ACCEPTED for row in judged.rows):
            judged.keep = self.spool / "messages" / f"{content_id}.hl7"
        if any(row.outcome in ("quarantined", "conflict", "not_hl7") for row in judged.rows):
            judged.refuse = self.quarantine / f"{content_id}.bin"
        return judged

    def _message(self, entry: tuple[ReportEvent, ...] | Rejection, seen: Seen) -> tuple[str, tuple[str, ...], tuple[ReportEvent, ...]]:
        if isinstance(entry, Rejection):
            return entry.outcome, entry.reasons, ()
        message_id = self.mask.of("message_id", entry[0].message_id)
        if message_id in seen.messages:
            return "duplicate", ("DUPLICATE",), entry
        control = self.mask.of("control_id", entry[0].control_id) if entry[0].control_id else None
        if control is not None and control in seen.controls:
            return "conflict", ("UID_CONFLICT",), entry
        seen.messages.update(self.mask.of("message_id", event.message_id) for event in entry)
        if control is not None:
            seen.controls[control] = message_id
        # Every report is unmatched until `ledger.settle_matches` finds its study.
        return "unmatched", ("UNMATCHED", *entry[0].flags), entry


def _digest(path: Path, *, keep: bool) -> tuple[str, bytes]:
    with path.open("rb") as file:
        if keep:
            data = file.read()
            return hashlib.sha256(data).hexdigest(), data
        return hashlib.file_digest(file, "sha256").hexdigest(), b""


def take(config: Config, name: str, day: date, progress: Callable[[str], None] | None = None) -> dict[str, int]:
    """Take everything stable that the sources offer and that is not in the ledger yet.

    Returns the number of new ledger rows by outcome. What was taken before a failure stays taken.

    Raises
    ------
    SourceUnreachableError
        After all other sources were read, if one could not be.
    """
    site = config.site(name)
    mask = Pseudonymiser(read_key(config.key(name)))
    gate = Intake(site, day, config.now(name, day), mask, config.spool(name), config.quarantine(name))
    with connect.writer(config.warehouse, config.machine.writer_wait_minutes) as connection:
        seen = Seen(
            places=ledger.known_places(connection, name),
            offers=ledger.known_offers(connection, name),
            instances=ledger.known_instances(connection, name),
            messages=ledger.known_messages(connection, name),
            controls=ledger.known_controls(connection, name),
        )
    counts: Counter[str] = Counter()
    unreachable: list[str] = []
    for source in site.sources:
        try:
            for chunk in _chunks(_new(gate, source, seen)):
                _commit(config, gate, [gate.judge(offered, source.content, seen) for offered in chunk], seen, counts)
                if progress:
                    progress(f"{name}: {sum(counts.values())} files and messages taken")
        except (SourceUnreachableError, OSError) as error:
            text = str(error) if isinstance(error, SourceUnreachableError) else f"source {source.name}: a file in it cannot be read; check its permissions"
            unreachable.append(text)
    if unreachable:
        raise SourceUnreachableError("\n".join(unreachable))
    return dict(counts)


def _new(gate: Intake, source: FolderSource, seen: Seen) -> Iterator[Offered]:
    # Stability is a matter of the machine's clock, also when ours is simulated.
    for offered in folder.stable(source.name, source.path, datetime.now(UTC), source.stable_seconds):
        if gate.place(offered) not in seen.places:
            yield offered


def _chunks(items: Iterator[Offered]) -> Iterator[list[Offered]]:
    chunk: list[Offered] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _commit(config: Config, gate: Intake, judged: list[Judged], seen: Seen, counts: Counter[str]) -> None:
    for item in judged:
        rows = [row for row in item.rows if row.offer_id not in seen.offers]
        if rows and item.keep:
            copy(item.offered.path, item.keep)
        if rows and item.refuse:
            copy(item.offered.path, item.refuse)
            _note(item.refuse.with_suffix(".json"), rows)
    instances = [instance for item in judged for instance in item.instances]
    events = [event for item in judged for event in item.events]
    identified.remember(config.identified, gate.site.site, gate.mask, instances)
    with connect.writer(config.warehouse, config.machine.writer_wait_minutes) as connection:
        connection.begin()
        load.load(connection, "instance", instances, site=gate.site.site, pseudonymiser=gate.mask, zone=gate.site.time_zone, received_at=gate.now)
        load.load(connection, "report_event", events, site=gate.site.site, pseudonymiser=gate.mask, received_at=gate.now)
        rows = [row for item in judged for row in item.rows if row.offer_id not in seen.offers]
        ledger.record(connection, gate.site.site, gate.mask, rows)
        connection.commit()
    seen.offers.update(row.offer_id for row in rows)
    counts.update(row.outcome for row in rows)


def copy(source: Path, target: Path) -> None:
    """Copy a file so that the target is whole or absent: written aside, synced, renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    with source.open("rb") as reader, aside.open("wb") as writer:
        while block := reader.read(1 << 20):
            writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())
    aside.replace(target)


def _note(path: Path, rows: list[LedgerRow]) -> None:
    lines = [{"outcome": row.outcome, "reasons": list(row.reasons), "received_at": row.received_at.isoformat()} for row in rows]
    path.write_text(json.dumps(lines, indent=2), encoding="utf-8")

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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from inference import dicom, hl7
from inference.hl7 import Entry, Fact
from inference.records import Demographics, Instance, OrderEvent, PatientMerge, Rejection, ReportEvent
from pipelines import erasing, messages, recheck
from pipelines.config import Config, Site
from pipelines.errors import SourceUnreachableError
from pipelines.recheck import Recheck
from pipelines.source_settings import Source as Settings
from pipelines.sources import connected
from pipelines.sources.offered import Offered, Source
from warehouse import connect, erasure, identified, ledger, load, pending, person, source_states
from warehouse.erasure import Traces
from warehouse.pseudonym import Pseudonymiser, read_key
from warehouse.rows import LedgerRow

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CHUNK = 200
# What messages bring, by table.
FACTS = {"report_event": ReportEvent, "order_event": OrderEvent, "patient_merge": PatientMerge}
T = TypeVar("T")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Read:
    """One file of a source, read by the gate and not judged yet: one entry, or one per message."""

    offered: Offered
    digest: str
    entries: Sequence[Instance | Entry]


@dataclass
class Known:
    """What was taken before among a chunk's images and messages, by pseudonym; grows while judging."""

    instances: dict[str, str]
    messages: set[str]
    gone: Traces  # what was erased and is refused


@dataclass
class Judged:
    """The ledger rows of one file, the facts in it, and where the file itself goes."""

    offered: Offered
    rows: list[LedgerRow]
    instances: list[Instance] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    brought_by: list[str] = field(default_factory=list)  # the offer of each fact
    again: list[ReportEvent] = field(default_factory=list)  # taken before, perhaps sent earlier
    keep: Path | None = None
    refuse: Path | None = None
    erased: bool = False  # holds something of a patient who was erased


def take(
    config: Config, name: str, days: Sequence[date], content: str, progress: Progress | None = None
) -> dict[str, int]:
    """Take everything that the site's sources of one kind offer and the ledger lacks.

    Parameters
    ----------
    days
        Local days, oldest first: a PACS is asked for these, a folder gives all that it has. The
        rows are those of the last one's night.
    content
        ``dicom``, or ``message``: HL7, FHIR and CSV.

    Returns
    -------
    dict
        New ledger rows by outcome.

    Raises
    ------
    SourceUnreachableError
        After the other sources were read, if one could not be; what was taken stays taken.
    """
    site = config.site(name)
    mask = Pseudonymiser(read_key(config.key(name)))
    validated = config.validated_regions(name)
    now = config.now(name, days[-1])
    gate = Intake(site, days[-1], now, mask, config.spool(name), config.quarantine(name), validated)
    with writer(config) as connection:
        places = ledger.known_places(connection, name)
        images = ledger.offered_instances(connection, name)
    counts: Counter[str] = Counter()
    unreachable: list[str] = []
    read: dict[str, bool] = {}
    for settings in site.sources:
        if (settings.content == "dicom") != (content == "dicom"):
            continue
        source = connected.source(config, site, settings)
        read[settings.name] = False
        look = recheck.begin(config, name, settings, days[-1], mask)
        try:
            for chunk in chunks(_new(gate, source, days, places, images, look), CHUNK):
                counts.update(_commit(config, gate, [gate.read(offered, settings) for offered in chunk]))
                for offered in chunk:
                    source.done(offered)
                if progress:
                    progress(f"{name}: {sum(counts.values())} {content} files and messages taken")
            look.settle(config, source, lambda studies: identified.lookup(config.identified, name, studies))
            read[settings.name] = True
        except SourceUnreachableError as error:
            unreachable.append(str(error))
        except PermissionError:
            unreachable.append(f"source {settings.name}: a file in it cannot be read; check its permissions")
    with writer(config) as connection:
        source_states.note(connection, name, read, now)
    if unreachable:
        raise SourceUnreachableError("\n".join(unreachable))
    return dict(counts)


def _new(
    gate: Intake, source: Source, days: Sequence[date], places: set[tuple[str, str]], images: set[str], look: Recheck
) -> Iterator[Offered]:
    for listed in source.changed(days):
        known = listed.instance_uid is not None and gate.mask.of("instance_uid", listed.instance_uid) in images
        again = known and look.again(listed)
        if not again and (known or gate.place(listed) in places):
            source.done(listed)  # a run that broke off after its row was written did not get to it
            continue
        offered = source.fetch(listed)
        if again:
            look.fetched(listed, offered)
        if offered is not None and (offered.stamp == listed.stamp or gate.place(offered) not in places):
            yield offered


def _as_listed(offered: Offered, found: Instance) -> bool:
    return offered.instance_uid in (None, found.instance_uid) and offered.study_uid in (None, found.study_uid)


def _commit(config: Config, gate: Intake, read: list[Read]) -> Counter[str]:
    """Judge a chunk of files, keep them, and write their rows in one transaction."""
    with writer(config) as connection:
        offers = pending.offers(connection, gate.site.site, [gate.offer(item, 0) for item in read])
        known = gate.known(connection, read)
        judged = [gate.judge(item, known) for item in read if gate.offer(item, 0) not in offers]
        for item in judged:
            _keep(config, gate, item, known.gone)
        instances = [instance for item in judged for instance in item.instances]
        identified.remember(config.identified, gate.site.site, gate.mask, instances)
        told = [fact for item in judged for fact in item.facts if isinstance(fact, Demographics)]
        identified.correct(config.identified, gate.site.site, gate.mask, told)
        with connect.transaction(connection):
            load_facts(connection, gate, judged)
            again = {gate.mask.of("message_id", event.message_id): event.sent_at for event in _again(judged)}
            ledger.note_sent(connection, gate.site.site, again)
            ledger.record(connection, [row for item in judged for row in item.rows])
        if any(isinstance(fact, PatientMerge) for item in judged for fact in item.facts):
            person.resolve(connection, gate.site.site)
    return Counter(row.outcome for item in judged for row in item.rows)


def load_facts(connection: DuckDBPyConnection, gate: Intake, judged: Sequence[Judged]) -> None:
    """Write the images and the messages' facts of judged files, within an open transaction."""
    given: dict[str, Any] = {"site": gate.site.site, "pseudonymiser": gate.mask, "received_at": gate.now}
    instances = [instance for item in judged for instance in item.instances]
    load.load(connection, "instance", instances, day=[gate.day(instance) for instance in instances], **given)
    pairs = [pair for item in judged for pair in zip(item.facts, item.brought_by, strict=True)]
    for table, kind in FACTS.items():
        found = [(fact, offer) for fact, offer in pairs if isinstance(fact, kind)]
        brought_by = [offer for _, offer in found]
        load.load(connection, table, [fact for fact, _ in found], offer_id=brought_by, **given)


def _again(judged: Iterable[Judged]) -> list[ReportEvent]:
    """Return the reports that came again, the earliest sent of each last."""
    events = [event for item in judged for event in item.again if event.sent_at]
    return sorted(events, key=lambda event: event.sent_at or datetime.max.replace(tzinfo=UTC), reverse=True)


def _keep(config: Config, gate: Intake, item: Judged, gone: Traces) -> None:
    if item.keep and item.erased:
        refused = erasing.refuses(config, gate.site.site, gone)
        content = next(name for name, ending in messages.ENDINGS.items() if item.keep.suffix == ending)
        left = messages.without(item.offered.path.read_bytes(), content, gate.site, datetime.now(UTC), refused)
        if left is not None:
            erasing.write(left, item.keep)
    elif item.keep:
        copy(item.offered.path, item.keep)
    if item.refuse:
        copy(item.offered.path, item.refuse)
        notes = [
            {"outcome": row.outcome, "reasons": row.reasons, "received_at": row.received_at.isoformat()}
            for row in item.rows
        ]
        item.refuse.with_suffix(".json").write_text(json.dumps(notes, indent=2), encoding="utf-8")


@dataclass(frozen=True)
class Intake:
    """One site's gate for one night."""

    site: Site
    night: date
    now: datetime
    mask: Pseudonymiser
    spool: Path
    quarantine: Path
    validated: frozenset[str]

    def place(self, offered: Offered) -> tuple[str, str]:
        """Return where a file lies (as a pseudonym) and its size and time."""
        return self.mask.of("place_id", f"{offered.source}/{offered.place}"), offered.stamp

    def offer(self, item: Read, index: int) -> str:
        """Return the identity of an offer: the same content in the same place is the same offer."""
        return self.mask.of("offer_id", f"{item.offered.source}/{item.offered.place}/{item.digest}/{index}")

    def day(self, instance: Instance) -> date:
        """Return the local day of an image: of its acquisition, else its date, of its study, of receipt."""
        if instance.acquired_at is None and instance.exam_date is not None:
            return instance.exam_date
        return (instance.acquired_at or instance.study_at or self.now).astimezone(self.site.zone).date()

    def read(self, offered: Offered, source: Settings) -> Read:
        """Read one file through the gate; its bytes decide, never its name."""
        settings, now = self.site.gate_settings(self.validated), datetime.now(UTC)
        if offered.refusal is not None:
            digest = hashlib.sha256(offered.path.read_bytes()).hexdigest()
            return Read(offered, digest, [Rejection("quarantined", (offered.refusal,))])
        if source.content != "dicom":
            data = offered.path.read_bytes()
            entries = messages.read(data, source.content, getattr(source, "csv", None), self.site, now)
            return Read(offered, hashlib.sha256(data).hexdigest(), entries)
        with offered.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        entry = dicom.gate(offered.path, settings, now)
        if isinstance(entry, Instance) and not _as_listed(offered, entry):
            entry = Rejection("quarantined", ("WRONG_OBJECT",))
            # What was asked for has not come: it is asked for again.
            offered = replace(offered, stamp="refused WRONG_OBJECT")
        return Read(offered, digest, [entry])

    def known(self, connection: DuckDBPyConnection, read: list[Read]) -> Known:
        """Look up which of a chunk's images and messages were taken before."""
        entries = [entry for item in read for entry in item.entries]
        images = [self.mask.of("instance_uid", entry.instance_uid) for entry in entries if isinstance(entry, Instance)]
        facts = [fact for entry in entries if isinstance(entry, tuple) for fact in entry]
        brought = [self.mask.of("message_id", fact.message_id) for fact in facts]
        site = self.site.site
        return Known(
            ledger.known_instances(connection, site, images),
            ledger.known_messages(connection, site, brought),
            erasure.tombstones(connection, site),
        )

    def judge(self, item: Read, known: Known) -> Judged:
        """Give each entry of a file its one outcome."""
        judged = Judged(item.offered, [])
        content_id = self.mask.of("content_id", item.digest)
        for index, entry in enumerate(item.entries):
            if self._gone(entry, content_id, known.gone):
                row = self._row(item, index, "accepted_not_inferred", ("ERASED",))
                row = replace(row, content_id=row.offer_id) if row.kind == "dicom" else row
                judged.erased = True
            elif isinstance(entry, Instance):
                row = self._image(item, entry, content_id, known)
                if row.outcome.startswith("accepted"):
                    judged.instances.append(entry)
                    judged.keep = self.spool / "dicom" / str(row.study_uid) / f"{row.instance_uid}.dcm"
            elif isinstance(entry, tuple):
                row = self._message(item, index, entry, known)
                if row.outcome == "duplicate":
                    judged.again.extend(fact for fact in entry if isinstance(fact, ReportEvent))
                else:
                    judged.facts.extend(entry)
                    judged.brought_by.extend([row.offer_id] * len(entry))
                if row.outcome == "unmatched":
                    judged.keep = self.spool / "messages" / f"{content_id}{messages.ENDINGS[self._content(item)]}"
            else:
                row = self._row(item, index, entry.outcome, entry.reasons)
            judged.rows.append(row)
        refused = any(row.outcome in ("quarantined", "conflict", "not_dicom", "not_hl7") for row in judged.rows)
        if refused and not judged.erased:
            judged.refuse = self.quarantine / f"{content_id}.bin"
        return judged

    def _gone(self, entry: Instance | Entry, content_id: str, gone: Traces) -> bool:
        """Return whether an entry is of a patient who was erased; a file that no gate reads, by its content."""
        if isinstance(entry, Rejection):
            return content_id in gone.content_id
        return any(erasing.is_gone(self.mask, gone, fact) for fact in (entry if isinstance(entry, tuple) else (entry,)))

    def _image(self, item: Read, instance: Instance, content_id: str, known: Known) -> LedgerRow:
        image = self.mask.of("instance_uid", instance.instance_uid)
        outcome, codes = dicom.outcome(instance)
        if image in known.instances:
            same = known.instances[image] == content_id
            outcome, codes = ("duplicate", ("DUPLICATE",)) if same else ("conflict", ("UID_CONFLICT",))
        else:
            known.instances[image] = content_id
        return self._row(
            item, 0, outcome, codes, study_uid=self.mask.of("study_uid", instance.study_uid), instance_uid=image
        )

    def _message(self, item: Read, index: int, facts: tuple[Fact, ...], known: Known) -> LedgerRow:
        first = self.mask.of("message_id", facts[0].message_id)
        outcome, codes = hl7.outcome(facts)
        if isinstance(facts[0], ReportEvent):
            # Until `ledger.settle_matches` finds its study, or another message under its control id.
            outcome, codes = "unmatched", ("UNMATCHED", *codes)
        if first in known.messages:
            outcome, codes = "duplicate", ("DUPLICATE",)
        known.messages.update(self.mask.of("message_id", fact.message_id) for fact in facts)
        return self._row(item, index, outcome, codes, message_id=first)

    def _content(self, item: Read) -> str:
        return next(source.content for source in self.site.sources if source.name == item.offered.source)

    def _row(
        self,
        item: Read,
        index: int,
        outcome: str,
        codes: tuple[str, ...],
        study_uid: str | None = None,
        instance_uid: str | None = None,
        message_id: str | None = None,
    ) -> LedgerRow:
        place, stamp = self.place(item.offered)
        return LedgerRow(
            site=self.site.site,
            offer_id=self.offer(item, index),
            kind="dicom" if self._content(item) == "dicom" else "message",
            source=item.offered.source,
            night=self.night,
            received_at=self.now,
            place_id=place,
            stamp=stamp,
            content_id=self.mask.of("content_id", item.digest),
            outcome=outcome,
            reasons=codes,
            study_uid=study_uid,
            instance_uid=instance_uid,
            message_id=message_id,
            key_id=self.mask.key_id,
        )


def writer(config: Config) -> AbstractContextManager[DuckDBPyConnection]:
    """Open the warehouse for writing, waiting as long as the machine's settings say."""
    return connect.writer(config.warehouse, config.machine.writer_wait_minutes)


def copy(source: Path, target: Path) -> None:
    """Copy a file so that the target is whole or absent: written aside, synced, renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    with source.open("rb") as reader, aside.open("wb") as file:
        while block := reader.read(1 << 20):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(target)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of at most `size` items."""
    chunk: list[T] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk

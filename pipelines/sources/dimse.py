"""A PACS that speaks DIMSE: C-FIND lists; C-GET fetches, or C-MOVE makes the PACS send to where the night listens.

References
----------
DICOM PS3.4 C.4.1-C.4.3 (C-FIND, C-MOVE, C-GET), PS3.7 D.3.3.4 (role selection).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association

from pipelines.errors import SourceUnreachableError
from pipelines.source_settings import CstoreSource, DimseSource
from pipelines.sources import cstore, dicom_network, listing, patience, tls
from pipelines.sources.dicom_network import VERIFICATION, Transfer, watched
from pipelines.sources.inbox import Inbox
from pipelines.sources.landing import Landing
from pipelines.sources.listing import MOST_LISTED, Attributes, Wanted
from pipelines.sources.offered import Offered

# PS3.4 C.6.2: study root.
FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
_IMAGES = "1.2.840.10008.5.1.4.1.1."
# Which storage classes a modality's radiographs come in.
CLASSES: Mapping[str, tuple[str, ...]] = {
    "CR": ("1",),
    "DX": ("1.1", "1.1.1"),
    "MG": ("1.2", "1.2.1"),
    "IO": ("1.3", "1.3.1"),
    "XA": ("12.1", "12.1.1", "12.3"),
    "RF": ("12.2", "12.2.1"),
}
# One presentation context for each: so the PACS sends an object as it keeps it. The commonest first.
SYNTAXES = (
    ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2"),
    *((f"1.2.840.10008.1.2.{kind}",) for kind in ("4.70", "4.80", "4.90", "5", "4.50", "4.57", "4.81", "4.91", "4.51")),
    ("1.2.840.10008.1.2.1.99",),
    ("1.2.840.10008.1.2.2",),
)
MOST_CONTEXTS = 128
PENDING = frozenset({0xFF00, 0xFF01})
# Statuses that may go away: out of resources (PS3.4 tables C.4-2, C.4-3).
BUSY = frozenset({0xA700, 0xA701, 0xA702})
MOST_FAILURES = 5
# What others did at the port where we listen for a C-MOVE: rows of their own, as a receiver's.
OF_STRANGERS = frozenset({"CALLER_REFUSED", "TOO_MANY_CONNECTIONS", "BAD_PROTOCOL"})


class _LostError(Exception):
    """The association broke, or could not be made; another may hold. The text is for the operator."""


@dataclass
class Dimse:
    """One PACS as a source; one association at a time."""

    settings: DimseSource
    home: Path
    landing: Landing
    wanted: Wanted
    association: Association | None = None
    connection: socket.socket | None = None
    # What arrives by C-GET belongs to this offer.
    awaited: Offered | None = None
    refused: str | None = None
    failures: int = 0
    asked: set[str] = field(default_factory=set)
    heard: listing.Heard = field(default_factory=listing.Heard)
    transfer: Transfer = field(default_factory=lambda: Transfer("", 0))

    def changed(self, days: Sequence[date]) -> Iterator[Offered]:
        """List the images of these days, of some before, and of all since the PACS last answered."""
        self.landing.prepare()
        asked = self.landing.days(days, self.settings.look_back_days)
        for left in self._arriving.glob("*"):
            left.unlink()
        with ExitStack() as running:
            running.callback(self.close)
            self._listen(running)
            yield from listing.walk(self, self.landing, self.wanted, asked, self.heard)
        yield from self._refusals()
        self.landing.answered(asked)

    def fetch(self, offered: Offered) -> Offered | None:
        """Fetch one object; what the PACS does not hand over becomes a refusal."""
        if offered.refusal or offered.path.exists():
            return offered
        self.awaited, self.refused = offered, None
        self.asked.add(offered.instance_uid or "")
        lost = self._ask_for(offered)
        if offered.path.exists():
            self.failures = 0
            return offered
        self.failures = self.failures + 1 if lost else 0
        if self.failures >= MOST_FAILURES:
            raise SourceUnreachableError(f"source {self.settings.name}: the PACS lists images but does not send them")
        return self.landing.not_handed_over(offered, self.refused or "NOT_FETCHED")

    def done(self, offered: Offered) -> None:
        """Remove what the spool or the quarantine has now."""
        offered.path.unlink(missing_ok=True)

    def studies(self, day: date, modality: str) -> list[Attributes]:
        """List the studies of a local day with a series of this modality."""
        told = dict.fromkeys(listing.CORRECTED, "")
        return self._find("STUDY", StudyDate=f"{day:%Y%m%d}", ModalitiesInStudy=modality, StudyInstanceUID="", **told)

    def holds(self, study_uid: str) -> bool:
        """Say whether the PACS has this study, of whatever day and modality."""
        try:
            return bool(self._find("STUDY", StudyInstanceUID=study_uid))
        finally:
            self.close()

    def series(self, study_uid: str, modality: str, body_part: str) -> list[Attributes]:
        """List the series of a study that are of this modality (and body part), with their body part."""
        return self._find(
            "SERIES", StudyInstanceUID=study_uid, Modality=modality, SeriesInstanceUID="", BodyPartExamined=body_part
        )

    def instances(self, study_uid: str, series_uid: str) -> list[Attributes]:
        """List the instances of a series."""
        return self._find(
            "IMAGE", StudyInstanceUID=study_uid, SeriesInstanceUID=series_uid, SOPInstanceUID="", SOPClassUID=""
        )

    def echo(self) -> None:
        """Ask the PACS for nothing but an answer (C-ECHO).

        Raises
        ------
        SourceUnreachableError
            If it gives none.
        """
        try:
            status = self._associated().send_c_echo().get("Status")
        except _LostError as error:
            raise SourceUnreachableError(str(error)) from None
        finally:
            self.close()
        if status != 0:
            raise SourceUnreachableError(f"source {self.settings.name}: the PACS does not answer an echo")

    def close(self) -> None:
        """End the association."""
        if self.association is not None:
            dicom_network.end(self.association, self.connection)
            self.association = None

    def _find(self, level: str, **query: str) -> list[Attributes]:
        identifier = Dataset()
        identifier.QueryRetrieveLevel = level
        for keyword, value in query.items():
            setattr(identifier, keyword, value)
        said = ""
        for _ in patience.attempts(self.settings.attempts):
            try:
                rows, status = self._found(identifier, list(query))
            except _LostError as error:
                said = str(error)
                self._abort()
                continue
            if status == 0:
                return rows
            said = (
                f"source {self.settings.name}: the PACS refuses a query (C-FIND); ask whoever runs it whether"
                f" {self.settings.calling_ae_title} may query it"
            )
            if status not in BUSY:
                break
        raise SourceUnreachableError(said)

    def _found(self, identifier: Dataset, keywords: list[str]) -> tuple[list[Attributes], int]:
        rows: list[Attributes] = []
        association = self._associated()
        try:
            for status, row in association.send_c_find(identifier, FIND):
                code = status.get("Status")
                if code is None:
                    break
                if code not in PENDING:
                    return rows, code
                rows.append(_attributes(row, keywords))
                if len(rows) > MOST_LISTED:
                    self._abort()
                    return rows, 0
        except (RuntimeError, ValueError):
            pass
        raise _LostError(f"source {self.settings.name}: the PACS breaks off; its log may say why")

    def _ask_for(self, offered: Offered) -> bool:
        """Ask for one object, again if that may help; return whether the last attempt ended in a broken association."""
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "IMAGE"
        identifier.StudyInstanceUID = offered.study_uid
        identifier.SeriesInstanceUID = offered.series_uid
        identifier.SOPInstanceUID = offered.instance_uid
        lost = False
        for _ in patience.attempts(self.settings.attempts):
            try:
                lost, status = False, self._sent(identifier)
            except _LostError:
                lost, status = True, None
                self._abort()
            self._moved(offered)
            if offered.path.exists() or self.refused:
                return False
            if not lost and status not in BUSY:
                return False
        return lost

    def _sent(self, identifier: Dataset) -> int:
        association = self._associated()
        move = self.settings.move_to
        try:
            answers = (
                association.send_c_get(identifier, GET)
                if move is None
                else association.send_c_move(identifier, move.ae_title, MOVE)
            )
            for status, _ in answers:
                code = status.get("Status")
                if code is None:
                    break
                if code not in PENDING:
                    return int(code)
        except (RuntimeError, ValueError):
            pass
        raise _LostError(f"source {self.settings.name}: the PACS breaks off; its log may say why")

    def _associated(self) -> Association:
        if self.association is not None and self.association.is_established:
            return self.association
        self.close()
        settings = self.settings
        dicom_network.prepare(self._arriving)
        entity = AE(settings.calling_ae_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = settings.timeout_seconds
        entity.connection_timeout = settings.timeout_seconds
        wanted = self._contexts()
        for abstract, syntaxes in wanted:
            entity.add_requested_context(abstract, list(syntaxes))
        roles: list[Any] = [build_role(name, scp_role=True) for name in dict.fromkeys(name for name, _ in wanted[3:])]
        secured = tls.client(settings.name, tls.at_home(settings.tls, self.home))
        more: dict[str, Any] = {} if secured is None else {"tls_args": (secured, settings.host)}
        association = entity.associate(
            settings.host,
            settings.port,
            ae_title=settings.ae_title,
            ext_neg=roles,
            evt_handlers=[
                (evt.EVT_CONN_OPEN, self._opened),
                (evt.EVT_C_STORE, self._store),
                (evt.EVT_DIMSE_RECV, self._message_is_whole),
            ],
            **more,
        )
        if not association.is_established:
            dicom_network.end(association, self.connection)
            if association.is_rejected:
                raise SourceUnreachableError(
                    f"source {settings.name}: the PACS refuses us; does it know {settings.calling_ae_title}, and is"
                    f" it called {settings.ae_title}?"
                )
            raise _LostError(
                f"source {settings.name}: no association with the PACS; see host, port and tls, and the firewall"
            )
        self.association = association
        self.transfer = Transfer("", settings.maximum_object_mb << 20)
        dicom_network.guard(association)
        connection: Any = association.dul.socket
        connection.recv = watched(connection.recv, self.transfer, self._refuse)
        return association

    def _contexts(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return the presentation contexts to ask for; those of storage, after the first three, for C-GET alone."""
        implicit = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
        retrieve = GET if self.settings.move_to is None else MOVE
        contexts: list[tuple[str, tuple[str, ...]]] = [(name, implicit) for name in (VERIFICATION, FIND, retrieve)]
        if self.settings.move_to is None:
            names = [
                _IMAGES + kind for modality in sorted(self.wanted.modalities) for kind in CLASSES.get(modality, ())
            ]
            contexts += [(name, syntaxes) for syntaxes in SYNTAXES for name in names]
        return contexts[:MOST_CONTEXTS]

    def _refuse(self, reason: str) -> None:
        self.refused = reason if reason == "FILE_TOO_LARGE" else "NOT_FETCHED"
        raise OSError("refused")

    def _opened(self, event: evt.Event) -> None:
        opened: Any = event.assoc.dul.socket
        self.connection = opened.socket

    def _store(self, event: evt.Event) -> int:
        """Take what the PACS sends within a C-GET; whether it is what was asked for, the gate sees."""
        path = dicom_network.file_of(event)
        offered = self.awaited
        request: Any = event.request
        right = offered is not None and str(request.AffectedSOPInstanceUID) == offered.instance_uid
        if offered is not None and (right or not offered.path.exists()):
            path.replace(offered.path)
        else:
            path.unlink()
        return cstore.SUCCESS

    def _message_is_whole(self, _event: evt.Event) -> None:
        self.transfer.received = 0

    def _abort(self) -> None:
        if self.association is not None:
            self.association.abort()
            self.close()

    @property
    def _arriving(self) -> Path:
        return self.landing.folder / "arriving"

    @property
    def _inbox(self) -> Inbox:
        return Inbox(self.settings.name, self.landing.folder / "moved")

    def _listen(self, running: ExitStack) -> None:
        """Listen for what the PACS sends when it is asked to move, until the listing ends."""
        move = self.settings.move_to
        if move is None:
            return
        receiver = CstoreSource(
            name=self.settings.name,
            type="cstore",
            listen=move.listen,
            port=move.port,
            tls=tls.at_home(move.tls, self.home),
            ae_title=move.ae_title,
            calling=(self.settings.ae_title,),
            maximum_object_mb=self.settings.maximum_object_mb,
            idle_seconds=self.settings.timeout_seconds,
        )
        try:
            running.enter_context(cstore.listening(receiver, self._inbox))
        except OSError:
            raise SourceUnreachableError(
                f"source {self.settings.name}: the port of move_to cannot be opened; is another program using it?"
            ) from None

    def _moved(self, offered: Offered) -> None:
        """Put what the PACS sent to us where it belongs, each under its own identifier."""
        if self.settings.move_to is None:
            return
        for path in sorted((self._inbox.folder / "objects").glob("[!.]*")):
            uid = str(read_file_meta_info(path).get("MediaStorageSOPInstanceUID", ""))
            # What was asked for earlier and comes late is its own; what nobody asked for is this answer.
            target = self.landing.listed("", "", uid).path if uid in self.asked else offered.path
            path.replace(target)
        for refusal in list(self._refusals()):
            if refusal.refusal not in OF_STRANGERS:
                self.refused = "FILE_TOO_LARGE" if refusal.refusal == "FILE_TOO_LARGE" else "NOT_FETCHED"
                refusal.path.unlink()

    def _refusals(self) -> Iterator[Offered]:
        """Yield what was refused where we listen."""
        if self.settings.move_to is not None:
            yield from (offered for offered in self._inbox.changed([]) if offered.refusal is not None)


def _attributes(row: Dataset | None, keywords: list[str]) -> Attributes:
    """Return the attributes asked for as text; what cannot be read is left out, the row itself is not."""
    found: dict[str, str] = {}
    for keyword in keywords:
        try:
            found[keyword] = str(row.get(keyword) or "").strip(" \0") if row is not None else ""
        except Exception:  # noqa: BLE001 - pydicom decodes values late and raises whatever it likes
            found[keyword] = ""
    return found

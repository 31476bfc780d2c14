"""The C-STORE receiver: modalities and PACS send, we answer success once the object is safe on disk.

References
----------
DICOM PS3.4 annex B (storage), PS3.7 9.1.1 (C-STORE), PS3.8 9.3 (associations and their refusal).
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from pipelines.source_settings import CstoreSource
from pipelines.sources import dicom_network, tls
from pipelines.sources.crowd import Crowd
from pipelines.sources.inbox import Inbox

SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
VERIFICATION = "1.2.840.10008.1.1"
# A machine that connects and does not ask for an association is let go after this many seconds.
ASSOCIATE_SECONDS = 5.0
LARGEST_PDU = 1 << 20
P_DATA, KINDS = 4, frozenset(range(1, 8))
# PS3.8 9.3.4: A-ASSOCIATE-RJ, transient, by the presentation service: local limit exceeded.
TOO_MANY = bytes([3, 0, 0, 0, 0, 4, 0, 2, 3, 2])
# PS3.8 9.3.8: A-ABORT by the service provider, no reason given.
ABORT = bytes([7, 0, 0, 0, 0, 4, 0, 0, 2, 0])
SERVICE_PROVIDER = 2


@contextmanager
def listening(settings: CstoreSource, inbox: Inbox) -> Iterator[int]:
    """Receive objects into the inbox while the block runs; gives the port.

    Raises
    ------
    SourceUnreachableError
        If a certificate cannot be read.
    OSError
        If the port cannot be opened.
    """
    dicom_network.hush()
    inbox.prepare()
    entity = AE(settings.ae_title)
    entity.require_called_aet = True
    entity.require_calling_aet = list(settings.calling)
    # The server below counts for itself, machine by machine.
    entity.maximum_associations = 10_000
    entity.acse_timeout = ASSOCIATE_SECONDS
    entity.dimse_timeout = entity.network_timeout = settings.idle_seconds
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(str(context.abstract_syntax), ALL_TRANSFER_SYNTAXES)
    entity.add_supported_context(VERIFICATION)
    server = entity.make_server(
        (settings.listen, settings.port),
        evt_handlers=[
            (evt.EVT_C_STORE, _store),
            (evt.EVT_DIMSE_RECV, _message_is_whole),
            (evt.EVT_PDU_SENT, _sent),
        ],
        server_class=_Server,
        request_handler=_Handler,
        settings=settings,
        inbox=inbox,
        secured=tls.server(settings.name, settings.tls),
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join(5)


@dataclass
class _Transfer:
    """How far one association is with what it sends; `refused` once we said why not."""

    address: str
    limit: int
    received: int = 0
    data_follows: bool = False
    refused: bool = False


class _Server(ThreadedAssociationServer):
    """pynetdicom's server with limits for each machine, and TLS handshakes that keep nobody waiting."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, *given: Any, settings: CstoreSource, inbox: Inbox, secured: ssl.SSLContext | None, **named: Any
    ) -> None:
        self.settings, self.inbox, self.secured = settings, inbox, secured
        self.crowd = Crowd(settings.maximum_associations)
        self.transfers: dict[Association, _Transfer] = {}
        self.stopping = False
        super().__init__(*given, **named)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept a connection that cannot stall us: what it begins must come within the idle time."""
        request, address = super().get_request()
        request.settimeout(min(ASSOCIATE_SECONDS, self.settings.idle_seconds))
        return request, address

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Refuse what is too much; else shake hands, in this connection's own thread."""
        address = str(client_address[0])
        if not self.crowd.enter(address):
            self.inbox.refuse("TOO_MANY_CONNECTIONS", address)
            with contextlib.suppress(OSError):
                if self.secured is None:
                    request.sendall(TOO_MANY)
                    request.shutdown(socket.SHUT_WR)
                    request.settimeout(1)
                    request.recv(LARGEST_PDU)  # else what it sent resets the connection before it reads why
            self.shutdown_request(request)
            return
        try:
            if self.secured is not None:
                request = self.secured.wrap_socket(request, server_side=True)
            request.settimeout(self.settings.idle_seconds)
            self.finish_request(request, client_address)
        except (OSError, ssl.SSLError):
            self.inbox.refuse("BAD_PROTOCOL", address)
        finally:
            self.crowd.leave(address)
            self.shutdown_request(request)

    def shutdown(self) -> None:
        """Stop accepting, and end what is under way."""
        self.stopping = True
        socketserver.BaseServer.shutdown(self)
        self.server_close()
        for association in self.active_associations:
            association.abort()


class _Handler(RequestHandler):
    """Holds the association of one connection until its end, with a watch on what it reads."""

    server: _Server

    def handle(self) -> None:
        """Run the association, and note if it ended within an object."""
        association = self._create_association()
        association.start()
        association.join()
        transfer = self.server.transfers.pop(association)
        if transfer.received and not transfer.refused and not self.server.stopping:
            self.server.inbox.refuse("INCOMPLETE_TRANSFER", transfer.address)

    def _create_association(self) -> Association:
        association = super()._create_association()
        transfer = _Transfer(str(self.client_address[0]), self.server.settings.maximum_object_mb << 20)
        self.server.transfers[association] = transfer
        # Also a peer that we aborted is waited for no longer than this.
        association.dul.artim_timer.timeout = ASSOCIATE_SECONDS
        connection: Any = association.dul.socket
        read, send = connection.recv, connection.send

        def refuse(reason: str) -> None:
            transfer.refused = True
            self.server.inbox.refuse(reason, transfer.address)
            with contextlib.suppress(OSError):
                send(ABORT)
            raise OSError("refused")

        connection.recv = _watched(read, transfer, refuse)
        return association


def _watched(
    read: Callable[[int], bytearray], transfer: _Transfer, refuse: Callable[[str], None]
) -> Callable[[int], bytearray]:
    """Return `read`, which refuses kinds and lengths that no peer may announce, before more is read.

    pynetdicom reads the six bytes of a PDU's header, then as many as they announce: up to 4 GiB.
    """

    def watched(size: int) -> bytearray:
        if size > LARGEST_PDU:
            refuse("BAD_PROTOCOL")
        if transfer.data_follows:
            transfer.received += size
            transfer.data_follows = False
            if transfer.received > transfer.limit:
                refuse("FILE_TOO_LARGE")
        found = read(size)
        if size == 6 and len(found) == 6:
            if found[0] not in KINDS:
                refuse("BAD_PROTOCOL")
            transfer.data_follows = found[0] == P_DATA
        return found

    return watched


def _transfer(event: evt.Event) -> tuple[_Server, _Transfer | None]:
    server: Any = event.assoc._server  # noqa: SLF001 - pynetdicom has no public name for it
    return server, server.transfers.get(event.assoc)


def _store(event: evt.Event) -> int:
    """Keep one object; success only once it is safe."""
    server, transfer = _transfer(event)
    try:
        data = event.encoded_dataset()
    except (AttributeError, ValueError, TypeError, NotImplementedError):
        server.inbox.refuse("BAD_PROTOCOL", transfer.address if transfer else "")
        return CANNOT_UNDERSTAND
    try:
        server.inbox.keep(data)
    except OSError:
        return OUT_OF_RESOURCES
    return SUCCESS


def _message_is_whole(event: evt.Event) -> None:
    _, transfer = _transfer(event)
    if transfer:
        transfer.received = 0


def _sent(event: evt.Event) -> None:
    server, transfer = _transfer(event)
    if transfer is None or transfer.refused or server.stopping:
        return
    if isinstance(event.pdu, A_ASSOCIATE_RJ):
        transfer.refused = True
        server.inbox.refuse("CALLER_REFUSED", transfer.address)
    elif isinstance(event.pdu, A_ABORT_RQ) and (event.pdu.source == SERVICE_PROVIDER or not event.assoc.is_established):
        transfer.refused = True
        server.inbox.refuse("BAD_PROTOCOL", transfer.address)

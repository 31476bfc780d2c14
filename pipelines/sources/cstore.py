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
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from pipelines.source_settings import CstoreSource
from pipelines.sources import dicom_network, tls
from pipelines.sources.crowd import Crowd
from pipelines.sources.dicom_network import LARGEST_PDU, VERIFICATION, Transfer, watched
from pipelines.sources.inbox import Inbox

SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700
# A machine that connects and does not ask for an association is let go after this many seconds.
ASSOCIATE_SECONDS = 5.0
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
    inbox.prepare()
    dicom_network.prepare(inbox.arriving)
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


class _Server(ThreadedAssociationServer):
    """pynetdicom's server with limits for each machine, and TLS handshakes that keep nobody waiting."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, *given: Any, settings: CstoreSource, inbox: Inbox, secured: ssl.SSLContext | None, **named: Any
    ) -> None:
        self.settings, self.inbox, self.secured = settings, inbox, secured
        self.crowd = Crowd(settings.maximum_associations)
        self.transfers: dict[Association, Transfer] = {}
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
        dicom_network.forget_unfinished(association)
        transfer = self.server.transfers.pop(association)
        if transfer.received and not transfer.refused and not self.server.stopping:
            self.server.inbox.refuse("INCOMPLETE_TRANSFER", transfer.address)

    def _create_association(self) -> Association:
        association = super()._create_association()
        dicom_network.guard(association)
        transfer = Transfer(str(self.client_address[0]), self.server.settings.maximum_object_mb << 20)
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

        connection.recv = watched(read, transfer, refuse)
        return association


def _transfer(event: evt.Event) -> tuple[_Server, Transfer | None]:
    server: Any = event.assoc._server  # noqa: SLF001 - pynetdicom has no public name for it
    return server, server.transfers.get(event.assoc)


def _store(event: evt.Event) -> int:
    """Keep one object; success only once it is safe."""
    server, _ = _transfer(event)
    try:
        server.inbox.take(dicom_network.file_of(event))
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

"""pynetdicom as we want it, on both sides: quiet about what it carries, bounded, objects straight to disk."""

from __future__ import annotations

import logging
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from pynetdicom import AE, _config, dimse_messages, evt
from pynetdicom.association import Association

VERIFICATION = "1.2.840.10008.1.1"
LARGEST_PDU = 1 << 20
# PS3.8 9.2.2: as after a PDU that is none, which is answered by A-ABORT.
UNRECOGNISED = "Evt19"
P_DATA, KINDS = 4, frozenset(range(1, 8))


def prepare(arriving: Path) -> None:
    """Set pynetdicom up for this process: quiet, and objects that arrive are written to this folder, block by block.

    By default it writes queries and answers into logs, and holds objects in memory; told to use files, it puts
    them into the machine's folder for temporary files, where a crash would leave them.
    """
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    _config.LOG_HANDLER_LEVEL = "none"
    # Its errors come with what the peer sent; ours say what happened in the ledger.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    # So do pydicom's warnings and its log: they quote the value that they dislike.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="pydicom|pynetdicom")
    arriving.mkdir(parents=True, exist_ok=True, mode=0o700)
    _config.STORE_RECV_CHUNKED_DATASET = True
    vars(dimse_messages)["NamedTemporaryFile"] = partial(NamedTemporaryFile, dir=arriving)


def file_of(event: evt.Event) -> Path:
    """Return the file of an object that arrived whole; the caller moves or removes it."""
    request: Any = event.request
    request._dataset_file.close()  # noqa: SLF001 - pynetdicom has no public name for it
    return Path(event.dataset_path)


def guard(association: Association) -> None:
    """Abort the association when the peer sends a message that pynetdicom cannot take apart.

    It names the file of an object by the identifiers in the command; where they are missing, its thread would
    end, and the association would hang.
    """
    service: Any = association.dimse
    receive = service.receive_primitive

    def guarded(primitive: Any) -> None:
        try:
            receive(primitive)
        except Exception:  # noqa: BLE001 - whatever a peer's bytes lead to; the text may hold them
            association.dul.event_queue.put(UNRECOGNISED)

    service.receive_primitive = guarded


def forget_unfinished(association: Association) -> None:
    """Remove what arrived of an object that will not become whole."""
    message: Any = association.dimse.message
    if message is not None and message._data_set_file is not None:  # noqa: SLF001 - as above
        message._data_set_file.close()  # noqa: SLF001
        Path(message._data_set_file.name).unlink(missing_ok=True)  # noqa: SLF001


@contextmanager
def association(entity: AE, host: str, port: int, called: str, **more: Any) -> Iterator[Association]:
    """Ask for an association, which the block may use if it is established; it ends with the block."""
    opened: list[Any] = []
    handlers: list[Any] = [(evt.EVT_CONN_OPEN, lambda event: opened.append(event.assoc.dul.socket.socket))]
    made = entity.associate(host, port, ae_title=called, evt_handlers=handlers, **more)
    try:
        yield made
    finally:
        end(made, opened[0] if opened else None)


def end(association: Association, connection: socket.socket | None) -> None:
    """End an association in any state, and what it left open."""
    if association.is_established:
        association.release()
    else:
        association.abort()
    if association.is_alive():
        association.join(5)
    forget_unfinished(association)
    if connection is not None:
        connection.close()  # pynetdicom leaves it to the collector when the peer hangs up


@dataclass
class Transfer:
    """How far one association is with what it sends; `refused` once we said why not."""

    address: str
    limit: int
    received: int = 0
    data_follows: bool = False
    refused: bool = False


def watched(
    read: Callable[[int], bytearray], transfer: Transfer, refuse: Callable[[str], None]
) -> Callable[[int], bytearray]:
    """Return `read`, which refuses kinds and lengths that no peer may announce, before more is read.

    pynetdicom reads the six bytes of a PDU's header, then as many as they announce: up to 4 GiB.
    """

    def read_watched(size: int) -> bytearray:
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

    return read_watched

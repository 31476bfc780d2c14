"""One HL7 v2 message to a RIS over MLLP, confirmed by its acknowledgement.

References
----------
HL7 Transport Specification: MLLP, release 1. HL7 v2.5.1 2.9.2.2, table 0008.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import ExitStack
from pathlib import Path

from inference import hl7_priority
from pipelines.errors import ConfigError, NotSentError, Problem, SourceUnreachableError
from pipelines.result_settings import Priority
from pipelines.sources import patience, tls

START, END = b"\x0b", b"\x1c\r"
LARGEST_ANSWER = 1 << 16
NAME = "results.priority"


def template(target: Priority, home: Path, site: str) -> str:
    """Return the text of the site's message, or ours.

    Raises
    ------
    ConfigError
        If it cannot be read or used.
    """
    if target.template is None:
        return hl7_priority.TEMPLATE
    try:
        text = (home / target.template).read_text(encoding="utf-8")
        said = hl7_priority.problem(text)
    except (OSError, UnicodeDecodeError):
        text, said = "", "the file cannot be read; correct the path, its mode, or write it in UTF-8"
    if said is not None:
        raise ConfigError([Problem(f"sites/{site}.yaml", "results.priority.template", said)])
    return text


def send(target: Priority, home: Path, message: bytes, control_id: str) -> None:
    """Send a message; on return the RIS has acknowledged it (AA or CA).

    Raises
    ------
    NotSentError
        If it did not, in all attempts. The control id is the same at each: who has it knows it again.
    """
    try:
        secured = tls.client(NAME, tls.at_home(target.tls, home))
    except SourceUnreachableError as error:
        raise NotSentError(str(error)) from None
    for last in patience.attempts(target.attempts):
        try:
            code = hl7_priority.acknowledged(_answer(target, secured, message), control_id)
        except (OSError, ssl.SSLError):
            code = None
        if code in ("AA", "CA"):
            return
        if code in ("AR", "CR"):
            raise NotSentError(f"{NAME}: the RIS rejects the message; ask whoever runs it what it expects")
        if last:
            raise NotSentError(f"{NAME}: the RIS does not acknowledge the message; see host, port and tls")


def _answer(target: Priority, secured: ssl.SSLContext | None, message: bytes) -> bytes:
    until = time.monotonic() + target.timeout_seconds
    with ExitStack() as opened:
        peer = opened.enter_context(socket.create_connection((target.host, target.port), target.timeout_seconds))
        if secured is not None:
            peer = opened.enter_context(secured.wrap_socket(peer, server_hostname=target.host))
        peer.sendall(START + message + END)
        read = b""
        while not read.endswith(END):
            peer.settimeout(max(0.01, until - time.monotonic()))
            block = peer.recv(4096)
            read += block
            if not block or len(read) > LARGEST_ANSWER:
                raise OSError("no acknowledgement")
    return read.removeprefix(START).removesuffix(END)

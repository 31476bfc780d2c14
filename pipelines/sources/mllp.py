"""The MLLP listener: HL7 v2 over TCP, acknowledged once the message is safe on disk.

References
----------
HL7 Transport Specification: MLLP, release 1 (start block 0x0B, end block 0x1C 0x0D).
"""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from inference import hl7_ack
from pipelines.source_settings import MllpSource
from pipelines.sources import tls
from pipelines.sources.crowd import Crowd
from pipelines.sources.inbox import Inbox

START, END = b"\x0b", b"\x1c\r"
BLOCK = 1 << 16
HANDSHAKE_SECONDS = 5.0
SWALLOW_SECONDS = 2.0


class _BadFrameError(Exception):
    """The peer does not keep to the protocol; `reason` is a reason code, `words` what it is told."""

    def __init__(self, reason: str, words: str) -> None:
        self.reason, self.words = reason, words
        super().__init__(reason)


@asynccontextmanager
async def listening(settings: MllpSource, inbox: Inbox) -> AsyncIterator[int]:
    """Receive messages into the inbox while the block runs; gives the port.

    Raises
    ------
    SourceUnreachableError
        If a certificate cannot be read.
    OSError
        If the port cannot be opened.
    """
    inbox.prepare()
    crowd = Crowd(settings.maximum_connections)
    secured = tls.server(settings.name, settings.tls)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str((writer.get_extra_info("peername") or ("unknown",))[0])
        try:
            if not crowd.enter(address):
                await asyncio.to_thread(inbox.refuse, "TOO_MANY_CONNECTIONS", address)
                return
            try:
                await _Conversation(settings, inbox, address, reader, writer).hold()
            finally:
                crowd.leave(address)
        finally:
            writer.close()
            with suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    more = {"ssl_handshake_timeout": HANDSHAKE_SECONDS} if secured else {}
    server = await asyncio.start_server(
        serve, settings.listen, settings.port, ssl=secured, limit=BLOCK, backlog=64, **more
    )
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


@dataclass
class _Conversation:
    """One connection: messages one after the other, each answered before the next is read."""

    settings: MllpSource
    inbox: Inbox
    address: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    rest: bytes = b""

    async def hold(self) -> None:
        """Answer message after message until the peer leaves or breaks the protocol."""
        with suppress(ConnectionError, ssl.SSLError):
            try:
                while await self._begun():
                    await self._answer(await asyncio.wait_for(self._frame(), self.settings.frame_seconds))
            except _BadFrameError as error:
                await self._refuse(error.reason, error.words)
            except TimeoutError:
                await self._refuse("INCOMPLETE_TRANSFER", "the message did not end in time")

    async def _begun(self) -> bool:
        """Wait for a start block; False once the peer leaves or rests for too long."""
        while True:
            self.rest = self.rest.lstrip(b"\r\n")
            if self.rest.startswith(START):
                self.rest = self.rest[1:]
                return True
            if self.rest:
                raise _BadFrameError("BAD_PROTOCOL", "no start block; this port speaks MLLP")
            try:
                self.rest = await asyncio.wait_for(self.reader.read(BLOCK), self.settings.idle_seconds)
            except TimeoutError:
                return False
            if not self.rest:
                return False

    async def _frame(self) -> bytes:
        """Read up to the end block.

        Blocks are kept in a list and joined once: adding to one string would take time that grows
        with the square of the message.
        """
        most = int(self.settings.maximum_message_mb * (1 << 20))
        blocks, size, last = [self.rest], len(self.rest), b""
        while True:
            block = blocks[-1]
            joint = last + block
            at = joint.find(END)
            if START in (block if at < 0 else joint[:at]):
                raise _BadFrameError("INCOMPLETE_TRANSFER", "a start block before the end block")
            if size - (len(joint) - at if at >= 0 else 0) > most:
                raise _BadFrameError("MESSAGE_TOO_LARGE", "the message is larger than this port takes")
            if at >= 0:
                whole = b"".join(blocks)
                end = len(whole) - len(joint) + at
                self.rest = whole[end + len(END) :]
                return whole[:end]
            last = joint[-1:]
            read = await self.reader.read(BLOCK)
            if not read:
                raise _BadFrameError("INCOMPLETE_TRANSFER", "the connection ended before the end block")
            blocks.append(read)
            size += len(read)

    async def _answer(self, message: bytes) -> None:
        """Keep the message, then acknowledge it; what is no HL7 is kept too, and told apart."""
        found = hl7_ack.control_id(message)
        try:
            # Also what we refuse: the night gives it its row of the ledger, with the reason.
            await asyncio.to_thread(self.inbox.keep, message)
        except OSError:
            await self._send("AE", found, "the message could not be stored; send it again later")
            return
        if found is None:
            await self._send("AR", None, "no usable MSH segment with message type and control id")
        else:
            await self._send("AA", found, "")

    async def _refuse(self, reason: str, words: str) -> None:
        await asyncio.to_thread(self.inbox.refuse, reason, self.address)
        await self._send("AR", None, words)
        # What is still under way would reset the connection before the peer has read why.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._swallow(), SWALLOW_SECONDS)

    async def _swallow(self) -> None:
        while await self.reader.read(BLOCK):
            pass

    async def _send(self, code: str, answered: bytes | None, words: str) -> None:
        answer = hl7_ack.acknowledgement(code, answered, words, datetime.now(UTC), uuid.uuid4().hex[:20])
        self.writer.write(START + answer + END)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.writer.drain(), self.settings.frame_seconds)

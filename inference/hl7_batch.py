"""A file of HL7 v2 to its messages: byte order marks, MLLP frames, batches with their counts.

References
----------
HL7 v2.5.1 chapter 2, 2.10.3 (batch protocol: FHS, BHS, BTS, FTS); HL7 Minimal Lower Layer Protocol,
release 1 (start block 0B, end block 1C 0D).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

MAX_FILE_BYTES = 64 * 1024 * 1024  # a year of reports in one batch; beyond, split it
MAX_HEADERS = 100_000  # MSH, FHS, BHS, BTS and FTS in one file
SEARCHED = 4096  # bytes in which the first header must come

_HEAD = re.compile(rb"(?:\A|(?<=[\r\n\x1c]))[ \t]*(?:\xef\xbb\xbf)?(?P<name>MSH|FHS|BHS|BTS|FTS)(?=[^A-Za-z0-9 ]|\Z)")
# How a message begins that lost its header, or has one that is not written as it must be.
_HEADLESS = re.compile(rb"\s*(?i:MSH|EVN|PID|PD1|PV1|ORC|OBR|OBX|NTE|ZDS|FHS|BHS|BTS|FTS)[|^~&#!$%*@+;]")
_FRAME_START = re.compile(rb"\x0b(?=\s{0,8}(?:\xef\xbb\xbf)?(?:MSH|FHS|BHS|BTS|FTS))")
_LINE_END = re.compile(rb"[\r\n]")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Raw:
    """One message's bytes, from its MSH on.

    `cut` when its frame has no end; `closed` when its last segment ends with its terminator or frame.
    """

    data: bytes
    cut: bool = False
    closed: bool = True


def messages(data: bytes) -> Iterator[Raw | str]:
    """Split a file into messages; what is no message comes as its reason code, in its place.

    A file may hold one message, several after each other, batches (FHS/BHS ... BTS/FTS), each bare
    or in MLLP frames. A batch that lacks its trailer (TRUNCATED), or whose trailer announces another
    number (BATCH_COUNT), says so after its messages, which are good all the same: what came is
    kept, what did not come is known to be missing.
    """
    if len(data) > MAX_FILE_BYTES:
        yield "FILE_TOO_LARGE"
        return
    data = _utf8(data)
    if not _FRAME_START.search(data, 0, SEARCHED) and not _HEAD.search(data, 0, SEARCHED):
        yield "BAD_MSH" if _HEADLESS.match(data) else "NOT_HL7"
        return
    batch = _Batch()
    for frame in _frames(data):
        yield from _unbatched(frame, batch)
        if batch.headers > MAX_HEADERS:
            yield "FILE_TOO_LARGE"
            return
    yield from batch.end()


def _utf8(data: bytes) -> bytes:
    """Return the file without byte order mark, UTF-16 and UTF-32 as UTF-8."""
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    marks = ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"))
    for mark, codec in (*marks, (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, "replace").encode("utf-8")
    for start, codec in ((b"M\0S\0H\0", "utf-16-le"), (b"\0M\0S\0H", "utf-16-be")):
        if data.startswith(start):
            return data.decode(codec, "replace").encode("utf-8")
    return data.removeprefix(_BOM)


def _frames(data: bytes) -> Iterator[Raw]:
    """Yield what each MLLP frame holds, and what lies between them; a file without frames as it is."""
    first = _FRAME_START.search(data)
    if first is None:
        bare = data.rstrip()
        # A frame that lost its start byte only: its message is whole.
        framed = bare.endswith(b"\x1c")
        yield Raw(bare[:-1]) if framed else Raw(data, closed=data[-1:] in (b"\r", b"\n"))
        return
    yield Raw(data[: first.start()])
    starts = (match.start() for match in _FRAME_START.finditer(data))
    for start, end in pairwise(chain(starts, [len(data)])):
        payload, block, rest = data[start + 1 : end].partition(b"\x1c")
        yield Raw(payload.lstrip().removeprefix(_BOM), cut=not block)
        yield Raw(rest.strip())


def _unbatched(frame: Raw, batch: _Batch) -> Iterator[Raw | str]:
    heads = _HEAD.finditer(frame.data)
    head = next(heads, None)
    if frame.data[: head.start() if head else None].strip():
        yield "PARSE_ERROR"
    while head is not None and batch.headers <= MAX_HEADERS:
        following = next(heads, None)
        part = frame.data[head.start("name") : following.start() if following else None]
        batch.headers += 1
        if head["name"] == b"MSH":
            batch.held += 1
            batch.messages += 1
            yield Raw(part, frame.cut and not following, frame.closed or following is not None)
        else:
            line, rest = [*_LINE_END.split(part, maxsplit=1), b""][:2]
            yield from batch.take(head["name"], line)
            if rest.strip():
                yield "PARSE_ERROR"
            if frame.cut and not following:
                yield "TRUNCATED"
        head = following


@dataclass(slots=True)
class _Batch:
    """What the headers and trailers of a file have said so far."""

    headers: int = 0
    messages: int = 0
    held: int = 0  # messages since the last FHS, BHS or BTS
    batches: int = 0  # since the last FHS
    open_file: bool = False
    open_batch: bool = False
    wrong: bool = False

    def take(self, name: bytes, line: bytes) -> Iterator[str]:
        """Note a header or trailer; yield a reason code when it contradicts what came before."""
        if self.open_batch and name != b"BTS":
            yield "TRUNCATED"  # a batch without its trailer
        if name == b"FHS":
            if self.open_file:
                yield "TRUNCATED"
            self.open_file, self.batches = True, 0
        if name in (b"FHS", b"BHS"):
            self.held, self.open_batch = 0, name == b"BHS"
            return
        # Without BHS some senders count messages in FTS-1, others the file's one batch.
        expected = {self.held} if name == b"BTS" else {self.batches or min(self.held, 1), self.batches or self.held}
        if name == b"BTS":
            self.batches += 1
        else:
            self.open_file = False
        self.held, self.open_batch = 0, False
        count = line[4:].split(line[3:4], 1)[0].strip() if len(line) > 4 else b""
        if count and count != b'""' and not (count.isdigit() and len(count) < 10 and int(count) in expected):
            self.wrong = True
            yield "BATCH_COUNT"

    def end(self) -> Iterator[str]:
        """Yield what is amiss, or remarkable, once the file has ended."""
        if self.open_batch or self.open_file:
            yield "TRUNCATED"
        elif self.headers and not self.messages and not self.wrong:
            yield "EMPTY_BATCH"

"""The one object in an answer of WADO-RS, from a stream.

References
----------
RFC 2046 5.1 (multipart), DICOM PS3.18 8.6.1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_HEAD = 1 << 14
_BOUNDARY = re.compile(r'boundary=(?:"([^"\r\n]{1,70})"|([^\s;",]{1,70}))', re.IGNORECASE)


class BadMultipartError(Exception):
    """No multipart message with one whole part."""


def first_part(content_type: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the first part's body; an answer that is no multipart message is the object itself.

    Only the first: one object was asked for, and the gate sees whether it is this one.

    Raises
    ------
    BadMultipartError
        If the message ends within the part, or has no part.
    """
    if not content_type.lower().startswith("multipart/"):
        yield from blocks
        return
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise BadMultipartError
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1")
    yield from _until(delimiter, *_after_head(delimiter, blocks))


def _after_head(delimiter: bytes, blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Read up to the end of the first part's header; return what of the body was read with it."""
    read = b"\r\n"  # the first delimiter may begin the message
    for block in blocks:
        read += block
        at = read.find(delimiter)
        end = read.find(b"\r\n\r\n", at + len(delimiter)) if at >= 0 else -1
        if end >= 0:
            return read[end + 4 :], blocks
        if len(read) > LONGEST_HEAD:
            break
    raise BadMultipartError


def _until(delimiter: bytes, rest: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    while True:
        at = rest.find(delimiter)
        if at >= 0:
            yield rest[:at]
            return
        # The delimiter may lie across two blocks.
        safe = len(rest) - len(delimiter) + 1
        if safe > 0:
            yield rest[:safe]
            rest = rest[safe:]
        block = next(blocks, None)
        if block is None:
            raise BadMultipartError
        rest += block

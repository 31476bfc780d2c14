"""HTTP to a PACS: bounded, patient, and to the configured host alone.

Not through dicomweb-client: it reads each object into memory and through pydicom (our gate must see the bytes
as the PACS holds them, in a process that pydicom's parser cannot stall), follows redirects with our
credentials, and tries again only after some status codes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import requests

from pipelines.errors import SourceUnreachableError
from pipelines.sources import patience

BLOCK = 1 << 16
LARGEST_LISTING = 64 << 20
# A body may take this many times the timeout of one read: a peer that drips cannot hold a night.
PATIENCE = 20
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
T = TypeVar("T")


class NotHandedOverError(Exception):
    """The PACS does not give one object; `reason` is the reason code."""

    def __init__(self, reason: str = "NOT_FETCHED") -> None:
        self.reason = reason
        super().__init__(reason)


class SentElsewhereError(NotHandedOverError):
    """The server answers with a redirect; it is never followed, least of all with our credentials."""


class BrokenAnswerError(Exception):
    """An answer that was cut or makes no sense; asking again may help."""


@dataclass(frozen=True)
class Web:
    """One server. `name` is the source's, for messages to the operator; they never hold what the server said."""

    name: str
    url: str
    session: requests.Session
    timeout: float
    attempts: int
    waits: list[float] = field(default_factory=list)

    def json(self, path: str, query: Mapping[str, str]) -> list[Any] | None:
        """Ask for a list in DICOM JSON; None if there is nothing of this name.

        Raises
        ------
        SourceUnreachableError
            If no usable answer came in all attempts, or the server refuses us.
        """

        def read(response: requests.Response) -> list[Any]:
            if response.status_code == 204:
                return []
            try:
                found = json.loads(b"".join(self.blocks(response, LARGEST_LISTING)))
            except (ValueError, RecursionError):
                raise BrokenAnswerError from None
            if not isinstance(found, list):
                raise BrokenAnswerError
            return found

        try:
            return self.ask(path, query, "application/dicom+json", read)
        except SentElsewhereError:
            raise SourceUnreachableError(
                f"source {self.name}: the server sends us elsewhere, which is never followed; put its final address"
                " into url"
            ) from None
        except NotHandedOverError as error:
            if error.reason == "NOT_FETCHED":
                return None
            raise SourceUnreachableError(f"source {self.name}: its list of studies has no end") from None
        except BrokenAnswerError:
            raise SourceUnreachableError(
                f"source {self.name}: the server does not answer a query; is it running, and does url end with its"
                " DICOMweb root?"
            ) from None

    def ask(
        self,
        path: str,
        query: Mapping[str, str],
        accept: str,
        read: Callable[[requests.Response], T],
        *,
        body: bytes | None = None,
        kind: str = "",
    ) -> T:
        """Get one resource, or with a `body` (of this `kind`, a media type) post to it, again while that may help.

        Raises
        ------
        NotHandedOverError
            If the server does not have it, or it is too large.
        BrokenAnswerError
            If every attempt ended in an error of the server, a cut or a timeout.
        SourceUnreachableError
            If the server cannot be spoken with at all.
        """
        for last in patience.attempts(self.attempts, self.waits):
            try:
                with self.session.request(
                    "GET" if body is None else "POST",
                    f"{self.url}/{path}",
                    params=dict(query),
                    headers={"Accept": accept, **({"Content-Type": kind} if kind else {})},
                    data=body,
                    timeout=self.timeout,
                    stream=True,
                    allow_redirects=False,
                ) as response:
                    self._judge(response)
                    return read(response)
            except requests.exceptions.SSLError:
                raise SourceUnreachableError(
                    f"source {self.name}: no trusted encryption with the server; name the authority that signed its"
                    " certificate in tls.authorities"
                ) from None
            except (requests.RequestException, BrokenAnswerError):
                if last:
                    raise BrokenAnswerError from None
        raise AssertionError("at least one attempt is made")

    def blocks(self, response: requests.Response, most: int) -> Iterator[bytes]:
        """Yield an answer's body; unpacked bytes count, in blocks, so that a bomb is noticed before it bursts.

        Raises
        ------
        NotHandedOverError
            FILE_TOO_LARGE as soon as there are more than `most` bytes.
        """
        until, size = time.monotonic() + PATIENCE * self.timeout, 0
        for block in response.iter_content(BLOCK):
            size += len(block)
            if size > most:
                raise NotHandedOverError("FILE_TOO_LARGE")
            if time.monotonic() > until:
                raise BrokenAnswerError
            yield block

    def _judge(self, response: requests.Response) -> None:
        status = response.status_code
        renewed = getattr(self.session.auth, "renewed", None)
        if status == 401 and renewed is not None and renewed():
            raise BrokenAnswerError  # the token was renewed while we worked: once more, with the new one
        if status in (401, 403, 407):
            raise SourceUnreachableError(f"source {self.name}: the server refuses us; see login and its secret")
        if 300 <= status < 400:
            raise SentElsewhereError
        if status in BUSY:
            self.waits.extend(_seconds(response.headers.get("Retry-After")))
            raise BrokenAnswerError
        if status not in (200, 202, 204):
            raise NotHandedOverError


def _seconds(retry_after: str | None) -> list[float]:
    return [float(retry_after)] if retry_after and retry_after.isascii() and retry_after.isdigit() else []

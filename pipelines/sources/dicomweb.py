"""A PACS that speaks DICOMweb: QIDO-RS lists, WADO-RS hands over, in the transfer syntax that it keeps.

References
----------
DICOM PS3.18 10.6 (search transaction), 10.4 (retrieve transaction).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from pipelines.errors import SourceUnreachableError
from pipelines.source_settings import DicomwebSource, Login, Tls
from pipelines.sources import listing
from pipelines.sources.http import BrokenAnswerError, NotHandedOverError, Web
from pipelines.sources.landing import Landing
from pipelines.sources.listing import Attributes, Wanted
from pipelines.sources.multipart import BadMultipartError, first_part
from pipelines.sources.offered import Offered

OBJECT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
TAGS = {
    "StudyInstanceUID": "0020000D",
    "SeriesInstanceUID": "0020000E",
    "SOPInstanceUID": "00080018",
    "SOPClassUID": "00080016",
    "Modality": "00080060",
    "BodyPartExamined": "00180015",
    "PatientID": "00100020",
    "PatientBirthDate": "00100030",
    "PatientSex": "00100040",
    "AccessionNumber": "00080050",
}
# After so many objects in a row that it did not hand over, the server is taken for broken.
MOST_FAILURES = 5


@dataclass
class Dicomweb:
    """One DICOMweb server as a source."""

    settings: DicomwebSource
    web: Web
    landing: Landing
    wanted: Wanted
    failures: int = field(default=0)
    heard: listing.Heard = field(default_factory=listing.Heard)

    def changed(self, days: Sequence[date]) -> Iterator[Offered]:
        """List the images of these days, of some before, and of all since the server last answered."""
        self.landing.prepare()
        asked = self.landing.days(days, self.settings.look_back_days)
        yield from listing.walk(self, self.landing, self.wanted, asked, self.heard)
        self.landing.answered(asked)

    def fetch(self, offered: Offered) -> Offered | None:
        """Fetch one object; what the server does not hand over becomes a refusal."""
        if offered.refusal or offered.path.exists():
            return offered
        series = f"studies/{offered.study_uid}/series/{offered.series_uid}"
        try:
            self.web.ask(f"{series}/instances/{offered.instance_uid}", {}, OBJECT, _Store(self, offered.path))
        except NotHandedOverError as error:
            self.failures = 0
            return self.landing.not_handed_over(offered, error.reason)
        except BrokenAnswerError:
            self.failures += 1
            if self.failures >= MOST_FAILURES:
                raise SourceUnreachableError(
                    f"source {self.settings.name}: the server lists images but does not hand them over"
                ) from None
            return self.landing.not_handed_over(offered, "NOT_FETCHED")
        self.failures = 0
        return offered

    def done(self, offered: Offered) -> None:
        """Remove what the spool or the quarantine has now."""
        offered.path.unlink(missing_ok=True)

    def echo(self) -> None:
        """Ask the server for one study, whatever it is.

        Raises
        ------
        SourceUnreachableError
            If it does not answer with a list.
        """
        self._page("studies", {"limit": "1", "offset": "0"})

    def studies(self, day: date, modality: str) -> Iterator[Attributes]:
        """List the studies of a local day with a series of this modality."""
        return self._pages("studies", {"StudyDate": f"{day:%Y%m%d}", "ModalitiesInStudy": modality}, whole=False)

    def holds(self, study_uid: str) -> bool:
        """Say whether the server has this study, of whatever day and modality."""
        return bool(self._page("studies", {"StudyInstanceUID": study_uid, "limit": "1", "offset": "0"}))

    def series(self, study_uid: str, modality: str, body_part: str) -> Iterator[Attributes]:
        """List the series of a study that are of this modality (and body part), with their body part."""
        part = {"BodyPartExamined": body_part} if body_part else {"includefield": TAGS["BodyPartExamined"]}
        query = {"Modality": modality, **part}
        return self._pages(f"studies/{study_uid}/series", query, whole=True)

    def instances(self, study_uid: str, series_uid: str) -> Iterator[Attributes]:
        """List the instances of a series."""
        return self._pages(f"studies/{study_uid}/series/{series_uid}/instances", {}, whole=True)

    def _pages(self, path: str, query: Mapping[str, str], *, whole: bool) -> Iterator[Attributes]:
        """Yield the rows of all pages, until one brings nothing new.

        Some servers ignore `limit` or `offset`, so a page may come again; some cut pages at a limit of their
        own, so a short page is not the last one, except (`whole`) where no such limit is ever so low. Some
        (Orthanc 1.10) leave out rows between pages: a list of several pages is asked for once more, in one.
        """
        known: set[str] = set()
        offset, limit, size = 0, self.settings.page_size, self.settings.page_size
        full = False
        while True:
            paging = {"limit": str(limit), "offset": str(offset)}
            page = self._page(path, {**query, **paging})
            rows = [_attributes(row) for row in page]
            new = [row for row in rows if repr(row) not in known]
            known.update(repr(row) for row in new)
            yield from new
            full = full or len(page) >= size
            if limit > size:
                offset, limit = 0, len(known) + size
            elif new and not (whole and len(page) < size):
                offset += len(page)
                continue
            elif full:
                offset, limit = 0, len(known) + size
                continue
            if not new or not full:
                return

    def _page(self, path: str, query: Mapping[str, str]) -> list[Any]:
        page = self.web.json(path, query)
        if page is None and path == "studies":
            raise SourceUnreachableError(
                f"source {self.settings.name}: the server knows no studies under this url; it ends with the"
                " DICOMweb root, such as /dicom-web"
            )
        return page or []  # a study that was deleted since it was listed has nothing more to list


@dataclass(frozen=True)
class _Store:
    """Write the object in an answer to its place in the landing."""

    source: Dicomweb
    path: Path

    def __call__(self, response: requests.Response) -> None:
        most = self.source.settings.maximum_object_mb << 20
        parts = first_part(response.headers.get("Content-Type", ""), self.source.web.blocks(response, most))
        try:
            with self.source.landing.writing(self.path) as file:
                for block in parts:
                    file.write(block)
        except BadMultipartError:
            raise BrokenAnswerError from None


def _attributes(row: object) -> Attributes:
    """Return the attributes that we ask for as text; whatever is no text is left out.

    An empty row is listed too: that there was something without a name must not vanish.
    """
    found: dict[str, str] = {}
    for keyword, tag in TAGS.items():
        element: Any = row.get(tag) if isinstance(row, dict) else None
        values = element.get("Value") if isinstance(element, dict) else None
        if isinstance(values, list) and values and isinstance(values[0], str):
            found[keyword] = values[0].strip(" \0")
    return found


def session(name: str, login: Login | None, secured: Tls | None, home: Path) -> requests.Session:
    """Return the session in which a server is asked: signed in, its certificate checked. `name` is for messages.

    Raises
    ------
    SourceUnreachableError
        If the secret cannot be read.
    """
    made = requests.Session()
    # No proxy, no .netrc, no other authorities from the environment: what the site's file says, alone.
    made.trust_env = False
    made.headers.update({"User-Agent": "bilan", "Accept-Encoding": "identity"})
    if secured is not None:
        if secured.authorities is not None:
            made.verify = str(home / secured.authorities)
        if secured.certificate is not None and secured.key is not None:
            made.cert = (str(home / secured.certificate), str(home / secured.key))
    if login is not None:
        made.auth = _auth(login, lambda: _secret(name, login, home))
    return made


@dataclass
class _Header(AuthBase):
    """A secret in a header; `read` gives it as it stands now."""

    name: str
    before: str
    read: Callable[[], str]
    secret: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.secret = self.read()

    def __call__(self, request: Any) -> Any:
        request.headers[self.name] = f"{self.before}{self.secret}"
        return request

    def renewed(self) -> bool:
        """Read the secret again; say whether it is another one."""
        used = self.secret
        with suppress(SourceUnreachableError):  # it is just being written: the one that we have
            self.secret = self.read()
        return self.secret != used


def _auth(login: Login, read: Callable[[], str]) -> AuthBase:
    if login.kind == "basic":
        return HTTPBasicAuth((login.user or "").encode(), read().encode())
    if login.kind == "bearer":
        return _Header("Authorization", "Bearer ", read)
    return _Header(login.header or "", "", read)


def _secret(name: str, login: Login, home: Path) -> str:
    try:
        if login.secret.file is not None:
            found = (home / login.secret.file).read_text(encoding="utf-8").strip()
        else:
            found = os.environ.get(login.secret.environment or "", "").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    if not found or not found.isprintable():
        raise SourceUnreachableError(
            f"source {name}: its secret cannot be read; see login.secret (one line, in a file that Bilan's"
            " account can read or in the environment of the service)"
        )
    return found

"""The archive: every issue of every monthly report of the site, with what changed and what each told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from starlette.responses import Response

from reports import later, monthly
from reports.language import MISSING, message
from reports.web.row import Row
from reports.web.site_month import HEADS, MONTH
from reports.web.trail import audited
from reports.web.visit import Visit, missing
from warehouse import addenda, archive
from warehouse.figure import definitions
from warehouse.freeze import Issued
from warehouse.month import span
from warehouse.site import site_facts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from warehouse.addenda import Addendum
    from warehouse.figure import Connection

MEDIA_TYPES = {"pdf": "application/pdf", "csv": "text/csv; charset=utf-8", "json": "application/json"}
REPORT = re.compile(r"report(?:-([1-9]\d{0,3}))?\.pdf")
Place = tuple[str, int]
"""Month and number of an issue."""
WHY = {
    "new": message("new: its details come with the next night"),
    "first": message("first issue"),
    "data": message("data have changed"),
    "definition": message("the report's parameters have changed"),
    "both": message("data and the report's parameters have changed"),
}


@dataclass(frozen=True, slots=True)
class File:
    """One file of an issue that can be taken."""

    kind: str
    href: str
    size: str


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue as the archive shows it; `told` is what it told of months published earlier."""

    number: int
    issued: str
    data_cut: str
    why: str
    files: tuple[File, ...]
    told: tuple[later.Month, ...]


def show(visit: Visit) -> Response:
    """List the issues, the newest month first."""
    site = visit.here.site
    with visit.app.published.connection() as connection:
        found = archive.issues(connection, site)
        told = {(issue.month, issue.issue): addenda.told(connection, site, issue.month, issue.issue) for issue in found}
        ahead = addenda.pending(connection, site, _after(found[0].month)) if found else []
        small_cell = _small_cell(connection, site, found)
    audited(visit, "site_viewed")

    def words(told: Sequence[Addendum]) -> tuple[later.Month, ...]:
        return tuple(later.told(visit.words, told, definitions(), small_cell))

    known = {(issue.month, issue.issue): issue for issue in found}
    places = sorted({*known, *_on_disk(visit)}, reverse=True)
    issues = {
        month: [
            _issue(visit, place, known.get(place), known.get((month, place[1] - 1)), words(told.get(place, [])))
            for place in group
        ]
        for month, group in groupby(places, lambda place: place[0])
    }
    return visit.page("site_archive.html.j2", months=issues, ahead=words(ahead))


def download(visit: Visit) -> Response:
    """Send one file of one issue of this site."""
    given = visit.request.path_params
    month, number, kind = given["month"], given["issue"], given["kind"]
    if kind not in MEDIA_TYPES or not MONTH.fullmatch(month):
        raise missing()
    with visit.app.published.connection() as connection:
        known = {(issue.month, issue.issue) for issue in archive.issues(connection, visit.here.site)}
    place = next((place for place in {*known, *_on_disk(visit)} if (place[0], str(place[1])) == (month, number)), None)
    if place is None:
        raise missing()
    try:
        content = _path(visit, place, kind).read_bytes()
    except OSError:
        raise missing() from None
    audited(visit, "report_exported", month, issue=place[1], kind=kind)
    name = f"bilan-{visit.here.site}-{month}-{place[1]}.{kind}"
    return Response(
        content,
        media_type=MEDIA_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _folder(visit: Visit) -> Path:
    return visit.app.settings.issued / visit.here.site / "reports"


def _path(visit: Visit, place: Place, kind: str) -> Path:
    # Month and number are those of a row of the warehouse or of a file found: nothing of the address reaches the disk.
    return _folder(visit) / place[0] / monthly.names(place[1])[kind]


def _on_disk(visit: Visit) -> set[Place]:
    """Return the issues whose PDF is there: the copy of the warehouse knows the newest from the next night on."""
    found = set()
    for file in _folder(visit).glob("*/report*.pdf"):
        number = REPORT.fullmatch(file.name)
        if number and MONTH.fullmatch(file.parent.name):
            found.add((file.parent.name, int(number[1] or 1)))
    return found


def _issue(
    visit: Visit, place: Place, issue: Issued | None, before: Issued | None, told: tuple[later.Month, ...]
) -> Issue:
    files = tuple(file for kind in MEDIA_TYPES if (file := _file(visit, place, kind)) is not None)
    if issue is None:
        why, made = WHY["new"], datetime.fromtimestamp(_path(visit, place, "pdf").stat().st_mtime, UTC)
        return Issue(place[1], _day(visit, made), MISSING, visit.words.text(why), files, ())
    return Issue(
        number=issue.issue,
        issued=_day(visit, issue.issued_at),
        data_cut=_day(visit, issue.data_cut),
        why=visit.words.text(WHY[_why(issue, before)]),
        files=files,
        told=told,
    )


def _day(visit: Visit, moment: datetime) -> str:
    return visit.words.day(moment.astimezone(ZoneInfo(visit.time_zone)).date(), "long")


def _file(visit: Visit, place: Place, kind: str) -> File | None:
    try:
        size = _path(visit, place, kind).stat().st_size
    except OSError:
        return None
    href = visit.link("archive_file", site=visit.here.site, month=place[0], issue=place[1], kind=kind)
    kilobytes = visit.words.text("%(n)s kB", n=visit.words.number(max(1, size / 1000)))
    return File(kind.upper(), href, kilobytes)


def _why(issue: Issued, before: Issued | None) -> str:
    if before is None:
        return "first" if issue.issue == 1 else "data"
    data, definition = issue.data_sha256 != before.data_sha256, issue.definition != before.definition
    return "both" if data and definition else "data" if data else "definition"


def _after(month: str) -> str:
    return f"{span(month)['end']:%Y-%m}"


def _small_cell(connection: Connection, site: str, found: Sequence[Issued]) -> int:
    return site_facts(connection, site, span(found[0].month)["end"]).small_cell if found else 1


ROWS = (
    Row("/site/{site}/archive", "archive", show, HEADS, part="month"),
    Row("/site/{site}/archive/{month}/{issue}/{kind}", "archive_file", download, HEADS, part="month"),
)

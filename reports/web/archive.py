"""The archive: every issue of every monthly report of the site, with what changed and what each told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from starlette.responses import Response

from reports import later, monthly
from reports.language import message
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
WHY = {
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

    issues = {
        month: [_issue(visit, issue, before, words(told[month, issue.issue])) for issue, before in _pairs(group)]
        for month, group in groupby(found, lambda issue: issue.month)
    }
    return visit.page("site_archive.html.j2", months=issues, ahead=words(ahead))


def download(visit: Visit) -> Response:
    """Send one file of one issue of this site."""
    given = visit.request.path_params
    month, number, kind = given["month"], given["issue"], given["kind"]
    if kind not in MEDIA_TYPES or not MONTH.fullmatch(month):
        raise missing()
    with visit.app.published.connection() as connection:
        known = archive.issues(connection, visit.here.site)
    issue = next((one for one in known if one.month == month and str(one.issue) == number), None)
    if issue is None:
        raise missing()
    try:
        content = _place(visit, issue, kind).read_bytes()
    except OSError:
        raise missing() from None
    audited(visit, "report_exported", month, issue=issue.issue, kind=kind)
    name = f"bilan-{visit.here.site}-{month}-{issue.issue}.{kind}"
    return Response(
        content,
        media_type=MEDIA_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _place(visit: Visit, issue: Issued, kind: str) -> Path:
    # Site, month and number are those of a row of the warehouse: nothing of the address reaches the disk.
    return visit.app.settings.issued / issue.site / "reports" / issue.month / monthly.names(issue.issue)[kind]


def _issue(visit: Visit, issue: Issued, before: Issued | None, told: tuple[later.Month, ...]) -> Issue:
    return Issue(
        number=issue.issue,
        issued=_day(visit, issue.issued_at),
        data_cut=_day(visit, issue.data_cut),
        why=visit.words.text(WHY[_why(issue, before)]),
        files=tuple(file for kind in MEDIA_TYPES if (file := _file(visit, issue, kind)) is not None),
        told=told,
    )


def _day(visit: Visit, moment: datetime) -> str:
    return visit.words.day(moment.astimezone(ZoneInfo(visit.time_zone)).date(), "long")


def _file(visit: Visit, issue: Issued, kind: str) -> File | None:
    try:
        size = _place(visit, issue, kind).stat().st_size
    except OSError:
        return None
    href = visit.link("archive_file", site=issue.site, month=issue.month, issue=issue.issue, kind=kind)
    kilobytes = visit.words.text("%(n)s kB", n=visit.words.number(max(1, size / 1000)))
    return File(kind.upper(), href, kilobytes)


def _pairs(issues: object) -> list[tuple[Issued, Issued | None]]:
    """Return the issues of a month, the last first, each with the one before it."""
    found: list[Issued] = list(issues)  # type: ignore[call-overload]
    return list(zip(found, [*found[1:], None], strict=True))


def _why(issue: Issued, before: Issued | None) -> str:
    if before is None:
        return "first"
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

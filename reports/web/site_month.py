"""My site: the month so far and past months, the same figures and charts as in the monthly report."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from reports import hover, kpi, monthly
from reports.language import message
from reports.screen import screen
from reports.text import neighbours
from reports.tiles import Tile, tiles
from reports.web.row import Row
from reports.web.trail import audited
from reports.web.user import DEPARTMENT_HEAD
from reports.web.visit import Visit, missing
from warehouse import archive
from warehouse.data_cut import local_midnight

if TYPE_CHECKING:
    from reports.kpi import MonthFigures
    from reports.monthly import Composition

HEADS = frozenset({DEPARTMENT_HEAD})
MONTH = re.compile(r"^\d{4}-(0[1-9]|1[0-2])$")
MADE: dict[str, tuple[str, Callable[[MonthFigures], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", monthly.table),
    "json": ("application/json", monthly.plain),
}


@dataclass(frozen=True, slots=True)
class Months:
    """The months that can be chosen, the newest first; the chosen one with the one before and the one after."""

    known: tuple[str, ...]
    chosen: str

    @property
    def before(self) -> str | None:
        """The month before the chosen one, of those known."""
        return next((month for month in self.known if month < self.chosen), None)

    @property
    def after(self) -> str | None:
        """The month after the chosen one, of those known."""
        return next((month for month in reversed(self.known) if month > self.chosen), None)


@dataclass(frozen=True, slots=True)
class Key:
    """A key figure with what it was computed from: interval, numerator and denominator."""

    tile: Tile
    grounds: tuple[str, ...]


def months(visit: Visit) -> Months | None:
    """Return the months of the site; the one of the address, else the newest, is chosen. None without any."""
    with visit.app.published.connection() as connection:
        known = tuple(archive.months(connection, visit.here.site))
    if not known:
        return None
    asked = visit.request.query_params.get("month", "")
    return Months(known, asked if asked in known else known[0])


def show(visit: Visit) -> Response:
    """Show a month."""
    chosen = months(visit)
    composition = visit.app.services.month(visit.here.site, chosen.chosen, visit.words.code) if chosen else None
    if chosen is None or composition is None:
        return visit.page("site_empty.html.j2")
    audited(visit, "site_viewed", chosen.chosen)
    figures = composition.figures
    shown = screen(composition)
    return visit.page(
        "site_month.html.j2",
        months=chosen,
        figures=figures,
        keys=_keys(composition),
        sections=[section for section in shown.sections if section.name != "summary"],
        summary=next((section for section in shown.sections if section.name == "summary"), None),
        running=local_midnight(figures.end, figures.site.time_zone) > figures.data_cut,
        withheld=any(value.suppressed for values in figures.values.values() for value in values),
        simulated=shown.context["simulated"],
        simulated_before=shown.context["simulated_before"],
        issue=_issue(visit, figures),
    )


def download(visit: Visit) -> Response:
    """Send the figures that the page of a month shows, as the report has them attached."""
    month, kind = visit.request.path_params["month"], visit.request.path_params["kind"]
    if not MONTH.fullmatch(month) or kind not in MADE:
        raise missing()
    composition = visit.app.services.month(visit.here.site, month, visit.words.code)
    if composition is None:
        raise missing()
    audited(visit, "report_exported", month, kind=kind)
    media_type, write = MADE[kind]
    name = f"bilan-{visit.here.site}-{month}.{kind}"
    return Response(
        write(composition.figures),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _keys(composition: Composition) -> list[Key]:
    """Return the key figures of the report's first page, with their grounds in place of the note."""
    figures, words = composition.figures, composition.words
    chosen = (block for block in composition.definition.blocks["summary"] if block.name == "tiles")
    names = next((block.options["figures"] for block in chosen), ())
    found = []
    for name, tile in zip(names, tiles(figures, words, composition.definition.accent, names), strict=True):
        now, _, _ = neighbours(figures, name)
        grounds = hover.grounds(words, now)
        found.append(Key(tile, tuple(dict.fromkeys([*grounds, tile.note] if tile.note else grounds))))
    return found


def _issue(visit: Visit, figures: MonthFigures) -> tuple[int, str, bool] | None:
    """Return the month's last issue with its date, and whether the figures are still the same."""
    with visit.app.published.connection() as connection:
        found = archive.issues(connection, visit.here.site)
    last = next((issue for issue in found if issue.month == figures.month), None)
    if last is None:
        return None
    return last.issue, visit.moment(last.issued_at), last.figures_sha256 == kpi.sha256(figures)


ROWS = (
    Row("/site/{site}/month", "month", show, HEADS, menu=message("My site")),
    Row("/site/{site}/month/{month}/{kind}", "month_figures", download, HEADS, part="month"),
)

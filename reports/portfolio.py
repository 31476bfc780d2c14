"""The portfolio: one line for each site that a hub knows, with its months, trends and reasons for attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from reports.attention import Reason, lag, reasons, with_status
from reports.hub_month import HubMonth, Share, hub_month
from reports.trend import Point, Trend, signals
from warehouse import hub_sites
from warehouse.hub_sites import PartnerSite
from warehouse.returned import FEWEST_PEERS

if TYPE_CHECKING:
    from warehouse.figure import Connection
    from warehouse.status import Heard

MONTHS = 24
PEER_FIGURES = ("positive", "within_24", "confirmed")


@dataclass(frozen=True, slots=True)
class Line:
    """One site: its months (oldest first, those it told of the last `MONTHS`), and what follows from them.

    `heard` is its last daily status, where it sends any.
    """

    site: PartnerSite
    months: tuple[HubMonth, ...]
    trends: Mapping[str, Trend]
    reasons: tuple[Reason, ...]
    contact: datetime | None
    lag: int | None
    heard: Heard | None = None

    @property
    def last(self) -> HubMonth | None:
        """The last month told."""
        return self.months[-1] if self.months else None


@dataclass(frozen=True, slots=True)
class Portfolio:
    """All sites by name; `span` are the months that the pages show, oldest first."""

    lines: tuple[Line, ...]
    span: tuple[str, ...]

    def of(self, site: str) -> Line | None:
        """Return a site's line."""
        return next((line for line in self.lines if line.site.site == site), None)


@dataclass(frozen=True, slots=True)
class Peers:
    """A site's figure beside the middle half of its peers'; shares in whole points, so that no peer shows."""

    figure: str
    own: Share
    low: float
    median: float
    high: float
    n: int

    @property
    def here(self) -> float:
        """The site's own share."""
        return self.own.value


def portfolio(
    connection: Connection, versions: Sequence[str], today: date, only: Sequence[PartnerSite] | None = None
) -> Portfolio:
    """Read the hub's published copy: all sites, or `only` some; `versions` of the model were released, oldest first."""
    newest = hub_sites.newest_month(connection) or f"{today:%Y-%m}"
    span = months_up_to(newest, MONTHS)
    sites = hub_sites.sites(connection) if only is None else only
    names = None if only is None else [site.site for site in only]
    found = hub_sites.months(connection, span[0], names)
    told = {site: list(rows) for site, rows in groupby(found, key=lambda row: str(row["site"]))}
    return Portfolio(tuple(_line(site, told.get(site.site, []), versions, today) for site in sites), span)


def with_statuses(found: Portfolio, heard: Mapping[str, Heard], today: date) -> Portfolio:
    """Return a portfolio with the daily signs of life of its sites: they come more often than it is worked out."""
    if not heard:
        return found
    return replace(found, lines=tuple(_heard(line, heard.get(line.site.site), today) for line in found.lines))


def _heard(line: Line, heard: Heard | None, today: date) -> Line:
    if heard is None:
        return line
    told = tuple(with_status(line.site, line.reasons, heard, today))
    contact = max(heard.received_at, line.contact) if line.contact else heard.received_at
    return replace(line, reasons=told, contact=contact, heard=heard)


def _line(site: PartnerSite, rows: Sequence[Mapping[str, Any]], versions: Sequence[str], today: date) -> Line:
    months = tuple(hub_month(row) for row in rows)
    contact = max((row["imported_at"] for row in rows), default=None)
    contact = contact.replace(tzinfo=UTC) if contact else None
    trends = {"volume": _volume(months), "positive": _positive(months)}
    found = reasons(site, months, trends, versions, contact, today)
    return Line(site, months, trends, tuple(found), contact, lag(months[-1], versions) if months else None)


def months_up_to(month: str, n: int) -> tuple[str, ...]:
    """Return the `n` months that end with `month`, oldest first."""
    last = 12 * int(month[:4]) + int(month[5:7]) - 1
    return tuple(f"{index // 12:04d}-{index % 12 + 1:02d}" for index in range(last - n + 1, last + 1))


def _volume(months: Sequence[HubMonth]) -> Trend:
    return signals([Point(month.month, month.studies) for month in months if month.studies is not None], "xmr")


def _positive(months: Sequence[HubMonth]) -> Trend:
    # Of a chart's months no interval is needed.
    found = [(month.month, *month.positive_counts) for month in months]
    return signals([Point(name, n / whole, whole) for name, n, whole, _ in found if n is not None and whole], "p")


def peers(connection: Connection, line: Line) -> list[Peers]:
    """Return a site's last month beside those of anonymous peers; none where fewer than `FEWEST_PEERS` are alike."""
    here = line.last
    return [] if here is None else beside(line.site.site, here, willing(connection, here.month))


def willing(connection: Connection, month: str) -> list[tuple[str, HubMonth]]:
    """Return a month of every live site that agrees to be a peer."""
    agreed = {site.site for site in hub_sites.sites(connection) if site.benchmark and site.stage == "live"}
    rows = hub_sites.months(connection, month, sorted(agreed))
    return [(row["site"], hub_month(row)) for row in rows if row["month"] == month and row["site"] in agreed]


def beside(site: str, here: HubMonth, others: Sequence[tuple[str, HubMonth]]) -> list[Peers]:
    """Return a site's month beside those of its peers among others.

    Peers have half to twice the studies of the month and a case mix (studies by region) of which at least half
    overlaps. What is shown of them is their middle half.
    """
    alike = [month for name, month in others if name != site and _alike(here, month)]
    found = []
    for figure in PEER_FIGURES:
        own: Share | None = getattr(here, figure)
        values = sorted(round(share.value, 2) for month in alike if (share := getattr(month, figure)) is not None)
        if own is not None and len(values) >= FEWEST_PEERS:
            low, median, high = (_part(values, part) for part in (0.25, 0.5, 0.75))
            found.append(Peers(figure, own, low, median, high, len(values)))
    return found


def _alike(here: HubMonth, there: HubMonth) -> bool:
    if not here.studies or not there.studies or not 0.5 <= there.studies / here.studies <= 2:
        return False
    pairs = zip(here.regions, there.regions, strict=True)
    return sum(min((a or 0) / here.studies, (b or 0) / there.studies) for a, b in pairs) >= 0.5


def _part(values: Sequence[float], share: float) -> float:
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])

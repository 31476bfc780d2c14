"""The site beside anonymous peers of like size and case mix, as its partner's hub gave it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.language import message

if TYPE_CHECKING:
    from reports.language import Language
    from warehouse.returned import Beside, Returned

BLOCK = "peers"
DEFINITIONS = {
    "positive": (
        message("Positive rate"),
        message("studies with a positive result, of those analysed"),
    ),
    "within_24": (
        message("Reported within 24 hours"),
        message("studies with a final report within 24 hours, of all studies"),
    ),
    "confirmed": (
        message("Flagged, confirmed by the report"),
        message("flagged studies whose report says fracture, of the flagged ones whose report decides"),
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure in words: the site's with interval and denominator, the peers' middle half, median and number."""

    name: str
    definition: str
    here: str
    interval: str
    of: str
    middle: str
    median: str
    peers: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The latest month that has peer figures, and a row for each figure."""

    month: str
    rows: tuple[Row, ...]


def benchmark(returned: Returned | None, month: str, words: Language) -> Benchmark | None:
    """Return the benchmark of the latest month up to `month`, or None where nothing came back of any."""
    found = [each for each in returned.peers if each.month <= month] if returned else []
    if not found:
        return None
    latest = max(each.month for each in found)
    order = list(DEFINITIONS)
    chosen = sorted((each for each in found if each.month == latest), key=lambda each: order.index(each.figure))
    return Benchmark(words.month(latest), tuple(_row(each, words) for each in chosen))


def _row(each: Beside, words: Language) -> Row:
    name, definition = DEFINITIONS[each.figure]
    about = "" if each.exact else "≈\u00a0"
    return Row(
        words.text(name),
        words.text(definition),
        about + words.share(each.value),
        f"{words.number(100 * each.low, 1)}–{words.share(each.high)}",
        words.number(each.denominator),
        f"{words.number(100 * each.peers_low)}–{words.share(each.peers_high, 0)}",
        words.share(each.peers_median, 0),
        words.number(each.peers),
    )

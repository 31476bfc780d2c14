"""A month by its local days."""

from __future__ import annotations

from datetime import date


def span(month: str) -> dict[str, date]:
    """Return the first local day of a month (``YYYY-MM``) as `start`, and of the next one as `end`."""
    year, number = map(int, month.split("-"))
    return {"start": date(year, number, 1), "end": date(year + number // 12, number % 12 + 1, 1)}

"""Age at the examination, as a band: the only form in which an age leaves the gate."""

from __future__ import annotations

from datetime import date

_BANDS = ((5, "0-4"), (15, "5-14"), (25, "15-24"), (45, "25-44"), (65, "45-64"), (80, "65-79"), (131, "80+"))


def band(years: int) -> str | None:
    """Return the band of an age in full years; None for an age that nobody reaches."""
    return next((name for limit, name in _BANDS if years < limit), None)


def band_at(born: date, day: date) -> str | None:
    """Return the band of the age on `day`; a birth date after it counts as that day."""
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return band(max(0, years))

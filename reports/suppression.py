"""Small counts of studies are withheld where the site asks for it.

With the site's threshold k, a count from 1 to k - 1 is withheld, and so is a share of which the
numerator, the denominator or their difference is such a count, and a quantile or index of so few
studies. In a table whose cells add up to a total that is shown, at least two cells are withheld
together, adding up to k or more: otherwise the total less the others would give the missing one.
Reasons of exclusion with such a count lose the count (None). Where a cell of the 2 x 2 of AI and
report is withheld, every measure computed from the four cells is. Differences between reports,
tables and releases are not examined here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reports.value import Value

# Counts of files and nights, not of studies.
TECHNICAL = frozenset({"items", "nights"})


def suppress(tables: Mapping[str, Sequence[Value]], threshold: int) -> dict[str, list[Value]]:
    """Return the values by name with small counts withheld; a threshold of 1 or less withholds none."""
    if threshold <= 1:
        return {name: list(values) for name, values in tables.items()}
    shown = {name: table(values, threshold) for name, values in tables.items()}
    if any(value.suppressed for value in shown.get("agreement_cells", [])):
        shown = {
            name: [withhold(value) if value.sql == "agreement_cells.sql" else value for value in values]
            for name, values in shown.items()
        }
    return shown


def table(values: Sequence[Value], threshold: int) -> list[Value]:
    """Return one table with its small cells withheld, and others where a sum would reveal them."""
    hidden = {index for index, value in enumerate(values) if small(value, threshold)}
    if hidden and _adds_up(values):
        candidates = sorted(
            (index for index, value in enumerate(values) if index not in hidden and _size(value) > 0),
            key=lambda index: (_size(values[index]), index),
        )
        while candidates and (len(hidden) < 2 or sum(_size(values[index]) for index in hidden) < threshold):
            hidden.add(candidates.pop(0))
    return [
        withhold(value) if index in hidden else _without_small_reasons(value, threshold)
        for index, value in enumerate(values)
    ]


def small(value: Value, threshold: int) -> bool:
    """Return whether a value alone shows a count of studies from 1 to `threshold` - 1."""
    if value.unit in TECHNICAL:
        return False
    counts = [value.numerator, value.denominator]
    if value.unit in ("hours", "kappa"):
        counts = [value.denominator]
    elif value.unit == "share" and value.numerator is not None and value.denominator is not None:
        counts.append(value.denominator - value.numerator)
    return any(count is not None and 0 < count < threshold for count in counts)


def withhold(value: Value) -> Value:
    """Return the value without any number."""
    empty: dict[str, int | None] = dict.fromkeys(value.excluded)
    return replace(
        value, value=None, low=None, high=None, numerator=None, denominator=None, excluded=empty, suppressed=True
    )


def _adds_up(values: Sequence[Value]) -> bool:
    if len(values) < 2:
        return False
    if "_by_" in values[0].name:
        return True
    return all(value.denominator is not None for value in values) and sum(value.numerator or 0 for value in values) == (
        values[0].denominator
    )


def _size(value: Value) -> float:
    number = value.denominator if value.unit in ("share", "hours") else value.numerator
    return number or 0.0


def _without_small_reasons(value: Value, threshold: int) -> Value:
    if value.unit in TECHNICAL:
        return value
    reasons = {
        reason: None if count is not None and 0 < count < threshold else count
        for reason, count in value.excluded.items()
    }
    return replace(value, excluded=reasons)

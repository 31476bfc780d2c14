"""Small counts of studies are withheld where the site asks for it.

With the site's threshold k, a count from 1 to k - 1 is withheld, and so is a share of which the
numerator, the denominator or their difference is such a count, and a quantile or index of so few
studies. In a table whose cells add up to a total that is shown, at least two cells are withheld
together, adding up to k or more: otherwise the total less the others would give the missing one.
Reasons of exclusion with such a count lose the count (None). Where a cell of the 2 x 2 of AI and
report is withheld, every measure computed from the four cells is; where anything of a shadow
model is, all of it. A region of which a cell is that small is withheld whole, and with it as many others
as it takes for no sum of hidden cells to be small.
Differences between tables and releases are the business of `reports.protected`, which comes after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reports.value import Value
from warehouse.disclosure import withheld

# Counts of files and nights, not of studies.
TECHNICAL = frozenset({"items", "nights"})
# Measures of which those of one group together give each of its four cells.
GROUPED = frozenset(
    f"{measure}_by_{kind}"
    for measure in ("agreement", "positive_percent_agreement", "negative_percent_agreement")
    for kind in ("region", "independence")
)
SHADOW = "shadow_cells.sql"
# Computed from the month's four cells and the audit.
FROM_FOUR = frozenset({"labeller_cost", "corrected_agreement", "corrected_coefficient"})


def suppress(tables: Mapping[str, Sequence[Value]], threshold: int) -> dict[str, list[Value]]:
    """Return the values by name with small counts withheld; a threshold of 1 or less withholds none."""
    if threshold <= 1:
        return {name: list(values) for name, values in tables.items()}
    shown = {name: table(values, threshold) for name, values in tables.items() if name not in GROUPED}
    shown |= _grouped({name: values for name, values in tables.items() if name in GROUPED}, threshold)
    if any(value.suppressed for value in shown.get("agreement_cells", [])):
        shown = {
            name: [withhold(value) if _of_the_four(value) else value for value in values]
            for name, values in shown.items()
        }
    if any(value.suppressed for values in shown.values() for value in values if value.sql == SHADOW):
        # Cells, exclusions and measures of two models on the same studies give each other away.
        shown = {
            name: [withhold(value) if value.sql == SHADOW else value for value in values]
            for name, values in shown.items()
        }
    return {name: shown[name] for name in tables}


def _of_the_four(value: Value) -> bool:
    return value.sql == "agreement_cells.sql" or value.name in FROM_FOUR


def _grouped(tables: Mapping[str, Sequence[Value]], threshold: int) -> dict[str, list[Value]]:
    """Withhold whole groups: of a region, the measures together give every cell."""
    groups: dict[tuple[str, str], list[Value]] = {}
    for name, values in tables.items():
        kind = name.rpartition("_by_")[2]
        for value in values:
            groups.setdefault((kind, str(value.stratum[kind])), []).append(value)
    hidden = {key for key, values in groups.items() if any(small(value, threshold) for value in values)}
    for kind in {kind for kind, _ in hidden}:
        others = [key for key in groups if key[0] == kind and key not in hidden]
        others.sort(key=lambda key: (sum(_size(value) for value in groups[key]), key))
        while others and _sum_is_small([groups[key] for key in hidden if key[0] == kind], threshold):
            hidden.add(others.pop(0))
    return {
        name: [
            withhold(value)
            if (kind := name.rpartition("_by_")[2], str(value.stratum[kind])) in hidden
            else _without_small_reasons(value, threshold)
            for value in values
        ]
        for name, values in tables.items()
    }


def _sum_is_small(groups: Sequence[Sequence[Value]], threshold: int) -> bool:
    """Return whether the total less what is shown gives a small cell."""
    if len(groups) < 2:
        return True
    sums: dict[tuple[str, str], Value] = {}
    for value in (value for values in groups for value in values):
        key = (value.name, str(value.stratum.get("reading")))
        before = sums.get(key, replace(value, numerator=0.0, denominator=0.0))
        sums[key] = replace(
            value,
            numerator=(before.numerator or 0) + (value.numerator or 0),
            denominator=(before.denominator or 0) + (value.denominator or 0),
        )
    return any(small(value, threshold) for value in sums.values())


def table(values: Sequence[Value], threshold: int) -> list[Value]:
    """Return one table with its small cells withheld, and others where a sum would reveal them."""
    hidden = {index for index, value in enumerate(values) if small(value, threshold)}
    if hidden and _adds_up(values):
        hidden = withheld([_size(value) for value in values], hidden, threshold)
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

"""Which counts may leave: small cells are withheld, and with them as many others as hide them for good.

Counts come as tables. A table of `Layout` either stands alone, with the one cell ``all``, or splits one
cell of another table, and then adds up to it. With the threshold k:

- a count that stands alone is shown from k on; below, it is withheld with everything that splits it;
- in a split of a cell that is shown, each cell from 1 to k - 1 is withheld, and then the next smallest
  ones until at least two are, which together count k or more;
- what splits a withheld cell is withheld whole, zeros included.

So what an outsider can work out of the withheld cells of a split is their sum S, and S is at least k: each
of them can be anything from 0 to S. Cells below them can be anything from 0 to that. Tables that share
nothing but a cell that is shown say nothing of each other, for any two of them there is a month that has
both. `tests/drills/test_disclosure.py` attacks this with linear programming.

A month that is sent again must not give by difference what each sending withholds: see `restated`.

References
----------
Hundepool A et al. Statistical disclosure control, 2012, chapter 4 (tabular data, secondary suppression).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Counts = Mapping[str, Mapping[str, int]]
Published = Mapping[str, Mapping[str, int | None]]
WHOLE = "all"


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of one table, and the cell of another (`table`, `cell`) that they split; None: it stands alone."""

    cells: tuple[str, ...] = (WHOLE,)
    splits: tuple[str, str] | None = None


Layout = Mapping[str, Table]
"""Tables by name, each after the one that it splits."""


def withheld(sizes: Sequence[float], small: frozenset[int] | set[int], k: int) -> set[int]:
    """Return the places of the cells to withhold in a split whose sum is known, given those that are small.

    At least two, counting k or more together: otherwise the sum less the others would give the small ones.
    """
    hidden = set(small)
    if not hidden:
        return hidden
    others = sorted((place for place, size in enumerate(sizes) if place not in hidden and size > 0),
                    key=lambda place: (sizes[place], place))  # fmt: skip
    while others and (len(hidden) < 2 or sum(sizes[place] for place in hidden) < k):
        hidden.add(others.pop(0))
    return hidden


def protect(layout: Layout, counts: Counts, k: int) -> dict[str, dict[str, int | None]]:
    """Return the counts with None for what is withheld."""
    shown: dict[str, dict[str, int | None]] = {}
    for name, table in layout.items():
        sizes = [counts[name][cell] for cell in table.cells]
        if table.splits is None:
            hidden = {place for place, size in enumerate(sizes) if size < k}
        elif shown[table.splits[0]][table.splits[1]] is None:
            hidden = set(range(len(sizes)))
        else:
            hidden = withheld(sizes, {place for place, size in enumerate(sizes) if 0 < size < k}, k)
        shown[name] = {
            cell: None if place in hidden else size
            for place, (cell, size) in enumerate(zip(table.cells, sizes, strict=True))
        }
    return shown


def restated(layout: Layout, earlier: Sequence[Published], counts: Counts, k: int) -> dict[str, dict[str, int | None]]:
    """Return what of a month's new counts may be told after what was told of it `earlier`, the oldest first.

    A table standing alone goes with all that splits it. It is told anew only where the same cells are
    withheld as before, and where each number that changed (a cell that is shown, or the sum of those that
    are not) changed by k or more against every earlier sending; otherwise it is told as it was last told:
    a month that grew by three studies would give away those three.
    """
    fresh = protect(layout, counts, k)
    made: dict[str, dict[str, int | None]] = {}
    for root in (name for name, table in layout.items() if table.splits is None):
        family = list(_family(layout, root))
        told = [each for each in earlier if each[root][WHOLE] is not None]
        if not told:
            made |= {name: fresh[name] for name in family}
            continue
        same = {name: _masked(told[-1][name], counts[name]) for name in family}
        sound = not list(_problems(layout, same, k, family)) and all(
            _apart(layout, family, before, same, k) for before in told
        )
        made |= same if sound else {name: dict(told[-1][name]) for name in family}
    return {name: made[name] for name in layout}


def problems(layout: Layout, shown: Published, k: int) -> list[str]:
    """Return in words what breaks the rules of this module in a set of tables; empty if nothing does."""
    return list(_problems(layout, shown, k, list(layout)))


def difference_problems(layout: Layout, before: Published, after: Published, k: int) -> list[str]:
    """Return the tables standing alone whose two sendings would give away small changes."""
    return [
        f"{root}: changed by fewer than {k}, or withholds other cells than before"
        for root, table in layout.items()
        if table.splits is None and before[root][WHOLE] is not None
        if not _apart(layout, list(_family(layout, root)), before, after, k)
    ]


def _problems(layout: Layout, shown: Published, k: int, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        table, cells = layout[name], shown[name]
        seen = [count for count in cells.values() if count is not None]
        gone = len(cells) - len(seen)
        if table.splits is None:
            if any(count < k for count in seen):
                yield f"{name}: a count under {k} that stands alone"
            continue
        whole = shown[table.splits[0]][table.splits[1]]
        if any(0 < count < k for count in seen):
            yield f"{name}: a count from 1 to {k - 1}"
        if whole is None:
            if seen:
                yield f"{name}: splits a withheld count, and is not withheld whole"
        elif gone == 0:
            if sum(seen) != whole:
                yield f"{name}: does not add up to {table.splits[0]}"
        elif gone == 1 or whole - sum(seen) < k:
            yield f"{name}: what is withheld can be worked out"


def _family(layout: Layout, root: str) -> Iterator[str]:
    members = {root}
    for name, table in layout.items():
        if name in members or (table.splits is not None and table.splits[0] in members):
            members.add(name)
            yield name


def _masked(pattern: Mapping[str, int | None], counts: Mapping[str, int]) -> dict[str, int | None]:
    return {cell: None if known is None else counts[cell] for cell, known in pattern.items()}


def _apart(layout: Layout, family: Sequence[str], before: Published, after: Published, k: int) -> bool:
    """Return whether no difference of two sendings of the same tables is from 1 to k - 1, up or down."""
    for name in family:
        for cell, count in before[name].items():
            other = after[name][cell]
            if (count is None) != (other is None):
                return False
            if count is not None and other is not None and 0 < abs(other - count) < k:
                return False
        splits = layout[name].splits
        if splits is None or None not in before[name].values():
            continue
        old, new = before[splits[0]][splits[1]], after[splits[0]][splits[1]]
        if old is not None and new is not None and 0 < abs(_rest(new, after[name]) - _rest(old, before[name])) < k:
            return False
    return True


def _rest(whole: int, cells: Mapping[str, int | None]) -> int:
    return whole - sum(count for count in cells.values() if count is not None)

"""Small cells stay hidden: by the rules, by sums, and over several tellings of a month."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.disclosure import Table, difference_problems, problems, protect, restated, withheld

LAYOUT = {
    "studies": Table(),
    "by_region": Table(("wrist", "hand", "foot", "hip"), ("studies", "all")),
    "by_result": Table(("flagged", "not_flagged"), ("studies", "all")),
    "flagged": Table(("positive", "doubtful"), ("by_result", "flagged")),
    "positive": Table(("fracture", "none", "open"), ("flagged", "positive")),
    "files": Table(),
}
count = st.one_of(st.integers(0, 25), st.integers(0, 3), st.integers(0, 400))
thresholds = st.integers(5, 20)


@st.composite
def months(draw: st.DrawFn) -> dict[str, dict[str, int]]:
    """True counts that add up: drawn from the leaves."""
    positive = {cell: draw(count) for cell in LAYOUT["positive"].cells}
    flagged = {"positive": sum(positive.values()), "doubtful": draw(count)}
    by_result = {"flagged": sum(flagged.values()), "not_flagged": draw(count)}
    total = sum(by_result.values())
    cuts = sorted(draw(st.integers(0, total)) for _ in range(3))
    parts = [high - low for low, high in zip((0, *cuts), (*cuts, total), strict=True)]
    return {
        "studies": {"all": total},
        "by_region": dict(zip(LAYOUT["by_region"].cells, parts, strict=True)),
        "by_result": by_result,
        "flagged": flagged,
        "positive": positive,
        "files": {"all": draw(count)},
    }


def test_the_least_is_withheld_that_hides_a_small_cell() -> None:
    counts = {
        "studies": {"all": 120},
        "by_region": {"wrist": 60, "hand": 40, "foot": 15, "hip": 5},
        "by_result": {"flagged": 30, "not_flagged": 90},
        "flagged": {"positive": 24, "doubtful": 6},
        "positive": {"fracture": 12, "none": 12, "open": 0},
        "files": {"all": 10},
    }
    assert protect(LAYOUT, counts, 11) == {
        "studies": {"all": 120},
        "by_region": {"wrist": 60, "hand": 40, "foot": None, "hip": None},
        "by_result": {"flagged": 30, "not_flagged": 90},
        "flagged": {"positive": None, "doubtful": None},
        # Below a withheld count everything is, or 12 + 12 would give it.
        "positive": {"fracture": None, "none": None, "open": None},
        "files": {"all": None},
    }


@pytest.mark.parametrize(
    ("sizes", "k", "expected"),
    [
        ([50, 20, 11], 11, set()),
        ([50, 20, 3], 11, {1, 2}),
        ([50, 20, 4, 3], 11, {1, 2, 3}),  # 4 + 3 is still small
        ([50, 20, 8, 3], 11, {2, 3}),
        ([50, 0, 3], 11, {0, 2}),  # a zero hides nothing
        ([9, 9, 9], 11, {0, 1, 2}),
        ([0, 0, 0], 11, set()),
    ],
)
def test_which_cells_go_with_a_small_one(sizes: list[int], k: int, expected: set[int]) -> None:
    small = {place for place, size in enumerate(sizes) if 0 < size < k}
    assert withheld(sizes, small, k) == expected


@given(months(), thresholds)
@settings(max_examples=150, deadline=None)
def test_what_is_shown_is_true_and_breaks_no_rule(counts: dict[str, dict[str, int]], k: int) -> None:
    shown = protect(LAYOUT, counts, k)
    assert problems(LAYOUT, shown, k) == []
    for name, cells in shown.items():
        for cell, number in cells.items():
            assert number is None or number == counts[name][cell]
            assert number is None or number == 0 or number >= k
    for name, table in LAYOUT.items():
        if table.splits is None:
            continue
        whole = shown[table.splits[0]][table.splits[1]]
        hidden = [counts[name][cell] for cell, number in shown[name].items() if number is None]
        if whole is None:
            assert len(hidden) == len(table.cells)
        elif hidden:
            assert len(hidden) >= 2 and sum(hidden) >= k


@given(months(), thresholds, st.data())
@settings(max_examples=100, deadline=None)
def test_a_rule_that_is_broken_is_found(counts: dict[str, dict[str, int]], k: int, data: st.DataObject) -> None:
    shown = protect(LAYOUT, counts, k)
    hidden = [(name, cell) for name, cells in shown.items() for cell, number in cells.items() if number is None]
    small = [(name, cell) for name, cell in hidden if 0 < counts[name][cell] < k]
    if not small:
        return
    name, cell = data.draw(st.sampled_from(small))
    assert problems(LAYOUT, {**shown, name: {**shown[name], cell: counts[name][cell]}}, k)


@given(st.lists(months(), min_size=2, max_size=4), thresholds)
@settings(max_examples=150, deadline=None)
def test_no_difference_of_two_tellings_is_small(tellings: list[dict[str, dict[str, int]]], k: int) -> None:
    told: list[dict[str, dict[str, int | None]]] = []
    for counts in tellings:
        told.append(restated(LAYOUT, told, counts, k))
        assert problems(LAYOUT, told[-1], k) == []
    for place, after in enumerate(told):
        for before in told[:place]:
            assert difference_problems(LAYOUT, before, after, k) == []
            for name, cells in after.items():
                for cell, number in cells.items():
                    old = before[name][cell]
                    if number is not None and old is not None:
                        assert number == old or abs(number - old) >= k


def test_a_month_that_grew_by_three_studies_is_told_as_before() -> None:
    first = {
        "studies": {"all": 100},
        "by_region": {"wrist": 50, "hand": 50, "foot": 0, "hip": 0},
        "by_result": {"flagged": 40, "not_flagged": 60},
        "flagged": {"positive": 20, "doubtful": 20},
        "positive": {"fracture": 20, "none": 0, "open": 0},
        "files": {"all": 300},
    }
    grown = {
        **first,
        "studies": {"all": 103},
        "by_region": {"wrist": 53, "hand": 50, "foot": 0, "hip": 0},
        "by_result": {"flagged": 40, "not_flagged": 63},
        "files": {"all": 330},
    }
    before = restated(LAYOUT, [], first, 11)
    after = restated(LAYOUT, [before], grown, 11)
    assert {name: after[name] for name in LAYOUT if name != "files"} == {
        name: before[name] for name in LAYOUT if name != "files"
    }
    assert after["files"] == {"all": 330}
    # With eight more it is eleven in all, and every number that changed changed by so many.
    more = {
        **grown,
        "studies": {"all": 111},
        "by_region": {"wrist": 61, "hand": 50, "foot": 0, "hip": 0},
        "by_result": {"flagged": 40, "not_flagged": 71},
    }
    assert restated(LAYOUT, [before, after], more, 11)["studies"] == {"all": 111}


def test_a_month_too_small_at_first_may_be_told_when_it_has_grown() -> None:
    few = {
        "studies": {"all": 8},
        "by_region": {"wrist": 8, "hand": 0, "foot": 0, "hip": 0},
        "by_result": {"flagged": 2, "not_flagged": 6},
        "flagged": {"positive": 2, "doubtful": 0},
        "positive": {"fracture": 2, "none": 0, "open": 0},
        "files": {"all": 0},
    }
    before = restated(LAYOUT, [], few, 11)
    assert all(number is None for cells in before.values() for number in cells.values())
    many = {**few, "studies": {"all": 58}, "by_region": {"wrist": 58, "hand": 0, "foot": 0, "hip": 0}}
    many |= {"by_result": {"flagged": 12, "not_flagged": 46}, "flagged": {"positive": 12, "doubtful": 0}}
    many |= {"positive": {"fracture": 12, "none": 0, "open": 0}}
    assert restated(LAYOUT, [before], many, 11)["studies"] == {"all": 58}

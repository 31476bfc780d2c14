"""What changed in months published earlier, as rows of the report that tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.language import NO_BREAK, WITHHELD, column_digits
from reports.suppression import small, withhold
from reports.tabulate import blank
from reports.terms import term
from reports.value import Value, count, rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reports.kpi import MonthFigures
    from reports.language import Language
    from warehouse.addenda import Addendum, Amount
    from warehouse.figure import Definition


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of a month published earlier, as it was told and as it is now."""

    title: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Month:
    """A month published earlier, with its changes and why, in words."""

    title: str
    changes: tuple[Change, ...]
    reasons: str


def addenda(figures: MonthFigures, words: Language, found: Sequence[Addendum]) -> list[Month]:
    """Return the months that changed, oldest first; small numbers are withheld as in the report."""
    return told(words, found, figures.definitions, figures.site.small_cell)


def told(
    words: Language, found: Sequence[Addendum], definitions: Mapping[str, Definition], threshold: int
) -> list[Month]:
    """Return the months that changed, oldest first; counts below `threshold` are withheld."""
    months = []
    for addendum in found:
        changes = tuple(
            Change(
                words.typeset(definitions[change.figure].title.of(words.code)),
                *_shown(
                    words,
                    _value(change.figure, change.old, threshold),
                    _value(change.figure, change.new, threshold),
                    counts=threshold == 1,
                ),
            )
            for change in addendum.changes
        )
        reasons = [
            f"{term(words, 'addendum', reason)}{NO_BREAK}({WITHHELD if 0 < n < threshold else words.number(n)})"
            for reason, n in addendum.reasons.items()
        ]
        months.append(Month(words.month(addendum.month), changes, ", ".join(reasons)))
    return months


def _shown(words: Language, old: Value, new: Value, *, counts: bool) -> tuple[str, str]:
    """Return what was told and what holds now, so that nobody reads the same number twice and wonders what changed.

    Without `counts` (the site withholds small numbers) they are not given: two tellings of a month differ by few.
    """
    # 42 % of 99 studies and 42.3 % of 101: both with as many decimals.
    digits = column_digits((old, new)) if old.unit == "share" else None
    before, after = (words.value(value, digits) for value in (old, new))
    if before != after or old.suppressed or new.suppressed or old.value is None:
        return before, after
    if not counts or old.denominator is None or new.denominator is None:
        return before, words.text("the same, rounded")
    return _counted(words, old, before), _counted(words, new, after)


def _counted(words: Language, value: Value, shown: str) -> str:
    numerator, denominator = words.number(value.numerator), words.number(value.denominator)
    if value.unit == "share":
        return f"{shown} ({numerator}/{denominator})"
    return words.text("%(n)s of %(whole)s", n=numerator, whole=denominator)


def _value(name: str, amount: Amount, threshold: int) -> Value:
    bare = blank(name)
    if amount.numerator is None:
        return bare
    if bare.unit == "share":
        made = rate(bare, amount.numerator, amount.denominator or 0.0)
    else:
        made = count(bare, amount.numerator, amount.denominator)
    return withhold(made) if threshold > 1 and small(made, threshold) else made

"""The studies behind a figure: its own query, asked of each study alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from warehouse.figure import figures, rows
from warehouse.statement import statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from warehouse.figure import Connection

# Columns that say how many, not of what; a study alone has its own of them.
_COUNTS = frozenset(
    {"numerator", "denominator", "comparable", "excluded", "reviewed", "confirmed", "refuted", "unsure"}
)


@dataclass(frozen=True, slots=True)
class Part:
    """What one study (a pseudonym) adds to a figure.

    `counted` holds the strata in whose numerator it is, `excluded` the reasons for which it is left out;
    with neither it is in the denominator alone.
    """

    study_uid: str
    day: date
    counted: tuple[Mapping[str, Any], ...]
    excluded: tuple[str, ...]


def parts(
    connection: Connection,
    query: str,
    site: str,
    start: date,
    end: date,
    cut: datetime,
    progress: Callable[[], None] = lambda: None,
) -> list[Part] | None:
    """Return what each study of the days from `start` up to `end` adds to the query of a figure.

    None where the figure is not the sum of its studies taken one by one: a number of different patients, a
    comparison with a baseline, a figure of nights or files. The connection shows no other study afterwards.
    """
    named = {"site": site, "start": start, "end": end}
    whole = rows(connection, query, site, start, end, cut=cut)
    connection.execute(statement("behind_month"), named)
    connection.execute(statement("behind_alone"))
    if "study" not in figures()[query].query:
        return None
    found, total = [], _empty()
    for study_uid, day in connection.execute(statement("behind_list")).fetchall():
        connection.execute(statement("behind_clear"))
        connection.execute(statement("behind_put"), {"study_uid": study_uid})
        alone = rows(connection, query, site, start, end, cut=cut)
        counted, excluded = _taken(alone)
        _add(total, counted, excluded)
        found.append(Part(study_uid, day, tuple(_shown(key, alone) for key in counted), tuple(excluded)))
        progress()
    sums = _empty()
    _add(sums, *_taken(whole))
    return found if total == sums else None


Totals = tuple[Counter[Any], Counter[str]]


def _empty() -> Totals:
    return Counter(), Counter()


def _taken(answer: Sequence[Mapping[str, Any]]) -> tuple[Counter[Any], Counter[str]]:
    """Return how often each stratum is counted, and each reason, in the answer of a query."""
    counted: Counter[Any] = Counter()
    excluded: Counter[str] = Counter()
    for row in answer:
        reason = row.get("reason", row.get("unusable"))
        # Durations come as lists: each is that of one study.
        lists = [value for value in row.values() if isinstance(value, list)]
        n = row.get("numerator", len(lists[0]) if lists else 1) or 0
        if reason is not None:
            excluded[str(reason)] += n
        elif n:
            counted[tuple((key, value) for key, value in row.items() if _names(key, value))] += n
        for name, left_out in (row.get("excluded") or {}).items():
            excluded[name] += left_out or 0
    return counted, +excluded


def _shown(key: tuple[tuple[str, Any], ...], alone: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a stratum of one study's answer, with the duration that its row has of the study."""
    hours = {
        name: value[0]
        for row in alone
        if all(row.get(name) == value for name, value in key)
        for name, value in row.items()
        if isinstance(value, list) and len(value) == 1
    }
    return {**dict(key), **hours}


def _names(key: str, value: Any) -> bool:
    return key not in _COUNTS and value is not None and not isinstance(value, list)


def _add(total: Totals, counted: Counter[Any], excluded: Counter[str]) -> None:
    total[0].update(counted)
    total[1].update(excluded)

"""One patient, several identifiers: what all merges together say, whatever the order in which they came."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warehouse.load import load
from warehouse.rows import PersonRow
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Nobody has so many numbers: a sender that merges everybody into one dummy patient is not believed.
MAX_IDENTIFIERS = 200


@dataclass(frozen=True, slots=True)
class Persons:
    """How many patients have several identifiers, how many identifiers these are, and how many were refused."""

    persons: int
    identifiers: int
    refused: int


def resolve(connection: DuckDBPyConnection, site: str) -> Persons:
    """Work out which identifiers (pseudonyms) are one patient's and write the table `person` anew.

    Merges are pairs; a chain, a circle or a pair told twice makes one patient of all that it touches,
    a pair of the same identifier nothing. A patient of more than `MAX_IDENTIFIERS` is refused: those
    identifiers stay apart. Nothing is written where nothing changed.
    """
    parents: dict[str, str] = {}
    for one, other in connection.execute(statement("patient_merges"), {"site": site}).fetchall():
        first, second = sorted((_root(parents, one), _root(parents, other)))
        parents[second] = first
    groups: dict[str, list[str]] = defaultdict(list)
    for identifier in list(parents):
        groups[_root(parents, identifier)].append(identifier)
    kept = {root: members for root, members in groups.items() if len(members) <= MAX_IDENTIFIERS}
    rows = {identifier: root for root, members in kept.items() for identifier in members}
    if dict(connection.execute(statement("persons"), {"site": site}).fetchall()) != rows:
        connection.execute(statement("drop_persons"), {"site": site})
        load(connection, "person", [PersonRow(site, *pair) for pair in rows.items()])
    return Persons(len(kept), len(rows), sum(map(len, groups.values())) - len(rows))


def _root(parents: dict[str, str], identifier: str) -> str:
    """Return the least identifier found so far of the same patient; shortens the way there."""
    parent = parents.setdefault(identifier, identifier)
    while parent != parents[parent]:
        parents[identifier] = parent = parents[parents[parent]]
    return parent

"""The ledger: what was offered and what became of it; the sum of outcomes equals what was offered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from warehouse import matches, person
from warehouse.connect import transaction
from warehouse.load import load
from warehouse.rows import LedgerRow
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KINDS = ("dicom", "message")
OUTCOMES = (
    "accepted",
    "accepted_flagged",
    "accepted_not_inferred",
    "quarantined",
    "duplicate",
    "conflict",
    "unmatched",
    "not_dicom",
    "not_hl7",
)


def record(connection: DuckDBPyConnection, rows: Sequence[LedgerRow]) -> int:
    """Write the outcome of what was offered; return how many offers are new.

    An offer that is in the ledger keeps its outcome: the same delivery seen again counts once.
    """
    return load(connection, "ledger", rows)


def known_offers(connection: DuckDBPyConnection, site: str) -> set[str]:
    """Return the `offer_id` of everything that this site was ever offered."""
    return {offer for (offer,) in connection.execute(statement("known_offers"), {"site": site}).fetchall()}


def known_places(connection: DuckDBPyConnection, site: str) -> set[tuple[str, str]]:
    """Return (`place_id`, `stamp`) of every file taken: what needs no reading again."""
    return set(connection.execute(statement("known_places"), {"site": site}).fetchall())


def offered_instances(connection: DuckDBPyConnection, site: str) -> set[str]:
    """Return every image (pseudonym) that was ever offered: what needs no fetching again."""
    return {image for (image,) in connection.execute(statement("offered_instances"), {"site": site}).fetchall()}


def known_instances(connection: DuckDBPyConnection, site: str, instance_uids: Iterable[str]) -> dict[str, str]:
    """Return the `content_id` of those of these images (pseudonyms) that were accepted before.

    The same content again is a duplicate, another content under the same identifier a conflict.
    """
    given = {"site": site, "wanted": list(instance_uids)}
    return dict(connection.execute(statement("known_instances"), given).fetchall())


def known_messages(connection: DuckDBPyConnection, site: str, message_ids: Iterable[str]) -> set[str]:
    """Return those of these messages (pseudonyms) that were taken before."""
    given = {"site": site, "wanted": list(message_ids)}
    return {message for (message,) in connection.execute(statement("known_messages"), given).fetchall()}


def note_sent(connection: DuckDBPyConnection, site: str, sent: Mapping[str, datetime | None]) -> None:
    """Note when messages that came again were sent; of each the earliest time stays, whichever came first."""
    if sent:
        given = {"site": site, "messages": list(sent), "times": list(sent.values())}
        connection.execute(statement("note_sent"), given)


def outcome_sums(connection: DuckDBPyConnection, site: str, night: date | None = None) -> dict[str, dict[str, int]]:
    """Return the number of offers by kind and outcome (all nine, zeros too) of one night, or of all."""
    sums = {kind: dict.fromkeys(OUTCOMES, 0) for kind in KINDS}
    for kind, outcome, n in connection.execute(statement("outcome_sums"), {"site": site, "night": night}).fetchall():
        sums[kind][outcome] = n
    return sums


def set_outcome(connection: DuckDBPyConnection, site: str, outcome: str, images: Mapping[str, Sequence[str]]) -> int:
    """Take back the acceptance of images that turned out to be unusable; return how many changed.

    `images` gives the reason codes by image (pseudonym); they come before the gate's own. The
    images leave the table `instance`, so that no study counts them; their ledger rows, and those of
    their duplicates, stay. An image that was not accepted for inference keeps its outcome.

    Raises
    ------
    TransactionOpenError
        If a transaction is open: rows and images change in one of their own.
    """
    with transaction(connection):
        return sum(_take_back(connection, site, outcome, image, reasons) for image, reasons in images.items())


def _take_back(
    connection: DuckDBPyConnection, site: str, outcome: str, instance_uid: str, reasons: Sequence[str]
) -> bool:
    given = {"site": site, "instance_uid": instance_uid, "outcome": outcome, "reasons": list(reasons)}
    if not connection.execute(statement("set_outcome"), given).fetchall():
        return False
    connection.execute(statement("drop_instance"), {"site": site, "instance_uid": instance_uid})
    return True


@dataclass(frozen=True, slots=True)
class Settlement:
    """How many of a site's report events have a study, none, or another patient's; `changed` ledger rows."""

    matched: int
    unmatched: int
    mismatched: int
    changed: int


def settle_matches(connection: DuckDBPyConnection, site: str) -> Settlement:
    """Bring the outcome of every message in line with the studies known now, and oppositions into force.

    First, which identifiers are one patient's is worked out anew (`warehouse.person`). Of several
    contents under one control id the first sent stands, the others are `conflict` UID_CONFLICT.
    Images and reports of patients who object are `accepted_not_inferred` OPPOSITION as long as they do.

    With a study and its patient: `accepted`, or `accepted_flagged` where the gate gave flags; with
    a study of another patient: `quarantined` PATIENT_MISMATCH; without: `unmatched`. A message with
    several reports is accepted when one has its study, and flagged with what is amiss with the
    others. The gate's codes stay in `reasons`. Only a function of what the tables hold: the order of arrival does not
    matter, a second call changes nothing.
    """
    person.resolve(connection, site)
    with matches.held(connection, site):
        changed = len(connection.execute(statement("settle_matches"), {"site": site}).fetchall())
        changed += len(connection.execute(statement("settle_oppositions"), {"site": site}).fetchall())
        counts = dict(connection.execute(statement("match_counts"), {"site": site}).fetchall())
    return Settlement(counts.get("matched", 0), counts.get("unmatched", 0), counts.get("mismatched", 0), changed)

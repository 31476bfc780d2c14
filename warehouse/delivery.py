"""Who was sent which issue of a monthly report: claimed before it is sent, so that none is sent twice."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from warehouse.connect import transaction, writer
from warehouse.statement import statement


@dataclass(frozen=True, slots=True)
class Claim:
    """The sending of one issue to one address."""

    site: str
    month: str
    issue: int
    address: str

    def key(self) -> dict[str, object]:
        """Return the key of the row; the address only as its hash."""
        recipient = hashlib.sha256(self.address.lower().encode()).hexdigest()
        return {"site": self.site, "month": self.month, "issue": self.issue, "recipient": recipient}


def claim(warehouse: Path, wanted: Claim, now: datetime, wait_minutes: float = 30.0) -> bool:
    """Claim a sending; False where it was claimed before, whatever became of it then."""
    with writer(warehouse, wait_minutes) as connection, transaction(connection):
        found = connection.execute(statement("claim_delivery"), {**wanted.key(), "now": now}).fetchall()
    return bool(found)


def settle(warehouse: Path, wanted: Claim, now: datetime, wait_minutes: float = 30.0) -> None:
    """Note that the mail server took the message."""
    with writer(warehouse, wait_minutes) as connection, transaction(connection):
        connection.execute(statement("settle_delivery"), {**wanted.key(), "now": now})


def release(warehouse: Path, wanted: Claim, wait_minutes: float = 30.0) -> None:
    """Give a claim back, where the message was certainly not taken."""
    with writer(warehouse, wait_minutes) as connection, transaction(connection):
        connection.execute(statement("release_delivery"), wanted.key())

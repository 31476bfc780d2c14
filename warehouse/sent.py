"""What a site has sent as aggregates, byte for byte, and who approved what may be sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse import export
from warehouse.aggregates import GENESIS, as_bytes
from warehouse.connect import transaction, writer
from warehouse.errors import WarehouseError
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class NotApprovedError(WarehouseError):
    """Nothing leaves before somebody has read and approved exactly that. The text says what to run."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One bundle as it was made; `payload` is the signed text."""

    seq: int
    month: str
    made_at: datetime
    scope_sha256: str
    content_sha256: str
    payload: str
    payload_sha256: str

    @property
    def told(self) -> dict[str, Any]:
        """The payload as data."""
        data: dict[str, Any] = json.loads(self.payload)
        return data


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approved which scope, having read which content."""

    approved_at: datetime
    approved_by: str
    scope_sha256: str
    content_sha256: str


def bundles(connection: DuckDBPyConnection, site: str) -> list[Sent]:
    """Return every bundle of a site, in their order."""
    found = connection.execute(statement("export_bundles"), {"site": site}).fetchall()
    return [Sent(row[0], row[1], row[2].astimezone(UTC), *row[3:]) for row in found]


def approvals(connection: DuckDBPyConnection, site: str) -> list[Approval]:
    """Return every approval of a site, the last one last."""
    found = connection.execute(statement("export_approvals"), {"site": site}).fetchall()
    return [Approval(row[0].astimezone(UTC), *row[1:]) for row in found]


def approve(warehouse: Path, site: str, approval: Approval, wait_minutes: float = 30.0) -> None:
    """Keep an approval."""
    with writer(warehouse, wait_minutes) as connection, transaction(connection):
        given = {
            "site": site,
            "now": approval.approved_at,
            "by": approval.approved_by,
            "scope": approval.scope_sha256,
            "content": approval.content_sha256,
        }
        connection.execute(statement("export_approve"), given)


def keep(
    warehouse: Path,
    site: str,
    told: Mapping[str, Any],
    *,
    scope_sha256: str,
    now: datetime,
    wait_minutes: float = 30.0,
) -> tuple[Sent, bool]:
    """Number, chain and keep a month's bundle; return it, and whether it is a new one.

    A month whose content has not changed since it was last told is the bundle it was.

    Raises
    ------
    NotApprovedError
        If the scope was not approved, or the site's first bundle is not what was read.
    """
    content_sha256 = export.content_sha256(told)
    with writer(warehouse, wait_minutes) as connection, transaction(connection):
        before = bundles(connection, site)
        last = next((each for each in reversed(before) if each.month == told["month"]), None)
        if last is not None and last.content_sha256 == content_sha256:
            return last, False
        demand_approval(approvals(connection, site), scope_sha256, None if before else content_sha256)
        payload = as_bytes(
            {
                **told,
                "seq": len(before) + 1,
                "previous": before[-1].payload_sha256 if before else GENESIS,
                "made_on": now.date().isoformat(),
                "restates": last is not None,
            }
        )
        made = Sent(
            seq=len(before) + 1,
            month=str(told["month"]),
            made_at=now,
            scope_sha256=scope_sha256,
            content_sha256=content_sha256,
            payload=payload.decode(),
            payload_sha256=hashlib.sha256(payload).hexdigest(),
        )
        fields = {name: getattr(made, name) for name in Sent.__slots__}
        connection.execute(statement("export_add"), {"site": site, **fields})
    return made, True


def demand_approval(found: list[Approval], scope_sha256: str, first: str | None) -> None:
    """Let what is of an approved scope pass, and of it first (where `first` names it) what was read.

    Raises
    ------
    NotApprovedError
        If it was not approved.
    """
    if not found or found[-1].scope_sha256 != scope_sha256:
        raise NotApprovedError(
            "what may leave was not approved"
            + (" since the fields, the threshold or the recipient changed" if found else " yet")
            + ": run the command with --show, have the page read, then approve it with --approve"
        )
    if first is not None and found[-1].content_sha256 != first:
        raise NotApprovedError(
            "the first bundle is not the one that was read: run the command with --show, have the page read, "
            "then approve it with --approve"
        )

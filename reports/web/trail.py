"""`audited`: each screen notes in the audit trail what its user saw, exported, judged or changed."""

from __future__ import annotations

from typing import Any

from reports.web.visit import Visit
from warehouse import audit


def audited(visit: Visit, event: str, about: str = "", outcome: int = 0, **detail: Any) -> None:
    """Note an event of `warehouse.audit.KINDS`, with the user, the site and the address of the request.

    `about` is the pseudonym or the name of what it was done to. Never a patient's identifier, never
    free text, in `about` or `detail`.
    """
    audit.record(visit.app.store, event, visit.actor, about=about, outcome=outcome, detail=detail)

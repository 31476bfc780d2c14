"""Discordances as a worklist: AI and report part, in either direction, until a clinician's verdict closes the case.

What is comparable is what `warehouse/figures/discordances.sql` counts, so the list of a month has as many
cases as its report says, but for reports and verdicts after the report's data cut.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from warehouse.cases import Picture, pictures
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DIRECTIONS = ("ai_positive_report_absent", "ai_negative_report_present")
State = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class Discordance:
    """One discordant study. Identifiers are pseudonyms, times UTC, `day` local.

    Attributes
    ----------
    direction
        ``ai_positive_report_absent`` (AI positive or doubtful) or ``ai_negative_report_present``.
    known_at
        When both the AI result and the report were there; None where a time is missing.
    evidence
        The sentence that decided the label, redacted; None where the site keeps none.
    report_independent
        Whether the author of the report had not seen the AI result; None where the site cannot tell.
    verdict, verdict_at
        The verdict that closed it.
    images
        With scores and boxes, the highest score first; filled by `listed` with ``images=True``.
    """

    study_uid: str
    day: date
    direction: str
    ai_result: str
    score: float | None
    modality: str
    region: str | None
    laterality: str | None
    age_band: str | None
    sex: str | None
    exam_completed: datetime | None
    report_final: datetime | None
    known_at: datetime | None
    evidence: str | None
    report_independent: bool | None
    verdict: str | None
    verdict_at: datetime | None
    origin: str
    images: tuple[Picture, ...] = ()

    @property
    def state(self) -> State:
        """``closed`` with a verdict, else ``open``."""
        return "open" if self.verdict is None else "closed"


def listed(
    connection: DuckDBPyConnection,
    site: str,
    month: str,
    *,
    state: State | None = None,
    direction: str | None = None,
    judged: Collection[str] = (),
    images: bool = False,
) -> list[Discordance]:
    """Return the discordances of a month ``YYYY-MM``, those known longest first.

    Parameters
    ----------
    state
        ``open`` or ``closed``; None for both.
    direction
        One of `DIRECTIONS`; None for both.
    judged
        Studies on which the application's store has a verdict that the warehouse does not know yet
        (`warehouse.verdicts.judged`): they are left out of the open ones and are among the closed.
    images
        Whether to bring scores and boxes of each image.
    """
    start = date.fromisoformat(f"{month}-01")
    end = (start + timedelta(days=31)).replace(day=1)
    cursor = connection.execute(statement("discordances", "lists"), {"site": site, "start": start, "end": end})
    columns = [column[0] for column in cursor.description or ()]
    found = [Discordance(**dict(zip(columns, row, strict=True))) for row in cursor.fetchall()]
    kept = [
        item
        for item in found
        if direction in (None, item.direction) and state in (None, "closed" if item.study_uid in judged else item.state)
    ]
    if not images:
        return kept
    shown = pictures(connection, site, [item.study_uid for item in kept])
    return [replace(item, images=shown.get(item.study_uid, ())) for item in kept]


def waiting(connection: DuckDBPyConnection, site: str, month: str, judged: Collection[str] = ()) -> dict[str, int]:
    """Return how many discordances of a month are open, by direction."""
    still = [item.direction for item in listed(connection, site, month, state="open", judged=judged)]
    return {direction: still.count(direction) for direction in DIRECTIONS}

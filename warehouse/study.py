"""The study table: one row per in-scope study, brought in line with what is known now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from warehouse import changed_days, matches
from warehouse.connect import transaction
from warehouse.site import UnknownSiteError
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One row of `study`, field by field (see the data dictionary). Times UTC, `day` local.

    For a demonstration's history, loaded with ``load(connection, "study", rows)`` and `origin`
    ``simulated``; `rebuild` makes all others. Identifiers are pseudonyms: 32 hex digits.
    """

    site: str
    day: date
    study_uid: str
    patient_id: str | None
    modality: str
    region: str | None
    laterality: str | None
    device: str | None
    sex: str | None
    age_band: str | None
    patient_class: str | None
    images: int
    images_inferred: int
    ordered: datetime | None
    exam_started: datetime | None
    exam_completed: datetime | None
    received: datetime
    ai_completed: datetime | None
    report_preliminary: datetime | None
    report_final: datetime | None
    report_corrected: datetime | None
    score: float | None
    ai_result: str
    model_sha256: str | None
    report_state: str
    report_label: str | None
    report_acuity: str | None
    report_message_id: str | None
    verdict: str | None
    verdict_at: datetime | None
    clock_skew: bool
    origin: str = "measured"
    report_independent: bool | None = None
    report_tier: str | None = None


def rebuild(
    connection: DuckDBPyConnection, site: str, days: Iterable[date] | None = None, noted_at: datetime | None = None
) -> list[date]:
    """Bring `study` in line with images, findings, reports and verdicts; return the days that changed.

    The whole site is computed and compared; only rows that differ are written, in one transaction.
    A study whose day moved (a late image, a corrected time) changes both days. Rows of simulated
    history are never touched. A second call changes nothing and returns no day.

    Parameters
    ----------
    days
        Local days to which writing is limited; None for all.
    noted_at
        With it (UTC), the days that changed are noted in the same transaction (`warehouse.changed_days`).

    Raises
    ------
    UnknownSiteError
        If the site has no row in `site`: without its time zone no study has a day.
    TransactionOpenError
        If a transaction is open.
    """
    if not connection.execute(statement("site_exists"), {"site": site}).fetchall():
        raise UnknownSiteError("the warehouse does not know this site")
    wanted = None if days is None else list(days)
    with matches.held(connection, site):
        rebuilt = connection.sql(statement("study", "marts"), params={"site": site}).to_arrow_table()
    # `except` compares by position: the table's own order, whatever migration added a column.
    connection.register("rebuilt", rebuilt.select(connection.table("study").columns))
    try:
        changes = connection.sql(statement("study_changes"), params={"site": site, "days": wanted}).to_arrow_table()
    finally:
        connection.unregister("rebuilt")
    connection.register("changes", changes)
    try:
        changed = [day for (day,) in connection.execute(statement("study_days")).fetchall()]
        with transaction(connection):
            connection.execute(statement("study_drop"), {"site": site})
            connection.execute(statement("study_put"))
            if noted_at is not None:
                changed_days.note(connection, site, changed, noted_at)
        return changed
    finally:
        connection.unregister("changes")

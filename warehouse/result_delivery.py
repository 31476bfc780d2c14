"""Which results were sent to the PACS and the RIS: each once, and again until it is confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from warehouse.connect import transaction, writer
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Channel = Literal["objects", "priority"]


@dataclass(frozen=True, slots=True)
class Sending:
    """One result on its way: of a study (pseudonym), by a channel; `digest` tells what is said."""

    study_uid: str
    channel: Channel
    digest: str


def sent(connection: DuckDBPyConnection, site: str, studies: Sequence[str]) -> set[Sending]:
    """Return what of these studies was confirmed."""
    found = connection.execute(statement("results_sent"), {"site": site, "studies": list(studies)}).fetchall()
    return {Sending(*row) for row in found}


def barred(connection: DuckDBPyConnection, site: str) -> set[str]:
    """Return the studies that were taken back: nothing is sent of them any more."""
    return {study for (study,) in connection.execute(statement("results_barred"), {"site": site}).fetchall()}


def begin(warehouse: Path, site: str, sending: Sending, now: datetime, wait_minutes: float) -> None:
    """Note that a result is being sent."""
    _note(warehouse, "result_begin", site, sending, now, wait_minutes)


def confirmed(warehouse: Path, site: str, sending: Sending, now: datetime, wait_minutes: float) -> None:
    """Note that the other side has it: it is never sent again."""
    _note(warehouse, "result_confirmed", site, sending, now, wait_minutes)


def models(connection: DuckDBPyConnection, site: str, studies: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return name and version of the model that gave each study's result."""
    found = connection.execute(statement("result_models"), {"site": site, "studies": list(studies)}).fetchall()
    return {study: (name, version) for study, name, version in found}


def _note(warehouse: Path, name: str, site: str, sending: Sending, now: datetime, wait_minutes: float) -> None:
    given = {"site": site, "study": sending.study_uid, "channel": sending.channel, "digest": sending.digest, "now": now}
    with writer(warehouse, wait_minutes) as connection, transaction(connection):
        connection.execute(statement(name), given)

"""The identified store: which real study a pseudonym stands for, for links on the clinicians' list.

An SQLite file that only its owner can read, beside the warehouse and never part of it. It holds
study, accession and patient numbers, and birth date and sex of patients where the hospital corrected
them by message (the warehouse gets an age band of it); no names. What is forgotten is overwritten on disk.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from warehouse.errors import NaiveTimeError, StorePermissionError
from warehouse.pseudonym import Pseudonymiser
from warehouse.statement import statement

_WAIT_SECONDS = 60.0


class Identified(Protocol):
    """What names a study: an image's record has these fields."""

    @property
    def study_uid(self) -> str:
        """Study Instance UID (0020,000D)."""

    @property
    def accession_number(self) -> str | None:
        """Accession Number (0008,0050)."""

    @property
    def patient_id(self) -> str | None:
        """Patient ID (0010,0020)."""


@dataclass(frozen=True, slots=True)
class RealStudy:
    """The real identifiers of one study."""

    study_uid: str
    accession_number: str | None
    patient_id: str | None


class Correction(Protocol):
    """What a message says of a patient: a record of demographics has these fields."""

    @property
    def message_id(self) -> str:
        """Identity of the message."""

    @property
    def patient_id(self) -> str:
        """Patient identifier (PID-3)."""

    @property
    def birth_date(self) -> date | None:
        """Date of birth (PID-7)."""

    @property
    def sex(self) -> str | None:
        """Sex (PID-8): F, M or O."""

    @property
    def sent_at(self) -> datetime | None:
        """When the message was sent (MSH-7, UTC)."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a patient (a pseudonym): the birth date, the sex, or both."""

    patient_id: str
    birth_date: date | None
    sex: str | None


def correct(path: Path, site: str, pseudonymiser: Pseudonymiser, told: Iterable[Correction]) -> None:
    """Keep birth date and sex of patients by pseudonym, as messages told them."""
    rows = [
        {
            "site": site,
            "message_pseudonym": pseudonymiser.of("message_id", item.message_id),
            "patient_pseudonym": pseudonymiser.of("patient_id", item.patient_id),
            "birth_date": item.birth_date.isoformat() if item.birth_date else None,
            "sex": item.sex,
            "sent_at": _text(item.sent_at or datetime.min.replace(tzinfo=UTC)),
        }
        for item in told
    ]
    if rows:
        with _open(path) as connection:
            connection.executemany(statement("demographics_remember"), rows)


def told(path: Path, site: str) -> list[Told]:
    """Return all that was told of a site's patients, in the order in which it was sent."""
    if not path.exists():
        return []
    with _open(path) as connection:
        found = connection.execute(statement("demographics_told"), {"site": site}).fetchall()
    return [
        Told(patient, date.fromisoformat(born) if born else None, sex) for patient, born, sex, _sent, _message in found
    ]


def remember(
    path: Path, site: str, pseudonymiser: Pseudonymiser, studies: Iterable[Identified], now: datetime | None = None
) -> int:
    """Keep the real identifiers of these studies (or of studies of these images) by pseudonym.

    Returns the number of studies given. `now` is the time from which `forget` counts, by default
    the machine's.
    """
    seen = _text(now or datetime.now(UTC))
    rows = {
        (study.study_uid, study.accession_number, study.patient_id): {
            "site": site,
            "study_pseudonym": pseudonymiser.of("study_uid", study.study_uid),
            "study_uid": study.study_uid,
            "accession_number": study.accession_number,
            "patient_id": study.patient_id,
            "remembered_at": seen,
        }
        for study in studies
    }
    if rows:
        with _open(path) as connection:
            connection.executemany(statement("identified_remember"), list(rows.values()))
    return len({study_uid for study_uid, _, _ in rows})


def lookup(path: Path, site: str, pseudonyms: Sequence[str]) -> dict[str, RealStudy]:
    """Return the real identifiers of these studies; those that are not (or no longer) known are left out."""
    if not path.exists():
        return {}
    with _open(path) as connection:
        given = {"site": site, "wanted": json.dumps(list(pseudonyms))}
        found = connection.execute(statement("identified_lookup"), given).fetchall()
    return {pseudonym: RealStudy(*real) for pseudonym, *real in found}


def forget(path: Path, site: str, before: datetime) -> int:
    """Delete for good the studies of `site` last remembered before this time; return how many.

    What messages told of patients before it (birth date, sex) goes as well.
    """
    if not path.exists():
        return 0
    with _open(path) as connection:
        connection.execute(statement("demographics_forget"), {"site": site, "before": _text(before)})
        return connection.execute(statement("identified_forget"), {"site": site, "before": _text(before)}).rowcount


def due(path: Path, site: str, before: datetime) -> int:
    """Return how many studies `forget` would delete."""
    if not path.exists():
        return 0
    with _open(path) as connection:
        given = {"site": site, "before": _text(before)}
        return int(connection.execute(statement("identified_due"), given).fetchone()[0])


def erase(path: Path, site: str, patients: frozenset[str], studies: frozenset[str], mask: Pseudonymiser) -> int:
    """Delete for good the studies of these patients and these studies (pseudonyms); return how many.

    The file is written anew: what SQLite had moved about within it goes as well.
    """
    if not path.exists():
        return 0
    with _open(path) as connection:
        theirs = {row[0] for row in _of_patient(connection, site, patients, studies, mask)}
        given = {"site": site, "gone": json.dumps(sorted(theirs))}
        n = connection.execute(statement("identified_erase"), given).rowcount
        told = {"site": site, "patients": json.dumps(sorted(patients))}
        connection.execute(statement("demographics_erase"), told)
    _compact(path)
    return n


def rename(path: Path, site: str, mask: Pseudonymiser) -> None:
    """Name every study of a site by its pseudonym under the key in force; a second call changes nothing."""
    if path.exists():
        with _open(path) as connection:
            connection.create_function("renamed", 1, lambda uid: mask.of("study_uid", uid), deterministic=True)
            connection.execute(statement("identified_rename"), {"site": site})
        _compact(path)


def of_patient(
    path: Path, site: str, patients: frozenset[str], studies: frozenset[str], mask: Pseudonymiser
) -> list[RealStudy]:
    """Return the real identifiers of these patients' studies and of these studies (pseudonyms)."""
    if not path.exists():
        return []
    with _open(path) as connection:
        return [RealStudy(*row[1:]) for row in _of_patient(connection, site, patients, studies, mask)]


def _of_patient(
    connection: sqlite3.Connection, site: str, patients: frozenset[str], studies: frozenset[str], mask: Pseudonymiser
) -> list[tuple[str, str, str | None, str | None]]:
    return [
        row
        for row in connection.execute(statement("identified_of_site"), {"site": site})
        if row[0] in studies or (row[3] and mask.of("patient_id", row[3]) in patients)
    ]


def _compact(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS)) as connection:
        connection.execute("vacuum")


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the store in one transaction.

    Raises
    ------
    StorePermissionError
        If anyone but its owner may read or write it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            raise StorePermissionError("the identified store can be read by others; run `chmod 600` on it")
    finally:
        os.close(descriptor)
    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS)
    try:
        # SQLite's journal takes the file's own mode; deleted content is overwritten with zeros.
        connection.execute("pragma secure_delete = on")
        connection.execute(statement("identified_schema"))
        connection.execute(statement("demographics_schema"))
        with connection:
            yield connection
    finally:
        connection.close()


def _text(time: datetime) -> str:
    if time.tzinfo is None:
        raise NaiveTimeError("the identified store needs times with a time zone")
    return time.astimezone(UTC).isoformat(timespec="microseconds")

"""The right to erasure (GDPR art. 17): a patient's number to everything that goes, and what is refused from then on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipelines import erasing, night, rotate
from pipelines.config import Config
from pipelines.errors import BilanError
from warehouse import connect, erasure, identified
from warehouse.erasure import Traces
from warehouse.pseudonym import Pseudonymiser, read_key


class NoNumberError(BilanError):
    """No patient's number was given: type it at the prompt, or send it by standard input."""


def erase(config: Config, site: str, number: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Erase the patient with this number at a site; return in numbers what went, or with `dry_run` what would.

    The tombstones come first: from then on nothing of the patient is taken here. A run that is cut short
    is ended by the next one, or by the next night; a second run finds nothing.

    Raises
    ------
    NoNumberError
        If the number is empty.
    """
    number = number.strip()
    if not number:
        raise NoNumberError("no patient's number was given; type it at the prompt, or send it by standard input")
    config.site(site)
    wait = config.machine.writer_wait_minutes
    connect.migrate(config.warehouse, wait)
    if not dry_run:
        rotate.resume(config, site)
    resumed = 0 if dry_run else erasing.resume(config, site)
    with connect.writer(config.warehouse, wait) as connection:
        mask = Pseudonymiser(read_key(config.key(site)))
        patient = mask.of("patient_id", number)
        traces = erasure.find(connection, site, [patient])
        refused_before = patient in erasure.tombstones(connection, site).patient_id
        refused = erasing.in_quarantine(config, site, _numbers(config, site, mask, traces, number))
        result = {
            "site": site,
            "studies": len(traces.study_uid),
            "images": len(traces.instance_uid),
            "messages": len(traces.message_id),
            "quarantined_files": len(refused),
            "numbers": len(traces.patient_id),
            "known_before": refused_before,
            "ended_before": resumed,
            "dry_run": dry_run,
        }
        if dry_run or (refused_before and not _found(result)):
            return result
        traces = Traces(
            traces.patient_id,
            traces.study_uid,
            traces.instance_uid,
            traces.accession_number,
            traces.message_id,
            traces.content_id | refused,
        )
        erasure.begin(connection, site, traces, mask.key_id, datetime.now(UTC))
    erasing.resume(config, site)
    night.reissue(config, site)
    return result


def _found(result: dict[str, Any]) -> bool:
    return any(result[name] for name in ("studies", "images", "messages", "quarantined_files"))


def _numbers(config: Config, site: str, mask: Pseudonymiser, traces: Traces, number: str) -> set[str]:
    """Return every real number of the patient that is known: as given, merged, of studies and requests."""
    known = identified.of_patient(config.identified, site, traces.patient_id, traces.study_uid, mask)
    return {number} | {value for study in known for value in (study.study_uid, study.patient_id) if value}

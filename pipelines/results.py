"""Results back to the hospital: objects to the PACS, a message to the RIS; opt-in, each result once.

What the list shows is what is sent. Identities come from the spool and the identified store of this machine;
what was sent is noted by pseudonym. A study that was taken back, that is no longer in the warehouse (its patient
objected, it was erased), or whose report was withdrawn, is left out.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from inference import hl7_priority, result_objects
from inference.errors import ResultObjectError
from inference.result_objects import Box, Marked, Result
from pipelines.config import Config, Site
from pipelines.destinations import mllp
from pipelines.errors import ConfigError, NotSentError, Problem
from pipelines.result_settings import Objects, Priority
from warehouse import cases, connect, identified, result_delivery
from warehouse.cases import Case
from warehouse.identified import RealStudy
from warehouse.result_delivery import Sending

Say = Callable[[str], None]
# A result that could not be sent, or that late data changed, is sent for as many days after its examination.
LATE_DAYS = 14


@dataclass(frozen=True)
class Found:
    """One study to tell of: its case, and the model that gave its result."""

    case: Case
    model: tuple[str, str]

    def digest(self) -> str:
        """Return a hash of what is said, and of no identity: another pseudonym key changes none."""
        images = [[image.score, [list(asdict(box).values()) for box in image.boxes]] for image in self.case.images]
        said = [self.case.ai_result, *self.model, sorted(images, key=json.dumps)]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def send(config: Config, site: str, days: Sequence[date], say: Say | None = None) -> dict[str, int]:
    """Send what is new of these days and of those before, while they are not older than `LATE_DAYS`.

    Returns how many studies were told of, and how many could not be, by channel.

    Raises
    ------
    ConfigError
        If the site's template cannot be used, or the extra that makes objects is not installed.
    """
    settings = config.site(site)
    priority, objects = settings.results.priority, settings.results.objects
    if priority is None and objects is None:
        return {}
    if objects is not None and find_spec("highdicom") is None:
        remedy = "install what makes them: pip install 'bilan[results]'"
        raise ConfigError([Problem(f"sites/{site}.yaml", "results.objects", remedy)])
    text = None if priority is None else mllp.template(priority, config.home, site)
    found, sent, real = _found(config, site, days)
    counts: Counter[str] = Counter()
    last = ""
    for item in found:
        for sending, attempt in _wanted(config, settings, item, real.get(item.case.study_uid), text):
            if sending in sent:
                continue
            wait = config.machine.writer_wait_minutes
            result_delivery.begin(config.warehouse, site, sending, datetime.now(UTC), wait)
            try:
                attempt()
            except (NotSentError, ResultObjectError) as error:
                counts[f"{sending.channel}_not_sent"] += 1
                last = str(error)
                continue
            result_delivery.confirmed(config.warehouse, site, sending, datetime.now(UTC), wait)
            counts[f"{sending.channel}_sent"] += 1
    if last and say:
        say(f"{site}: {last}")
    return dict(counts)


def _found(config: Config, site: str, days: Sequence[date]) -> tuple[list[Found], set[Sending], dict[str, RealStudy]]:
    now = config.now(site, max(days))
    # A night that is made up for long after tells nobody of what is no news any more.
    first = max(min(days), now.astimezone(config.site(site).zone).date()) - timedelta(days=LATE_DAYS)
    end = max(days) + timedelta(days=1)
    if first >= end:
        return [], set(), {}
    with connect.reader(config.published) as connection:
        told = [case for case in cases.worklist(connection, site, first, end) if _may_be_told(case)]
        studies = [case.study_uid for case in told]
        images = cases.pictures(connection, site, studies)
        models = result_delivery.models(connection, site, studies)
    # Not from the published copy: a run that broke off after it was made may have sent more.
    with connect.writer(config.warehouse, config.machine.writer_wait_minutes) as connection:
        sent = result_delivery.sent(connection, site, studies)
        barred = result_delivery.barred(connection, site)
    real = identified.lookup(config.identified, site, studies)
    found = [
        Found(replace(case, images=images.get(case.study_uid, ())), models[case.study_uid])
        for case in told
        if case.study_uid in models and case.study_uid not in barred
    ]
    return found, sent, real


def _may_be_told(case: Case) -> bool:
    return case.origin == "measured" and case.report_state != "withdrawn"


def _wanted(
    config: Config, site: Site, item: Found, real: RealStudy | None, text: str | None
) -> list[tuple[Sending, Callable[[], None]]]:
    """Return what is to be said of a study, the priority message first; nothing where its identity is not known."""
    if real is None:
        return []
    found: list[tuple[Sending, Callable[[], None]]] = []
    priority, objects = site.results.priority, site.results.objects
    study = item.case.study_uid
    if priority is not None and text is not None and item.case.ai_result == "positive":
        # Once for each study, however often its score changes.
        digest = hashlib.sha256(b"positive").hexdigest()
        found.append((Sending(study, "priority", digest), lambda: _tell(config, priority, item, real, text)))
    if objects is not None and item.case.ai_result in objects.of:
        said = item.digest()
        found.append((Sending(study, "objects", said), lambda: _store(config, site, objects, item, real)))
    return found


def _tell(config: Config, priority: Priority, item: Found, real: RealStudy, text: str) -> None:
    case = item.case
    # The same whenever it is sent: a RIS that has it knows it again.
    control_id = _seed(real, "positive")[:20].upper()
    values = {
        "now": f"{datetime.now(UTC):%Y%m%d%H%M%S+0000}",
        "control_id": control_id,
        "receiving_application": priority.receiving_application,
        "receiving_facility": priority.receiving_facility,
        "patient_id": real.patient_id or "",
        "accession_number": real.accession_number or "",
        "study_uid": real.study_uid,
        "exam_at": f"{case.exam_completed:%Y%m%d%H%M%S+0000}" if case.exam_completed else "",
        "ai_result": case.ai_result.upper(),
        "certainty": f"{100 * (case.score or 0):.1f}",
        "model": " ".join(item.model),
    }
    mllp.send(priority, config.home, hl7_priority.message(values, text), control_id)


def _store(config: Config, site: Site, objects: Objects, item: Found, real: RealStudy) -> None:
    from pipelines.destinations import pacs  # noqa: PLC0415 - loads pynetdicom

    scored = [image for image in item.case.images if image.score is not None]
    marked = tuple(
        Marked(
            _spooled(config, site, item.case.study_uid, image.instance_uid),
            image.score or 0.0,
            tuple(Box(box.x0, box.y0, box.x1, box.y1, box.score) for box in image.boxes),
        )
        for image in scored
    )
    name, version = item.model
    result = Result(marked, item.case.ai_result, name, version, _seed(real, item.digest()), datetime.now(UTC))
    pacs.send(objects.to, config.home, result_objects.objects(result, overlay=objects.overlay))


def _spooled(config: Config, site: Site, study: str, instance: str) -> Path:
    return config.spool(site.site) / "dicom" / study / f"{instance}.dcm"


def _seed(real: RealStudy, said: str) -> str:
    return hashlib.sha256(f"{real.study_uid}/{said}".encode()).hexdigest()

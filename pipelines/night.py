"""One site's night: take what was offered, infer, read reports, assemble, issue the list.

Each step is a function of the configuration, a site and a local date; it can be run alone and
again, and returns counts only. `run` calls them in order, as the Dagster assets do.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from inference import hl7, infer
from inference.infer import Inferred, Task
from inference.labels import engine
from inference.records import Finding, ReportLabel
from inference.redaction import redact
from pipelines import intake
from pipelines.config import Config, Site
from reports import daily
from warehouse import connect, identified, ledger, load, publish, rows, study
from warehouse.pseudonym import Pseudonymiser, read_key

Progress = Callable[[str], None]
CHUNK = 64
# A list is issued again when late data change one of the days before it.
LATE_DAYS = 14


def run(config: Config, site: str, day: date, progress: Progress | None = None) -> dict[str, Any]:
    """Run the whole night of one site and return what was made and the ledger's sums.

    Raises
    ------
    SourceUnreachableError
        If a source cannot be read; what was taken before stays and the night is `failed`.
    """
    result: dict[str, Any] = {"site": site, "day": day.isoformat()}
    begin(config, site, day)
    with recorded(config, site, day):
        result["taken"] = take(config, site, day, progress)
        result["inferred"] = infer_images(config, site, day, progress)
        result["labelled"] = label_reports(config, site, day)
        result["assembled"] = assemble(config, site, day)
        result["lists"] = issue_lists(config, site, day)
    return result


def begin(config: Config, site: str, day: date) -> None:
    """Bring the schema and the site's facts up to date and open the night's row."""
    settings = config.site(site)
    (config.home / "data").mkdir(exist_ok=True)
    connect.migrate(config.warehouse)
    with _writer(config) as connection:
        rows.keep_site(connection, _site_row(settings, day))
        rows.open_night(connection, site, day, config.now(site, day))


@contextmanager
def recorded(config: Config, site: str, day: date) -> Iterator[None]:
    """Write into the night's row that what runs inside failed, when it does."""
    try:
        yield
    except BaseException as error:
        with _writer(config) as connection:
            rows.close_night(connection, site, day, config.now(site, day), "failed", type(error).__name__)
        raise


def take(config: Config, site: str, day: date, progress: Progress | None = None) -> dict[str, int]:
    """Take what the sources offer; see `intake.take`."""
    return intake.take(config, site, day, progress)


def infer_images(config: Config, site: str, day: date, progress: Progress | None = None) -> dict[str, int]:
    """Score every accepted in-scope image that the site's model has not scored yet."""
    from inference import bundle  # noqa: PLC0415 - loads torch

    folder = config.bundle(site)
    described = bundle.describe(folder)
    with _writer(config) as connection:
        pending = rows.pending_images(connection, site, described["sha256"])
        rows.keep_model(connection, described, config.now(site, day))
    spool = config.spool(site)
    tasks = [Task(study_id, image_id, spool / "dicom" / study_id / f"{image_id}.dcm") for study_id, image_id in pending]
    counts: Counter[str] = Counter()
    for chunk in _chunks(infer.run(tasks, folder, config.decode_settings()), CHUNK):
        _keep(config, site, day, chunk)
        counts.update(_kind(item) for item in chunk)
        if progress:
            progress(f"{site}: {sum(counts.values())} of {len(tasks)} images analysed")
    return dict(counts)


def _kind(item: Inferred) -> str:
    return item.finding.status if item.finding else "undecodable"


def _keep(config: Config, site: str, day: date, chunk: list[Inferred]) -> None:
    thumbnails = config.spool(site) / "thumbnails"
    thumbnails.mkdir(parents=True, exist_ok=True)
    now = config.now(site, day)
    findings: list[Finding] = []
    for item in chunk:
        if item.finding:
            findings.append(replace(item.finding, ai_completed=now))
        if item.thumbnail is not None:
            target = thumbnails / f"{item.task.instance_uid}.png"
            aside = target.with_name(f".{target.name}.{os.getpid()}")
            Image.fromarray(item.thumbnail).save(aside, format="PNG")
            aside.replace(target)
    with _writer(config) as connection:
        connection.begin()
        load.load(connection, "finding", findings, site=site, pseudonymiser=_mask(config, site), masked=True)
        for item in chunk:
            if item.rejection:
                ledger.set_outcome(connection, site, item.task.instance_uid, item.rejection.outcome, item.rejection.reasons)
        connection.commit()


def label_reports(config: Config, site: str, day: date) -> dict[str, int]:
    """Label every report event that has no label by the present language packs."""
    settings = config.site(site)
    mask = _mask(config, site)
    with _writer(config) as connection:
        pending = rows.unlabelled(connection, site)
    labels: list[ReportLabel] = []
    for content_id, wanted in pending.items():
        data = (config.spool(site) / "messages" / f"{content_id}.hl7").read_bytes()
        for entry in hl7.read(data, settings.gate_settings(), config.now(site, day)):
            if isinstance(entry, tuple):
                labels.extend(_label(settings, event) for event in entry if mask.of("message_id", event.message_id) in wanted)
    with _writer(config) as connection:
        load.load(connection, "report_label", labels, site=site, pseudonymiser=mask)
    return dict(Counter(label.label for label in labels))


def _label(site: Site, event: Any) -> ReportLabel:
    found = engine.label(event.text, site.language)
    evidence = redact(found.evidence) if site.evidence == "redacted" and found.evidence else None
    return ReportLabel(
        message_id=event.message_id,
        label=found.label,
        acuity=found.acuity,
        tier=found.tier,
        language=found.language,
        evidence=evidence,
        start=found.start,
        end=found.end,
        rules=found.rules,
        pack=found.pack,
    )


def assemble(config: Config, site: str, day: date) -> dict[str, int]:
    """Match reports with studies, rebuild the study table, and publish the readers' copy."""
    with _writer(config) as connection:
        ledger.settle_matches(connection, site)
        days = study.rebuild(connection, site, None)
        now = config.now(site, day)
        rows.close_night(connection, site, day, now, _punctual(config.site(site), day, now), None)
        publish.publish(connection, config.published)
    return {"days": len(days)}


def _punctual(site: Site, day: date, now: datetime) -> str:
    hour, minute = map(int, site.night.list_time.split(":"))
    due = datetime.combine(day + timedelta(days=1), time(hour, minute), tzinfo=site.zone)
    return "late" if now > due else "complete"


def issue_lists(config: Config, site: str, day: date) -> dict[str, Any]:
    """Issue the flagged list of the day, and again those of the days before that late data changed."""
    made: list[str] = []
    result: dict[str, Any] = {}
    with connect.reader(config.published) as connection:
        for offset in range(LATE_DAYS, -1, -1):
            when = day - timedelta(days=offset)
            folder = config.list_folder(site, when)
            cases = daily.case_ids(connection, site, when)
            if when != day and not (cases and daily.is_stale(connection, site, when, folder)):
                continue
            issued = daily.render(connection, site, when, config.spool(site) / "thumbnails", links(config, site, cases), folder)
            made += [str(issued.html), str(issued.csv)]
            result = {"studies": issued.studies, "flagged": issued.flagged}
    return {**result, "made": made}


def links(config: Config, site: str, study_ids: Iterable[str]) -> dict[str, str]:
    """Return the PACS viewer's address of each study, by pseudonym; empty without a template."""
    template = config.site(site).pacs_link
    if template is None:
        return {}
    known = identified.lookup(config.identified, site, study_ids)
    return {
        study_id: template.replace("{study_uid}", quote(found.study_uid, safe="")).replace(
            "{accession_number}", quote(found.accession_number or "", safe="")
        )
        for study_id, found in known.items()
    }


def _mask(config: Config, site: str) -> Pseudonymiser:
    return Pseudonymiser(read_key(config.key(site)))


def _writer(config: Config) -> Any:
    return connect.writer(config.warehouse, config.machine.writer_wait_minutes)


def _chunks(items: Iterable[Inferred], size: int) -> Iterator[list[Inferred]]:
    chunk: list[Inferred] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _site_row(site: Site, day: date) -> rows.SiteRow:
    return rows.SiteRow(
        site=site.site,
        valid_from=day,
        name=site.name,
        country=site.country,
        language=site.language,
        time_zone=site.time_zone,
        sector=site.sector,
        opening_start=site.opening.start,
        opening_end=site.opening.end,
        opening_weekdays=site.opening.weekdays,
        turnaround_target_hours=site.targets.turnaround_hours,
        small_cell=site.disclosure.small_cell,
        threshold_doubtful=site.model.doubtful,
        threshold_positive=site.model.positive,
    )



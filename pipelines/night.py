"""One site's night: take what was offered, infer, read reports, assemble, issue the list.

Each step is a function of the configuration, a site and local dates (oldest first); it can be run
alone and again, and returns counts only. The Dagster assets call them in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from inference import age, reasons
from inference.labels import engine, pack
from inference.records import ReportEvent, ReportLabel
from inference.redaction import redact
from pipelines import erasing, intake, messages, report_choice, retention, rotate, scoring, trail
from pipelines.config import Config, Site
from pipelines.errors import SourceUnreachableError
from pipelines.intake import writer
from reports import daily
from warehouse import (
    audit_sample,
    case_views,
    cases,
    changed_days,
    connect,
    corrections,
    demographics,
    identified,
    ledger,
    load,
    nights,
    pending,
    publish,
    recover,
    rotation,
    study,
    verdicts,
)
from warehouse.app_store import AppStore
from warehouse.pseudonym import Pseudonymiser, read_key
from warehouse.site import SiteFacts

Progress = Callable[[str], None]
FIRST_DAY = date(1970, 1, 1)
FIRST_NIGHT = date(2024, 1, 1)  # that the schedule knows


def begin(config: Config, site: str, days: Sequence[date], steps: Sequence[str] = nights.STEPS) -> None:
    """Mend a damaged store, bring schema and the site's facts up to date and open the nights' rows.

    What earlier runs of `steps` failed at is forgotten; other steps keep their failures.
    """
    recover.restore_if_damaged(
        config.warehouse, config.published, datetime.now(UTC), config.machine.writer_wait_minutes
    )
    connect.migrate(config.warehouse, config.machine.writer_wait_minutes)
    rotate.resume(config, site)
    erasing.resume(config, site)
    with writer(config) as connection:
        _keep_site(connection, report_choice.of(config, site), days[-1])
        for day in days:
            nights.begin(connection, site, day, config.now(site, day))
            nights.clear(connection, site, day, steps)


def take_images(config: Config, site: str, days: Sequence[date], progress: Progress | None = None) -> dict[str, int]:
    """Take what the image sources offer; a source that cannot be read fails the nights at their end."""
    return _take(config, site, days, "dicom", "study", progress)


def take_messages(config: Config, site: str, days: Sequence[date], progress: Progress | None = None) -> dict[str, int]:
    """Take what the message sources offer; a source that cannot be read fails the nights at their end."""
    return _take(config, site, days, "message", "report_event", progress)


def _take(
    config: Config, site: str, days: Sequence[date], content: str, step: str, progress: Progress | None
) -> dict[str, int]:
    try:
        return intake.take(config, site, days, content, progress)
    except SourceUnreachableError as error:
        if progress:
            progress(f"{site}: {error}")
        # The list is still made of what there is: a silent RIS must not hide this night's images.
        with writer(config) as connection:
            for day in days:
                nights.fail(connection, site, day, step, "SOURCE_UNREACHABLE")
        return {}


@contextmanager
def recorded(config: Config, site: str, days: Sequence[date], step: str) -> Iterator[None]:
    """Note that the step that runs inside failed, when it does."""
    try:
        yield
    except BaseException as error:
        with writer(config) as connection:
            for day in days:
                nights.fail(connection, site, day, step, type(error).__name__)
        raise


def infer_images(config: Config, site: str, days: Sequence[date], progress: Progress | None = None) -> dict[str, int]:
    """Score every accepted in-scope image that has no result yet; see `pipelines.scoring`."""
    return scoring.infer_images(config, site, days, progress)


def label_reports(config: Config, site: str, days: Sequence[date], progress: Progress | None = None) -> dict[str, int]:
    """Label every report event that has no label yet, and anew those read with another version of the packs.

    What a person corrected is kept apart and stands (`warehouse.corrections`). A report whose file is no
    longer in the spool keeps the label that it has.
    """
    settings, mask = config.site(site), _mask(config, site)
    with writer(config) as connection:
        files = pending.labels(connection, site, [pack.load(language).version for language in pack.LANGUAGES])
    labels: list[ReportLabel] = []
    for content_id, wanted in files.items():
        found = messages.reports(config, site, content_id)
        labels += [_label(settings, event) for event in found if mask.of("message_id", event.message_id) in wanted]
    with writer(config) as connection:
        load.load(connection, "report_label", labels, site=site, pseudonymiser=mask, replace=True)
    if progress and labels:
        progress(f"{site}: {len(labels)} reports read")
    return dict(Counter(label.label for label in labels))


def _label(site: Site, event: ReportEvent) -> ReportLabel:
    found = engine.label(event.text, site.language)
    kept = redact(found.evidence, event.personal) if site.evidence == "redacted" and found.evidence else None
    known = bool(found.evidence)
    # One text for several examinations: which of them its words are about, a person has to say.
    shared = "SHARED_REPORT" in event.flags
    return ReportLabel(
        message_id=event.message_id,
        label=found.label,
        acuity=found.acuity,
        tier="review" if shared else found.tier,
        language=found.language,
        evidence=kept,
        start=found.start if known else None,
        end=found.end if known else None,
        rules=(*found.rules, "night: several studies in one report") if shared else found.rules,
        pack=found.pack,
    )


def assemble(config: Config, site: str, days: Sequence[date]) -> None:
    """Match reports with studies, take in verdicts, rebuild the study table, close the nights, publish the copy."""
    with writer(config) as connection:
        erasing.sweep(config, site, connection)
        _keep_answers(config, site, connection)
        ledger.settle_matches(connection, site)
        demographics.settle(connection, site, identified.told(config.identified, site), age.band_at)
        study.rebuild(connection, site, noted_at=config.now(site, days[-1]))
        for day in days:
            now = config.now(site, day)
            nights.close(connection, site, day, now, _punctual(config.site(site), day, now))
    publish.publish(config.warehouse, config.published)


def _keep_answers(config: Config, site: str, connection: Any) -> None:
    """Copy what persons judged and read from the application's store, where there is one."""
    if not config.app_store.exists():
        return
    store, mask = AppStore(config.app_store), _mask(config, site)
    store.migrate()
    if mask.links > 1:  # an answer given on a page from before the key was replaced
        rotate.applied(config, site, mask, rotation.kept_names(connection, site))
    with store.reading() as app:
        audit_sample.keep(app, connection, site, _mask(config, site))
        corrections.keep(app, connection, site, _mask(config, site))
        verdicts.keep(app, connection, site, _mask(config, site))
        case_views.keep(app, connection, site, _mask(config, site))


def _punctual(site: Site, day: date, now: datetime) -> str:
    hour, minute = map(int, site.night.list_time.split(":"))
    due = datetime.combine(day + timedelta(days=1), time(hour, minute), tzinfo=site.zone)
    return "late" if now > due else "complete"


def issue_lists(config: Config, site: str, days: Sequence[date]) -> dict[str, Any]:
    """Issue the flagged list of each day, and again those of whatever other days late data changed.

    `again` are the other days of which a list was made; `studies` and `flagged` are those of `days`. At last
    each store lets go of what is older than the site wants it kept.
    """
    made = reissue(config, site)
    again: list[str] = []
    studies = flagged = 0
    with connect.reader(config.published) as connection:
        changed = changed_days.waiting(connection, site)
        for day in sorted({*days, *changed}):
            late = day not in days
            stale = late and daily.is_stale(connection, site, day, config.list_folder(site, day))
            if late and not (stale and _has_images(connection, site, day)):
                continue
            issued = _issue(config, site, day, connection)
            made += [str(issued.html), str(issued.csv)]
            if late:
                again.append(day.isoformat())
            else:
                studies, flagged = studies + issued.studies, flagged + issued.flagged
    if changed:
        with writer(config) as connection:
            changed_days.settle(connection, site, changed)
        # The readers' copy forgets them too: it is then the same whether or not a run before was killed on its way.
        publish.publish(config.warehouse, config.published, config.machine.writer_wait_minutes)
    retention.run(config, site, datetime.now(UTC))
    trail.prune(config)
    return {"studies": studies, "flagged": flagged, "made": made, "again": again}


def reissue(config: Config, site: str) -> list[str]:
    """Issue again the lists that were taken away with a patient who was erased; return the files made."""
    made: list[str] = []
    folders = [folder for folder in config.list_folder(site, FIRST_DAY).parent.glob("*-*-*") if folder.is_dir()]
    emptied = [date.fromisoformat(folder.name) for folder in sorted(folders) if not any(folder.iterdir())]
    if emptied:
        with connect.reader(config.published) as connection:
            for day in emptied:
                issued = _issue(config, site, day, connection)
                made += [str(issued.html), str(issued.csv)]
    return made


def _issue(config: Config, site: str, day: date, connection: Any) -> daily.DailyList:
    settings = config.site(site)
    return daily.render(
        connection,
        site,
        day,
        config.spool(site) / "thumbnails",
        links(config, site, daily.case_ids(connection, site, day)),
        config.list_folder(site, day),
        reason_sentences={code: reasons.sentence(code, settings.language) for code in reasons.REASONS},
        accent=settings.report.accent,
    )


def _has_images(connection: Any, site: str, day: date) -> bool:
    # A day whose last study was taken back has a list to be issued again, with nothing on it. The simulated
    # past of a demonstration has figures, but no images to list.
    found = cases.flagged(connection, site, day)
    return not found or any(case.origin == "measured" for case in found)


def links(config: Config, site: str, study_ids: Iterable[str]) -> dict[str, str]:
    """Return the PACS viewer's address of each study, by pseudonym; empty without a template."""
    template = config.site(site).pacs_link
    if template is None:
        return {}
    found = identified.lookup(config.identified, site, list(study_ids))
    return {study_id: _address(template, item.study_uid, item.accession_number) for study_id, item in found.items()}


def _address(template: str, study_uid: str, accession_number: str | None) -> str:
    filled = template.replace("{study_uid}", quote(study_uid, safe=""))
    return filled.replace("{accession_number}", quote(accession_number or "", safe=""))


def failures(config: Config, site: str, days: Sequence[date]) -> list[str]:
    """Return the error codes of those of these nights that failed."""
    with connect.reader(config.published) as connection:
        states = nights.states(connection, site, days)
    return sorted({error or "UNKNOWN" for status, error in states.values() if status == "failed"})


def summary(config: Config, site: str, day: date) -> dict[str, Any]:
    """Return what a night came to: its status, the ledger's sums, studies, and the files made."""
    with connect.reader(config.published) as connection:
        status, error = nights.states(connection, site, [day]).get(day, ("failed", "NOT_RUN"))
        sums = ledger.outcome_sums(connection, site, day)
        counts = cases.day_counts(connection, site, day)
        since = datetime.combine(day, time(), tzinfo=config.site(site).zone).astimezone(UTC)
        restored = recover.incidents(connection, since)
    folder = config.list_folder(site, day)
    return {
        "site": site,
        "day": day.isoformat(),
        "status": status,
        "error": error,
        "ledger": {**sums, "offered": sum(sum(kind.values()) for kind in sums.values())},
        "studies": counts.studies,
        "flagged": counts.positive + counts.doubtful,
        "restored": [
            {"happened_at": item.happened_at.isoformat(), "lost_from": item.lost_from.isoformat()} for item in restored
        ],
        "made": sorted(str(path) for path in folder.glob("list.*")),
    }


def model_hash(config: Config, site: str) -> str:
    """Return the hash that the site's flagging bundle states for its weights."""
    return str(scoring.bundles(config, site)[0].described["sha256"])


def _keep_site(connection: Any, site: Site, day: date) -> None:
    from warehouse import site as sites  # noqa: PLC0415 - the name is the parameter's here

    facts = SiteFacts(
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
    try:
        known = sites.site_facts(connection, site.site, day + timedelta(days=1))
    except sites.UnknownSiteError:
        facts = replace(facts, valid_from=FIRST_DAY)
    else:
        if replace(known, valid_from=day) == facts:
            return
    load.load(connection, "site", [facts], replace=True)


def _mask(config: Config, site: str) -> Pseudonymiser:
    return Pseudonymiser(read_key(config.key(site)))

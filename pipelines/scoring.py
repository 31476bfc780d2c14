"""The night's inference: the model that flags, then the one in its shadow, each over the images that lack its finding.

A model that cannot be used loses no study: its images get a failed finding with the reason, the night is
marked as failed, and the next night tries them again.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inference import description, engine, infer
from inference.errors import BundleError
from inference.infer import Inferred, Task
from pipelines import cluster, intake
from pipelines.config import Config
from pipelines.errors import ClusterError
from pipelines.intake import chunks, writer
from warehouse import ledger, load, models, nights, pending, rows
from warehouse.pseudonym import Pseudonymiser, read_key

Progress = Callable[[str], None]
CHUNK = 64
FLAG, SHADOW = "flag", "shadow"
# A shadow that is new, or was away for some nights, catches up on this many days.
SHADOW_DAYS = 14
# Images below which a further process is not worth its start.
LEAST_SHARE = 16
# The grey of a thumbnail that shows nothing, since the image holds text: boxes still show where.
BLANK = 40


@dataclass(frozen=True)
class Bundle:
    """A site's bundle in one of its roles; `described` is `infer.UNKNOWN` where model.json cannot be read."""

    role: str
    folder: Path
    described: dict[str, Any]

    @property
    def known(self) -> bool:
        """Whether its model.json could be read."""
        return self.described is not infer.UNKNOWN


def bundles(config: Config, site: str) -> list[Bundle]:
    """Return the site's flagging bundle and, where it has one, the one in its shadow."""
    shadow = config.shadow(site)
    folders = [(FLAG, config.bundle(site)), *([(SHADOW, shadow)] if shadow else [])]
    return [Bundle(role, folder, _described(folder)) for role, folder in folders]


def _described(folder: Path) -> dict[str, Any]:
    try:
        return description.describe(folder)
    except BundleError:
        return infer.UNKNOWN  # `infer.run` says why when it is to be used


def infer_images(config: Config, site: str, days: Sequence[date], progress: Progress | None = None) -> dict[str, int]:
    """Score every accepted in-scope image that has no result yet, and those that the shadow has not scored.

    Returns
    -------
    dict
        Findings by status, with ``undecodable`` images; those of a shadow under ``shadow_ok`` and so on.
    """
    counts: dict[str, int] = {}
    for bundle in bundles(config, site):
        found = _infer(config, site, days, bundle, progress)
        counts |= found if bundle.role == FLAG else {f"shadow_{key}": n for key, n in found.items()}
    return counts


def _infer(
    config: Config, site: str, days: Sequence[date], bundle: Bundle, progress: Progress | None
) -> dict[str, int]:
    day = days[-1]
    with writer(config) as connection:
        if bundle.role == FLAG:
            images = pending.images(connection, site)
        else:
            since = days[0] - timedelta(days=SHADOW_DAYS)
            images = pending.shadow_images(connection, site, bundle.described["sha256"], since)
        if bundle.known:
            models.remember(connection, _row(bundle.described, config.now(site, day)))
    sentence = engine.fallback(config.machine.engine)
    if progress and sentence:
        progress(f"{site}: {sentence}")
    counts: Counter[str] = Counter()
    refused: list[tuple[str, str]] = []
    started = time.monotonic()
    for chunk in chunks(_answers(config, site, bundle, images, refused), CHUNK):
        _keep(config, site, day, bundle.role, chunk, {image.instance_uid: image for image in images})
        counts.update(item.finding.status if item.finding else "undecodable" for item in chunk)
        if progress:
            what = "images analysed" if bundle.role == FLAG else "images analysed by the shadow"
            done = sum(counts.values())
            rate = done / (time.monotonic() - started)
            left = f", {rate:.1f}/s, {(len(images) - done) / rate / 60:.0f} min left" if done < len(images) else ""
            progress(f"{site}: {done} of {len(images)} {what}{left}")
    for code, sentence in refused:
        if progress:
            progress(f"{site}: {sentence}")
        if bundle.role == FLAG:
            with writer(config) as connection:
                nights.fail(connection, site, day, "finding", code)
    return dict(counts)


def _answers(
    config: Config,
    site: str,
    bundle: Bundle,
    images: Sequence[pending.PendingImage],
    refused: list[tuple[str, str]],
) -> Iterator[Inferred]:
    """Yield one answer for each image; why some have none but a failed finding is added to `refused`."""
    spool = config.spool(site) / "dicom"
    tasks = [
        Task(image.study_uid, image.instance_uid, spool / image.study_uid / f"{image.instance_uid}.dcm")
        for image in images
    ]
    left = {task.instance_uid: task for task in tasks}
    try:
        for item in _analysed(config, bundle, tasks):
            del left[item.task.instance_uid]
            yield item
    except BundleError as error:
        code, sentence = "BUNDLE_REFUSED", f"the {'' if bundle.role == FLAG else 'shadow '}bundle is refused: {error}"
    except ClusterError as error:
        code, sentence = "CLUSTER_FAILED", str(error)
    else:
        return
    refused.append((code, sentence))
    for task in left.values():
        yield infer.unanswered(task, bundle.described, code)


def _analysed(config: Config, bundle: Bundle, tasks: list[Task]) -> Iterator[Inferred]:
    """Return what analyses the images: the cluster where there is one, else processes of this machine."""
    machine = config.machine
    settings = config.decode_settings()
    if machine.cluster is not None and tasks:
        return cluster.run(tasks, bundle.folder, settings, machine.model_seconds, machine.cluster)
    # Processes of one thread each share a night better than threads of one process, but take seconds to start.
    lanes = max(1, min(machine.workers, infer.MOST_LANES, len(tasks) // LEAST_SHARE))
    return infer.run(tasks, bundle.folder, settings, machine.model_seconds, lanes)


def _keep(
    config: Config,
    site: str,
    day: date,
    role: str,
    chunk: list[Inferred],
    before: dict[str, pending.PendingImage],
) -> None:
    thumbnails = config.spool(site) / "thumbnails"
    thumbnails.mkdir(parents=True, exist_ok=True)
    for item in chunk if role == FLAG else ():  # the list shows where the model that flags saw something
        thumbnail = item.thumbnail
        if thumbnail is not None and (item.text or before[item.task.instance_uid].burned_in):
            thumbnail = np.full_like(thumbnail, BLANK)
        for picture, ending in ((thumbnail, ".png"), (item.heat, ".heat.png")):
            if picture is not None:
                target = thumbnails / f"{item.task.instance_uid}{ending}"
                aside = target.with_name(f".{target.name}.{os.getpid()}")
                Image.fromarray(picture).save(aside, format="PNG")
                aside.replace(target)
    now = config.now(site, day)
    # What failed again as it did before is no news: its row stays as it is.
    findings = [
        replace(item.finding, ai_completed=now)
        for item in chunk
        if item.finding and not _failed_before(item, before[item.task.instance_uid])
    ]
    refused = {item.task.instance_uid: item.rejection.reasons for item in chunk if item.rejection and role == FLAG}
    key_id = Pseudonymiser(read_key(config.key(site))).key_id
    with writer(config) as connection:
        if role == FLAG:
            pending.note_text(connection, site, [item.task.instance_uid for item in chunk if item.text])
        load.load(connection, "finding", findings, site=site, key_id=key_id, role=role, replace=True)
        ledger.set_outcome(connection, site, "quarantined", refused)
    for item in chunk:
        if item.task.instance_uid in refused:
            config.quarantine(site).mkdir(parents=True, exist_ok=True)
            intake.copy(item.task.path, config.quarantine(site) / f"{item.task.instance_uid}.bin")


def _failed_before(item: Inferred, before: pending.PendingImage) -> bool:
    found = item.finding
    return (
        found is not None
        and found.status == "failed"
        and (found.model_sha256, found.reason) == (before.failed_model, before.failed_reason)
    )


def _row(described: dict[str, Any], now: datetime) -> rows.ModelRow:
    points = described["operating_points"]
    return rows.ModelRow(
        described["sha256"],
        described["name"],
        described["version"],
        points["doubtful"],
        points["positive"],
        now,
        tuple(sorted(described["scope"]["regions"])),
    )

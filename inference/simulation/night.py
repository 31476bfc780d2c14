"""What arrives at a site for one night: image files and message files, and the truth about each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from inference.simulation import broken, broken_messages, dicom_writer, hl7_writer, radiograph
from inference.simulation.broken import Scene
from inference.simulation.broken_messages import MessageScene
from inference.simulation.site import SiteModel
from inference.simulation.study import ReportState, SimulatedStudy, View, age_band

ALL_CASES: tuple[str, ...] = (*broken.CASES, *broken_messages.MESSAGE_CASES)
Sent = tuple[SimulatedStudy, ReportState]


@dataclass(frozen=True, slots=True)
class OfferTruth:
    """One file, or one message of a file, and the outcome that it must get by the end of its night.

    `file` is relative to the folder of its kind (``dicom`` or ``message``), `position` counts
    messages in the file. `case` is ``study``, ``report`` or the name of a broken case. `reason` is
    the deciding reason code, None where the outcome has none.
    """

    file: str
    kind: str
    position: int
    case: str
    outcome: str
    reason: str | None
    study_uid: str | None
    control_id: str | None


@dataclass(frozen=True, slots=True)
class ImageTruth:
    """One image written: whether it shows the fracture, and where in pixels of the stored image."""

    file: str
    instance_uid: str
    study_uid: str
    rows: int
    columns: int
    fracture: bool
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class NightTruth:
    """Everything that one night brought. `studies` are those of the night's local day, in plain JSON types."""

    site: str
    night: date
    cutoff: datetime
    offers: tuple[OfferTruth, ...]
    images: tuple[ImageTruth, ...]
    studies: tuple[dict[str, Any], ...]

    def to_json(self) -> str:
        """Return the truth as JSON; times in ISO 8601 with offset."""
        return json.dumps(asdict(self), default=_plain, ensure_ascii=False, indent=1)


def _plain(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def night_of(site: SiteModel, study: SimulatedStudy, report: ReportState) -> date:
    """Return the night whose work takes a message: never before that of the study's images."""
    day = report.emitted_at.astimezone(site.zone).date()
    if report.emitted_at <= site.cutoff(day - timedelta(days=1)):
        day -= timedelta(days=1)
    return max(day, study.day)


def study_truth(study: SimulatedStudy) -> dict[str, Any]:
    """Return a study's truth in plain JSON types: what tests recompute every figure from.

    `reports` lists all states ever, with `at` (when reached) and `emitted_at` (when sent), both
    UTC; what is known at a data cut follows from `emitted_at`. Identifiers are the real ones.
    """
    return {
        "study_uid": study.study_uid,
        "patient_id": study.patient.patient_id,
        "accession_number": study.accession_number,
        "day": study.day.isoformat(),
        "modality": study.modality,
        "region": study.region,
        "laterality": study.laterality,
        "device": study.device.serial,
        "sex": study.patient.sex,
        "age_band": age_band(study.age()),
        "patient_class": study.patient_class,
        "in_scope": study.in_scope,
        "images": len(study.views),
        "ordered": None if study.ordered is None else study.ordered.isoformat(),
        "exam_started": study.exam_started.isoformat(),
        "exam_completed": study.exam_completed.isoformat(),
        "fracture": study.fracture,
        "missed": study.missed,
        "reports": [json.loads(json.dumps(asdict(report), default=_plain)) for report in study.reports],
    }


def spread(parts: int, cases: Sequence[str] = ALL_CASES) -> list[tuple[str, ...]]:
    """Deal the broken cases out over `parts` nights of sites, as evenly as possible; each occurs once."""
    return [tuple(cases[part::parts]) for part in range(parts)]


def write_night(
    studies: Sequence[SimulatedStudy],
    site: SiteModel,
    night: date,
    dicom: Path,
    hl7: Path,
    *,
    cases: Sequence[str] = (),
    on_file: Callable[[int], None] | None = None,
) -> NightTruth:
    """Write what arrives for a night: images of that local day, messages sent until its cutoff.

    Parameters
    ----------
    studies
        The plan of all nights of the run: messages of earlier days' studies may arrive only now.
    dicom, hl7
        Folders of the site's two sources; a folder for the night is made in each.
    cases
        Names of `ALL_CASES` to add (see `spread`). Those that send something again are left out of
        a night that has nothing to send again.
    on_file
        Called with the number of files written so far.
    """
    today = [study for study in studies if study.day == night]
    images, offers = _write_images(today, site, night, dicom, on_file)
    offers += _write_broken(studies, images, site, night, folder=dicom, cases=cases)
    sent = [(study, report) for study in studies for report in study.reports if night_of(site, study, report) == night]
    sent.sort(key=lambda item: (item[1].emitted_at, item[1].control_id))
    offers += _write_messages(sent, site, night, hl7)
    offers += _write_broken_messages(studies, sent, site, night, folder=hl7, cases=cases)
    truths = tuple(study_truth(study) for study in today)
    return NightTruth(site.site, night, site.cutoff(night).astimezone(UTC), tuple(offers), tuple(images), truths)


def _write_images(
    today: Sequence[SimulatedStudy], site: SiteModel, night: date, folder: Path, on_file: Callable[[int], None] | None
) -> tuple[list[ImageTruth], list[OfferTruth]]:
    images, offers = [], []
    for number, study in enumerate(today, 1):
        for index, view in enumerate(study.views, 1):
            # PACS exports seldom name files after anything; some leave the ending out.
            ending = ".dcm" if number % 2 else ""
            path = folder / night.isoformat() / f"EX{number:04d}" / f"IM{index:05d}{ending}"
            truth = write_view(study, view, site, path)
            file = path.relative_to(folder).as_posix()
            images.append(ImageTruth(file, view.instance_uid, study.study_uid, *truth))
            outcome, reason = (
                ("accepted", None) if study.in_scope else ("accepted_not_inferred", "NOT_ELIGIBLE_BODY_PART")
            )
            offers.append(OfferTruth(file, "dicom", 0, "study", outcome, reason, study.study_uid, None))
            if on_file:
                on_file(len(images))
    return images, offers


def write_view(
    study: SimulatedStudy, view: View, site: SiteModel, path: Path
) -> tuple[int, int, bool, tuple[float, float, float, float] | None]:
    """Draw (or take the picture of) one view and write it; return rows, columns, fracture shown, and its box."""
    if view.picture is not None:
        dataset = dicom_writer.wrap_picture(view.picture, study, view, site)
        dicom_writer.write(dataset, path)
        return dataset.Rows, dataset.Columns, study.fracture, None
    drawing = radiograph.draw(
        study.region,
        view.position,
        view.seed,
        laterality=study.laterality,
        fracture=view.shows_fracture,
        markers=site.markers,
    )
    pixels = dicom_writer.stored(drawing.image, study.device.monochrome1)
    dicom_writer.write(dicom_writer.wrap(pixels, study, view, site), path)
    return pixels.shape[0], pixels.shape[1], view.shows_fracture, drawing.box


def _write_broken(
    studies: Sequence[SimulatedStudy],
    images: Sequence[ImageTruth],
    site: SiteModel,
    night: date,
    *,
    folder: Path,
    cases: Iterable[str],
) -> list[OfferTruth]:
    today = [study for study in studies if study.day == night]
    offers = []
    files = {image.instance_uid: image.file for image in images}
    for number, name in enumerate((name for name in cases if name in broken.CASES), 1):
        case = broken.CASES[name]
        rng = Random(f"broken/{site.site}/{night}/{name}")  # noqa: S311 - a simulation, nothing secret
        study = rng.choice([item for item in today if item.in_scope] or list(studies))
        original = files.get(study.views[0].instance_uid)
        if original is None and name in broken.RESENT:
            continue
        data = (folder / original).read_bytes() if original else b""
        scene = Scene(study, study.views[0], data, site, rng)
        # The folder sorts after all others, so that a re-sent image comes after the first.
        path = folder / night.isoformat() / "RESEND" / f"IM{number:05d}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(case.make(scene))
        file = path.relative_to(folder).as_posix()
        offers.append(OfferTruth(file, "dicom", 0, name, case.outcome, case.reason, None, None))
    return offers


def _write_messages(sent: Sequence[Sent], site: SiteModel, night: date, folder: Path) -> list[OfferTruth]:
    offers = []
    for number, group in enumerate(_groups(sent, site), 1):
        messages = [hl7_writer.message(study, report, site) for study, report in group]
        data = messages[0]
        if len(messages) > 1:
            data = hl7_writer.batch(messages, site, group[-1][1].emitted_at)
        elif Random(f"frame/{group[0][1].control_id}").random() < site.messages.mllp:  # noqa: S311
            data = hl7_writer.frame(data)
        path = folder / night.isoformat() / f"ORU{number:05d}.hl7"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        file = path.relative_to(folder).as_posix()
        for position, (study, report) in enumerate(group):
            outcome, reason = owed(study, report)
            offers.append(
                OfferTruth(file, "message", position, "report", outcome, reason, study.study_uid, report.control_id)
            )
    return offers


def owed(study: SimulatedStudy, report: ReportState) -> tuple[str, str | None]:
    """Return outcome and reason of a sound message: flagged when its times disagree, or withdrawn."""
    if report.at < study.exam_completed:
        return "accepted_flagged", "CLOCK_SKEW"
    if report.at - study.exam_completed > timedelta(days=30):
        return "accepted_flagged", "LATE_REPORT"
    return ("accepted_flagged", "WITHDRAWN") if report.status == "withdrawn" else ("accepted", None)


def _groups(sent: Sequence[Sent], site: SiteModel) -> list[list[Sent]]:
    """Put some messages into batches of those sent within the same six hours; the others stay alone."""
    groups: list[list[Sent]] = []
    batches: dict[str, list[Sent]] = {}
    for item in sent:
        report = item[1]
        if Random(f"batch/{report.control_id}").random() >= site.messages.batch:  # noqa: S311
            groups.append([item])
            continue
        key = f"{report.emitted_at:%Y%m%d}{report.emitted_at.hour // 6}"
        if key not in batches:
            batches[key] = []
            groups.append(batches[key])
        batches[key].append(item)
    return groups


def _write_broken_messages(
    studies: Sequence[SimulatedStudy],
    sent: Sequence[Sent],
    site: SiteModel,
    night: date,
    *,
    folder: Path,
    cases: Iterable[str],
) -> list[OfferTruth]:
    offers = []
    finals = [item for item in sent if item[1].status == "final"]
    others = [(study, report) for study in studies for report in study.reports if report.status == "final"]
    for number, name in enumerate((name for name in cases if name in broken_messages.MESSAGE_CASES), 1):
        usable = finals if name in broken_messages.RESENT else finals or others
        if not usable:
            continue
        case = broken_messages.MESSAGE_CASES[name]
        rng = Random(f"broken/{site.site}/{night}/{name}")  # noqa: S311 - a simulation, nothing secret
        data = case.make(MessageScene(*rng.choice(usable), site, rng))
        path = folder / night.isoformat() / f"ZZZ{number:05d}.hl7"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        file = path.relative_to(folder).as_posix()
        found = re.search(rb"\|(CANARICTL\d{9})\|", data)
        control = found[1].decode() if found else None
        offers += [
            OfferTruth(file, "message", position, name, outcome, reason, None, control)
            for position, (outcome, reason) in enumerate(case.owed)
        ]
    return offers

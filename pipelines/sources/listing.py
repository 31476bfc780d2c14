"""What a PACS lists for some days, walked from study to series to image; nothing it says is believed.

References
----------
DICOM PS3.4 C.6.2 (study root query: unique keys and levels), PS3.5 9.1 (UIDs).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol

from inference import regions
from inference.scope import RADIOGRAPHS
from pipelines.sources.landing import Landing
from pipelines.sources.offered import Offered

UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
# No examination day, study or series of radiographs comes near it: a list without end is cut here.
MOST_LISTED = 10_000
# What a PACS corrects of a study, and what it lists of it (PS3.18 table 10.6.3-3 and PS3.4 C.6.2 ask it to).
CORRECTED = ("PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber")
# Attributes by keyword, as far as the PACS gave them; each may hold anything.
Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `regions` None leaves the region to the gate, which knows more than the listing.

    With `body_parts` the PACS is asked for series of these alone, each in a query of its own. What the last
    `compare_days` list is fetched although it was fetched before.
    """

    modalities: frozenset[str]
    regions: frozenset[str] | None
    body_parts: tuple[str, ...] = ()
    compare_days: int = 0


@dataclass
class Heard:
    """What a PACS said in one listing: the studies of these days, and under which day each has images for us.

    `whole` is False as soon as something in it could not be understood.
    """

    days: Sequence[date] = ()
    studies: set[str] = field(default_factory=set)
    told: dict[str, tuple[date, str]] = field(default_factory=dict)
    whole: bool = True


class Pacs(Protocol):
    """The questions that a PACS is asked; each raises `SourceUnreachableError` if it does not answer."""

    def studies(self, day: date, modality: str) -> Iterable[Attributes]:
        """List the studies of a local day with a series of this modality."""

    def holds(self, study_uid: str) -> bool:
        """Say whether the PACS has this study, of whatever day and modality."""

    def series(self, study_uid: str, modality: str, body_part: str) -> Iterable[Attributes]:
        """List the series of a study that are of this modality, and of this body part if it is not empty."""

    def instances(self, study_uid: str, series_uid: str) -> Iterable[Attributes]:
        """List the instances of a series."""


def walk(pacs: Pacs, landing: Landing, wanted: Wanted, days: Sequence[date], heard: Heard) -> Iterator[Offered]:
    """Yield what the PACS lists for these days and modalities, each image once; refusals for impossible identifiers.

    What was heard is noted in `heard`.

    Another modality or study than asked for is left out: it was not asked for, so it is not offered. A
    region is left out only if the series names it and the site's scope does not; without it the gate decides.
    """
    walker = _Walk(pacs, landing, wanted, heard)
    heard.days = days
    for day in days:
        for modality in sorted(wanted.modalities):
            yield from walker.day(day, modality)


@dataclass
class _Walk:
    pacs: Pacs
    landing: Landing
    wanted: Wanted
    heard: Heard
    seen: set[str] = field(default_factory=set)

    def day(self, day: date, modality: str) -> Iterator[Offered]:
        place = f"{day.isoformat()}/{modality}"
        for study, refused in self._each(self.pacs.studies(day, modality), "StudyInstanceUID", place):
            if refused:
                yield refused
                continue
            self.heard.studies.add(study["StudyInstanceUID"])
            yield from self._study(study, modality, day)

    def _study(self, study: Attributes, modality: str, day: date) -> Iterator[Offered]:
        uid, told = study["StudyInstanceUID"], json.dumps([study.get(name, "") for name in CORRECTED])
        compare = (self.heard.days[-1] - day).days < self.wanted.compare_days
        for part in self.wanted.body_parts or ("",):
            for series, refused in self._each(self.pacs.series(uid, modality, part), "SeriesInstanceUID", uid):
                if refused:
                    yield refused
                elif self._is_wanted(series, uid, modality):
                    for offered in self._series(uid, series["SeriesInstanceUID"]):
                        self.heard.told[uid] = day, told
                        yield replace(offered, told=told, compare=compare and offered.refusal is None)

    def _is_wanted(self, series: Attributes, study_uid: str, modality: str) -> bool:
        if series.get("StudyInstanceUID") not in (None, "", study_uid):
            return False
        if series.get("Modality", "").upper() not in ("", modality):
            return False
        part = regions.from_body_part(series.get("BodyPartExamined", ""))
        # A limb without its part may be any of them.
        return self.wanted.regions is None or part in (None, "limb") or part in self.wanted.regions

    def _series(self, study_uid: str, series_uid: str) -> Iterator[Offered]:
        listed = self.pacs.instances(study_uid, series_uid)
        for instance, refused in self._each(listed, "SOPInstanceUID", f"{study_uid}/{series_uid}"):
            uid = instance.get("SOPInstanceUID", "")
            if refused:
                yield refused
            elif uid not in self.seen and _is_radiograph(instance):
                self.seen.add(uid)
                yield self.landing.listed(study_uid, series_uid, uid)

    def _each(self, listed: Iterable[Attributes], key: str, place: str) -> Iterator[tuple[Attributes, Offered | None]]:
        """Yield each row of an answer once, with the refusal of what cannot be asked for."""
        known: set[str] = set()
        for count, row in enumerate(listed):
            uid = row.get(key, "")
            if count >= MOST_LISTED:
                self.heard.whole = False
                yield row, self.landing.refused(f"{place}/without end", "BAD_LISTING")
                return
            if uid in known:
                continue
            known.add(uid)
            if len(uid) > 64 or not UID.fullmatch(uid):
                self.heard.whole = False
                yield row, self.landing.refused(f"{place}/{uid}", "BAD_LISTING")
                continue
            yield row, None


def _is_radiograph(instance: Attributes) -> bool:
    """Whether an instance is a radiograph as far as the listing tells; most PACS name the SOP class."""
    return instance.get("SOPClassUID", "") in ("", *RADIOGRAPHS)

"""What a PACS lists for some days, walked from study to series to image; nothing it says is believed.

References
----------
DICOM PS3.4 C.6.2 (study root query: unique keys and levels), PS3.5 9.1 (UIDs).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from inference import regions
from inference.scope import RADIOGRAPHS
from pipelines.sources.landing import Landing
from pipelines.sources.offered import Offered

UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
# No examination day, study or series of radiographs comes near it: a list without end is cut here.
MOST_LISTED = 10_000
# Attributes by keyword, as far as the PACS gave them; each may hold anything.
Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `regions` None leaves the region to the gate, which knows more than the listing."""

    modalities: frozenset[str]
    regions: frozenset[str] | None


class Pacs(Protocol):
    """The three questions that a PACS is asked; each raises `SourceUnreachableError` if it does not answer."""

    def studies(self, day: date, modality: str) -> Iterable[Attributes]:
        """List the studies of a local day with a series of this modality."""

    def series(self, study_uid: str, modality: str) -> Iterable[Attributes]:
        """List the series of a study that are of this modality."""

    def instances(self, study_uid: str, series_uid: str) -> Iterable[Attributes]:
        """List the instances of a series."""


def walk(pacs: Pacs, landing: Landing, wanted: Wanted, days: Sequence[date]) -> Iterator[Offered]:
    """Yield what the PACS lists for these days and modalities, each image once; refusals for impossible identifiers.

    Another modality or study than asked for is left out: it was not asked for, so it is not offered. A
    region is left out only if the series names it and the site's scope does not; without it the gate decides.
    """
    walker = _Walk(pacs, landing, wanted)
    for day in days:
        for modality in sorted(wanted.modalities):
            yield from walker.day(day, modality)


@dataclass
class _Walk:
    pacs: Pacs
    landing: Landing
    wanted: Wanted
    seen: set[str] = field(default_factory=set)

    def day(self, day: date, modality: str) -> Iterator[Offered]:
        place = f"{day.isoformat()}/{modality}"
        for study, refused in self._each(self.pacs.studies(day, modality), "StudyInstanceUID", place):
            if refused:
                yield refused
                continue
            yield from self._study(study["StudyInstanceUID"], modality)

    def _study(self, study_uid: str, modality: str) -> Iterator[Offered]:
        for series, refused in self._each(self.pacs.series(study_uid, modality), "SeriesInstanceUID", study_uid):
            if refused:
                yield refused
            elif self._is_wanted(series, study_uid, modality):
                yield from self._series(study_uid, series["SeriesInstanceUID"])

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
                yield row, self.landing.refused(f"{place}/without end", "BAD_LISTING")
                return
            if uid in known:
                continue
            known.add(uid)
            if len(uid) > 64 or not UID.fullmatch(uid):
                yield row, self.landing.refused(f"{place}/{uid}", "BAD_LISTING")
                continue
            yield row, None


def _is_radiograph(instance: Attributes) -> bool:
    """Whether an instance is a radiograph as far as the listing tells; most PACS name the SOP class."""
    return instance.get("SOPClassUID", "") in ("", *RADIOGRAPHS)

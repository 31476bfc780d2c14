"""Real radiographs (JPEG, PNG) in the place of drawings: which ones there are, and whose study each shows."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from inference.simulation.region import REGIONS
from inference.simulation.study import SimulatedStudy

ENDINGS = frozenset({".jpg", ".jpeg", ".png"})
# Columns of body-part flags, and regions that such a picture may be said to show.
_FLAGS = {"hand": "hand", "leg": "lower_leg", "hip": "hip", "shoulder": "shoulder"}
_SPELLINGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file, with its label and region where they are known."""

    path: Path
    fracture: bool | None
    region: str | None


def read(folder: Path, labels: Path | None = None) -> list[Picture]:
    """Return the pictures of a folder, at any depth, by name.

    Parameters
    ----------
    labels
        CSV with a column ``image`` or ``image_id`` or ``path`` (file name or path) and a column
        ``label`` (1 = fracture); optionally ``region`` (a region's name), or flags ``hand``,
        ``leg``, ``hip``, ``shoulder``. Rows without a file, and files without a row, are allowed.

    Raises
    ------
    OSError
        If the CSV cannot be read.
    """
    rows = {} if labels is None else _rows(labels)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    return [_picture(path, rows.get(path.name) or rows.get(path.stem) or {}) for path in paths]


def _rows(labels: Path) -> dict[str, Mapping[str, str]]:
    with labels.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return {Path(row.get("image") or row.get("image_id") or row.get("path") or "").name: row for row in rows}


def _picture(path: Path, row: Mapping[str, str]) -> Picture:
    region = row.get("region") or ""
    flags = [name for flag, name in _FLAGS.items() if row.get(flag) == "1"]
    if region not in REGIONS:
        region = flags[0] if len(flags) == 1 else ""
    return Picture(path, _SPELLINGS.get((row.get("label") or "").strip().lower()), region or None)


def cast(studies: Sequence[SimulatedStudy], pictures: Sequence[Picture], seed: int = 1) -> list[SimulatedStudy]:
    """Return the in-scope studies with pictures in the place of drawings, one or more for each.

    A study with a fracture gets pictures labelled so, the others get those labelled without (or
    unlabelled ones, of which nobody knows). Its region becomes that of its pictures. Pictures are
    used again only when there are too few; studies for which there are none stay drawn.
    """
    rng = Random(f"cast/{seed}")  # noqa: S311 - a simulation, nothing secret
    # One shelf for each answer and region: the views of a study must show the same body part.
    shelves: dict[bool, list[Picture]] = {True: [], False: []}
    for picture in pictures:
        if picture.fracture is None:
            shelves[True].append(picture)
        shelves[bool(picture.fracture)].append(picture)
    decks = {answer: rng.sample(shelf, len(shelf)) for answer, shelf in shelves.items()}
    return [_with_pictures(study, decks) if study.in_scope else study for study in studies]


def _with_pictures(study: SimulatedStudy, decks: Mapping[bool, list[Picture]]) -> SimulatedStudy:
    deck = decks[study.fracture]
    if not deck:
        return study
    first = deck.pop(0)
    deck.append(first)
    chosen = [first]
    # Pictures of an unknown region are not put together: they would show two parts of the body.
    for _ in study.views[1:] if first.region else ():
        other = next((item for item in deck if item.region == first.region and item not in chosen), None)
        if other is not None:
            deck.remove(other)
            deck.append(other)
            chosen.append(other)
    views = tuple(
        replace(view, picture=item.path, shows_fracture=study.fracture)
        for view, item in zip(study.views, chosen, strict=False)
    )
    region = first.region or study.region
    side = study.laterality or ("L" if REGIONS[region].paired else None)
    # Fewer views than planned may end the examination earlier: its end is that of the last one.
    return replace(
        study, views=views, region=region, laterality=side if REGIONS[region].paired else None,
        exam_completed=views[-1].acquired_at,
    )  # fmt: skip

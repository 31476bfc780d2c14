"""Text in pixels, drawn here with known words; real radiographs where they are at hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from inference import burned_in
from inference.burned_in import has_text

FRACATLAS = Path(__file__).parents[3] / "shared" / "data" / "fracatlas"
NAMES = ("DUPONT JEAN-PIERRE", "Martin Claire 12/03/1958", "ID 4512387", "SMITH^ANNA")


def bone() -> Image.Image:
    """A shaft with soft edges, brighter than the soft tissue around it; no text."""
    rows, columns = np.indices((420, 340), dtype=np.float32)
    values = (
        0.08
        + 0.4 * np.exp(-(((columns - 170 - 0.05 * rows) / 38) ** 2))
        + 0.15 * np.exp(-(((columns - 170) / 110) ** 2))
    )
    return Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8))


def grey(picture: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(picture, np.uint8)


def written(picture: Image.Image, text: str, at: tuple[float, float], size: int, fill: int) -> Image.Image:
    drawn = picture.copy()
    ImageDraw.Draw(drawn).text(at, text, fill=fill, font=ImageFont.load_default(size))
    return drawn


@pytest.mark.parametrize("text", NAMES)
@pytest.mark.parametrize("size", [10, 16, 28])
@pytest.mark.parametrize(("at", "fill"), [((4, 4), 255), ((20, 380), 230), ((90, 200), 255), ((120, 120), 0)])
def test_a_line_of_text_is_found(text: str, size: int, at: tuple[float, float], fill: int) -> None:
    picture = bone()
    if fill == 0:  # black letters show on a bright plate
        ImageDraw.Draw(picture).rectangle((0, 110, 340, 160), fill=200)
        at = (8, 118)
    assert has_text(grey(written(picture, text, at, size, fill)))


@pytest.mark.parametrize("marker", ["L", "R", "R AB", "D 2"])
def test_bone_and_the_marker_of_a_side_are_no_text(marker: str) -> None:
    assert not has_text(grey(bone()))
    assert not has_text(grey(written(bone(), marker, (20, 20), 28, 255)))


def test_a_picture_full_of_specks_counts_as_text_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(burned_in, "_longest_row", lambda strokes: pytest.fail(f"compared {len(strokes)}"))
    speck = np.pad(np.full((5, 5), 255, np.uint8), ((0, 3), (0, 3)))
    assert has_text(np.tile(speck, (100, 100)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (3, 3), (14, 14)])
def test_the_smallest_pictures_hold_none(shape: tuple[int, int]) -> None:
    assert not has_text(np.zeros(shape, np.uint8))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0005, 0.02))
def test_empty_lines_left_out_move_no_stroke(seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((60, 90)) < share
    boxes: list[npt.NDArray[np.int64]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(burned_in, "_LOWEST", 1)
        patch.setattr(burned_in, "_WIDEST_STROKE", 99)
        patch.setattr(burned_in, "LEAST_STROKES", 1)
        patch.setattr(burned_in, "_longest_row", lambda strokes: boxes.append(strokes) or 0)
        burned_in._row(mask)
    found = {tuple(box) for strokes in boxes for box in strokes.tolist()}
    labelled, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    assert found == {(d.start, d.stop, a.start, a.stop) for d, a in ndimage.find_objects(labelled)}


@pytest.mark.slow
def test_on_real_radiographs_names_are_found_and_few_pictures_without_are_kept_back() -> None:
    """Of 150 pictures of other patients; those that hold printed text already ("Ankle J BIV") count as found."""
    if not FRACATLAS.is_dir():
        pytest.skip("the radiographs of FracAtlas are not on this machine")
    with (FRACATLAS / "labels.csv").open(encoding="utf-8") as file:
        names = [row.get("image_id") or row["image"] for row in csv.DictReader(file)]
    paths = {path.name: path for path in (FRACATLAS / "images").rglob("*.jpg")}
    chosen = [paths[Path(name).name] for name in sorted(names) if Path(name).name in paths][::20][:150]
    assert len(chosen) > 100
    found = flagged = drawn = 0
    for index, path in enumerate(chosen):
        picture = Image.open(path).convert("L")
        flagged += has_text(grey(picture))
        at = (6.0, 4.0 if index % 2 else picture.height - 30.0)
        behind = grey(picture)[int(at[1]) : int(at[1]) + 18, 6:160]
        if float(np.median(behind)) < 153:  # white letters that can be read
            drawn += 1
            found += has_text(grey(written(picture, NAMES[index % len(NAMES)], at, 14, 255)))
    assert drawn > 80
    assert found >= 0.9 * drawn
    assert flagged <= 0.08 * len(chosen)

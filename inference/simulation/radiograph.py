"""Drawn radiographs that look like radiographs: flesh, bones with bright cortex, breaks, collimation, marker, noise.

Nothing here is an image of a person, and no claim is made about a model's accuracy on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from inference.simulation import anatomy_arm as arm
from inference.simulation import anatomy_leg as leg
from inference.simulation import anatomy_trunk as trunk
from inference.simulation.bone import Bone, Break, Points, Pose

Grey = NDArray[np.float32]
# Drawn at this length of the longer side, then enlarged: detectors blur too.
DRAWN = 560
_FRONTAL: dict[str, Callable[[], Pose]] = {
    "hand": arm.hand, "finger": arm.finger, "wrist": arm.wrist, "forearm": arm.forearm, "elbow": arm.elbow,
        "upper_arm": arm.upper_arm,
    "shoulder": arm.shoulder, "clavicle": arm.clavicle, "pelvis": leg.pelvis, "hip": leg.hip, "thigh": leg.thigh,
        "knee": leg.knee,
    "lower_leg": leg.lower_leg, "ankle": leg.ankle, "foot": leg.foot, "toe": leg.toe, "chest": trunk.chest,
        "spine": trunk.spine,
}  # fmt: skip
_LATERAL: dict[str, Callable[[], Pose]] = {
    "wrist": arm.wrist_lateral, "elbow": arm.elbow_lateral, "knee": leg.knee_lateral, "ankle": leg.ankle_lateral,
    "finger": lambda: arm.finger(0.8), "forearm": lambda: arm.forearm(0.42), "upper_arm": lambda: arm.upper_arm(0.82),
    "shoulder": lambda: arm.shoulder(0.84), "hip": lambda: leg.hip(0.86), "thigh": lambda: leg.thigh(0.78),
    "lower_leg": lambda: leg.lower_leg(0.6),
}  # fmt: skip
_OBLIQUE: dict[str, Callable[[], Pose]] = {
    "hand": lambda: arm.hand(0.76),
    "foot": lambda: leg.foot(0.8),
    "toe": lambda: leg.toe(0.8),
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn radiograph: `image` is float32 [rows, columns] in 0..1, bone bright.

    `box` is the fracture as x0, y0, x1, y1 in pixels, origin top left; None without one.
    """

    image: Grey
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class _Frame:
    """How millimetres become drawn pixels: x to columns, y to rows."""

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]
    rows: int
    columns: int
    scale: float

    def pixels(self, points: Points) -> Points:
        return np.asarray(points @ self.matrix.T + self.offset)


def draw(
    region: str,
    view: str,
    seed: int,
    *,
    laterality: str | None = None,
    fracture: bool = False,
    markers: tuple[str, str] = ("L", "R"),
) -> Drawing:
    """Draw one view of a body region; the same arguments give the same pixels.

    Parameters
    ----------
    view
        DICOM ViewPosition: AP, PA, LL and RL are known; anything else is drawn as an oblique.
    laterality
        ``R`` mirrors the drawing; both sides get their marker.
    markers
        Letters of the left and the right marker: L and R, in French G and D.
    """
    rng = np.random.default_rng(seed)
    pose = _pose(region, view)
    frame = _place(rng, pose, mirrored=laterality == "R")
    absorbed = _flesh(rng, pose, frame)
    chosen = pose.breaks[rng.integers(len(pose.breaks))] if fracture and pose.breaks else None
    strength = rng.uniform(0.85, 1.1) * (0.8 if max(part.thickness for part in pose.flesh) > 1.4 else 1.0)
    box = None
    for bone in pose.bones:
        broken = chosen if chosen is not None and chosen.bone == bone.name else None
        found = _bone(rng, absorbed, bone, frame, strength, broken)
        box = box or found
    image = _expose(rng, absorbed)
    image = _enlarge(rng, image)
    factor = image.shape[0] / frame.rows
    letter = {"L": markers[0], "R": markers[1]}.get(laterality or rng.choice(["L", "R"]), "L")
    image = _finish(rng, image, letter, box and tuple(value * factor for value in box))
    if box is None:
        return Drawing(image, None)
    x0, y0, x1, y1 = (value * factor for value in box)
    return Drawing(image, (max(0.0, x0), max(0.0, y0), min(float(image.shape[1]), x1), min(float(image.shape[0]), y1)))


def _pose(region: str, view: str) -> Pose:
    shelves = (
        (_FRONTAL,) if view in ("AP", "PA") else (_LATERAL, _OBLIQUE) if view in ("LL", "RL") else (_OBLIQUE, _LATERAL)
    )
    for shelf in (*shelves, _FRONTAL):
        if region in shelf:
            pose: Pose = shelf[region]()
            return pose
    return arm.hand()


def _place(rng: np.random.Generator, pose: Pose, *, mirrored: bool) -> _Frame:
    x0, y0, x1, y1 = pose.window
    turn, zoom = math.radians(rng.normal(0, 3.2)), rng.uniform(0.93, 1.07)
    scale = DRAWN / max(x1 - x0, y1 - y0)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    squeeze = np.diag([(-1.0 if mirrored else 1.0) * pose.squeeze, 1.0])
    matrix = rotation @ squeeze * (scale * zoom)
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    middle = np.array([(x1 - x0) * scale / 2, (y1 - y0) * scale / 2]) + rng.normal(0, 8, 2)
    return _Frame(matrix, middle - matrix @ centre, round((y1 - y0) * scale), round((x1 - x0) * scale), scale * zoom)


def _mask(outline: Points, rows: int, columns: int) -> NDArray[np.bool_]:
    canvas = Image.new("L", (columns, rows), 0)
    ImageDraw.Draw(canvas).polygon([(float(x), float(y)) for x, y in outline], fill=1)
    return np.asarray(canvas, dtype=bool)


def _flesh(rng: np.random.Generator, pose: Pose, frame: _Frame) -> Grey:
    """Return what flesh absorbs: rising from the skin inwards, the fat under the skin a little less."""
    rows, columns = -(-frame.rows // 2), -(-frame.columns // 2)
    solid = [part for part in pose.flesh if part.thickness > 0]
    mask = np.zeros((rows, columns), bool)
    for part in solid:
        mask |= _mask(frame.pixels(part.outline) / 2, rows, columns)
    # A rim of flesh outside the picture: the edge of the picture is not skin.
    deep = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1] * 2 / frame.scale
    edge = max(part.edge for part in solid)
    inward = np.clip(deep / edge, 0, 1)
    amount = np.sqrt(1 - (1 - inward) ** 2) * (0.82 + 0.18 * np.clip((deep - 4) / 6, 0, 1))
    for part in pose.flesh:
        if part.thickness < 0:
            hollow = _mask(frame.pixels(part.outline) / 2, rows, columns).astype(np.float32)
            soft = ndimage.gaussian_filter(hollow, part.edge * frame.scale / 16)
            amount = amount * (1 + part.thickness / max(item.thickness for item in solid) * soft)
    amount = amount * (1 + 0.1 * _patch(rng, "cloud", rows, columns))
    return np.asarray(0.42 * _resized(amount.astype(np.float32), frame.rows, frame.columns), dtype=np.float32)


def _bone(
    rng: np.random.Generator, absorbed: Grey, bone: Bone, frame: _Frame, strength: float, broken: Break | None
) -> tuple[float, float, float, float] | None:
    """Add one bone to what is absorbed; return the box of its fracture, in drawn pixels, if it has one."""
    outline = frame.pixels(bone.outline)
    margin = 26 if broken else 3
    low = np.maximum(np.floor(outline.min(0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(outline.max(0)).astype(int) + margin, (frame.columns, frame.rows))
    if np.any(high - low < 3):
        return None
    columns, rows = high - low
    # Two pixels more on each side: an outline cut by the picture's edge must not get a cortex there.
    mask = _mask(outline - low + 2, rows + 4, columns + 4)
    deep = np.asarray(ndimage.distance_transform_edt(mask)[2:-2, 2:-2], dtype=np.float32) / np.float32(frame.scale)
    inside = mask[2:-2, 2:-2]
    x, y = np.meshgrid(np.arange(low[0], high[0], dtype=np.float32), np.arange(low[1], high[1], dtype=np.float32))
    start, end = frame.pixels(bone.axis)
    along = ((x - start[0]) * (end - start)[0] + (y - start[1]) * (end - start)[1]) / max(
        float(np.sum((end - start) ** 2)), 1.0
    )
    cortex = np.interp(along, (0.0, 0.12, 0.35, 0.65, 0.88, 1.0), np.array(bone.cortex)[[0, 0, 1, 1, 2, 2]]).astype(
        np.float32
    )
    # The path of a ray through a thin shell, and through the spongy bone in it, by depth under its edge.
    shell = np.sqrt(deep) - np.sqrt(np.maximum(deep - cortex, 0))
    spongy = (
        np.sqrt(np.minimum(deep, 9))
        * np.clip(1.3 - 0.3 * cortex, 0.15, 1)
        * (1 + 0.05 * _patch(rng, "grain", rows, columns))
    )
    amount = (0.42 * shell + 0.095 * bone.spongy * spongy) * inside * bone.density * strength
    # The outline is a staircase of pixels: half a pixel of blur makes it an edge again.
    amount = ndimage.gaussian_filter(amount.astype(np.float32), 0.6)
    box = None
    if broken:
        amount, box = _break(rng, amount, inside, (x, y), (start, end), broken, frame.scale)
    absorbed[low[1] : high[1], low[0] : high[0]] += amount
    return box


def _break(
    rng: np.random.Generator, amount: Grey, inside: NDArray[np.bool_], grid: tuple[Grey, Grey], axis: tuple[Points,
        Points],
    broken: Break, scale: float,
) -> tuple[Grey, tuple[float, float, float, float] | None]:  # fmt: skip
    """Break a bone: a dark uneven line across it, and the part beyond stepped off a little."""
    start, end = axis
    at = start + (end - start) * rng.uniform(*broken.between)
    turn = math.radians(rng.normal(0, broken.tilt / 2) + rng.choice([-1, 1]) * broken.tilt / 2)
    along = (end - start) / np.linalg.norm(end - start)
    normal = np.array(
        [along[0] * math.cos(turn) - along[1] * math.sin(turn), along[0] * math.sin(turn) + along[1] * math.cos(turn)]
    )
    dx, dy = grid[0] - at[0], grid[1] - at[1]
    across = dy * normal[0] - dx * normal[1]
    uneven = 0.9 * np.sin(across / scale * rng.uniform(0.5, 0.9) + rng.uniform(0, 6)) + 0.5 * np.sin(
        across / scale * 2.3 + rng.uniform(0, 6)
    )
    beyond = dx * normal[0] + dy * normal[1] + uneven * scale * 0.7
    displaced = rng.random() < 0.6
    step = np.array([-normal[1], normal[0]]) * rng.normal(0, 2.4 if displaced else 0.9) + normal * rng.uniform(
        -0.3, 1.2
    )
    bend = math.radians(rng.normal(0, 8) if displaced else rng.normal(0, 1.5))
    moved = _moved(amount, at - (float(grid[0][0, 0]), float(grid[1][0, 0])), step * scale, bend)
    part = np.clip(beyond / scale + 0.5, 0, 1)
    gap = (rng.uniform(0.8, 1.5) if displaced else rng.uniform(0.45, 0.9)) * scale
    result = amount * (1 - part) + moved * part
    result = result * (1 - rng.uniform(0.65, 0.92) * np.exp(-((beyond / gap) ** 2)))
    rows, columns = np.nonzero((np.abs(beyond) < 2.2 * scale) & inside)
    if rows.size == 0:
        return result.astype(np.float32), None
    x0, y0 = float(grid[0][0, 0]), float(grid[1][0, 0])
    edge = 2.5 * scale
    box = (
        x0 + int(columns.min()) - edge,
        y0 + int(rows.min()) - edge,
        x0 + int(columns.max()) + edge,
        y0 + int(rows.max()) + edge,
    )
    return result.astype(np.float32), box


def _moved(amount: Grey, pivot: Points, step: Points, bend: float) -> Grey:
    """Return a fragment turned about its break by `bend` (radians) and shifted by `step` (x, y in pixels)."""
    # Rows come first here: y, x. The transform asks where each pixel comes from.
    turn = np.array([[math.cos(bend), -math.sin(bend)], [math.sin(bend), math.cos(bend)]])
    centre, shift = pivot[::-1], step[::-1]
    return np.asarray(
        ndimage.affine_transform(amount, turn, centre - turn @ (centre + shift), order=1), dtype=np.float32
    )


def _expose(rng: np.random.Generator, absorbed: Grey) -> Grey:
    """Turn what is absorbed into grey values, as a detector's tone curve does: bone bright, air dark."""
    veil = ndimage.uniform_filter(absorbed[::4, ::4], 19)
    scattered = _resized(veil.astype(np.float32), *absorbed.shape)
    tone = 1 - np.exp(-rng.uniform(1.05, 1.35) * (absorbed + 0.06 * scattered))
    return np.asarray(rng.uniform(0.015, 0.05) + rng.uniform(0.9, 1.05) * tone, dtype=np.float32)


def _enlarge(rng: np.random.Generator, image: Grey) -> Grey:
    factor = rng.uniform(1.45, 1.9)
    return _resized(image, round(image.shape[0] * factor), round(image.shape[1] * factor))


def _finish(rng: np.random.Generator, image: Grey, letter: str, box: tuple[float, ...] | None) -> Grey:
    rows, columns = image.shape
    noise = rng.uniform(0.006, 0.014)
    image = image + noise * (0.6 + image) * _patch(rng, "noise", rows, columns)
    if rng.random() < 0.6:
        x0, x1 = (columns * rng.uniform(0.02, 0.07), columns * (1 - rng.uniform(0.02, 0.07)))
        y0, y1 = (rows * rng.uniform(0.015, 0.06), rows * (1 - rng.uniform(0.015, 0.06)))
        if box is not None:
            x0, y0, x1, y1 = min(x0, box[0]), min(y0, box[1]), max(x1, box[2]), max(y1, box[3])
        # At a quarter of the size: its edges are blurred by the tube's focus anyway.
        small = (-(-rows // 4), -(-columns // 4))
        lean = rng.normal(0, 0.012)
        down = np.arange(small[0], dtype=np.float32)[:, None] * 4
        right = np.arange(small[1], dtype=np.float32)[None, :] * 4
        across, below = right - lean * down, down + lean * right
        inside = np.minimum(np.minimum(across - x0, x1 - across), np.minimum(below - y0, y1 - below))
        shutter = _resized(np.clip(0.5 - inside / 4, 0, 1).astype(np.float32), rows, columns)
        image = image * (1 - shutter) + shutter * (0.012 + 0.05 * image)
    _mark(rng, image, letter)
    return np.clip(image, 0, 1).astype(np.float32)


def _mark(rng: np.random.Generator, image: Grey, letter: str) -> None:
    """Put the lead letter into the emptiest corner."""
    size = round(max(image.shape) * rng.uniform(0.045, 0.06))
    stamp = _letter(letter, size)
    turned = (
        np.asarray(Image.fromarray(stamp).rotate(float(rng.normal(0, 4)), Image.Resampling.BILINEAR), dtype=np.float32)
        / 255
    )
    height, width = turned.shape
    rows, columns = image.shape
    inset_y, inset_x = round(rows * 0.08), round(columns * 0.09)
    corners = [(y, x) for y in (inset_y, rows - inset_y - height) for x in (inset_x, columns - inset_x - width)]
    y, x = min(corners, key=lambda at: float(image[at[0] : at[0] + height, at[1] : at[1] + width].mean()))
    place = image[y : y + height, x : x + width]
    place += turned * np.maximum(0.95 - place, 0)


@cache
def _letter(letter: str, size: int) -> NDArray[np.uint8]:
    canvas = Image.new("L", (round(size * 1.1), round(size * 1.3)), 0)
    pen = ImageDraw.Draw(canvas)
    pen.text(
        (size * 0.55, size * 0.65),
        letter,
        fill=255,
        font=ImageFont.load_default(size),
        anchor="mm",
        stroke_width=max(1, size // 40),
    )
    return np.asarray(canvas)


@cache
def _texture(kind: str) -> Grey:
    """Return a large tile of one kind of noise with mean 0 and spread 1, made once."""
    rng = np.random.default_rng({"cloud": 1, "grain": 2, "noise": 3}[kind])
    if kind == "cloud":
        rough = ndimage.zoom(ndimage.gaussian_filter(rng.standard_normal((256, 256)), 5), 4, order=1)
    elif kind == "grain":
        white = rng.standard_normal((1024, 1024))
        rough = (
            ndimage.gaussian_filter(white, (3.4, 0.8))
            + 0.6 * ndimage.gaussian_filter(white, (0.8, 2.4))
            + 0.8 * ndimage.gaussian_filter(white, 9)
        )
    else:
        white = rng.standard_normal((2048, 2048))
        rough = white + 1.5 * ndimage.gaussian_filter(white, 1.2)
    return np.asarray((rough - rough.mean()) / rough.std(), dtype=np.float32)


def _patch(rng: np.random.Generator, kind: str, rows: int, columns: int) -> Grey:
    tile = _texture(kind)
    y, x = rng.integers(0, tile.shape[0] - rows + 1), rng.integers(0, tile.shape[1] - columns + 1)
    return tile[y : y + rows, x : x + columns]


def _resized(image: Grey, rows: int, columns: int) -> Grey:
    return np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.BICUBIC), dtype=np.float32)

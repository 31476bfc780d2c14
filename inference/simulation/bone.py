"""Bones as outlines in millimetres: tubes along an axis, round blobs, free shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Bone:
    """One bone. `outline` is a closed polygon [n, 2] of x, y in mm; `axis` runs along it [2, 2].

    `cortex` is the thickness of its cortex in mm at the start, middle and end of the axis;
    `density` scales everything, `spongy` the trabecular part.
    """

    name: str
    outline: Points = field(repr=False)
    axis: Points = field(repr=False)
    cortex: tuple[float, float, float]
    density: float = 1.0
    spongy: float = 1.0


@dataclass(frozen=True)
class Flesh:
    """Soft tissue: an outline in mm, how thick it is in its middle (relative), and how round its edge is (mm)."""

    outline: Points = field(repr=False)
    thickness: float = 1.0
    edge: float = 22.0


@dataclass(frozen=True)
class Break:
    """Where a bone may break: how far along its axis (0..1, drawn between the two), and the tilt in degrees."""

    bone: str
    between: tuple[float, float]
    tilt: float = 25.0


@dataclass(frozen=True)
class Pose:
    """A body part as one view shows it: `window` is x0, y0, x1, y1 in mm."""

    bones: tuple[Bone, ...]
    flesh: tuple[Flesh, ...]
    window: tuple[float, float, float, float]
    breaks: tuple[Break, ...]
    squeeze: float = 1.0


def tube(name: str, *stations: tuple[float, float, float], cortex: tuple[float, float, float] = (0.8, 2.2, 0.8),
    cap: float = 0.45,
         density: float = 1.0, spongy: float = 1.0) -> Bone:  # fmt: skip
    """Return a long bone through stations of x, y and half width in mm; `cap` is how far its ends bulge."""
    points = np.array(stations, float)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points[:, :2], axis=0).T))])
    fine = np.linspace(0, along[-1], 48)
    x, y, width = (PchipInterpolator(along, points[:, column])(fine) for column in range(3))
    tangent = np.stack([np.gradient(x), np.gradient(y)], 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    centre = np.stack([x, y], 1)
    left, right = centre + normal * width[:, None], centre - normal * width[:, None]
    end = _cap(centre[-1], tangent[-1], normal[-1], width[-1], cap)
    start = _cap(centre[0], -tangent[0], -normal[0], width[0], cap)
    outline = np.concatenate([left, end, right[::-1], start])
    return Bone(name, outline, centre[[0, -1]], cortex, density, spongy)


def _cap(centre: Points, tangent: Points, normal: Points, width: float, cap: float) -> Points:
    angles = np.linspace(0, math.pi, 14)[1:-1]
    return centre + np.cos(angles)[:, None] * normal * width + np.sin(angles)[:, None] * tangent * width * cap


def blob(name: str, x: float, y: float, rx: float, ry: float, *, angle: float = 0.0, density: float = 0.9) -> Bone:
    """Return a rounded bone such as a carpal; `angle` in degrees."""
    around = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    # A little squarer than an ellipse, as small bones are.
    shape = np.stack([np.sign(np.cos(around)) * np.abs(np.cos(around)) ** 0.8 * rx, np.sin(around) * ry], 1)
    turn = math.radians(angle)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    outline = shape @ rotation.T + (x, y)
    longest = np.array([[0.0, -ry], [0.0, ry]] if ry >= rx else [[-rx, 0.0], [rx, 0.0]]) @ rotation.T + (x, y)
    return Bone(name, outline, longest, (0.8, 0.8, 0.8), density)


def shape(name: str, *points: tuple[float, float], cortex: tuple[float, float, float] = (0.9, 1.2, 0.9),
          axis: tuple[tuple[float, float], tuple[float, float]] | None = None, density: float = 1.0,
              spongy: float = 1.0) -> Bone:  # fmt: skip
    """Return a bone with a free outline, smoothed through its points; the axis is its height by default."""
    outline = smooth(points)
    middle = outline[:, 0].mean()
    line = np.array(axis or [(middle, outline[:, 1].min()), (middle, outline[:, 1].max())], float)
    return Bone(name, outline, line, cortex, density, spongy)


def smooth(points: tuple[tuple[float, float], ...]) -> Points:
    """Return a closed Catmull-Rom curve through points, eight steps between two of them."""
    corners = np.array(points, float)
    before, after, beyond = np.roll(corners, 1, 0), np.roll(corners, -1, 0), np.roll(corners, -2, 0)
    steps = np.linspace(0, 1, 8, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (item[:, None, :] for item in (before, corners, after, beyond))
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * steps + (2 * p0 - 5 * p1 + 4 * p2 - p3) * steps**2 + (3 * p1 - p0 - 3 * p2 + p3) * steps**3
    )
    return np.asarray(curve.reshape(-1, 2))


def flesh(*stations: tuple[float, float, float], thickness: float = 1.0, edge: float = 22.0, cap: float = 0.9) -> Flesh:
    """Return soft tissue around an axis of stations x, y, half width."""
    return Flesh(tube("flesh", *stations, cap=cap).outline, thickness, edge)


def mass(*points: tuple[float, float], thickness: float = 1.0, edge: float = 22.0) -> Flesh:
    """Return soft tissue with a free outline."""
    return Flesh(smooth(points), thickness, edge)

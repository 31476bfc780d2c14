"""Chest and lumbar spine, roughly: what the sites make besides limbs, out of the model's scope."""

from __future__ import annotations

from functools import cache

from inference.simulation.bone import Bone, Pose, mass, shape, tube


@cache
def chest() -> Pose:
    """Chest from behind."""
    ribs: list[Bone] = []
    for n in range(9):
        y, out = -120 + 27 * n, 84 + 7 * n
        for sign in (-1, 1):
            stations = (
                (sign * 18, y, 5),
                (sign * out * 0.6, y - 16, 5.5),
                (sign * out, y + 8, 5),
                (sign * out * 0.86, y + 38, 5.5),
                (sign * 46, y + 62, 5.5),
            )
            ribs.append(tube(f"rib {n} {sign}", *stations, cortex=(0.9, 0.9, 0.9), density=0.3))
    spine = [
        shape(
            f"vertebra {n}", (-15, y), (15, y), (16, y + 11), (15, y + 21), (-15, y + 21), (-16, y + 11), density=0.35
        )
        for n, y in ((n, -150 + 26 * n) for n in range(13))
    ]
    clavicles = [
        tube(
            f"clavicle {s}", (s * 14, -112, 8), (s * 60, -128, 6), (s * 130, -140, 7), cortex=(1, 1.6, 1), density=0.55
        )
        for s in (-1, 1)
    ]
    meat = (
        mass((-150, -170), (-60, -190), (60, -190), (150, -170), (178, -60), (172, 190), (-172, 190), (-178, -60),
            thickness=2.0, edge=50),
        mass((-22, -130), (-60, -128), (-104, -60), (-132, 60), (-138, 122), (-84, 96), (-30, 112), (-24, 0),
            thickness=-1.35, edge=26),
        mass((22, -130), (60, -128), (104, -60), (132, 60), (138, 126), (100, 108), (72, 84), (30, 10),
            thickness=-1.35, edge=26),
    )  # fmt: skip
    return Pose((*spine, *ribs, *clavicles), meat, (-186, -180, 186, 178), ())


@cache
def spine() -> Pose:
    """Lumbar spine from the front."""
    bones: list[Bone] = []
    for n in range(6):
        y = -140 + 40 * n
        bones.append(
            shape(
                f"L{n}",
                (-24, y),
                (0, y + 2),
                (24, y),
                (22, y + 16),
                (25, y + 32),
                (0, y + 30),
                (-25, y + 32),
                (-22, y + 16),
                density=0.7,
                cortex=(1.6, 0.9, 1.6),
            )
        )
        bones += [tube(f"transverse {n} {s}", (s * 20, y + 12, 5), (s * 46, y + 6, 3.5), density=0.45) for s in (-1, 1)]
        bones.append(shape(f"spinous {n}", (-5, y + 16), (5, y + 16), (6, y + 38), (-6, y + 38), density=0.4))
    meat = (mass((-110, -190), (110, -190), (122, 0), (130, 190), (-130, 190), (-122, 0), thickness=2.2, edge=60),)
    return Pose(tuple(bones), meat, (-92, -150, 92, 138), ())

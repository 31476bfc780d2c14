"""The leg from hip to toes, drawn by hand in millimetres: a left limb, seen from the front."""

from __future__ import annotations

from functools import cache

from inference.simulation.bone import Bone, Break, Flesh, Pose, blob, flesh, mass, shape, tube


def _hip_side(sign: float) -> list[Bone]:
    def at(*points: tuple[float, float]) -> tuple[tuple[float, float], ...]:
        return tuple((sign * x, y) for x, y in points)

    def through(*stations: tuple[float, float, float]) -> tuple[tuple[float, float, float], ...]:
        return tuple((sign * x, y, w) for x, y, w in stations)

    side = "left" if sign > 0 else "right"
    return [
        shape(f"ilium {side}", *at((44, -74), (52, -96), (78, -118), (112, -122), (140, -100), (149, -72),
            (143, -58), (134, -36), (129, -14), (124, 10), (104, 26), (82, 16),
              (72, -4), (60, -26), (50, -44)), density=0.5, cortex=(1.8, 1.3, 1.3), spongy=0.7),
        tube(f"pelvic brim {side}", *through((48, -44, 3), (62, -20, 4), (76, 6, 4), (84, 26, 4)), density=0.5),
        tube(f"superior ramus {side}", *through((96, 30, 15), (74, 40, 9), (44, 52, 7), (20, 58, 9), (7, 66, 12)),
            density=0.75, cortex=(1, 1.6, 1)),
        tube(f"ischium {side}", *through((96, 34, 17), (86, 66, 13), (72, 100, 14), (58, 112, 11)),
            density=0.75, cortex=(1, 1.4, 1)),
        tube(f"inferior ramus {side}", *through((58, 112, 9), (36, 100, 7), (20, 84, 7), (8, 74, 9)),
            density=0.75, cortex=(1, 1.5, 1)),
        shape(f"femur {side}", *at((86, 24), (90, 6), (106, 0), (122, 4), (130, 18), (140, 26), (146, 22), (156, 28),
            (161, 44), (158, 66), (152, 90), (148, 130), (146, 230), (120, 230),
              (121, 130), (120, 100), (114, 84), (116, 70), (122, 60), (114, 48), (100, 47), (90, 40)),
                  cortex=(0.8, 3.6, 4.2), density=1.0),
        tube(f"acetabulum {side}", *through((92, -8, 3), (110, -10, 3.5), (126, -2, 3)), density=0.55),
    ]  # fmt: skip


@cache
def _pelvis() -> tuple[tuple[Bone, ...], tuple[Flesh, ...]]:
    bones = (
        shape("sacrum", (-50, -78), (-20, -86), (20, -86), (50, -78), (44, -36), (24, 6), (12, 36), (0, 46),
            (-12, 36), (-24, 6), (-44, -36), density=0.5, spongy=0.9),
        *(blob(f"sacral hole {x}{y}", x, y, 5, 4, density=-0.15) for x in (-18, 18) for y in (-52, -32, -13)),
        shape("L5", (-26, -128), (26, -128), (28, -112), (26, -94), (-26, -94), (-28, -112),
            density=0.5, cortex=(1.4, 0.8, 1.4)),
        shape("L4", (-25, -168), (25, -168), (27, -150), (25, -134), (-25, -134), (-27, -150),
            density=0.5, cortex=(1.4, 0.8, 1.4)),
        *_hip_side(1),
        *_hip_side(-1),
    )  # fmt: skip
    meat = (
        mass((-186, -190), (-176, -120), (-190, -20), (-196, 90), (-190, 260), (190, 260), (196, 90), (190, -20),
            (176, -120), (186, -190), thickness=2.1, edge=60),
        mass((-30, 130), (0, 108), (30, 130), (26, 270), (-26, 270), thickness=-1.3, edge=24),
    )  # fmt: skip
    return bones, meat


_HIP_BREAKS = (Break("femur left", (0.16, 0.24), 40), Break("femur left", (0.28, 0.4), 42))


@cache
def pelvis() -> Pose:
    """Pelvis from the front."""
    breaks = (
        Break("superior ramus left", (0.45, 0.8), 15),
        Break("inferior ramus right", (0.3, 0.7), 15),
        Break("femur right", (0.17, 0.24), 40),
    )
    return Pose(*_pelvis(), (-190, -150, 190, 172), breaks)


@cache
def hip(squeeze: float = 1.0) -> Pose:
    """One hip from the front."""
    return Pose(*_pelvis(), (26, -78, 192, 158), _HIP_BREAKS, squeeze)


_FEMUR_END = ((-14, -130), (-15, -92), (-19, -64), (-32, -42), (-40, -25), (-39, -9), (-29, -1), (-15, -2),
    (-7, -11), (0, -16), (7, -11), (15, -2), (29, -1), (39, -9), (40, -25), (32, -42),
              (19, -64), (15, -92), (14, -130))  # fmt: skip
_TIBIA_TOP = (
    (-38, 6),
    (-20, 8),
    (-6, 5),
    (-3, 0),
    (0, 4),
    (3, 0),
    (6, 5),
    (20, 8),
    (38, 6),
    (39, 16),
    (29, 34),
    (19, 54),
    (15, 82),
)
_TIBIA_TOP_LEFT = ((-14, 82), (-17, 54), (-29, 32), (-39, 16))


@cache
def thigh(squeeze: float = 1.0) -> Pose:
    """Femur down to the knee."""
    bones = (
        shape("femur", (-17, -330), (-16, -250), *_FEMUR_END, (16, -250), (17, -330), cortex=(4.6, 4.4, 0.8)),
        shape("tibia", *_TIBIA_TOP, (14, 160), (-14, 160), *_TIBIA_TOP_LEFT, cortex=(0.8, 2.0, 3.4)),
        blob("patella", 0, -36, 21, 22, density=0.45),
    )
    meat = (flesh((0, -380, 92), (0, -200, 80), (0, -60, 62), (0, 20, 58), (0, 120, 54), thickness=2.0, edge=48),)
    return Pose(
        bones, meat, (-92, -316, 92, 62), (Break("femur", (0.25, 0.6), 35), Break("femur", (0.7, 0.8), 25)), squeeze
    )


@cache
def knee() -> Pose:
    """Knee from the front."""
    bones = (
        shape("femur", *_FEMUR_END, cortex=(3.6, 2.4, 0.8)),
        shape("tibia", *_TIBIA_TOP, (13, 150), (-13, 150), *_TIBIA_TOP_LEFT, cortex=(0.8, 2.0, 3.4)),
        tube(
            "fibula",
            (37, 20, 6),
            (37, 28, 8.5),
            (36, 42, 6),
            (35, 75, 5),
            (33, 150, 5.2),
            cortex=(0.8, 1.8, 2.2),
            cap=0.5,
        ),
        blob("patella", 1, -38, 22, 23, density=0.42),
    )
    meat = (flesh((0, -150, 66), (0, -70, 60), (0, 0, 56), (2, 50, 54), (2, 150, 56), thickness=1.6, edge=36),)
    breaks = (Break("tibia", (0.06, 0.14), 30), Break("fibula", (0.12, 0.2), 20), Break("femur", (0.6, 0.75), 20))
    return Pose(bones, meat, (-74, -118, 78, 122), breaks)


@cache
def knee_lateral() -> Pose:
    """Knee from the side, slightly bent."""
    bones = (
        shape("femur", (-15, -140), (-13, -86), (-15, -60), (-26, -44), (-37, -28), (-37, -10), (-24, 1), (-4, 3),
            (12, -5), (20, -20), (19, -40), (15, -58), (14, -86), (15, -140), cortex=(3.8, 2.6, 0.9)),
        shape("tibia", (-28, 9), (-8, 8), (0, 4), (8, 8), (22, 10), (25, 20), (24, 38), (18, 52), (14, 84),
            (12, 150), (-13, 150), (-12, 84), (-16, 48), (-28, 24), cortex=(0.8, 2.0, 3.4)),
        tube("fibula", (-25, 24, 6), (-25, 32, 8), (-23, 46, 5.4), (-20, 80, 5), (-16, 150, 5),
            cortex=(0.8, 1.8, 2.2), cap=0.5, density=0.85),
        shape("patella", (28, -52), (36, -52), (43, -40), (42, -24), (34, -12), (28, -20), (27, -38), density=0.95),
    )  # fmt: skip
    meat = (
        flesh((-6, -160, 66), (-4, -70, 58), (0, -10, 54), (-10, 60, 54), (-14, 170, 54), thickness=1.6, edge=36),
        mass((16, -70), (44, -58), (52, -34), (44, -6), (30, 30), (10, 20), thickness=0.3, edge=10),
    )
    breaks = (Break("patella", (0.4, 0.6), 12), Break("tibia", (0.1, 0.2), 25), Break("femur", (0.6, 0.7), 20))
    return Pose(bones, meat, (-82, -118, 78, 122), breaks)


@cache
def lower_leg(squeeze: float = 1.0) -> Pose:
    """Tibia and fibula with both joints."""
    bones = (
        shape("femur", *_FEMUR_END, cortex=(3.6, 2.4, 0.8)),
        shape("tibia", *_TIBIA_TOP, (14, 160), (12, 240), (13, 300), (18, 332), (20, 352), (17, 358), (-12, 358),
            (-17, 362), (-21, 372), (-27, 368), (-26, 352), (-20, 330), (-13, 296), (-12, 240),
              (-14, 160), *_TIBIA_TOP_LEFT, cortex=(0.8, 4.2, 0.9)),
        tube("fibula", (37, 20, 6), (37, 28, 8.5), (36, 44, 6), (33, 120, 5.4), (29, 240, 5.4), (27, 320, 6),
            (28, 350, 8.5), (28, 372, 7), (27, 378, 5), cortex=(0.8, 2.6, 0.9), cap=0.5),
        shape("talus", (-16, 364), (14, 363), (18, 368), (18, 384), (8, 392), (-12, 391), (-20, 380), density=0.9),
        blob("calcaneus", 3, 408, 22, 18, density=0.6),
        blob("patella", 1, -38, 22, 23, density=0.42),
    )  # fmt: skip
    meat = (
        flesh(
            (0, -150, 66),
            (0, 0, 56),
            (2, 90, 60),
            (4, 200, 48),
            (2, 300, 36),
            (2, 360, 38),
            (2, 420, 36),
            thickness=1.5,
            edge=32,
        ),
    )
    breaks = (Break("tibia", (0.45, 0.75), 30), Break("fibula", (0.5, 0.8), 30), Break("tibia", (0.82, 0.9), 25))
    return Pose(bones, meat, (-98, -52, 102, 412), breaks, squeeze)


@cache
def ankle() -> Pose:
    """Ankle from the front, turned inwards so that the joint space is free."""
    bones = (
        shape("tibia", (-13, -150), (-12, -90), (-14, -50), (-20, -26), (-26, -10), (-28, 6), (-25, 14), (-20, 13),
            (-17, 4), (-12, -1), (2, -2), (14, -1), (18, -8), (18, -26), (14, -52), (12, -90),
              (12, -150), cortex=(3.8, 2.4, 0.8)),
        tube("fibula", (26, -150, 5.2), (25, -80, 5.4), (24.5, -40, 6), (25.5, -14, 8.2), (26, 4, 8.4),
            (25, 17, 6.2), cortex=(2.4, 2.0, 0.8), cap=0.7),
        shape("talus", (-17, 4), (-10, 2), (2, 3), (12, 2), (16, 6), (18, 20), (12, 30), (-8, 31), (-20, 24),
            (-20, 12), density=0.95),
        shape("calcaneus", (-20, 34), (0, 36), (20, 30), (26, 44), (20, 66), (4, 72), (-12, 64), density=0.55),
        blob("navicular", -20, 38, 12, 8, density=0.4),
        blob("cuboid", 18, 48, 10, 9, density=0.3),
    )  # fmt: skip
    meat = (
        flesh(
            (4, -170, 44),
            (3, -80, 38),
            (1, -20, 37),
            (0, 10, 41),
            (2, 40, 41),
            (4, 74, 34),
            thickness=1.3,
            edge=26,
            cap=0.4,
        ),
    )
    breaks = (Break("fibula", (0.8, 0.9), 30), Break("fibula", (0.7, 0.8), 38), Break("tibia", (0.9, 0.95), 20))
    return Pose(bones, meat, (-62, -112, 66, 78), breaks)


@cache
def ankle_lateral() -> Pose:
    """Ankle and hindfoot from the side."""
    metatarsals = (
        tube(
            f"metatarsal {n}",
            (70, y0, 7),
            (84, y0 + 7 + n, 4.6),
            (118, y0 + 22 + 2 * n, 4.4),
            (134, y0 + 30 + 2 * n, 6.5),
            cortex=(0.8, 1.6, 0.8),
            density=0.75,
        )
        for n, y0 in ((1, 22), (2, 26), (3, 31), (5, 42))
    )
    bones = (
        shape("tibia", (-14, -150), (-13, -90), (-14, -50), (-18, -24), (-23, -8), (-22, 2), (-10, -3), (4, -4),
            (18, 0), (20, -10), (16, -28), (13, -52), (13, -90), (13, -150), cortex=(3.8, 2.4, 0.8)),
        tube("fibula", (-7, -150, 5.2), (-9, -60, 5.4), (-9, -20, 7), (-9, 4, 7.4), (-10, 15, 5.5),
            cortex=(2.4, 2.0, 0.8), cap=0.7, density=0.7),
        shape("talus", (-27, 12), (-21, 3), (-8, -1), (6, 1), (16, 7), (24, 9), (35, 12), (37, 22), (30, 28),
            (16, 26), (4, 30), (-10, 24), (-24, 20), density=0.95),
        shape("calcaneus", (-62, 30), (-56, 18), (-40, 20), (-24, 24), (-8, 28), (4, 34), (18, 30), (30, 34),
            (40, 38), (40, 52), (24, 54), (-8, 58), (-36, 68), (-56, 66), (-64, 48),
              axis=((-62, 45), (40, 45)), cortex=(1.2, 0.9, 0.9)),
        blob("navicular", 43, 18, 6, 11, angle=-12),
        blob("cuboid", 53, 44, 13, 11, density=0.7),
        blob("cuneiform", 58, 22, 10, 11, density=0.7),
        *metatarsals,
    )  # fmt: skip
    meat = (
        flesh((-4, -170, 46), (-3, -80, 40), (-4, -20, 36), (-8, 10, 40), thickness=1.3, edge=26),
        mass((-72, 24), (-46, 0), (0, -30), (34, -10), (80, 8), (140, 44), (170, 70), (150, 80), (90, 76), (30, 74),
            (-40, 82), (-72, 72), thickness=1.15, edge=22),
    )  # fmt: skip
    breaks = (Break("fibula", (0.78, 0.9), 35), Break("calcaneus", (0.35, 0.6), 30), Break("tibia", (0.88, 0.93), 25))
    return Pose(bones, meat, (-84, -112, 100, 90), breaks)


def _metatarsal(number: int, start: tuple[float, float], end: tuple[float, float], width: float) -> Bone:
    (x0, y0), (x1, y1) = start, end
    shares = ((0.02, 1.0), (0.12, 0.86), (0.3, 0.58), (0.6, 0.5), (0.82, 0.6), (0.93, 0.86), (0.97, 0.82))
    stations = [(x0 + (x1 - x0) * u, y0 + (y1 - y0) * u, width * w) for u, w in shares]
    return tube(f"metatarsal {number}", *stations, cortex=(0.7, 1.7, 0.7), cap=0.6)


def _toe(number: int, *joints: tuple[float, float], width: float) -> list[Bone]:
    bones = []
    for index, name in enumerate(
        ("proximal", "middle", "distal")[: len(joints) - 1] if len(joints) == 4 else ("proximal", "distal")
    ):
        (x0, y0), (x1, y1) = joints[index], joints[index + 1]
        w = width * (1, 0.85, 0.75)[index]
        stations = [
            (x0 + (x1 - x0) * u, y0 + (y1 - y0) * u, w * f)
            for u, f in ((0.06, 1), (0.25, 0.8), (0.55, 0.62), (0.94, 0.8))
        ]
        bones.append(tube(f"{name} phalanx {number}", *stations, cortex=(0.6, 1.0, 0.6), cap=0.3))
    return bones


@cache
def _foot() -> tuple[tuple[Bone, ...], tuple[Flesh, ...]]:
    bones = (
        shape("calcaneus", (-24, 52), (-4, 44), (6, 58), (6, 90), (-4, 104), (-20, 98), (-26, 76), density=0.6),
        shape("talus", (-8, 46), (6, 36), (20, 40), (22, 54), (14, 70), (-4, 72), density=0.7),
        shape("navicular", (-6, 24), (10, 20), (24, 24), (26, 32), (12, 37), (-6, 34), density=0.9),
        shape("cuboid", (-30, 14), (-14, 10), (-8, 20), (-10, 44), (-24, 44), (-32, 30), density=0.85),
        shape("medial cuneiform", (9, -2), (22, -1), (25, 10), (24, 21), (12, 19), density=0.95),
        blob("middle cuneiform", 4, 10, 6, 9), blob("lateral cuneiform", -7, 12, 6.5, 11),
        _metatarsal(1, (16, -3), (28, -62), 11.5),
        _metatarsal(2, (4, -2), (9, -71), 8),
        _metatarsal(3, (-6, 0), (-6, -67), 7.6),
        _metatarsal(4, (-16, 8), (-21, -59), 7.6),
        _metatarsal(5, (-27, 15), (-35, -47), 8.6),
        *_toe(1, (28.5, -64), (32, -95), (34, -118), width=10),
        *_toe(2, (9.3, -74), (11, -100), (12, -112), (12.5, -121), width=6.2),
        *_toe(3, (-6, -70), (-6.5, -94), (-7, -104), (-7.2, -112), width=5.8),
        *_toe(4, (-21.5, -62), (-24, -84), (-25, -93), (-25.5, -100), width=5.4),
        *_toe(5, (-36, -50), (-40, -69), (-42, -77), (-43, -84), width=5.4),
        blob("sesamoid 1", 23, -55, 4, 5, density=0.6), blob("sesamoid 2", 31, -54, 4, 5, density=0.6),
    )  # fmt: skip
    meat = (
        mass((-38, 60), (-44, 20), (-50, -30), (-46, -60), (-20, -78), (20, -82), (44, -66), (42, -20), (32, 20),
            (26, 70), (16, 108), (-8, 116), (-30, 102), thickness=1.1, edge=20),
        flesh((30, -70, 15), (34, -122, 11), thickness=0.75, edge=12),
        flesh((9, -78, 11), (12.5, -125, 7), thickness=0.6, edge=9),
        flesh((-6, -74, 10.5), (-7, -116, 7), thickness=0.6, edge=9),
        flesh((-21, -66, 10), (-25.5, -104, 7), thickness=0.6, edge=9),
        flesh((-36, -54, 9.5), (-43, -88, 6.5), thickness=0.6, edge=9),
    )  # fmt: skip
    return bones, meat


@cache
def foot(squeeze: float = 1.0) -> Pose:
    """Foot from above; squeezed sideways it passes for an oblique view."""
    breaks = (
        Break("metatarsal 5", (0.08, 0.18), 15),
        Break("metatarsal 2", (0.6, 0.85), 30),
        Break("metatarsal 4", (0.4, 0.7), 35),
        Break("proximal phalanx 1", (0.3, 0.7), 25),
    )
    return Pose(*_foot(), (-66, -138, 62, 112), breaks, squeeze)


@cache
def toe(squeeze: float = 1.0) -> Pose:
    """Toes from above."""
    breaks = (
        Break("proximal phalanx 1", (0.3, 0.7), 25),
        Break("proximal phalanx 5", (0.3, 0.7), 30),
        Break("distal phalanx 1", (0.3, 0.7), 15),
    )
    return Pose(*_foot(), (-60, -138, 58, -22), breaks, squeeze)

"""The arm from shoulder to fingertips, drawn by hand in millimetres: a left limb, seen from the front."""

from __future__ import annotations

from functools import cache

from inference.simulation.bone import Bone, Break, Flesh, Pose, blob, flesh, mass, shape, tube


def _finger(number: int, *joints: tuple[float, float], width: float) -> list[Bone]:
    """Return proximal, (middle and) distal phalanges between joints; the last point is the tip."""
    bones = []
    names = ("proximal", "middle", "distal") if len(joints) == 4 else ("proximal", "distal")
    for index, name in enumerate(names):
        (x0, y0), (x1, y1) = joints[index], joints[index + 1]
        dx, dy = x1 - x0, y1 - y0
        length = (dx * dx + dy * dy) ** 0.5
        gap = 1.3 / length
        at = [(x0 + dx * u, y0 + dy * u) for u in (gap, 0.16, 0.5, 0.8, 1 - gap)]
        w = width * (1, 0.83, 0.66)[index if len(names) == 3 else 2 * index]
        widths = (
            (w, w * 0.86, w * 0.6, w * 0.68, w * 0.82)
            if name != "distal"
            else (w, w * 0.7, w * 0.5, w * 0.55, w * 0.72)
        )
        stations = [(*point, half) for point, half in zip(at, widths, strict=True)]
        bones.append(tube(f"{name} phalanx {number}", *stations, cortex=(0.6, 1.3, 0.6), cap=0.35))
    return bones


def _metacarpal(number: int, start: tuple[float, float], end: tuple[float, float], width: float) -> Bone:
    (x0, y0), (x1, y1) = start, end
    shares = ((0.03, 1.0), (0.12, 0.9), (0.3, 0.62), (0.55, 0.55), (0.78, 0.66), (0.9, 0.95), (0.96, 0.92))
    stations = [(x0 + (x1 - x0) * u, y0 + (y1 - y0) * u, width * w) for u, w in shares]
    return tube(f"metacarpal {number}", *stations, cortex=(0.7, 1.7, 0.7), cap=0.55)


def _carpals() -> list[Bone]:
    return [
        shape("scaphoid", (10, -4), (17, -3), (21, -9), (20, -17), (15, -19), (12, -13), (8, -9), density=0.92),
        shape("lunate", (-6, -4), (2, -3), (8, -6), (7, -13), (1, -12), (-5, -14), (-8, -9), density=0.92),
        blob("triquetrum", -14, -12, 6.5, 6, angle=20),
        blob("pisiform", -12.5, -10, 4, 4.5, density=0.6),
        shape("trapezium", (18, -19), (25, -20), (29, -26), (24, -32), (18, -29), (16, -24), density=0.9),
        blob("trapezoid", 12, -27, 5, 6),
        shape("capitate", (-2, -14), (5, -14), (8, -20), (7, -35), (-1, -36), (-4, -26), density=0.95),
        shape("hamate", (-5, -18), (-9, -17), (-17, -22), (-18, -34), (-6, -36), density=0.92),
    ]


@cache
def _hand() -> tuple[tuple[Bone, ...], tuple[Flesh, ...]]:
    bones = [
        tube(
            "radius",
            (7, 110, 6.5),
            (8, 60, 7),
            (10, 28, 10),
            (11, 12, 14.5),
            (11, 4, 16.5),
            (11, 1.5, 16),
            cortex=(2.4, 2.2, 0.7),
            cap=0.12,
        ),
        blob("radial styloid", 24.5, 0.5, 4, 6, angle=-15, density=0.7),
        tube(
            "ulna",
            (-17, 110, 5.5),
            (-17, 45, 5.3),
            (-18, 16, 6.5),
            (-18.5, 5, 8.2),
            (-18.5, 2, 8),
            cortex=(2.2, 2, 0.7),
            cap=0.25,
        ),
        tube("ulnar styloid", (-25, 4, 2.4), (-26, -2.5, 1.6), density=0.7),
        *_carpals(),
        _metacarpal(1, (28, -31), (50, -68), 8.5),
        _metacarpal(2, (13, -35), (19, -99), 8.2),
        _metacarpal(3, (2, -38), (2.5, -100), 8.0),
        _metacarpal(4, (-8, -38), (-14, -93), 7.2),
        _metacarpal(5, (-15, -37), (-28, -85), 7.4),
        *_finger(1, (51, -70), (66, -99), (76, -123), width=8),
        *_finger(2, (19.5, -101), (25, -143), (28, -168), (29.5, -187), width=7.6),
        *_finger(3, (2.8, -102), (3.8, -147), (4.4, -176), (4.8, -196), width=7.8),
        *_finger(4, (-14.5, -95), (-18.5, -136), (-20.5, -163), (-21.8, -182), width=7.2),
        *_finger(5, (-29, -87), (-36.5, -119), (-41, -138), (-44, -154), width=6.4),
    ]
    meat = [
        flesh(
            (-3, 125, 30),
            (-3, 60, 29),
            (0, 10, 31),
            (2, -30, 40),
            (-3, -70, 43),
            (-4, -98, 38),
            thickness=1.0,
            edge=24,
            cap=0.2,
        ),
        flesh((25, -25, 18), (48, -62, 14), (60, -88, 11), (77, -125, 8), thickness=0.7, edge=12),
        flesh((18, -90, 12), (25, -143, 10.2), (30, -190, 7.5), thickness=0.62, edge=10),
        flesh((2.5, -90, 12), (4, -147, 10.4), (5, -199, 7.6), thickness=0.62, edge=10),
        flesh((-13, -85, 12), (-18.5, -136, 9.8), (-22, -185, 7.2), thickness=0.6, edge=10),
        flesh((-27, -76, 12), (-36.5, -119, 9), (-44.5, -157, 6.6), thickness=0.56, edge=9),
    ]
    return tuple(bones), tuple(meat)


_HAND_BREAKS = (
    Break("metacarpal 5", (0.72, 0.85)), Break("metacarpal 4", (0.35, 0.6), 40), Break("metacarpal 1", (0.12, 0.3), 35),
    Break("proximal phalanx 5", (0.2, 0.5)), Break("proximal phalanx 3", (0.3, 0.6), 40),
        Break("metacarpal 2", (0.4, 0.7), 35),
)  # fmt: skip
_WRIST_BREAKS = (
    Break("radius", (0.84, 0.92), 14),
    Break("scaphoid", (0.4, 0.6), 15),
    Break("ulnar styloid", (0.2, 0.5)),
)


@cache
def hand(squeeze: float = 1.0) -> Pose:
    """Hand, palm on the detector; squeezed sideways it passes for an oblique view."""
    return Pose(*_hand(), (-66, -214, 96, 62), _HAND_BREAKS, squeeze)


@cache
def finger(squeeze: float = 1.0) -> Pose:
    """One finger with its neighbours at the edge of the field."""
    breaks = (
        Break("distal phalanx 3", (0.35, 0.75), 15),
        Break("middle phalanx 3", (0.1, 0.6), 30),
        Break("proximal phalanx 3", (0.3, 0.8), 35),
    )
    return Pose(*_hand(), (-24, -208, 36, -92), breaks, squeeze)


@cache
def wrist() -> Pose:
    """Wrist, palm on the detector."""
    return Pose(*_hand(), (-52, -76, 56, 88), _WRIST_BREAKS)


@cache
def wrist_lateral() -> Pose:
    """Wrist from the side: forearm bones, carpals and metacarpals over each other."""
    bones = (
        tube(
            "radius",
            (-2, 110, 6.5),
            (-1, 55, 7.5),
            (-1, 24, 9.5),
            (-3, 8, 12.5),
            (-4, 2, 12.5),
            cortex=(2.4, 2.2, 0.7),
            cap=0.15,
        ),
        tube("ulna", (5, 110, 5.5), (6, 40, 5.5), (6, 8, 6.8), (6, 1, 7), cortex=(2.2, 2, 0.7), cap=0.3, density=0.85),
        shape("lunate", (-10, -3), (2, 0), (9, -6), (7, -14), (-1, -9), (-9, -13), density=0.8),
        shape("scaphoid", (-8, -5), (4, -6), (-4, -16), (-16, -24), (-18, -16), density=0.7),
        blob("triquetrum", 9, -11, 6, 6, density=0.55),
        blob("capitate", 1, -24, 8.5, 12, density=0.8),
        blob("trapezium", -14, -28, 7, 7, density=0.6),
        blob("hamate", 7, -25, 7, 9, density=0.55),
        *(
            _metacarpal(number, (x, -37), (x + lean, -104), 7.4)
            for number, x, lean in ((2, -5, -6), (3, 0, -1), (4, 3, 4), (5, 6, 8))
        ),
        _metacarpal(1, (-19, -34), (-40, -74), 8),
    )
    meat = (
        flesh((2, 125, 25), (1, 50, 24), (0, 5, 21), (-2, -40, 22), (0, -110, 20), thickness=1.1, edge=22, cap=0.3),
        flesh((-10, -25, 15), (-30, -58, 12), (-44, -84, 10), thickness=0.8, edge=12),
    )
    return Pose(bones, meat, (-58, -86, 48, 88), (Break("radius", (0.83, 0.91), 16),))


def _forearm_bones() -> tuple[Bone, ...]:
    return (
        tube("radius", (11, 117, 16), (11, 104, 14), (9.5, 85, 9.5), (11, 40, 7.2), (16, -20, 7.2), (13, -75, 7),
            (10, -98, 7.2), (9.5, -106, 9.5), (9.5, -114, 11), cortex=(0.8, 2.6, 0.9), cap=0.1),
        tube("ulna", (-19, 114, 8), (-18.5, 95, 6.2), (-15, 30, 6.4), (-11, -40, 7.5), (-9, -90, 10), (-9, -112, 14),
            (-8, -124, 13), (-6, -136, 11), cortex=(0.8, 2.6, 1.0), cap=0.3),
        shape("humerus", (-12, -270), (-12, -215), (-14, -185), (-22, -163), (-33, -147), (-33, -136), (-26, -128),
            (-16, -122), (-5, -123),
              (3, -118), (14, -117), (23, -122), (27, -134), (25, -148), (17, -166), (13, -190), (12, -215),
                  (12, -270), cortex=(3.0, 2.6, 0.8)),
        blob("olecranon fossa", 0, -138, 9, 10, density=-0.35),
        blob("lunate", 1, 126, 9, 8), blob("scaphoid", 15, 127, 8, 9), blob("triquetrum", -13, 128, 7, 7),
            blob("capitate", 2, 142, 8, 11),
        blob("trapezium", 20, 143, 8, 8), blob("hamate", -11, 142, 8, 10),
    )  # fmt: skip


@cache
def forearm(squeeze: float = 1.0) -> Pose:
    """Forearm with both joints; squeezed it passes for the side view."""
    meat = (
        flesh(
            (0, 175, 36), (0, 120, 33), (0, 60, 36), (3, -60, 48), (0, -125, 50), (0, -230, 44), thickness=1.2, edge=28
        ),
    )
    breaks = (Break("radius", (0.35, 0.6), 25), Break("ulna", (0.3, 0.6), 25), Break("radius", (0.1, 0.16), 12))
    return Pose(_forearm_bones(), meat, (-84, -168, 84, 158), breaks, squeeze)


@cache
def elbow() -> Pose:
    """Elbow from the front, stretched."""
    meat = (flesh((0, 60, 46), (0, -60, 49), (0, -125, 50), (0, -280, 44), thickness=1.3, edge=28),)
    breaks = (Break("radius", (0.94, 0.965), 12), Break("humerus", (0.72, 0.86), 14))
    return Pose(_forearm_bones(), meat, (-66, -214, 66, -28), breaks)


@cache
def elbow_lateral() -> Pose:
    """Elbow from the side, bent at a right angle."""
    bones = (
        shape("humerus", (-10, -130), (-9, -70), (-10, -35), (-12, -16), (-8, 2), (2, 10), (12, 8), (17, -2),
            (14, -14), (9, -32), (10, -70), (10, -130), cortex=(2.8, 2.4, 1.0)),
        shape("ulna", (-18, -8), (-10, 6), (-4, 17), (8, 20), (18, 16), (22, 22), (60, 20), (130, 18), (130, 29),
            (60, 34), (20, 40), (-8, 38), (-24, 22), (-25, 2),
              cortex=(1.4, 1.8, 2.4), axis=((-22, 12), (130, 24))),
        tube("radius", (20, 2, 10.5), (27, 3, 10), (35, 4, 7), (60, 6, 7), (130, 7, 6.5), cortex=(0.9, 1.8, 2.2),
            cap=0.15),
    )  # fmt: skip
    meat = (
        flesh((0, -150, 42), (0, -60, 40), (0, 6, 36), thickness=1.3, edge=26),
        flesh((-4, 16, 34), (40, 18, 40), (150, 18, 34), thickness=1.2, edge=26),
    )
    breaks = (Break("radius", (0.05, 0.11), 12), Break("ulna", (0.04, 0.12), 20), Break("humerus", (0.72, 0.8), 15))
    return Pose(bones, meat, (-62, -104, 118, 72), breaks)


def _shoulder_bones() -> tuple[Bone, ...]:
    ribs = tuple(
        tube(
            f"rib {n}",
            (-62 - 4 * n, 44 * n - 60, 5),
            (-92, 44 * n - 78, 6),
            (-140, 44 * n - 82, 6),
            (-200, 44 * n - 66, 6),
            cortex=(0.9, 0.9, 0.9),
            density=0.5,
        )
        for n in range(1, 5)
    )
    return (
        *ribs,
        tube("humerus", (-4, -4, 23.5), (-1, 10, 24.5), (7, 26, 22), (12, 44, 15.5), (15, 80, 12.5), (16, 150, 11.5),
            (16, 230, 11.5), (16, 262, 16), (15, 286, 29), (15, 297, 29),
             cortex=(0.8, 3.2, 0.8), cap=0.8),
        blob("tuberosity", 17, 2, 9, 15, angle=-20, density=0.5),
        shape("scapula", (-30, -20), (-27, 0), (-30, 22), (-40, 34), (-52, 70), (-72, 118), (-82, 120), (-84, 60),
            (-92, 0), (-100, -24), (-70, -26), (-44, -30),
              cortex=(0.8, 1.2, 0.8), density=0.55, spongy=0.5),
        tube("glenoid", (-31, -18, 4), (-28.5, 2, 4), (-32, 20, 4), density=0.6),
        tube("coracoid", (-50, -22, 6), (-34, -26, 7), (-26, -18, 6), density=0.5),
        tube("acromion", (-62, -40, 6), (-20, -48, 8), (4, -42, 8), (12, -34, 6), density=0.65, cortex=(0.9, 1.0, 0.9)),
        tube("clavicle", (-190, -30, 11), (-160, -38, 8), (-120, -50, 6.2), (-80, -56, 6), (-45, -52, 7.5),
            (-24, -48, 8.5), cortex=(1.0, 2.0, 1.0)),
        blob("radial head", 30, 309, 11, 9), blob("ulna", 8, 316, 14, 16),
    )  # fmt: skip


def _shoulder_flesh() -> tuple[Flesh, ...]:
    return (
        mass((-230, -70), (-150, -72), (-90, -88), (-40, -82), (10, -72), (36, -52), (44, -10), (30, 40), (-20, 70),
            (-60, 110), (-84, 200), (-90, 420), (-230, 420),
             thickness=1.5, edge=34),
        flesh((2, -20, 44), (10, 60, 46), (16, 180, 44), (16, 340, 46), thickness=1.3, edge=28),
        # Air in the lung takes away what the chest wall adds.
        mass((-240, -30), (-160, -50), (-100, -20), (-92, 60), (-100, 200), (-120, 420), (-240, 420),
            thickness=-0.95, edge=20),
    )  # fmt: skip


_SHOULDER_BREAKS = (Break("humerus", (0.11, 0.16), 16), Break("humerus", (0.12, 0.18), 30))


@cache
def shoulder(squeeze: float = 1.0) -> Pose:
    """Shoulder from the front."""
    return Pose(_shoulder_bones(), _shoulder_flesh(), (-128, -104, 62, 128), _SHOULDER_BREAKS, squeeze)


@cache
def clavicle() -> Pose:
    """Clavicle from the front."""
    return Pose(
        _shoulder_bones(),
        _shoulder_flesh(),
        (-206, -112, 40, 66),
        (Break("clavicle", (0.4, 0.65), 30), Break("clavicle", (0.85, 0.92), 15)),
    )


@cache
def upper_arm(squeeze: float = 1.0) -> Pose:
    """Humerus with both joints."""
    return Pose(
        _shoulder_bones(),
        _shoulder_flesh(),
        (-76, -84, 80, 336),
        (Break("humerus", (0.35, 0.65), 30), Break("humerus", (0.75, 0.85), 25)),
        squeeze,
    )

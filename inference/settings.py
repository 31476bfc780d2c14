"""The settings that this package uses; `pipelines.config` fills them from a site's file."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

# Regions that the embedded model was trained on (hand to shoulder, hip to foot); a limb whose part is not said.
VALIDATED_REGIONS = frozenset(
    {
        "hand",
        "finger",
        "wrist",
        "forearm",
        "elbow",
        "upper_arm",
        "shoulder",
        "clavicle",
        "pelvis",
        "hip",
        "thigh",
        "knee",
        "lower_leg",
        "ankle",
        "foot",
        "toe",
        "limb",
    }
)


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What a site takes: limits of the gate and scope of inference."""

    time_zone: ZoneInfo
    modalities: frozenset[str] = frozenset({"CR", "DX"})
    regions: frozenset[str] = VALIDATED_REGIONS
    max_file_bytes: int = 512 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_message_bytes: int = 8 * 1024 * 1024
    future_tolerance_hours: float = 24.0
    # Where a report says whether its author saw the AI result: see `inference.ai_seen`.
    ai_seen: str | None = None


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """Limits of the sandboxed decoder: seconds for each image, memory beyond the idle child's.

    `model_side`: the side in pixels of a model's input, where a picture is for it alone; single-channel
    images are then reduced first, to no less than that (`inference.coarse`). None: every pixel counts.
    `engine`: ``torch`` or ``onnx`` (see `inference.bundle.load`).
    `pictures`: JPEG and PNG are read too, as they come to an evaluation and never to a night.
    """

    workers: int = 2
    seconds: float = 8.0
    memory_mb: int = 500
    max_side: int = 1024
    max_pixels: int = 50_000_000
    model_side: int | None = None
    engine: str = "torch"
    pictures: bool = False

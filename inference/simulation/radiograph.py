"""Drawn radiographs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn radiograph: `image` is float32 [rows, columns] in 0..1, bone bright; `box` the fracture."""

    image: NDArray[np.float32]
    box: tuple[float, float, float, float] | None


def draw(
    region: str,
    view: str,
    seed: int,
    *,
    laterality: str | None = None,
    fracture: bool = False,
    markers: Any = ("L", "R"),
) -> Drawing:
    """Draw one view."""
    rng = np.random.default_rng(seed)
    image = np.clip(rng.normal(0.4, 0.02, (900, 700)), 0, 1).astype(np.float32)
    return Drawing(image, (10, 10, 50, 50) if fracture else None)

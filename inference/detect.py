"""Pixels to detections: letterbox, score, boxes and heat map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.float32]

_DARK_PERCENTILE = 0.5
_BRIGHT_PERCENTILE = 99.5


def letterbox(image: Array, size: int) -> tuple[Array, float, int, int]:
    """Fit an image into a square, normalise its grey levels and pad with 0.

    Training and the night use this one function, so the network never meets an
    input prepared in another way. Grey levels are stretched between two
    percentiles of the image itself: the window chosen at the console, the bit
    depth and an 8-bit JPEG then matter little.

    Parameters
    ----------
    image
        float32 [rows, columns] in 0..1, bone bright.
    size
        Side of the square in pixels.

    Returns
    -------
    square, scale, top, left
        float32 [size, size] in 0..1; square pixels per image pixel; row and
        column of the image's first pixel in the square.
    """
    rows, columns = image.shape
    scale = size / max(rows, columns)
    height, width = max(1, round(rows * scale)), max(1, round(columns * scale))
    # Pillow's bilinear filter widens with the reduction: every source pixel counts.
    resized = np.asarray(
        Image.fromarray(np.ascontiguousarray(image, dtype=np.float32)).resize(
            (width, height), Image.Resampling.BILINEAR
        ),
        dtype=np.float32,
    )
    dark, bright = np.percentile(resized, (_DARK_PERCENTILE, _BRIGHT_PERCENTILE))
    square = np.zeros((size, size), dtype=np.float32)
    top, left = (size - height) // 2, (size - width) // 2
    if bright - dark > 1e-6:
        square[top : top + height, left : left + width] = np.clip(
            (resized - dark) / (bright - dark), 0.0, 1.0
        )
    return square, scale, top, left

"""Text that is written into the pixels of a radiograph: a name on a film, a line of an exporting workstation.

Text is a row of several separate strokes of one height and one brightness; bone is not. What is looked for is such a
row, bright or dark, of at least five strokes: the markers that belong on a radiograph (L, R, a side and initials)
are shorter.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Grey = npt.NDArray[np.uint8]
Pick = Callable[[Grey, Grey], Grey]

# A row of fewer strokes is a marker of the side.
LEAST_STROKES = 5
# Heights of strokes in pixels of the picture for the model: below, letters cannot be told and not be read.
_LOWEST, _HIGHEST = 4, 64
_WIDEST_STROKE = 2.5  # of its height
_LONGEST_GAP = 1.2  # of the height, from the end of a stroke to the next
_CONTRAST = 63  # of 255 grey levels: a quarter
# Noise all over has more; comparing each with each would take seconds.
_MOST_STROKES = 3000
# Wider than the strokes of a letter, narrower than a bone; in the same pixels.
_STROKE = 15


def has_text(levels: Grey) -> bool:
    """Whether a picture holds a row of at least five letters or digits, as far as they can be told from bone.

    Letters that touch each other, stand upright along an edge, or differ little from what is behind them are missed.

    Parameters
    ----------
    levels
        uint8 [rows, columns]: a byte each, which makes the passes below several times as fast as larger numbers.
    """
    # Strokes are thinner than what is behind them: what an opening takes away is bright, what a closing fills dark.
    bright = levels - _smoothed(levels, np.minimum, np.maximum)
    dark = _smoothed(levels, np.maximum, np.minimum) - levels
    return any(_row(strokes > _CONTRAST) for strokes in (bright, dark))


def _smoothed(image: Grey, first: Pick, second: Pick) -> Grey:
    """Opening (minimum, then maximum) or closing of a picture by a square of `_STROKE` pixels."""
    edge = _STROKE - 1
    result = np.pad(image, edge, mode="edge")
    for pick in (first, second):
        for axis in (0, 1):
            result = _windows(result, pick, axis)
    return result


def _windows(image: Grey, pick: Pick, axis: int) -> Grey:
    """Extreme of each `_STROKE` neighbours along an axis: doubling their number takes few passes over the picture."""
    size = 1
    while size < _STROKE:
        step = min(size, _STROKE - size)
        end = image.shape[axis] - step
        lines = image if axis == 0 else image.T
        lines = pick(lines[:end], lines[step:])
        image = lines if axis == 0 else lines.T
        size += step
    return image


def _row(mask: npt.NDArray[np.bool_]) -> bool:
    rows, columns = (_inhabited(np.asarray(mask.any(axis))) for axis in (1, 0))
    if not rows.size:
        return False
    labelled, _ = ndimage.label(mask[np.ix_(rows, columns)], structure=np.ones((3, 3)))
    boxes = [
        (rows[down.start], rows[down.stop - 1] + 1, columns[across.start], columns[across.stop - 1] + 1)
        for down, across in ndimage.find_objects(labelled)
    ]
    strokes = np.array(
        [
            box
            for box in boxes
            if _LOWEST <= box[1] - box[0] <= _HIGHEST and box[3] - box[2] <= _WIDEST_STROKE * (box[1] - box[0])
        ]
    )
    if len(strokes) < LEAST_STROKES:
        return False
    if len(strokes) > _MOST_STROKES:
        return True  # nobody looked: the safe side is to show nothing
    return _longest_row(strokes[np.argsort(strokes[:, 2], kind="stable")]) >= LEAST_STROKES


def _inhabited(line: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return where a line is set, and one place after each such run, which keeps apart what is apart."""
    kept = line.copy()
    kept[1:] |= line[:-1]
    return np.flatnonzero(kept)


def _longest_row(strokes: npt.NDArray[np.int64]) -> int:
    """Return the number of strokes of the longest row; strokes sorted by their left edge."""
    top, bottom, left, right = strokes.T
    height = bottom - top
    longest = np.ones(len(strokes), int)
    for index in range(len(strokes)):
        # What may stand before this stroke: as high, on the same line, near and to the left of it.
        gap = left[index] - right[:index]
        alike = np.abs(height[:index] - height[index]) <= 0.35 * np.maximum(height[:index], height[index])
        level = np.abs(bottom[:index] - bottom[index]) <= 0.3 * height[index]
        near = (gap >= -1) & (gap <= _LONGEST_GAP * np.maximum(height[:index], height[index]))
        before = np.flatnonzero(alike & level & near)
        if len(before):
            longest[index] = longest[before].max() + 1
    return int(longest.max())

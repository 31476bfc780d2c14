"""Stored values to grey levels: one table from every possible stored value to 0..1, then reduction.

A table of at most 65,536 entries holds modality LUT, VOI, padding and inversion together; the
image itself is touched once, in bands, so that memory stays near the stored image's own size.

References
----------
DICOM PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.1 (SIGMOID), C.11.2.1.3.2 (LINEAR_EXACT).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference import lookup
from inference.dataset import DataSet
from inference.lookup import Table, Window
from inference.pixel_format import PROCESSES, PixelFormat

Stored = npt.NDArray[Any]
Grey = npt.NDArray[np.float32]
Levels = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_PADDING_VALUE, _PADDING_LIMIT = 0x00280120, 0x00280121
_BAND_PIXELS = 1 << 22
_SAMPLE = 1 << 18
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True, slots=True)
class Values:
    """How stored values of one image become grey levels; `padding` is an inclusive range."""

    form: PixelFormat
    slope: float
    intercept: float
    modality: Table | None
    voi: Table | Window | None
    padding: tuple[int, int] | None

    @classmethod
    def of(cls, dataset: DataSet, form: PixelFormat) -> Values | None:
        """Read them from a header; None when the rescale is wrong. A wrong window is ignored."""
        rescale = lookup.rescale(dataset)
        modality = lookup.modality_table(dataset, form.signed)
        if rescale is None or isinstance(modality, bool):
            return None
        voi = lookup.voi(dataset, form.signed)
        padding = dataset.shorts(_PADDING_VALUE, form.signed)[:1] + dataset.shorts(_PADDING_LIMIT, form.signed)[:1]
        limits = (min(padding), max(padding)) if padding and _PADDING_VALUE in dataset.elements else None
        return cls(form, *rescale, modality, None if isinstance(voi, bool) else voi, limits)


def render(stored: Stored, values: Values, max_side: int) -> tuple[Grey, float]:
    """Turn stored values into a picture.

    Parameters
    ----------
    stored
        Integers [rows, columns] or [rows, columns, samples], high bits not yet masked.

    Returns
    -------
    image, scale
        float32 in 0..1, bone bright, long side at most `max_side`; stored pixels per its pixel.
    """
    form = values.form
    if form.samples == 3:
        return reduce(stored, max_side, lambda band: _luminance(band, form))
    codes, levels = _codes(stored, form)
    table = _grey_table(codes, levels, values)
    mask = min(len(table), 1 << 8 * codes.dtype.itemsize) - 1
    return reduce(codes, max_side, lambda band: table[band & mask])


def render_means(means: Grey, values: Values) -> Grey:
    """Turn means of stored values (`inference.coarse`) into a picture of their size, float32 in 0..1, bone bright."""
    codes = np.rint(means).astype(np.uint16)
    form = values.form
    table = _grey_table(codes, np.arange(1 << form.bits_stored, dtype=np.float64), values)
    below = means.astype(np.int32)
    share = means - below
    return table[below] * (1 - share) + table[np.minimum(below + 1, len(table) - 1)] * share


@dataclass(frozen=True, slots=True)
class Shown:
    """What a viewer windows itself: bone bright, padding black, every stored level told apart.

    Attributes
    ----------
    values
        uint8 or uint16 [rows, columns].
    low, high
        The window at first, in units of `values`.
    slope, intercept
        ``slope * value + intercept`` is the output of the modality LUT; the slope is negative where
        the image is stored bone dark (MONOCHROME1). None where a LUT or a sigmoid is within `values`.
    """

    values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    low: float
    high: float
    slope: float | None
    intercept: float | None


def shown(stored: Stored, values: Values) -> Shown:
    """Turn stored values into what a viewer windows itself, in full size and depth."""
    if values.form.samples == 3:
        grey = _luminance(stored, values.form)
        return Shown(np.rint(grey * 255).astype(np.uint8), 0.0, 255.0, None, None)
    codes, levels = _codes(stored, values.form)
    output, padded, counts = _output(codes, levels, values)
    baked = isinstance(values.voi, Table) or (isinstance(values.voi, Window) and values.voi.function == "SIGMOID")
    grey_levels = None if values.voi is None else _voi(output, values.voi)
    useful = grey_levels is not None and not _flat(grey_levels, counts)
    if baked and useful and grey_levels is not None:
        output, low, high = grey_levels, 0.0, 1.0
    elif isinstance(values.voi, Window) and useful and not baked:
        low, high = _edges(values.voi)
    else:
        low, high = _limits(output, counts) or (float(output.min()), float(output.max()))
    least, most = float(output.min()), float(output.max())
    # An affine or integer LUT keeps its own step: each level has its own value.
    step = max((most - least) / 65535, 1.0 if values.modality else (most - least) / max(1, len(levels) - 1)) or 1.0
    table = np.rint((output - least) / step)
    low, high, slope, intercept = (low - least) / step, (high - least) / step, step, least
    if values.form.photometric == "MONOCHROME1":
        top = float(table.max())
        table, low, high, slope, intercept = top - table, top - high, top - low, -step, least + step * top
    table[padded] = 0
    kind = np.uint8 if table.max() <= 255 else np.uint16
    mask = min(len(table), 1 << 8 * codes.dtype.itemsize) - 1
    picture = table.astype(kind)[codes & mask]
    linear = not (baked and useful)
    return Shown(picture, low, max(high, low + 1), slope if linear else None, intercept if linear else None)


def _edges(window: Window) -> tuple[float, float]:
    if window.function == "LINEAR":
        half, center = (window.width - 1) / 2, window.center - 0.5
    else:
        half, center = window.width / 2, window.center
    return center - half, center + half


def _luminance(band: Stored, form: PixelFormat) -> Grey:
    if form.photometric in ("YBR_FULL", "YBR_FULL_422") and form.transfer_syntax not in PROCESSES:
        grey = band[..., 0].astype(np.float32)  # native or RLE: Y is the luminance itself
    else:
        grey = band.astype(np.float32) @ _LUMINANCE
    result: Grey = np.clip(grey / np.float32((1 << form.bits_stored) - 1), 0, 1).astype(np.float32)
    return result


def _codes(stored: Stored, form: PixelFormat) -> tuple[Stored, Levels]:
    """Return unsigned codes of at most 16 bits and, for each possible code, the stored value."""
    if form.bits_allocated == 32:
        signs = stored.astype(np.int32 if form.signed else np.uint32, copy=False)
        if form.bits_stored < 32:
            signs = signs & ((1 << form.bits_stored) - 1)
        low, high = int(signs.min()), int(signs.max())
        step = max(1.0, (high - low) / 65535)
        codes = np.rint((signs - np.float64(low)) / step).astype(np.uint16)
        return codes, low + step * np.arange(65536, dtype=np.float64)
    levels = np.arange(1 << form.bits_stored, dtype=np.float64)
    if form.signed:
        levels[levels >= 1 << (form.bits_stored - 1)] -= 1 << form.bits_stored
    if stored.dtype.kind == "i":
        stored = stored.view(f"u{stored.dtype.itemsize}")
    return stored, levels


def _output(codes: Stored, levels: Levels, values: Values) -> tuple[Levels, npt.NDArray[np.bool_], Counts]:
    """Output of the modality LUT, whether it is padding, and how often it occurs, for each stored level."""
    output = _modality(levels, values)
    padded = np.zeros(len(levels), bool)
    if values.padding is not None:
        padded = (levels >= values.padding[0]) & (levels <= values.padding[1])
    counts = _counts(codes, len(levels))
    counts[padded] = 0
    return output, padded, counts


def _grey_table(codes: Stored, levels: Levels, values: Values) -> Grey:
    output, padded, counts = _output(codes, levels, values)
    grey = None if values.voi is None else _voi(output, values.voi)
    if grey is None or _flat(grey, counts):
        grey = _stretch(output, counts)
    if values.form.photometric == "MONOCHROME1":
        grey = 1.0 - grey
    grey[padded] = 0.0
    return grey.astype(np.float32)


def _modality(levels: Levels, values: Values) -> Levels:
    if values.modality is not None:
        return _look_up(levels, values.modality)
    return levels * values.slope + values.intercept


def _look_up(levels: Levels, table: Table) -> Levels:
    entries = np.asarray(table.values, np.float64)
    places = np.clip(np.rint(levels) - table.first, 0, len(entries) - 1).astype(np.int64)
    found: Levels = np.take(entries, places)
    return found


def _voi(output: Levels, voi: Table | Window) -> Levels:
    if isinstance(voi, Table):
        return _look_up(output, voi) / ((1 << voi.bits) - 1)
    center, width = voi.center, voi.width
    if voi.function == "SIGMOID":
        return 1.0 / (1.0 + np.exp(np.clip(-4.0 * (output - center) / width, -700, 700)))
    if voi.function == "LINEAR_EXACT":
        return np.clip((output - center) / width + 0.5, 0, 1)
    if width == 1:
        return (output > center - 0.5).astype(np.float64)
    return np.clip((output - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def _counts(codes: Stored, size: int) -> Counts:
    """Histogram of a regular sample of the image."""
    step = max(1, int(np.sqrt(codes.size / _SAMPLE)))
    sample = codes[::step, ::step].astype(np.int64) & (size - 1)
    return np.bincount(sample.ravel(), minlength=size)


def _flat(grey: Levels, counts: Counts) -> bool:
    """Whether a window leaves nothing to see: nearly all pixels on one grey level."""
    present = counts > 0
    if not present.any():
        return False
    levels = np.rint(grey[present] * 255).astype(np.int64)
    shares = np.bincount(levels, weights=counts[present])
    several = int(present.sum()) > 1
    return several and bool(shares.max() > 0.999 * shares.sum())


def _stretch(output: Levels, counts: Counts) -> Levels:
    """Stretch between the 0.5th and 99.5th percentile of the image."""
    limits = _limits(output, counts)
    if limits is None or limits[1] <= limits[0]:
        return np.zeros_like(output)
    return np.clip((output - limits[0]) / (limits[1] - limits[0]), 0, 1)


def _limits(output: Levels, counts: Counts) -> tuple[float, float] | None:
    """Return the 0.5th and 99.5th percentile of the image, its extremes where they are the same."""
    present = np.flatnonzero(counts)
    if present.size == 0:
        return None
    order = present[np.argsort(output[present], kind="stable")]
    shares = np.cumsum(counts[order]) / counts[order].sum()
    low = output[order[np.searchsorted(shares, 0.005)]]
    high = output[order[min(int(np.searchsorted(shares, 0.995)), len(order) - 1)]]
    if high <= low:
        low, high = output[order[0]], output[order[-1]]
    return float(low), float(high)


def reduce(stored: Stored, max_side: int, level: Callable[[Stored], Grey]) -> tuple[Grey, float]:
    """Reduce by area to a long side of at most `max_side`, applying `level` to bands of rows.

    Whole factors first (means of blocks, partial ones at the lower and right edges), then the rest.
    """
    from PIL import Image  # noqa: PLC0415

    rows, columns = stored.shape[:2]
    # At least a factor of two is left to the second step: partial blocks then shift nothing visibly.
    factor = max(1, max(rows, columns) // (2 * max_side))
    height = max(factor, _BAND_PIXELS // max(1, columns) // factor * factor)
    bands = [_means(level(stored[top : top + height]), factor) for top in range(0, rows, height)]
    image = bands[0] if len(bands) == 1 else np.concatenate(bands)
    scale = float(factor)
    longest = max(image.shape)
    if longest > max_side:
        size = [max(1, round(side * max_side / longest)) for side in image.shape]
        image = np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BOX))
        scale *= longest / max_side
    return np.ascontiguousarray(image, dtype=np.float32), scale


def _means(band: Grey, factor: int) -> Grey:
    if factor == 1:
        return band
    tops, lefts = np.arange(0, band.shape[0], factor), np.arange(0, band.shape[1], factor)
    sums = np.add.reduceat(np.add.reduceat(band, tops, axis=0), lefts, axis=1)
    heights = np.diff(np.append(tops, band.shape[0])).astype(np.float32)
    widths = np.diff(np.append(lefts, band.shape[1])).astype(np.float32)
    result: Grey = (sums / heights[:, None] / widths[None, :]).astype(np.float32)
    return result

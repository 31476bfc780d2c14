"""Pixels to the picture a radiologist sees: decoded, rescaled, windowed, bone bright, reduced.

Unsafe by nature (decoders written in C read hostile bytes): `decode` and `display` are called in the sandboxed
children of `inference.child` only.

References
----------
DICOM PS3.3 C.11.1 (modality LUT), C.11.2 (VOI LUT and window), C.7.6.3.1 (image pixels),
C.7.5.1.1.2 (pixel padding), PS3.5 section 8 and annex G (RLE).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference import coarse, codestream, grey
from inference.byte_source import opened
from inference.dataset import PIXEL_DATA, DataSet
from inference.dicom_file import read
from inference.lookup import number
from inference.pixel_format import (
    NATIVE,
    PROCESSES,
    RLE,
    PixelFormat,
    first_frame,
    has_pixels,
    judge_pixels,
    read_format,
    unusual,
)
from inference.records import Rejection
from inference.settings import DecodeSettings

Grey = npt.NDArray[np.float32]
Stored = npt.NDArray[Any]
_PIXEL_SPACING, _IMAGER_PIXEL_SPACING = 0x00280030, 0x00181164


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture ready for the model.

    Attributes
    ----------
    image
        float32 [rows, columns] in 0..1, bone bright, long side at most `max_side`.
    rows, columns
        Size of the stored image.
    scale
        Stored pixels per pixel of `image`.
    """

    image: Grey
    rows: int
    columns: int
    scale: float


def decode(path: Path, settings: DecodeSettings) -> Prepared | Rejection:
    """Decode the first frame of a DICOM image for a model.

    Modality LUT or rescale, then the first VOI LUT or window (percentiles of the image when it is
    missing or useless), pixel padding to black, MONOCHROME1 inverted, colour to luminance.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with opened(path) as source:
        judged = _judged(read(source), settings)
        if isinstance(judged, Rejection):
            return judged
        found, values, form = judged
        times = coarse.halvings(form, values, settings.model_side)
        means = _low_pass(found, form, times)
        stored = _stored(found, form) if means is None else None
        if isinstance(stored, str):
            return _refuse(stored)
        if stored is not None and times:
            means = coarse.averaged(stored, form, times)
        if means is not None:
            return Prepared(grey.render_means(means, values), form.rows, form.columns, float(1 << times))
        assert stored is not None  # noqa: S101 - there are no means of an image that is not halved
        image, scale = grey.render(stored, values, settings.max_side)
        return Prepared(image, form.rows, form.columns, scale)


@dataclass(frozen=True, slots=True)
class Display:
    """A picture for a viewer that windows it itself: full size, full depth, bone bright, padding black.

    Attributes
    ----------
    values
        The pixels row by row, `bits` (8 or 16, little-endian, unsigned) for each.
    low, high
        The window at first, in units of `values`; `slope` and `intercept` make them units of the
        modality LUT's output, where that is possible.
    photometric
        As stored: bone dark (MONOCHROME1) has been turned.
    spacing
        Millimetres between rows and between columns, or None; `spacing_at` says where they are true:
        in the patient (PixelSpacing) or at the detector (ImagerPixelSpacing).
    """

    values: bytes
    bits: int
    rows: int
    columns: int
    low: float
    high: float
    slope: float | None
    intercept: float | None
    photometric: str
    spacing: tuple[float, float] | None
    spacing_at: str | None


def display(path: Path, settings: DecodeSettings) -> Display | Rejection:
    """Decode the first frame of a DICOM image for a viewer.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with opened(path) as source:
        judged = _judged(read(source), settings)
        if isinstance(judged, Rejection):
            return judged
        dataset, values, form = judged
        stored = _stored(dataset, form)
        if isinstance(stored, str):
            return _refuse(stored)
        made = grey.shown(stored, values)
        spacing, where = _spacing(dataset)
        return Display(
            values=made.values.astype(made.values.dtype.newbyteorder("<"), copy=False).tobytes(),
            bits=8 * made.values.dtype.itemsize,
            rows=form.rows,
            columns=form.columns,
            low=made.low,
            high=made.high,
            slope=made.slope,
            intercept=made.intercept,
            photometric=form.photometric,
            spacing=spacing,
            spacing_at=where,
        )


def _spacing(dataset: DataSet) -> tuple[tuple[float, float] | None, str | None]:
    for tag, where in ((_PIXEL_SPACING, "patient"), (_IMAGER_PIXEL_SPACING, "detector")):
        numbers = [number(text) for text in dataset.strings(tag)]
        if len(numbers) == 2 and all(value is not None and 1e-3 < value < 10 for value in numbers):
            return (numbers[0] or 0.0, numbers[1] or 0.0), where
    return None, None


def _judged(found: DataSet | None, settings: DecodeSettings) -> tuple[DataSet, grey.Values, PixelFormat] | Rejection:
    if found is None:
        return Rejection("not_dicom", ("NOT_DICOM",))
    form, problems = _checked(found, settings.max_pixels)
    values = None if form is None else grey.Values.of(found, form)
    if problems or form is None or values is None:
        return _refuse(*problems or ["BAD_RESCALE"])
    return found, values, form


def _low_pass(found: DataSet, form: PixelFormat, times: int) -> Grey | None:
    """JPEG 2000 at part of its resolution; None where the full decoder is to judge."""
    if not times or PROCESSES.get(form.transfer_syntax) != "jpeg-2000":
        return None
    data = first_frame(found, form)
    return coarse.low_pass(data, form, times) if codestream.ends_well(data, "jpeg-2000") else None


def decode_any(path: Path, settings: DecodeSettings) -> Prepared | Rejection:
    """Decode a DICOM image, told by its prefix, or else a JPEG or PNG.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        is_dicom = file.read(132)[128:] == b"DICM"
    return decode(path, settings) if is_dicom else read_picture(path, settings.max_side, settings.max_pixels)


def _checked(found: DataSet, max_pixels: int) -> tuple[PixelFormat | None, list[str]]:
    """Check again what the gate checked: the decoder trusts nobody's word for it."""
    if found.problems or not has_pixels(found):
        return None, found.problems or ["NO_PIXEL_DATA"]
    form, problems = read_format(found)
    if form is not None:
        problems = judge_pixels(found, form, max_pixels) or unusual(form)
    return form, problems


def read_picture(path: Path, max_side: int = 1024, max_pixels: int = 50_000_000) -> Prepared | Rejection:
    """Read a JPEG or PNG radiograph (bone bright as it is) as a picture ready for the model.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 - the DICOM children do without it

    data = path.read_bytes()
    try:
        with Image.open(_stream(data), formats=("JPEG", "PNG")) as picture:
            if picture.width * picture.height > max_pixels:
                return _refuse("DECOMPRESSION_BOMB")
            upright = ImageOps.exif_transpose(picture)
            deep = upright.mode.startswith("I")
            pixels = np.asarray(upright if deep else upright.convert("L"))
    except Image.DecompressionBombError:
        return _refuse("DECOMPRESSION_BOMB")
    except (OSError, ValueError, SyntaxError, TypeError, OverflowError, EOFError, IndexError, KeyError):
        return _refuse("PIXEL_DECODE")
    top = 65535.0 if deep else 255.0
    image, scale = grey.reduce(pixels, max_side, lambda band: band.astype(np.float32) / np.float32(top))
    return Prepared(np.clip(image, 0, 1), pixels.shape[0], pixels.shape[1], scale)


def _stream(data: bytes) -> Any:
    from io import BytesIO  # noqa: PLC0415

    return BytesIO(data)


def _refuse(*codes: str) -> Rejection:
    return Rejection("quarantined", tuple(dict.fromkeys(codes)))


def _stored(found: DataSet, form: PixelFormat) -> Stored | str:
    """Stored values [rows, columns] or [rows, columns, samples] as integers, or a reason code."""
    if form.transfer_syntax in NATIVE:
        return _native(found, form)
    data = first_frame(found, form)
    if form.transfer_syntax == RLE:
        return _rle(data, form)
    return _coded(data, form)


def _native(found: DataSet, form: PixelFormat) -> Stored | str:
    width = form.bits_allocated // 8
    kind = np.dtype(f"{'>' if found.big_endian else '<'}u{width}")
    offset = found.elements[PIXEL_DATA].offset
    count = form.frame_bits // form.bits_allocated
    data = found.source.read(offset, count * width)
    if len(data) < count * width:
        return "TRUNCATED"
    if width == 1 and found.big_endian and found.elements[PIXEL_DATA].vr == "OW":
        data = np.frombuffer(data + b"\0" * (len(data) % 2), "<u2").byteswap().tobytes()[: count * width]
    flat = np.frombuffer(data, kind)
    if form.photometric == "YBR_FULL_422":
        # Y1 Y2 Cb Cr of each pair; the luminance is all that is wanted of it.
        return np.repeat(flat.reshape(form.rows, -1, 4)[:, :, :2].reshape(form.rows, form.columns, 1), 3, axis=2)
    if form.samples == 1:
        return flat.reshape(form.rows, form.columns)
    if form.planar == 1:
        return np.moveaxis(flat.reshape(form.samples, form.rows, form.columns), 0, 2)
    return flat.reshape(form.rows, form.columns, form.samples)


def _rle(data: bytes, form: PixelFormat) -> Stored | str:
    """Byte planes, most significant first, each in PackBits (PS3.5 annex G)."""
    from imagecodecs import packbits_decode  # noqa: PLC0415

    count = int.from_bytes(data[:4], "little")
    starts = [int.from_bytes(data[4 * index : 4 * index + 4], "little") for index in range(1, count + 1)]
    size = form.rows * form.columns
    width = form.bits_allocated // 8
    result = np.zeros((form.samples, width, size), np.uint8)
    for plane, (start, end) in enumerate(zip(starts, [*starts[1:], len(data)], strict=True)):
        found = _unpack(data[start:end], size, packbits_decode)
        if found is None:
            return "PIXEL_DECODE"
        # Planes come most significant byte first; numpy's little-endian view wants them last.
        result[plane // width, width - 1 - plane % width] = found
    values = np.ascontiguousarray(np.moveaxis(result, 1, 2)).view(f"<u{width}")
    values = values.reshape(form.samples, form.rows, form.columns)
    return values[0] if form.samples == 1 else np.moveaxis(values, 0, 2)


def _unpack(data: bytes, size: int, unpack: Any) -> npt.NDArray[np.uint8] | None:
    """Unpack one segment to exactly `size` bytes; its even padding may add one run."""
    from imagecodecs import PackbitsError  # noqa: PLC0415

    for packed in (data, data[:-1]):
        try:
            found = np.frombuffer(unpack(packed), np.uint8)
        except (PackbitsError, ValueError, RuntimeError):
            continue
        if len(found) >= size:
            return found[:size]
    return None


def _coded(data: bytes, form: PixelFormat) -> Stored | str:
    import imagecodecs  # noqa: PLC0415

    stream = codestream.describe(data)
    if stream is None or not codestream.ends_well(data, stream.process):
        return "PIXEL_DECODE"
    try:
        if stream.process == "jpeg-ls":
            pixels = imagecodecs.jpegls_decode(data)
        elif stream.process == "jpeg-2000":
            pixels = imagecodecs.jpeg2k_decode(data)
        else:
            pixels = imagecodecs.jpeg8_decode(data)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - each codec has its own error class, and a message that may quote the stream
        return "PIXEL_DECODE"
    expected = (form.rows, form.columns) if form.samples == 1 else (form.rows, form.columns, form.samples)
    if pixels.shape != expected:
        return "PIXEL_DECODE"
    if form.samples == 1 and not form.signed and stream.precision > form.bits_stored:
        # Lossy coding overshoots the declared range a little; masking would turn white into black.
        pixels = np.minimum(pixels, (1 << form.bits_stored) - 1)
    return np.asarray(pixels)

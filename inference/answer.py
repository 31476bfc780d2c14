"""What a sandboxed child answers: written there, and checked here as one checks hostile input."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from inference.records import Rejection

if TYPE_CHECKING:
    from inference.pixels import Display, Prepared


class LostError(Exception):
    """The child gave no whole answer; carries the reason code only."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def told(result: Prepared | Display) -> tuple[dict[str, Any], bytes]:
    """Return a result as the line of JSON and the numbers that the child sends."""
    import numpy as np  # noqa: PLC0415

    from inference.pixels import Display  # noqa: PLC0415

    if isinstance(result, Display):
        head = asdict(result)
        data = head.pop("values")
        return {**head, "bytes": len(data)}, data
    data = np.ascontiguousarray(result.image, "<f4").tobytes()
    shape = {"height": result.image.shape[0], "width": result.image.shape[1]}
    return {**shape, "rows": result.rows, "columns": result.columns, "scale": result.scale, "bytes": len(data)}, data


def refused(head: dict[str, Any]) -> Rejection | None:
    """Return the refusal that an answer is, or None.

    Raises
    ------
    LostError
        If it is neither a refusal nor anything else that we send.
    """
    from inference.reasons import REASONS  # noqa: PLC0415

    if "reasons" not in head:
        return None
    try:
        codes = tuple(str(code) for code in head["reasons"])
        outcome = head["outcome"]
    except (KeyError, TypeError):
        raise LostError("DECODE_CRASH") from None
    if not codes or any(code not in REASONS for code in codes) or outcome not in ("quarantined", "not_dicom"):
        raise LostError("DECODE_CRASH")
    return Rejection(outcome, codes)


def prepared(head: dict[str, Any], data: bytearray) -> Prepared:
    """Return the picture for the model that an answer is.

    Raises
    ------
    LostError
        If its parts do not belong together.
    """
    import numpy as np  # noqa: PLC0415

    from inference.pixels import Prepared  # noqa: PLC0415

    try:
        image = np.frombuffer(data, "<f4").reshape(int(head["height"]), int(head["width"]))
        result = Prepared(
            image.astype(np.float32, copy=False), int(head["rows"]), int(head["columns"]), float(head["scale"])
        )
    except (KeyError, ValueError, TypeError, OverflowError):
        raise LostError("DECODE_CRASH") from None
    if image.size == 0 or not np.isfinite(image).all() or not 0 < result.scale < 1e6:
        raise LostError("DECODE_CRASH")
    return result


def displayed(head: dict[str, Any], data: bytearray) -> Display:
    """Return the picture for a viewer that an answer is.

    Raises
    ------
    LostError
        If its parts do not belong together.
    """
    from inference.pixels import Display  # noqa: PLC0415

    try:
        rows, columns, bits = int(head["rows"]), int(head["columns"]), int(head["bits"])
        low, high = float(head["low"]), float(head["high"])
        scale = None if head["slope"] is None else (float(head["slope"]), float(head["intercept"]))
        spacing = None if head["spacing"] is None else (float(head["spacing"][0]), float(head["spacing"][1]))
        names = (str(head["photometric"])[:16], None if spacing is None else str(head["spacing_at"])[:16])
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        raise LostError("DECODE_CRASH") from None
    numbers = (low, high, *(scale or ()), *(spacing or ()))
    if (
        bits not in (8, 16)
        or rows <= 0
        or len(data) != rows * columns * bits // 8
        or not all(map(math.isfinite, numbers))
    ):
        raise LostError("DECODE_CRASH")
    slope, intercept = scale or (None, None)
    return Display(bytes(data), bits, rows, columns, low, high, slope, intercept, names[0], spacing, names[1])

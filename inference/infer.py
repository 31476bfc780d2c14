"""A night's images through decoder and model, in processes that can open no network connection.

The caller's process never decodes a pixel: one child holds the model, and that child's own
sandboxed children (`inference.child`) decode. What comes back is plain data.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from inference.errors import BundleError, ModelOutputError
from inference.records import Box, Finding, Rejection
from inference.settings import DecodeSettings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from inference.bundle import Model
    from inference.pixels import Prepared

# PyTorch's large buffers are given back to the kernel after each layer otherwise (page faults).
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184"}


@dataclass(frozen=True, slots=True)
class Task:
    """One image to analyse; `study_uid` and `instance_uid` are passed through unread."""

    study_uid: str
    instance_uid: str
    path: Path


@dataclass(frozen=True, slots=True)
class Inferred:
    """Finding of one image, with its thumbnail (uint8, long side at most 256), or the refusal.

    `rejection` is set when the pixels could not be decoded: then there is no finding. `heat` is the
    model's map (uint8, 255 hottest, edge to edge over the image, at its own coarse step), where it has one.
    """

    task: Task
    finding: Finding | None
    thumbnail: npt.NDArray[np.uint8] | None
    rejection: Rejection | None
    heat: npt.NDArray[np.uint8] | None = None


def run(tasks: Sequence[Task], bundle: Path, settings: DecodeSettings) -> Iterator[Inferred]:
    """Analyse images in order, in a child process without network.

    Parameters
    ----------
    tasks
        Images in the spool.
    bundle
        Folder of the model bundle.
    settings
        Limits of the decoders.

    Yields
    ------
    Inferred
        One for each task, in order.

    Raises
    ------
    BundleError
        If the bundle cannot be used, or its process dies without an answer.
    """
    if not tasks:
        return
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    before = {name: os.environ.get(name) for name in ALLOCATOR}
    os.environ.update(ALLOCATOR)
    try:
        child = context.Process(target=_serve, args=(theirs, list(tasks), bundle, settings), name="bilan-inference")
        child.start()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    theirs.close()
    try:
        for _ in tasks:
            answer = _receive(ours)
            if isinstance(answer, str):
                raise BundleError(answer)
            yield answer
    finally:
        ours.close()
        child.join(timeout=5)
        if child.is_alive():
            child.kill()
            child.join()


def _receive(pipe: Connection) -> Inferred | str:
    try:
        answer: Inferred | str = pipe.recv()
    except EOFError:
        return "the inference process died; run `bilan doctor`, and see that enough memory is free"
    return answer


def _serve(pipe: Connection, tasks: list[Task], bundle: Path, settings: DecodeSettings) -> None:
    from inference.child import Decoders, isolate_network  # noqa: PLC0415 - torch loads only in the child

    isolate_network()
    from inference.bundle import load  # noqa: PLC0415

    try:
        model = load(bundle)
    except BundleError as error:
        pipe.send(str(error))
        return
    with Decoders(settings) as decoders:
        decoded = decoders.map(task.path for task in tasks)
        for task, (_, result) in zip(tasks, decoded, strict=True):
            pipe.send(analyse(model, task, result, datetime.now(UTC)))
    pipe.close()


def analyse(model: Model, task: Task, decoded: Prepared | Rejection, now: datetime) -> Inferred:
    """Run the model on one decoded image; a model that returns nonsense marks it failed."""
    import numpy as np  # noqa: PLC0415

    from inference.detect import detect  # noqa: PLC0415

    if isinstance(decoded, Rejection):
        return Inferred(task, None, None, decoded)
    finding = Finding(
        study_uid=task.study_uid,
        instance_uid=task.instance_uid,
        code="fracture",
        status="failed",
        score=None,
        boxes=(),
        reason="MODEL_FAILED",
        model_name=model.name,
        model_version=model.version,
        model_sha256=model.sha256,
        ai_completed=now,
    )
    try:
        detection = detect(model, [decoded.image])[0]
    except ModelOutputError:
        return Inferred(task, finding, _thumbnail(decoded), None)
    boxes = tuple(_scaled(box, decoded.scale) for box in detection.boxes)
    finding = replace(finding, status="ok", score=detection.score, boxes=boxes, reason=None)
    return Inferred(task, finding, _thumbnail(decoded), None, np.rint(detection.heat * 255).astype(np.uint8))


def _scaled(box: Box, scale: float) -> Box:
    return Box(box.x0 * scale, box.y0 * scale, box.x1 * scale, box.y1 * scale, box.score)


def _thumbnail(prepared: Prepared) -> npt.NDArray[np.uint8]:
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    image = Image.fromarray((np.clip(prepared.image, 0, 1) * 255).astype(np.uint8))
    image.thumbnail((256, 256), Image.Resampling.LANCZOS)
    return np.asarray(image)

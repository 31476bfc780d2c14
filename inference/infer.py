"""A night's images through decoder and model, in processes that can open no network connection.

The caller's process never decodes a pixel and never loads a model: a child holds the model, and that
child's own sandboxed children (`inference.child`) decode. What comes back is plain data. A model that
hangs or dies costs the image that it did so on, three in a row cost the bundle its trust.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from inference.child import Decoders, isolate_network
from inference.description import describe
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
MODEL_SECONDS = 60.0
_START_SECONDS = 180.0
# Decoding has limits of its own: this one is for the case that the process itself stands still.
_DECODE_SECONDS = 600.0
# Each lane holds the model once more: about half a gigabyte.
MOST_LANES = 4
_MOST_LOST = 3
_LOADED, _READY, _BEGUN = "loaded", "ready", "begun"
UNKNOWN = {"name": "unknown", "version": "unknown", "sha256": "unknown"}


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
    `text` says that letters stand in the pixels: such a picture may name the patient.
    """

    task: Task
    finding: Finding | None
    thumbnail: npt.NDArray[np.uint8] | None
    rejection: Rejection | None
    heat: npt.NDArray[np.uint8] | None = None
    text: bool = False


def run(
    tasks: Sequence[Task], bundle: Path, settings: DecodeSettings, seconds: float = MODEL_SECONDS, lanes: int = 1
) -> Iterator[Inferred]:
    """Analyse images in order, in child processes without network.

    Parameters
    ----------
    tasks
        Images in the spool.
    bundle
        Folder of the model bundle.
    settings
        Limits of the decoders.
    seconds
        Longest time that the model may take for one image.
    lanes
        Processes that share the images, each with its own copy of the model.

    Yields
    ------
    Inferred
        One for each task, in order. A model that takes too long or dies gives a failed finding
        (MODEL_TIMEOUT, MODEL_CRASH).

    Raises
    ------
    BundleError
        If the bundle cannot be used: its files are wrong, it fails a trial, or it hangs or dies on
        three images in a row. Images that have no answer by then get none.
    """
    if not tasks:
        return
    describe(bundle)
    lanes = max(1, min(lanes, len(tasks)))
    each = replace(settings, workers=max(1, settings.workers // lanes))
    running = [_Lane(tasks[start::lanes], bundle, each, seconds, lanes) for start in range(lanes)]
    try:
        for lane in running:
            lane.start()
        for index in range(len(tasks)):
            yield running[index % lanes].answer()
    finally:
        for lane in running:
            lane.stop()


def examine(bundle: Path, settings: DecodeSettings, seconds: float = MODEL_SECONDS) -> dict[str, Any]:
    """Load a bundle and try it on a drawn picture, as `run` does; return what its model.json says.

    Raises
    ------
    BundleError
        As for `run`.
    """
    described = describe(bundle)
    with _Process([], bundle, settings, 1) as process:
        process.wait_until_ready(seconds)
    return described


def unanswered(task: Task, described: dict[str, Any], reason: str) -> Inferred:
    """Return the failed finding of an image that a model gave no answer for.

    `described` is what model.json says of the model, or `UNKNOWN` where it cannot be read.
    """
    finding = Finding(
        study_uid=task.study_uid,
        instance_uid=task.instance_uid,
        code="fracture",
        status="failed",
        score=None,
        boxes=(),
        reason=reason,
        model_name=described["name"],
        model_version=described["version"],
        model_sha256=described["sha256"],
        ai_completed=datetime.now(UTC),
    )
    return Inferred(task, finding, None, None)


class _LostError(Exception):
    """The process gave no answer; carries the reason code only."""


class _Lane:
    """Tasks that one process after the other works through."""

    def __init__(
        self, tasks: Sequence[Task], bundle: Path, settings: DecodeSettings, seconds: float, lanes: int
    ) -> None:
        self._left = list(tasks)
        self._given = (bundle, settings, lanes)
        self._bundle, self._seconds = bundle, seconds
        self._process: _Process | None = None
        self._ready = False
        self._lost = 0

    def start(self) -> None:
        bundle, settings, lanes = self._given
        self._process, self._ready = _Process(self._left, bundle, settings, lanes), False

    def answer(self) -> Inferred:
        """Return the next task's answer, from a new process where the one before was lost."""
        if self._process is None:
            self.start()
        assert self._process is not None  # noqa: S101 - `start` made it
        if not self._ready:
            self._process.wait_until_ready(self._seconds)
            self._ready = True
        task = self._left.pop(0)
        try:
            answer = self._process.answer(self._seconds)
        except _LostError as error:
            self._process.stop()
            self._process = None
            self._lost += 1
            if self._lost == _MOST_LOST:
                raise BundleError(
                    f"the model died or took longer than {self._seconds:g} seconds on {_MOST_LOST} images in a row: "
                    "use another bundle, or see that enough memory is free."
                ) from None
            return unanswered(task, describe(self._bundle), str(error))
        self._lost = 0
        return answer

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop(0.0 if self._left else 5.0)


class _Process:
    """The child that holds the model; a context manager."""

    def __init__(self, tasks: Sequence[Task], bundle: Path, settings: DecodeSettings, lanes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=False)
        given = (theirs, list(tasks), bundle, settings, lanes)
        self._child = context.Process(target=_serve, args=given, name="bilan-inference")
        before = {name: os.environ.get(name) for name in ALLOCATOR}
        os.environ.update(ALLOCATOR)
        try:
            self._child.start()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
            theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until_ready(self, seconds: float) -> None:
        """Wait until the bundle is loaded and has passed its trial."""
        for limit, word in ((_START_SECONDS, _LOADED), (seconds, _READY)):
            try:
                answer = self._receive(limit, "MODEL_TIMEOUT")
            except _LostError as error:
                what = "died" if str(error) == "MODEL_CRASH" else f"gave no answer within {limit:g} seconds"
                raise BundleError(
                    f"the model {what} when it was loaded and tried: use another bundle, or see that enough memory "
                    "is free."
                ) from None
            if answer != word:
                raise BundleError(str(answer))

    def answer(self, seconds: float) -> Inferred:
        """Return the next image's answer."""
        answer = self._receive(_DECODE_SECONDS, "MODEL_CRASH")
        if answer == _BEGUN:
            answer = self._receive(seconds, "MODEL_TIMEOUT")
        assert isinstance(answer, Inferred)  # noqa: S101 - what `_serve` sends
        return answer

    def _receive(self, seconds: float, late: str) -> Inferred | str:
        try:
            if not self._pipe.poll(seconds):
                raise _LostError(late)
            answer: Inferred | str = self._pipe.recv()
        except (EOFError, OSError):
            raise _LostError("MODEL_CRASH") from None
        return answer

    def stop(self, patience: float = 0.0) -> None:
        """End the process: killed where it does not end by itself within `patience` seconds."""
        self._pipe.close()
        self._child.join(timeout=patience)
        if self._child.is_alive():
            self._child.kill()
            self._child.join()


def _serve(pipe: Connection, tasks: list[Task], bundle: Path, settings: DecodeSettings, lanes: int) -> None:
    isolate_network()
    import torch  # noqa: PLC0415 - it loads only in the child

    from inference.bundle import load  # noqa: PLC0415
    from inference.detect import trial  # noqa: PLC0415

    torch.set_num_threads(max(1, torch.get_num_threads() // lanes))
    try:
        model = load(bundle, settings.engine)
        pipe.send(_LOADED)
        trial(model)
    except BundleError as error:
        pipe.send(str(error))
        return
    pipe.send(_READY)
    with Decoders(replace(settings, model_side=model.input_size)) as decoders:
        decoded = decoders.map(task.path for task in tasks)
        for task, (_, result) in zip(tasks, decoded, strict=True):
            if not isinstance(result, Rejection):
                pipe.send(_BEGUN)
            pipe.send(analyse(model, task, result, datetime.now(UTC)))
    pipe.close()


def analyse(model: Model, task: Task, decoded: Prepared | Rejection, now: datetime) -> Inferred:
    """Run the model on one decoded image; a model that returns nonsense marks it failed."""
    import numpy as np  # noqa: PLC0415

    from inference.burned_in import has_text  # noqa: PLC0415
    from inference.detect import detect  # noqa: PLC0415

    if isinstance(decoded, Rejection):
        return Inferred(task, None, None, decoded)
    said = {"name": model.name, "version": model.version, "sha256": model.sha256}
    grey = np.rint(np.clip(decoded.image, 0, 1) * 255).astype(np.uint8)
    failed = replace(unanswered(task, said, "MODEL_FAILED"), thumbnail=_thumbnail(grey), text=has_text(grey))
    assert failed.finding is not None  # noqa: S101 - `unanswered` always makes one
    finding = replace(failed.finding, ai_completed=now)
    try:
        detection = detect(model, [decoded.image])[0]
    except ModelOutputError:
        return replace(failed, finding=finding)
    boxes = tuple(_scaled(box, decoded.scale) for box in detection.boxes)
    finding = replace(finding, status="ok", score=detection.score, boxes=boxes, reason=None)
    return replace(failed, finding=finding, heat=np.rint(detection.heat * 255).astype(np.uint8))


def _scaled(box: Box, scale: float) -> Box:
    return Box(box.x0 * scale, box.y0 * scale, box.x1 * scale, box.y1 * scale, box.score)


def _thumbnail(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    image = Image.fromarray(grey)
    # Whole steps by averaging, the rest by the filter: half the time, and no difference to be seen.
    image.thumbnail((256, 256), Image.Resampling.LANCZOS, reducing_gap=1.0)
    return np.asarray(image)

"""A night's images, from DICOM on disk to findings committed, against the plain loop, one image after the other."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pydicom
import torch
from PIL import Image
from safetensors.torch import load_file

from benchmarks import monai_idiom
from benchmarks.timing import Timing, interleaved, machine
from inference import bundle, detect, dicom, infer, pixels
from inference.child import Decoders, isolate_network
from inference.infer import Inferred, Task
from inference.network import FractureNet
from inference.records import Rejection
from inference.settings import DecodeSettings, GateSettings
from inference.simulation import dicom_writer, radiograph
from inference.simulation.plan import plan
from inference.simulation.site import SAINT_AUBIN
from warehouse import connect, load

SYNTAXES = ("jpeg2000", "jpeg_lossless", "jpeg_ls", "explicit")
ROWS, COLUMNS = 3000, 2500
# The embedded network by PyTorch and by ONNX Runtime, and the one of eight-bit integers: bundle and engine.
ENGINES = {"torch": ("embedded", "torch"), "onnx": ("embedded", "onnx"), "int8": ("embedded-int8", "onnx")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this benchmark can be told."""
    parser.add_argument("--images", type=int, default=8, help="images of each transfer syntax")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--syntaxes", nargs="+", choices=SYNTAXES, default=SYNTAXES)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the result there too")


def run(options: argparse.Namespace) -> list[str]:
    """Return the lines of the result."""
    before = machine()
    with tempfile.TemporaryDirectory(prefix="bilan-benchmark-") as folder:
        files = {syntax: make(Path(folder), syntax, options.images) for syntax in options.syntaxes}
        nights = {engine: _Night(engine, options.processes, Path(folder) / f"{engine}.duckdb") for engine in ENGINES}
        plain = _Plain(options.processes)
        try:
            found = [_measure(syntax, tasks, plain, nights, options.turns) for syntax, tasks in files.items()]
        finally:
            for night in nights.values():
                night.stop()
    if options.json:
        options.json.write_text(json.dumps({"machine": before, "results": found}, indent=2) + "\n", encoding="utf-8")
    head = f"{options.images} images of {COLUMNS} x {ROWS}, 12 bit; {options.processes} processes; {before}"
    notes = [
        "Each image goes through the network twice, itself and its mirror image, unless it says no mirror image.",
        "The bound is our own decode and network (twice) of one image on one core, over the number of processes.",
        "Seconds of a core are this process's and its ended children's: not those of Bilan's, which live on.",
    ]
    if plain.monai is None:
        notes.append("MONAI is not installed (extra `benchmarks`): left out.")
    return [head, *notes, *(line for result in found for line in _lines(result))]


def make(folder: Path, syntax: str, count: int) -> list[Task]:
    """Write drawn radiographs of a transfer syntax, with the noise of a detector."""
    study = plan(SAINT_AUBIN, SAINT_AUBIN.partner_since, SAINT_AUBIN.partner_since)[0]
    tasks = []
    for number in range(count):
        drawn = Image.fromarray(radiograph.draw("wrist", "AP", number, fracture=number % 2 == 1).image)
        large = np.asarray(drawn.resize((COLUMNS, ROWS), Image.Resampling.BICUBIC)) * 4095
        noise = np.random.default_rng(number).normal(0, 6, large.shape)
        view = replace(study.views[0], transfer_syntax=syntax, instance_uid=f"2.25.{number + 1}")
        shown = replace(study, views=(view,))
        values = np.clip(large + noise, 0, 4095).astype(np.uint16)
        path = folder / syntax / f"{number}.dcm"
        dicom_writer.write(dicom_writer.wrap(values, shown, view, SAINT_AUBIN), path)
        tasks.append(Task(f"{number:032x}", f"{number:032x}", path))  # pseudonyms, as a night has them
    return tasks


def _measure(
    syntax: str, tasks: Sequence[Task], plain: _Plain, nights: dict[str, _Night], turns: int
) -> dict[str, Any]:
    ways: dict[str, Callable[[], object]] = {
        "plain loop": lambda: plain(tasks),
        "plain loop, no mirror image": lambda: plain(tasks, mirror=False),
    }
    if plain.monai:
        ways["MONAI"] = partial(plain.monai, tasks)
    ways |= {f"Bilan, {engine}": partial(night, tasks) for engine, night in nights.items()}
    for way in ways.values():
        way()  # files in the page cache, processes warm
    timings = interleaved(ways, turns)
    parts = {engine: night.parts(tasks) for engine, night in nights.items()}
    return {"syntax": syntax, "images": len(tasks)} | {
        "seconds": {timing.name: timing.seconds for timing in timings},
        "core_seconds": {timing.name: timing.core_seconds for timing in timings},
        "decode_and_forward": parts,
        "processes": len(nights["torch"].pipes),
    }


def _lines(result: dict[str, Any]) -> list[str]:
    count = result["images"]
    medians = {name: statistics.median(seconds) / count for name, seconds in result["seconds"].items()}
    lines = [result["syntax"]]
    for name, seconds in result["seconds"].items():
        line = Timing(name, tuple(seconds), tuple(result["core_seconds"][name])).line("image", count)
        engine = name.rpartition(" ")[2]
        if name != "plain loop":
            line += f"   {medians['plain loop'] / medians[name]:5.1f} x plain"
        if engine in result["decode_and_forward"]:
            bound = sum(result["decode_and_forward"][engine]) / result["processes"]
            line += f", {bound / medians[name]:4.0%} of the bound"
        lines.append(line)
    for engine, (decode, forward) in result["decode_and_forward"].items():
        lines.append(f"  on one core, {engine}: decode {1000 * decode:.0f} ms, network {1000 * forward:.0f} ms")
    return lines


class _Plain:
    """The plain loop: pydicom with its plug-ins, a resize, the network as PyTorch has it, image and mirror image.

    `monai` is the same in MONAI's idiom, None where it is not installed.
    """

    def __init__(self, processes: int) -> None:
        folder = bundle.embedded()
        self._model = bundle.load(folder)
        self._network = FractureNet()
        state = load_file(folder / bundle.describe(folder)["weights"])
        self._network.load_state_dict({name: value.float() for name, value in state.items()})
        self._network.eval()
        self.monai = monai_idiom.loop(self._network, self._model.input_size, processes, mirror=True)

    def __call__(self, tasks: Sequence[Task], *, mirror: bool = True) -> list[float]:
        scores = []
        for task in tasks:
            image = pydicom.dcmread(task.path).pixel_array.astype(np.float32) / np.float32(4095)
            square = torch.from_numpy(detect.letterbox(image, self._model.input_size)[0])[None, None]
            with torch.no_grad():
                views = (square, square.flip(3)) if mirror else (square,)
                logits = [self._network(view)[0].item() for view in views]
            scores.append(detect.probability(self._model, sum(logits) / len(logits)))
        return scores


class _Night:
    """Gate, sandboxed decoders, the model in processes of one thread each, findings committed; started beforehand."""

    def __init__(self, engine: str, processes: int, warehouse: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipes: list[Connection] = []
        self._children = []
        self._warehouse = warehouse
        connect.migrate(warehouse)
        before = {name: os.environ.get(name) for name in infer.ALLOCATOR}
        os.environ.update(infer.ALLOCATOR)
        for _ in range(processes):
            ours, theirs = context.Pipe()
            child = context.Process(target=_lane, args=(theirs, engine, processes), daemon=False)
            child.start()
            self.pipes.append(ours)
            self._children.append(child)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        for pipe in self.pipes:
            pipe.recv()

    def __call__(self, tasks: Sequence[Task]) -> None:
        now, settings = datetime.now(UTC), GateSettings(ZoneInfo("Europe/Paris"))
        accepted = [task for task in tasks if not isinstance(dicom.gate(task.path, settings, now), Rejection)]
        for start, pipe in enumerate(self.pipes):
            pipe.send(accepted[start :: len(self.pipes)])
        answers: list[Inferred] = [answer for pipe in self.pipes for answer in pipe.recv()]
        findings = [answer.finding for answer in answers if answer.finding and answer.finding.status == "ok"]
        if len(findings) != len(tasks):
            raise RuntimeError(f"{len(tasks) - len(findings)} images without a finding")
        with connect.writer(self._warehouse, 1.0) as connection, connect.transaction(connection):
            load.load(connection, "finding", findings, site="s", key_id="k", role="flag", replace=True)

    def parts(self, tasks: Sequence[Task]) -> tuple[float, float]:
        """Median seconds of decoding and of the network for one image on one core, nothing beside it."""
        self.pipes[0].send(tuple(task.path for task in tasks))
        found: tuple[float, float] = self.pipes[0].recv()
        return found

    def stop(self) -> None:
        """End the processes."""
        for pipe, child in zip(self.pipes, self._children, strict=True):
            pipe.send(None)
            child.join()


def _lane(pipe: Connection, engine: str, processes: int) -> None:
    isolate_network()
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // processes))
    name, runs = ENGINES[engine]
    model = bundle.load(bundle.embedded(name), runs)
    settings = DecodeSettings(workers=1, model_side=model.input_size, seconds=60)
    detect.trial(model)
    pipe.send("ready")
    with Decoders(settings) as decoders:
        while (wanted := pipe.recv()) is not None:
            if isinstance(wanted, tuple):
                pipe.send(_parts(model, wanted, settings))
                continue
            decoded = decoders.map(task.path for task in wanted)
            pairs = zip(wanted, decoded, strict=True)
            pipe.send([infer.analyse(model, task, result, datetime.now(UTC)) for task, (_, result) in pairs])


def _parts(model: bundle.Model, paths: Sequence[Path], settings: DecodeSettings) -> tuple[float, float]:
    decoding, network = [], []
    for path in paths:
        started = time.perf_counter()
        prepared = pixels.decode(path, settings)
        between = time.perf_counter()
        if isinstance(prepared, Rejection):
            raise TypeError("an image that we wrote cannot be decoded")
        square = detect.letterbox(prepared.image, model.input_size)[0]
        ready = time.perf_counter()
        detect.raw(model, square)
        decoding.append(between - started)
        network.append(time.perf_counter() - ready)
    return statistics.median(decoding), statistics.median(network)

"""A model bundle: a folder with ``model.json``, the weights and a model card.

The embedded model and other vendors' models come through the same door. The
format is described, with an example, in ``docs/models.md``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from inference.description import describe, embedded, file_sha256
from inference.device import half_agrees, half_type, pictures, usable
from inference.engine import onnx_usable
from inference.errors import BundleError, ModelOutputError
from inference.network import ARCHITECTURE, FractureNet

Array = npt.NDArray[np.float32]
Forward = Callable[[Array], tuple[Array, Array]]

# What a network raises that does not fit its input.
_BREAKS = (RuntimeError, ValueError, TypeError, AttributeError)

__all__ = ["Model", "describe", "embedded", "file_sha256", "load"]


@dataclass(frozen=True)
class Model:
    """A loaded model: what ``model.json`` says of it, and how to run it.

    Attributes
    ----------
    name, version, sha256
        Identity written beside every finding; the hash is that of the weights file.
    task
        ``fracture``.
    input_size
        Side in pixels of the square that ``forward`` takes.
    flip
        Whether each image is also scored mirrored and the two results averaged.
    slope, intercept
        Platt scaling: score = sigmoid(slope x logit + intercept).
    operating_points
        ``doubtful`` and ``positive``: lowest score of each result.
    box_threshold
        Lowest heat (0..1) of a map cell that a box is drawn around.
    regions
        Body regions that the model was validated on.
    forward
        float32 [n, 1, size, size] in 0..1, bone bright -> (logit [n], map logits
        [n, h, w]). Output is checked by ``detect``, not here.
    """

    name: str
    version: str
    sha256: str
    task: str
    input_size: int
    flip: bool
    slope: float
    intercept: float
    operating_points: dict[str, float]
    box_threshold: float
    regions: tuple[str, ...]
    forward: Forward


def load(path: Path, engine: str = "torch") -> Model:
    """Read, check and load a bundle.

    Parameters
    ----------
    engine
        What runs the embedded network: ``torch``, the reference, or ``onnx`` (ONNX Runtime), where it is
        installed. Bundles in TorchScript and ONNX bring their own.

    Raises
    ------
    BundleError
        A file is missing or unreadable, ``model.json`` has a missing, unknown or
        malformed field, the weights do not have the hash it states, or they do not
        fit their format. The text names the file and the remedy.
    """
    description = describe(path)
    weights = _weights(path, description)
    given, points = description["input"], description["operating_points"]
    slope, intercept = (float(description["calibration"][name]) for name in ("slope", "intercept"))
    prepare = partial(_prepared, channels=given["channels"], mean=float(given["mean"]), std=float(given["std"]))
    opener: dict[str, Callable[[Path, str], Forward | torch.nn.Module]]
    opener = {"safetensors": _safetensors, "torchscript": _torchscript, "onnx": _onnx}
    run = opener[description["format"]](weights, description["architecture"])
    if isinstance(run, FractureNet) and engine == "onnx" and onnx_usable():
        run = _session_forward(_session(exported(run, given["size"])))
    if isinstance(run, torch.nn.Module):
        run = _torch_forward(run, prepare(pictures(given["size"])), slope, intercept)
    forward = run
    return Model(
        name=description["name"],
        version=description["version"],
        sha256=description["sha256"],
        task=description["task"],
        input_size=given["size"],
        flip=given["flip"],
        slope=slope,
        intercept=intercept,
        operating_points={name: float(value) for name, value in points.items()},
        box_threshold=float(description["localisation"]["threshold"]),
        regions=tuple(description["scope"]["regions"]),
        forward=lambda batch: forward(prepare(batch)),
    )


def _weights(path: Path, description: dict[str, Any]) -> Path:
    """Return the weights file of a bundle: the one that `model.json` describes, and no other."""
    weights: Path = path / description["weights"]
    if not weights.is_file():
        raise BundleError(f"{weights.name} is missing beside model.json: install the bundle again.")
    if file_sha256(weights) != description["sha256"]:
        raise BundleError(
            f"{weights.name} is not the file that model.json describes (its sha256 differs): "
            "install the bundle again from its source."
        )
    return weights


def _prepared(batch: Array, *, channels: int, mean: float, std: float) -> Array:
    ready = (batch - np.float32(mean)) / np.float32(std)
    return np.ascontiguousarray(np.repeat(ready, channels, axis=1))


def torch_network(path: Path) -> FractureNet:
    """Load the network of a bundle in safetensors.

    Raises
    ------
    BundleError
        As `load` does.
    """
    description = describe(path)
    return _safetensors(_weights(path, description), description["architecture"])


def _safetensors(weights: Path, architecture: str) -> FractureNet:
    if architecture != ARCHITECTURE:
        raise BundleError(
            f"safetensors bundles must have the architecture {ARCHITECTURE}: deliver another "
            "network as torchscript or onnx."
        )
    network = FractureNet()
    try:
        state = {name: value.float() for name, value in load_file(weights).items()}
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError):
        raise BundleError(f"{weights.name} does not fit the architecture {ARCHITECTURE}: export it again.") from None
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def exported(network: FractureNet, size: int) -> bytes:
    """Return the network as an ONNX file for images of `size` pixels; the night keeps it in memory alone."""
    file = BytesIO()
    with warnings.catch_warnings():
        # The exporter that needs no further package is called old; the version of PyTorch is pinned.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 1, size, size),),
            file,  # type: ignore[arg-type]
            input_names=["images"],
            output_names=["logit", "map"],
            dynamic_axes={"images": {0: "n"}, "logit": {0: "n"}, "map": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )
    return file.getvalue()


def _torchscript(weights: Path, architecture: str) -> torch.nn.Module:
    try:
        with warnings.catch_warnings():
            # PyTorch announces TorchScript's end; the version that still reads it is pinned.
            warnings.simplefilter("ignore", DeprecationWarning)
            network: torch.nn.Module = torch.jit.load(str(weights), map_location="cpu")  # type: ignore[no-untyped-call]
    except RuntimeError:
        raise BundleError(
            f"{weights.name} is not a TorchScript file that this version of PyTorch can read: export it again."
        ) from None
    return network.eval()


def _torch_forward(network: torch.nn.Module, tried: Array, slope: float, intercept: float) -> Forward:
    device = usable()
    try:
        network = network.to(device)
        half = half_agrees(network, tried, slope, intercept, device)
    except _BREAKS:  # too little memory on the card, or a network that breaks on any picture: its trial tells
        device, half = torch.device("cpu"), False
        network = network.to(device)

    def forward(batch: Array) -> tuple[Array, Array]:
        images = torch.from_numpy(batch).to(device).contiguous(memory_format=torch.channels_last)
        try:
            with torch.inference_mode(), torch.autocast(device.type, dtype=half_type(device), enabled=half):
                logit, cells = network(images)
            return logit.float().cpu().numpy(), cells.float().cpu().numpy()
        except _BREAKS as error:
            raise ModelOutputError(
                f"the model failed on an input of its stated size ({type(error).__name__}): use another bundle."
            ) from None

    return forward


def _onnx(weights: Path, architecture: str) -> Forward:
    if find_spec("onnxruntime") is None:
        raise BundleError("this bundle is in ONNX format: install the optional part with pip install 'bilan[onnx]'.")
    try:
        session = _session(str(weights))
    except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no public base class
        raise BundleError(
            f"{weights.name} is not an ONNX file that the installed onnxruntime can read "
            f"({type(error).__name__}): export it again."
        ) from None
    if len(session.get_inputs()) != 1 or len(session.get_outputs()) != 2:
        raise BundleError(
            f"{weights.name} must have one input (images) and two outputs (logit, map): "
            "export it again as docs/models.md says."
        )
    return _session_forward(session)


def _session(model: str | bytes) -> Any:
    import onnxruntime  # noqa: PLC0415 - an optional part

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _session_forward(session: Any) -> Forward:
    name = session.get_inputs()[0].name

    def forward(batch: Array) -> tuple[Array, Array]:
        try:
            logit, cells = session.run(None, {name: batch})
            return np.asarray(logit, dtype=np.float32), np.asarray(cells, dtype=np.float32)
        except Exception as error:  # noqa: BLE001 - as above
            raise ModelOutputError(
                f"the model failed on an input of its stated size ({type(error).__name__}): use another bundle."
            ) from None

    return forward

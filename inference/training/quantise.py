"""The network in integers of eight bits, for ONNX Runtime: a bundle of its own, several times as fast.

Static quantisation: each channel's weights and each layer's activations become integers, by the range that the
activations have over training images. No weight is trained again.

References
----------
Jacob et al., *Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference*, CVPR 2018, arXiv:1712.05877.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference import bundle
from inference.engine import onnx_usable
from inference.network import FractureNet
from inference.training import dataset
from inference.training.finish import measure
from inference.training.loop import TrainingError
from inference.training.recipe import Recipe

IMAGES = 128
"""Training images over which the ranges of the activations are taken."""

# Of the first layers an error goes through all others, and they are a small part of the computation.
_KEPT = ("/_conv_stem/", "/_blocks.0/")

# What of the recipe of the whole network says which images may be used for what.
_SAME = (
    "train_folds",
    "calibration_folds",
    "test_folds",
    "doubtful_sensitivity",
    "positive_specificity",
    "box_thresholds",
    "seed",
)


def run(whole: Path, data: Path, out: Path, say: Callable[[str], None]) -> Path:
    """Write a bundle of this program in eight-bit integers, fitted and measured anew, to ``bundle-int8``.

    Raises
    ------
    inference.errors.BundleError
        The bundle cannot be used.
    TrainingError
        It is not one of this program's own network, or ONNX Runtime is not installed.
    """
    if not onnx_usable():
        raise TrainingError("ONNX Runtime is not installed: pip install 'bilan[onnx]'")
    about = bundle.describe(whole)
    if about["format"] != "safetensors":
        raise TrainingError("only a bundle of this program's own network can be quantised: choose another one")
    network = bundle.torch_network(whole)
    made = about["training"]["recipe"]
    recipe = replace(Recipe(), **{name: made[name] for name in _SAME})
    radiographs = dataset.read_radiographs(data)
    train = [radiograph for radiograph in radiographs if radiograph.fold in recipe.train_folds]
    folder = out / "bundle-int8"
    drawn = np.sort(np.random.default_rng(recipe.seed).permutation(len(train))[:IMAGES])
    chosen = [train[index] for index in drawn]
    squares = dataset.squares(data, chosen, about["input"]["size"], out / "cache")
    write_weights(network, squares, folder / "weights.onnx")
    say(f"quantised over {len(chosen)} training images")
    told = {name: about[name] for name in ("name", "version", "sha256")}
    about |= {"name": f"{about['name']}-int8", "format": "onnx", "weights": "weights.onnx"}
    about["training"] = about["training"] | {"recipe": {**made, "quantised_from": told, "quantised_over": len(chosen)}}
    measure(folder, about, recipe, radiographs, data, known={}, say=say)
    return folder


def write_weights(network: FractureNet, squares: npt.NDArray[np.uint8], path: Path) -> None:
    """Write the network as an ONNX file of eight-bit integers.

    The stem and the first block stay in floating point. Weights keep seven of their eight bits: processors
    without VNNI add products in sixteen bits, and would give other scores where those overflow.

    Parameters
    ----------
    squares
        uint8 [n, size, size], training images as the network sees them.
    """
    import onnx  # noqa: PLC0415 - an optional part, as is the next
    from onnxruntime import quantization  # noqa: PLC0415
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        whole, ready = Path(folder) / "whole.onnx", Path(folder) / "ready.onnx"
        whole.write_bytes(bundle.exported(network, squares.shape[-1]))
        quant_pre_process(whole, ready, skip_symbolic_shape=True)
        kept = [
            node.name for node in onnx.load(ready).graph.node if node.op_type == "Conv" and node.name.startswith(_KEPT)
        ]

        class Images(quantization.CalibrationDataReader):  # type: ignore[misc]
            def __init__(self) -> None:
                self._left: Iterator[npt.NDArray[np.uint8]] = iter(squares)

            def get_next(self) -> dict[str, Any] | None:
                square = next(self._left, None)
                return None if square is None else {"images": square[None, None].astype(np.float32) / np.float32(255)}

        logging.disable(logging.WARNING)  # it recommends what was just done
        try:
            quantization.quantize_static(
                ready,
                path,
                Images(),
                quant_format=quantization.QuantFormat.QDQ,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                calibrate_method=quantization.CalibrationMethod.MinMax,
                per_channel=True,
                reduce_range=True,
                nodes_to_exclude=kept,
            )
        finally:
            logging.disable(logging.NOTSET)
    path.chmod(0o644)

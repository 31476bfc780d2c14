"""What PyTorch runs a network on: a graphics card where one works, else the processor."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

Array = npt.NDArray[np.float32]

AGREEMENT = 1e-3
"""Largest difference of a score or a heat at which half precision is used."""


def usable() -> torch.device:
    """Return the graphics card if PyTorch can compute on it, else the processor.

    On a card sums are made in full single precision and in the same order each time, so that the same image
    has the same score in any company.
    """
    if torch.cuda.is_available():
        try:
            torch.zeros(1, device="cuda")
        except (RuntimeError, AssertionError):  # no driver that fits, no memory left, or a PyTorch without CUDA
            return torch.device("cpu")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.deterministic = True
        return torch.device("cuda")
    return torch.device("cpu")


def half_agrees(network: nn.Module, images: Array, slope: float, intercept: float, device: torch.device) -> bool:
    """Whether a network in half precision scores as in single precision, within :data:`AGREEMENT`.

    Never on the processor, which computes no faster in half precision.

    Parameters
    ----------
    images
        float32 [n, channels, size, size], as the network is given them.
    slope, intercept
        Calibration of its logit (`inference.detect.probability`).
    """
    return device.type != "cpu" and agreement(network, images, slope, intercept, device) <= AGREEMENT


def agreement(network: nn.Module, images: Array, slope: float, intercept: float, device: torch.device) -> float:
    """Return the largest difference of a score or a heat between half and single precision; infinite if one is."""
    given, answers = torch.from_numpy(images).to(device), []
    for half in (False, True):
        with torch.inference_mode(), torch.autocast(device.type, dtype=half_type(device), enabled=half):
            logit, cells = network(given)
        answers.append((slope * logit.float() + intercept, cells.float()))
    if not all(answer.isfinite().all() for pair in answers for answer in pair):
        return float("inf")
    pairs = zip(*answers, strict=True)
    return max(float((one.sigmoid() - other.sigmoid()).abs().max()) for one, other in pairs)


def half_type(device: torch.device) -> torch.dtype:
    """Return the half precision of a device: float16, with bits enough to agree, where it computes in it."""
    return torch.bfloat16 if device.type == "cpu" else torch.float16


def pictures(size: int) -> Array:
    """Return drawn pictures to try a network on, smooth ones and noise: float32 [n, 1, size, size] in 0..1."""
    random = np.random.default_rng(0)
    down, across = np.linspace(0, 1, size)[:, None], np.linspace(-1, 1, size)[None]
    bones = [
        np.exp(-(((across - shift * down) / width) ** 2)) for shift, width in ((0.0, 0.2), (0.5, 0.4), (-0.8, 0.1))
    ]
    drawn = np.stack([*bones, random.random((size, size))])
    return np.clip(drawn + random.normal(0, 0.02, drawn.shape), 0, 1).astype(np.float32)[:, None]

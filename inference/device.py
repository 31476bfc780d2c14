"""What PyTorch runs a network on: a graphics card where one works, else the processor."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

AGREEMENT = 1e-3
"""Largest difference of a probability or a heat at which half precision is used."""


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


def half_agrees(network: nn.Module, shape: tuple[int, int, int], device: torch.device) -> bool:
    """Whether a network in half precision gives what it gives in single precision, within :data:`AGREEMENT`.

    Tried on drawn pictures, smooth ones and noise, when a process starts. Never on the processor, which computes
    no faster in half precision.

    Parameters
    ----------
    shape
        Channels, rows and columns of an image.
    """
    if device.type == "cpu":
        return False
    return agreement(network, shape, device) <= AGREEMENT


def agreement(network: nn.Module, shape: tuple[int, int, int], device: torch.device) -> float:
    """Return the largest difference of a probability or a heat between half and single precision."""
    images = torch.from_numpy(_pictures(shape)).to(device)
    answers = []
    for half in (False, True):
        with torch.inference_mode(), torch.autocast(device.type, dtype=half_type(device), enabled=half):
            answers.append([answer.float() for answer in network(images)])
    if not all(answer.isfinite().all() for pair in answers for answer in pair):
        return float("inf")
    pairs = zip(*answers, strict=True)
    return max(float((one.sigmoid() - other.sigmoid()).abs().max()) for one, other in pairs)


def half_type(device: torch.device) -> torch.dtype:
    """Return the half precision of a device: float16, with bits enough to agree, where it computes in it."""
    return torch.bfloat16 if device.type == "cpu" else torch.float16


def _pictures(shape: tuple[int, int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    channels, rows, columns = shape
    random = np.random.default_rng(0)
    down, across = np.linspace(0, 1, rows)[:, None], np.linspace(-1, 1, columns)[None]
    bones = [
        np.exp(-(((across - shift * down) / width) ** 2)) for shift, width in ((0.0, 0.2), (0.5, 0.4), (-0.8, 0.1))
    ]
    drawn = np.stack([*bones, random.random((rows, columns))])
    noisy = np.clip(drawn + random.normal(0, 0.02, drawn.shape), 0, 1).astype(np.float32)
    return np.repeat(noisy[:, None], channels, axis=1)

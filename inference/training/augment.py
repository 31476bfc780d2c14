"""Random changes of radiographs that another patient, room or detector could have made.

Everything works on a whole batch with one seeded generator. Bones are never
sheared or mirrored top to bottom: no room produces such an image.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from inference.training.dataset import MASK_STRIDE


def augment(
    images: Tensor, masks: Tensor, size: int, random: Generator, smallest_crop: float = 0.8
) -> tuple[Tensor, Tensor]:
    """Augment a batch and resample it to ``size``.

    Parameters
    ----------
    images
        float32 [n, 1, side, side] in 0..1.
    masks
        float32 [n, 1, side / 4, side / 4], 1 inside fracture boxes.
    size
        Side of the result in pixels, a multiple of 16.
    smallest_crop
        Least share of its width that is left of an image.

    Returns
    -------
    images, targets
        float32 [n, 1, size, size] in 0..1; float32 [n, size / 16, size / 16] share of
        each cell inside a box, scaled so that the fullest cell of an image is 1.
    """
    theta = _affine(len(images), random, smallest_crop)
    moved_masks = _warp(masks, theta, size // MASK_STRIDE)
    lost = (masks.flatten(1).amax(1) > 0) & (moved_masks.flatten(1).sum(1) < 4)
    if bool(lost.any()):  # a fracture cropped away would make the label wrong
        theta[lost] = torch.eye(2, 3)
        moved_masks = _warp(masks, theta, size // MASK_STRIDE)
    moved = _warp(images, theta, size)
    moved = _grey_levels(moved, random)
    moved = _detector(moved, random)
    moved = _borders(moved, random)
    return moved, cells(moved_masks)


def cells(masks: Tensor) -> Tensor:
    """Map targets float32 [n, rows / 4, columns / 4] from masks [n, 1, rows, columns]."""
    share = functional.avg_pool2d(masks, 16 // MASK_STRIDE).squeeze(1)
    fullest = share.flatten(1).amax(1).clamp_min(1e-6)[:, None, None]
    return torch.where(share > 0, share / fullest, share)


def _uniform(n: int, low: float, high: float, random: Generator) -> Tensor:
    return torch.rand(n, generator=random) * (high - low) + low


def _affine(n: int, random: Generator, smallest_crop: float) -> Tensor:
    angle = _uniform(n, -15, 15, random) * (math.pi / 180)
    zoom = torch.exp(_uniform(n, math.log(smallest_crop), math.log(1.25), random))
    stretch = torch.exp(_uniform(n, math.log(0.93), math.log(1.07), random))
    flip = torch.where(torch.rand(n, generator=random) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = torch.cos(angle) * zoom * stretch * flip
    theta[:, 0, 1] = -torch.sin(angle) * zoom * stretch
    theta[:, 1, 0] = torch.sin(angle) * zoom / stretch * flip
    theta[:, 1, 1] = torch.cos(angle) * zoom / stretch
    theta[:, 0, 2] = _uniform(n, -0.12, 0.12, random)
    theta[:, 1, 2] = _uniform(n, -0.12, 0.12, random)
    return theta


def _warp(x: Tensor, theta: Tensor, size: int) -> Tensor:
    grid = functional.affine_grid(theta, [len(x), 1, size, size], align_corners=False)
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _grey_levels(x: Tensor, random: Generator) -> Tensor:
    n = len(x)
    dark = _uniform(n, -0.10, 0.15, random)[:, None, None, None]
    bright = _uniform(n, 0.80, 1.15, random)[:, None, None, None]
    gamma = torch.exp(_uniform(n, -0.45, 0.45, random))[:, None, None, None]
    return ((x - dark) / (bright - dark)).clamp(1e-4, 1.0) ** gamma


def _detector(x: Tensor, random: Generator) -> Tensor:
    n = len(x)
    soft = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    sharpness = _uniform(n, -0.6, 0.6, random)[:, None, None, None]  # < 0 blurs, > 0 sharpens
    x = x + (x - soft) * sharpness
    level = _uniform(n, -0.03, 0.04, random).clamp_min(0.0)[:, None, None, None]
    noise = torch.randn(x.shape, generator=random)
    return (x + noise * level).clamp(0.0, 1.0)


def _borders(x: Tensor, random: Generator) -> Tensor:
    n, _, rows, columns = x.shape
    chosen = torch.rand(n, generator=random) < 0.25
    edges = (torch.rand(n, 4, generator=random) * 0.08).tolist()
    for index in torch.nonzero(chosen).flatten().tolist():
        top, bottom, left, right = edges[index]
        x[index, :, : int(top * rows)] = 0
        x[index, :, rows - int(bottom * rows) :] = 0
        x[index, :, :, : int(left * columns)] = 0
        x[index, :, :, columns - int(right * columns) :] = 0
    return x

"""The night's images as a program of MONAI's kind would take them: transforms, data set, loader, batches."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from inference.infer import Task

BATCH = 8


def loop(
    network: torch.nn.Module, size: int, processes: int, *, mirror: bool
) -> Callable[[Sequence[Task]], list[float]] | None:
    """Return the loop over a list of images, or None where MONAI is not installed.

    Its loader decodes by pydicom and its plug-ins in `processes` processes, started for each list as its
    `DataLoader` does; the network runs in this one, in batches, with all cores.
    """
    try:
        from monai.data import DataLoader, Dataset, PydicomReader  # noqa: PLC0415 - an extra
        from monai.transforms import (  # noqa: PLC0415
            Compose,
            LoadImage,
            Resize,
            ScaleIntensityRangePercentiles,
            SpatialPad,
        )
    except ImportError:
        return None
    # Of its optional readers, and that radiographs have no place in space.
    warnings.filterwarnings("ignore", module="monai")
    prepared = Compose(
        [
            LoadImage(reader=PydicomReader(swap_ij=False), image_only=True, ensure_channel_first=True),
            Resize(size, size_mode="longest", mode="area"),
            ScaleIntensityRangePercentiles(1, 99, 0, 1, clip=True),
            SpatialPad((size, size)),
        ]
    )

    def scores(tasks: Sequence[Task]) -> list[float]:
        images = Dataset([str(task.path) for task in tasks], prepared)
        found: list[float] = []
        batch: Any
        for batch in DataLoader(images, batch_size=BATCH, num_workers=processes):
            squares = batch.as_tensor()
            with torch.no_grad():
                views = (squares, squares.flip(3)) if mirror else (squares,)
                logits = torch.stack([network(view)[0].reshape(-1) for view in views]).mean(0)
            found += torch.sigmoid(logits).tolist()
        return found

    return scores

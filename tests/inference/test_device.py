"""Where a network runs. No graphics card here: what is asked of one is asked of the processor in its place."""

import numpy as np
import pytest
import torch

from inference import bundle, device

IMAGES = device.pictures(64)
CPU = torch.device("cpu")


class Mean(torch.nn.Module):
    """Linear in the means of sixteenths of a picture, times a factor: half precision is wrong by a share of it."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor, self.layer = factor, torch.nn.Linear(16, 16, bias=False)
        torch.nn.init.eye_(self.layer.weight)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        cells = self.layer(torch.nn.functional.avg_pool2d(images, 16).flatten(1)).reshape(-1, 4, 4)
        return self.factor * (cells.float().mean(dim=(1, 2)) - 0.5), self.factor * (cells.float() - 0.5)


def test_a_card_that_cannot_be_used_leaves_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a graphics card")
    assert device.usable().type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # announced by the driver, and not there
    assert device.usable().type == "cpu"


@pytest.mark.parametrize(("factor", "agrees"), [(0.1, True), (20.0, False), (float("inf"), False)])
def test_half_precision_is_taken_only_where_it_agrees(factor: float, agrees: bool) -> None:
    network = Mean(factor)
    assert (device.agreement(network, IMAGES, 1.0, 0.0, CPU) <= device.AGREEMENT) == agrees
    assert not device.half_agrees(network, IMAGES, 1.0, 0.0, CPU)  # never on the processor


def test_what_counts_is_the_calibrated_score() -> None:
    network = Mean(0.1)
    assert (
        device.agreement(network, IMAGES, 200.0, 0.0, CPU)
        > device.AGREEMENT
        >= device.agreement(network, IMAGES, 1.0, 0.0, CPU)
    )


def test_the_largest_difference_is_that_of_the_rounded_pictures() -> None:
    """Against bfloat16's own rounding, done by hand: sigmoid of the cells before and after."""
    images = torch.from_numpy(IMAGES)
    cells = torch.nn.functional.avg_pool2d(images, 16).flatten(1)
    whole, half = (20 * (each - 0.5) for each in (cells, cells.bfloat16().float()))
    expected = float((torch.sigmoid(whole) - torch.sigmoid(half)).abs().max())
    assert expected > device.AGREEMENT
    assert device.agreement(Mean(20.0), IMAGES, 1.0, 0.0, CPU) == pytest.approx(expected, rel=1e-3)


def test_a_network_that_does_not_fit_the_card_runs_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bool:
        raise torch.OutOfMemoryError

    expected = bundle.load(bundle.embedded())
    square = np.full((1, 1, expected.input_size, expected.input_size), 0.4, np.float32)
    monkeypatch.setattr(bundle, "half_agrees", full)
    found = bundle.load(bundle.embedded()).forward(square)
    assert all(np.array_equal(one, other) for one, other in zip(found, expected.forward(square), strict=True))

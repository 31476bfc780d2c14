"""The embedded network: EfficientNet-lite0 with an image logit and a localisation map.

A plain PyTorch definition that needs neither training code nor a model zoo at
run time. Submodules are named after the published EfficientNet-lite0 weights so
that training can start from them.

References
----------
.. [1] Tan M., Le Q., "EfficientNet: Rethinking Model Scaling for Convolutional
   Neural Networks", ICML 2019, arXiv:1905.11946; the "lite" variants drop
   squeeze-and-excitation and use ReLU6.
.. [2] Lin T.-Y. et al., "Feature Pyramid Networks for Object Detection", CVPR
   2017, arXiv:1612.03144 (top-down fusion of strides 32 and 16).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

ARCHITECTURE = "bilan-lite0-map16"
"""Name written to ``model.json``; changes whenever the weights' layout does."""

# (expansion, kernel, stride, channels in, channels out) of the 16 blocks.
_BLOCKS = (
    (1, 3, 1, 32, 16),
    (6, 3, 2, 16, 24),
    (6, 3, 1, 24, 24),
    (6, 5, 2, 24, 40),
    (6, 5, 1, 40, 40),
    (6, 3, 2, 40, 80),
    (6, 3, 1, 80, 80),
    (6, 3, 1, 80, 80),
    (6, 5, 1, 80, 112),
    (6, 5, 1, 112, 112),
    (6, 5, 1, 112, 112),
    (6, 5, 2, 112, 192),
    (6, 5, 1, 192, 192),
    (6, 5, 1, 192, 192),
    (6, 5, 1, 192, 192),
    (6, 3, 1, 192, 320),
)
_LAST_STRIDE_16 = 10
_MAP_CHANNELS = 96
_TOP_CELLS = 4
_EPSILON = 1e-3  # TensorFlow's batch-norm epsilon, with which the weights were trained


def strongest(cells: Tensor) -> Tensor:
    """Mean logit [n] of the strongest cells of maps [n, h, w]."""
    return cells.flatten(1).topk(_TOP_CELLS, dim=1).values.mean(dim=1)


class _SameConv(nn.Conv2d):
    """Convolution padded as TensorFlow's "SAME" does for even input sizes.

    Stride 2 then pads one pixel more below and to the right, which PyTorch's own
    padding cannot express and the pretrained weights expect.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``x`` [n, channels, rows, columns] (even rows and columns)."""
        total = self.kernel_size[0] - self.stride[0]
        before = total // 2
        if total - before == before:
            return functional.conv2d(x, self.weight, self.bias, self.stride, before, self.dilation, self.groups)
        padded = functional.pad(x, (before, total - before, before, total - before))
        return functional.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class _Block(nn.Module):
    """Inverted residual block: expand, depthwise, project; residual when shapes agree."""

    def __init__(self, expansion: int, kernel: int, stride: int, inside: int, outside: int) -> None:
        super().__init__()
        width = inside * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(inside, width, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(width, eps=_EPSILON)
        self._depthwise_conv = _SameConv(width, width, kernel, stride, groups=width, bias=False)
        self._bn1 = nn.BatchNorm2d(width, eps=_EPSILON)
        self._project_conv = nn.Conv2d(width, outside, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outside, eps=_EPSILON)
        self.residual = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, channels out, rows / stride, columns / stride]."""
        y = x
        if self.expands:
            y = functional.relu6(self._bn0(self._expand_conv(y)))
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        result: Tensor = x + y if self.residual else y
        return result


class FractureNet(nn.Module):
    """Image logit and stride-16 localisation map of a radiograph.

    The image logit is the sum of a pooled global logit and a weighted mean of the
    strongest map cells, so that evidence in one small place is enough.
    """

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        self._conv_stem = _SameConv(1, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=_EPSILON)
        self._blocks = nn.ModuleList(_Block(*block) for block in _BLOCKS)
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=_EPSILON)
        self.dropout = nn.Dropout(dropout)
        self.image_logit = nn.Linear(1280, 1)
        self.map_lateral = nn.Conv2d(112, _MAP_CHANNELS, 1)
        self.map_top = nn.Conv2d(320, _MAP_CHANNELS, 1)
        self.map_depthwise = nn.Conv2d(_MAP_CHANNELS, _MAP_CHANNELS, 3, padding=1, groups=_MAP_CHANNELS)
        self.map_mix = nn.Conv2d(_MAP_CHANNELS, _MAP_CHANNELS, 1)
        self.map_logit = nn.Conv2d(_MAP_CHANNELS, 1, 1)
        self.map_weight = nn.Parameter(torch.tensor(0.5))
        nn.init.zeros_(self.image_logit.weight)
        nn.init.ones_(self.image_logit.bias)
        nn.init.normal_(self.map_logit.weight, std=0.01)
        self.map_logit.bias = nn.Parameter(torch.tensor([-3.0]))  # prior: a few cells in a hundred

    def stem(self, images: Tensor, blocks: int) -> Tensor:
        """Run the stem and the first ``blocks`` blocks.

        Parameters
        ----------
        images
            float32 [n, 1, side, side] in 0..1, bone bright; side a multiple of 32.
        """
        x = functional.relu6(self._bn0(self._conv_stem(images * 2.0 - 1.0)))
        for block in self._blocks[:blocks]:
            x = block(x)
        return x

    def tail(self, x: Tensor, blocks: int) -> tuple[Tensor, Tensor]:
        """Run what follows ``stem(images, blocks)``; see :meth:`forward`."""
        lateral = x
        for index in range(blocks, len(_BLOCKS)):
            x = self._blocks[index](x)
            if index == _LAST_STRIDE_16:
                lateral = x
        head = functional.relu6(self._bn1(self._conv_head(x))).mean(dim=(2, 3))
        image = self.image_logit(self.dropout(head)).squeeze(1)
        top = functional.interpolate(self.map_top(x), scale_factor=2.0, mode="nearest")
        fused = functional.relu(self.map_lateral(lateral) + top)
        fused = functional.relu(self.map_mix(functional.relu(self.map_depthwise(fused))))
        cells = self.map_logit(fused).squeeze(1)
        return image + self.map_weight * strongest(cells), cells

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Score radiographs.

        Parameters
        ----------
        images
            float32 [n, 1, side, side] in 0..1, bone bright; side a multiple of 32.

        Returns
        -------
        logit, map
            float32 [n], uncalibrated; float32 [n, side / 16, side / 16], logits of
            "a fracture lies in this cell".
        """
        return self.tail(self.stem(images, 0), 0)

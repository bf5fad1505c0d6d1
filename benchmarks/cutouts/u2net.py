"""U-2-Net at full size with random weights, as an ONNX file like the one that rembg downloads.

The architecture is that of Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection",
Pattern Recognition 106 (2020): eleven blocks that are small U-nets themselves, 44 million weights, 320 x 320 inputs.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

SIDE = 320
_MAPS = 6


class _Convolution(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation), nn.BatchNorm2d(outputs), nn.ReLU()
        )


class _Block(nn.Module):
    """A U-net of its own, with a residual. dilations: of its levels, from the first to the deepest."""

    def __init__(self, inputs: int, middle: int, outputs: int, dilations: Sequence[int], pooled: bool) -> None:
        super().__init__()
        self.first = _Convolution(inputs, outputs)
        *outer, deepest = dilations
        widths = [outputs, *[middle] * (len(outer) - 1)]
        self.down = nn.ModuleList(
            _Convolution(width, middle, dilation) for width, dilation in zip(widths, outer, strict=True)
        )
        self.deepest = _Convolution(middle, middle, deepest)
        ends = [outputs, *[middle] * (len(outer) - 1)]
        self.up = nn.ModuleList(
            _Convolution(2 * middle, end, dilation) for end, dilation in reversed(list(zip(ends, outer, strict=True)))
        )
        self.pooled = pooled

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        kept = self.first(inputs)
        levels, here = [], kept
        for number, down in enumerate(self.down):
            if number and self.pooled:
                here = _halved(here)
            here = down(here)
            levels.append(here)
        here = self.deepest(here)
        for up, level in zip(self.up, reversed(levels), strict=True):
            here = up(torch.cat([_like(here, level), level], 1))
        return here + kept


def _pooling(inputs: int, middle: int, outputs: int, levels: int) -> _Block:
    return _Block(inputs, middle, outputs, [*[1] * (levels - 1), 2], pooled=True)


def _dilated(inputs: int, outputs: int) -> _Block:
    return _Block(inputs, 256, outputs, [1, 2, 4, 8], pooled=False)


class U2Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [
                _pooling(3, 32, 64, 7),
                _pooling(64, 32, 128, 6),
                _pooling(128, 64, 256, 5),
                _pooling(256, 128, 512, 4),
                _dilated(512, 512),
                _dilated(512, 512),
            ]
        )
        self.up = nn.ModuleList(
            [
                _dilated(1024, 512),
                _pooling(1024, 128, 256, 4),
                _pooling(512, 64, 128, 5),
                _pooling(256, 32, 64, 6),
                _pooling(128, 16, 64, 7),
            ]
        )
        self.sides = nn.ModuleList(nn.Conv2d(width, 1, 3, padding=1) for width in (64, 64, 128, 256, 512, 512))
        self.fused = nn.Conv2d(_MAPS, 1, 1)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Seven maps (n, 1, 320, 320) of foreground probability: the one that counts, then the six it is made of."""
        levels, here = [], image
        for number, down in enumerate(self.down):
            here = down(_halved(here) if number else here)
            levels.append(here)
        deep = [levels.pop()]
        for up, level in zip(self.up, reversed(levels), strict=True):
            deep.append(up(torch.cat([_like(deep[-1], level), level], 1)))
        maps = [_like(side(level), image) for side, level in zip(self.sides, reversed(deep), strict=True)]
        return tuple(torch.sigmoid(one) for one in (self.fused(torch.cat(maps, 1)), *maps))


def _halved(maps: torch.Tensor) -> torch.Tensor:
    return functional.max_pool2d(maps, 2, 2, ceil_mode=True)


def _like(maps: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(maps, size=other.shape[2:], mode="bilinear", align_corners=False)


def save_u2net(path: Path, photos: torch.Tensor) -> None:
    """Writes 176 MB. photos (n, 3, 320, 320): normalised as rembg does.

    They give the batch norms their statistics, or else the signal would fade in the depth and the masks be flat.
    """
    torch.manual_seed(7)
    model = U2Net()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # The plain mean over what is seen.
    with torch.no_grad():
        model(photos)
    model.eval()
    names = [f"map{number}" for number in range(_MAPS + 1)]
    torch.onnx.export(
        model,
        (torch.zeros(1, 3, SIDE, SIDE),),
        path,
        input_names=["image"],
        output_names=names,
        opset_version=17,
        dynamo=False,
    )

"""The demo's segmentation network: a small U-Net that rembg runs as `u2net_custom`.

It works at 160 px inside and 320 px outside, because rembg feeds 320 x 320. Both ends trade resolution for channels
(pixel unshuffle and shuffle, Shi et al. 2016, arXiv 1609.05158), so that no layer runs at full size.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

OUTER_PIXELS = 320
INNER_PIXELS = 160
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def build_mask_network(widths: tuple[int, int, int, int] = (32, 64, 96, 128)) -> "nn.Module":
    """Logits (n, 1, 160, 160) from pictures (n, 3, 160, 160) normalised as rembg does."""
    import torch
    from torch import nn
    from torch.nn import functional

    def convolve(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        )

    class Residual(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first = convolve(width, width)
            self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return functional.relu(x + self.second(self.first(x)))

    class MaskNetwork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            w80, w40, w20, w10 = widths
            self.at80 = nn.Sequential(nn.PixelUnshuffle(2), convolve(12, w80), convolve(w80, w80))
            self.at40 = nn.Sequential(convolve(w80, w40, 2), Residual(w40))
            self.at20 = nn.Sequential(convolve(w40, w20, 2), Residual(w20))
            self.at10 = nn.Sequential(convolve(w20, w10, 2), Residual(w10))
            self.scene = nn.Sequential(nn.Conv2d(w10, w10, 1), nn.ReLU())
            self.up20 = convolve(w10 + w20, w20)
            self.up40 = convolve(w20 + w40, w40)
            self.up80 = convolve(w40 + w80, w80)
            self.head = nn.Sequential(nn.Conv2d(w80, 4, 3, 1, 1), nn.PixelShuffle(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            e80 = self.at80(x)
            e40 = self.at40(e80)
            e20 = self.at20(e40)
            e10 = self.at10(e20)
            # What the whole scene looks like decides what counts as background.
            e10 = e10 + self.scene(e10.mean((2, 3), keepdim=True))
            d20 = self.up20(torch.cat([self.grow(e10), e20], 1))
            d40 = self.up40(torch.cat([self.grow(d20), e40], 1))
            d80 = self.up80(torch.cat([self.grow(d40), e80], 1))
            logits: torch.Tensor = self.head(d80)
            return logits

        @staticmethod
        def grow(x: torch.Tensor) -> torch.Tensor:
            return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)

    return MaskNetwork()


def export_mask_network(network: "nn.Module", path: Path) -> None:
    """Writes the network as ONNX: (1, 3, 320, 320) in, sigmoid mask (1, 1, 320, 320) out, weights stored as float16."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Exported(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits = self.network(functional.avg_pool2d(x, OUTER_PIXELS // INNER_PIXELS))
            return torch.sigmoid(functional.interpolate(logits, scale_factor=2.0, mode="bilinear", align_corners=False))

    example = torch.zeros(1, 3, OUTER_PIXELS, OUTER_PIXELS)
    exported = Exported().eval().to(memory_format=torch.contiguous_format)
    torch.onnx.export(
        exported, (example,), str(path), input_names=["input"], output_names=["mask"], opset_version=17, dynamo=False
    )
    store_weights_as_float16(path)


def store_weights_as_float16(path: Path) -> None:
    """Halves an ONNX file: float32 weights become float16 with a Cast that onnxruntime folds away at load."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or len(weight.dims) < 2:
            continue
        name, values = weight.name, numpy_helper.to_array(weight)
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))

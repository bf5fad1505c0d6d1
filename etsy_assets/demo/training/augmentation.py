"""Random crops, flips, light and blur, on whole tensors at once."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


def uniform(count: int, low: float, high: float, generator: "Generator") -> "Tensor":
    """(count, 1, 1, 1) draws, to multiply whole pictures with."""
    import torch

    return torch.empty(count, 1, 1, 1).uniform_(low, high, generator=generator)


def random_crop(
    pictures: "Tensor", side: int, zoom: tuple[float, float], stretch: float, shift: float, generator: "Generator"
) -> "Tensor":
    """Pictures (n, c, h, w) zoomed, stretched, shifted, mirrored and sampled to (n, c, side, side).

    zoom: the part of the picture that is seen (above 1 = farther away). shift: as a share of what the zoom cuts off.
    """
    import torch
    from torch.nn import functional

    count, channels = pictures.shape[:2]
    scale = torch.empty(count).uniform_(*zoom, generator=generator)
    aspect = torch.empty(count).uniform_(1 - stretch, 1 + stretch, generator=generator)
    mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    room = (1 - scale).clamp(min=0) * shift
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = scale * aspect * mirror, scale / aspect
    theta[:, 0, 2] = room * torch.empty(count).uniform_(-1, 1, generator=generator)
    theta[:, 1, 2] = room * torch.empty(count).uniform_(-1, 1, generator=generator)
    grid = functional.affine_grid(theta, [count, channels, side, side], align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def random_blur(pictures: "Tensor", share: float, generator: "Generator") -> "Tensor":
    """Softens a share of the pictures: renders at training size are aliased, real photos scaled down are not."""
    import torch
    from torch.nn import functional

    channels = pictures.shape[1]
    line = torch.tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(line, line).expand(channels, 1, 3, 3)
    soft = functional.conv2d(functional.pad(pictures, (1, 1, 1, 1), mode="replicate"), kernel, groups=channels)
    chosen = torch.rand(len(pictures), 1, 1, 1, generator=generator) < share
    return torch.where(chosen, soft, pictures)


def random_light(pictures: "Tensor", light: float, tint: float, generator: "Generator") -> "Tensor":
    """Contrast and brightness within 1 +- light, and each channel scaled by a normal of deviation `tint`."""
    import torch

    count = len(pictures)
    contrast = uniform(count, 1 - light, 1 + light, generator)
    brightness = uniform(count, 1 - light, 1 + light, generator)
    balance = 1 + torch.randn(count, 3, 1, 1, generator=generator) * tint
    return (((pictures - 0.5) * contrast + 0.5) * brightness * balance).clamp(0, 1)

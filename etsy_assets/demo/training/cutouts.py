"""What an encoder in training sees: cutouts by true masks, by the shipped network's masks, and uncut photos."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from etsy_assets.demo.training.augmentation import random_blur, random_crop, random_light
from etsy_assets.demo.training.renders import Renders

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True, slots=True)
class Mixture:
    """Shares of the three kinds of picture; the rest of one are uncut photos."""

    predicted: float
    true: float
    grey: float = 0.0


def training_pictures(
    renders: Renders, predicted: np.ndarray, rows: np.ndarray, side: int, mixture: Mixture, generator: "Generator"
) -> "Tensor":
    """Augmented pictures (n, 3, side, side), values 0..1, of the given rows.

    predicted: the segmentation network's masks, uint8 (all rows, h, w).
    """
    import torch

    photos = torch.from_numpy(renders.photos[rows]).permute(0, 3, 1, 2).float() / 255
    count = len(photos)
    draw = torch.rand(count, 1, 1, 1, generator=generator)
    masks = torch.where(
        draw < mixture.predicted,
        torch.from_numpy(predicted[rows])[:, None].float() / 255,
        torch.from_numpy(renders.masks[rows])[:, None].float() / 255,
    )
    masks = torch.where(draw < mixture.predicted + mixture.true, masks, torch.ones(()))
    # Mostly white, as cutouts are; another colour now and then, so that the rim of a cutout teaches nothing.
    backdrop = torch.where(
        torch.rand(count, 1, 1, 1, generator=generator) < 0.85,
        torch.ones(count, 3, 1, 1),
        torch.rand(count, 3, 1, 1, generator=generator),
    )
    pictures = random_crop(photos * masks + backdrop * (1 - masks), side, (0.72, 1.08), 0.07, 0.8, generator)
    pictures = random_light(random_blur(pictures, 0.5, generator), 0.12, 0.02, generator)
    grey = torch.rand(count, 1, 1, 1, generator=generator) < mixture.grey
    return torch.where(grey, pictures.mean(1, keepdim=True).expand_as(pictures), pictures)


def normalise(pictures: "Tensor", mean: tuple[float, ...], std: tuple[float, ...]) -> "Tensor":
    import torch

    return (pictures - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)


def plain_cutouts(photos: np.ndarray, masks: np.ndarray, side: int) -> "Tensor":
    """Cutouts on white without augmentation, (n, 3, side, side), values 0..1."""
    import torch
    from torch.nn import functional

    pictures = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255
    alpha = torch.from_numpy(masks)[:, None].float() / 255
    cutouts = pictures * alpha + (1 - alpha)
    return functional.interpolate(cutouts, (side, side), mode="bilinear", antialias=True, align_corners=False)

"""What a camera does to the light it gets: white balance, vignette, pixel size, tone curve and noise."""

import numpy as np

from etsy_assets.demo.furniture.arrays import Pixels

_VIGNETTE_SHARE = 0.4


def expose(rng: np.random.Generator, light: Pixels, supersample: int) -> Pixels:
    """A developed picture, float32 (height, width, 3) in 0 to 1, from light of supersample times its size.

    Changes light.
    """
    white_balance = 1 + rng.normal(0, 0.045, 3)
    light *= (white_balance * rng.uniform(0.82, 1.14)).astype(np.float32)
    if rng.random() < _VIGNETTE_SHARE:
        height, width, _ = light.shape
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        light *= (1 - rng.uniform(0.05, 0.3) * (x**2 + y**2))[..., None]
    image = np.clip(shrink(light, supersample), 0, 1) ** rng.uniform(0.85, 1.12)
    image += rng.normal(0, rng.uniform(0.003, 0.02), image.shape).astype(np.float32)
    developed: Pixels = np.clip(image, 0, 1)
    return developed


def shrink(image: Pixels, factor: int) -> Pixels:
    """An image (height, width, ...) with each square of factor x factor pixels averaged into one."""
    if factor == 1:
        return image
    height, width = image.shape[0] // factor, image.shape[1] // factor
    averaged: Pixels = image.reshape(height, factor, width, factor, *image.shape[2:]).mean((1, 3))
    return averaged

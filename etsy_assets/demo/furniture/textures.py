"""Procedural textures: 256 x 256 maps that wrap, each a relative brightness around 0 with a spread of about 1.

Filtered noise is white noise shaped in the frequency domain by a Gaussian (spectral synthesis): a low cut-off along
one axis and a high one along the other gives grain.
"""

from functools import lru_cache

import numpy as np

from etsy_assets.demo.furniture.arrays import Pixels

TEXTURE_SIZE = 256
TEXTURE_NAMES = (
    "wood",
    "wood2",
    "fabric",
    "velvet",
    "leather",
    "linen",
    "boucle",
    "plain",
    "metal",
    "stripe",
    "check",
    "plank",
    "tile",
    "carpet",
    "marble",
    "weave",
    "brick",
)
TEXTURE_INDEX = {name: index for index, name in enumerate(TEXTURE_NAMES)}

_SEED = 7


@lru_cache(maxsize=1)
def texture_stack() -> Pixels:
    """All textures, float32 (textures, 256, 256), in the order of TEXTURE_NAMES."""
    maps = _texture_maps()
    return np.stack([maps[name] for name in TEXTURE_NAMES])


def _noise(rng: np.random.Generator, cutoff_x: float, cutoff_y: float) -> Pixels:
    """Noise of mean 0 and deviation 1; the cut-offs are in cycles over the map."""
    size = TEXTURE_SIZE
    spectrum = np.fft.fft2(rng.standard_normal((size, size)))
    frequency_y = np.fft.fftfreq(size)[:, None] * size
    frequency_x = np.fft.fftfreq(size)[None] * size
    spectrum *= np.exp(-((frequency_x / cutoff_x) ** 2) - (frequency_y / cutoff_y) ** 2)
    noise = np.fft.ifft2(spectrum).real
    normalised: Pixels = ((noise - noise.mean()) / (noise.std() + 1e-9)).astype(np.float32)
    return normalised


def _texture_maps() -> dict[str, Pixels]:
    # One generator serves all maps in this order, so a new texture belongs at the end.
    rng = np.random.default_rng(_SEED)
    size = TEXTURE_SIZE
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    maps = {}
    rings = 0.45 * _noise(rng, 3, 60)
    wood = rings + 0.5 * np.sin(y / size * 2 * np.pi * 9 + 2.2 * _noise(rng, 2, 5)) + 0.25 * _noise(rng, 8, 120)
    maps["wood"] = wood
    maps["wood2"] = 0.6 * _noise(rng, 2, 90) + 0.3 * _noise(rng, 5, 30)
    threads = 0.7 * np.sin(x * 2 * np.pi / 4) * np.sin(y * 2 * np.pi / 4)
    maps["fabric"] = threads + 0.6 * _noise(rng, 80, 80) + 0.3 * _noise(rng, 6, 6)
    maps["velvet"] = 0.9 * _noise(rng, 5, 5) + 0.2 * _noise(rng, 60, 60)
    maps["leather"] = 0.6 * _noise(rng, 9, 9) - 0.8 * (np.abs(_noise(rng, 24, 24)) < 0.12) + 0.4 * _noise(rng, 3, 3)
    maps["linen"] = 0.6 * _noise(rng, 6, 110) + 0.6 * _noise(rng, 110, 6)
    maps["boucle"] = 1.1 * np.abs(_noise(rng, 34, 34)) - 0.8
    maps["plain"] = 0.15 * _noise(rng, 3, 3)
    maps["metal"] = 0.35 * _noise(rng, 1.5, 40)
    maps["stripe"] = np.sign(np.sin(x * 2 * np.pi / 32)) * 2.2 + 0.2 * _noise(rng, 60, 60)
    checks = np.sign(np.sin(x * 2 * np.pi / 64)) + np.sign(np.sin(y * 2 * np.pi / 64))
    maps["check"] = checks * 1.3 + 0.2 * _noise(rng, 60, 60)
    gaps = np.where((y % 64) < 2, -3.0, 0)
    maps["plank"] = wood * 0.6 + gaps + np.take(rng.standard_normal(4) * 0.9, (y // 64).astype(int))
    maps["tile"] = np.where(((y % 128) < 3) | ((x % 128) < 3), -3.0, 0) + 0.3 * _noise(rng, 8, 8)
    maps["carpet"] = 0.7 * _noise(rng, 100, 100) + 0.4 * _noise(rng, 5, 5)
    veins = -1.2 * (np.abs(_noise(rng, 5, 8)) < 0.1) + 0.4 * _noise(rng, 3, 3)
    maps["marble"] = veins - 0.6 * (np.abs(_noise(rng, 9, 7)) < 0.06)
    maps["weave"] = np.sin(x * 2 * np.pi / 16) * np.sin(y * 2 * np.pi / 16) * 1.6
    mortar = ((y % 32) < 3) | (((x + 32 * ((y // 32) % 2)) % 64) < 3)
    maps["brick"] = np.where(mortar, 2.0, 0) + 0.6 * _noise(rng, 20, 20)
    return {name: values.astype(np.float32) for name, values in maps.items()}

"""Renders of many listings as two arrays on disk, for training and for evaluation."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from etsy_assets.demo.furniture import render, sample_furniture

PHOTOS_PER_LISTING = 4
TRAINING_SEEDS = range(8_000)
HELD_OUT_SEEDS = range(100_000, 100_400)
WEIGHT_FITTING_SEEDS = range(200_000, 200_200)
LISTINGS_A_TASK = 50


@dataclass(frozen=True, slots=True)
class Renders:
    """photos uint8 (n, side, side, 3) and masks uint8 (n, side, side); n = listings x photos, listing by listing."""

    photos: np.ndarray
    masks: np.ndarray
    backgrounds: np.ndarray
    photos_per_listing: int = PHOTOS_PER_LISTING

    @property
    def listings(self) -> np.ndarray:
        """The listing's position of each photo, int64 (n,)."""
        return np.arange(len(self.photos)) // self.photos_per_listing


def render_listings(folder: Path, seeds: range, side: int, workers: int) -> Renders:
    """Renders every listing of `seeds` into `folder`, or opens what an earlier call finished there."""
    done = folder / "backgrounds.npy"
    count = len(seeds) * PHOTOS_PER_LISTING
    photos_path, masks_path = folder / "photos.npy", folder / "masks.npy"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.lib.format.open_memmap(photos_path, "w+", np.uint8, (count, side, side, 3)).flush()
        np.lib.format.open_memmap(masks_path, "w+", np.uint8, (count, side, side)).flush()
        with ProcessPoolExecutor(workers) as pool:
            tasks = [(folder, start, chunk, side) for start, chunk in chunks(seeds)]
            backgrounds = [name for names in pool.map(render_chunk, *zip(*tasks, strict=True)) for name in names]
        np.save(done, np.array(backgrounds))
    return Renders(np.load(photos_path, mmap_mode="r"), np.load(masks_path, mmap_mode="r"), np.load(done))


def chunks(seeds: range) -> Iterator[tuple[int, range]]:
    """Consecutive parts of `seeds` with the position at which each begins."""
    for start in range(0, len(seeds), LISTINGS_A_TASK):
        yield start, seeds[start : start + LISTINGS_A_TASK]


def render_chunk(folder: Path, start: int, seeds: range, side: int) -> list[str]:
    """Writes the photos of `seeds` at their rows of the arrays in `folder`; returns their backgrounds."""
    photos = np.load(folder / "photos.npy", mmap_mode="r+")
    masks = np.load(folder / "masks.npy", mmap_mode="r+")
    backgrounds = []
    for listing, seed in enumerate(seeds, start):
        furniture = sample_furniture(seed)
        for view in range(PHOTOS_PER_LISTING):
            photo = render(furniture, view, side, side)
            row = listing * PHOTOS_PER_LISTING + view
            photos[row], masks[row] = np.asarray(photo.image), np.asarray(photo.mask)
            backgrounds.append(photo.background)
    photos.flush()
    masks.flush()
    return backgrounds

"""JPEGs of the renderer, at the sizes that listings come in."""

import io
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from etsy_assets.demo.furniture import render, sample_furniture

LARGE, CDN_SIZE = (1500, 1200), (794, 1000)
"""(width, height) as sellers upload them, and of the CDN's form 794xN."""
_FIRST_SEED = 300_000
"""Furniture that no demo model was trained on."""


def rendered_jpegs(count: int, size: tuple[int, int], quality: int = 90) -> list[bytes]:
    """Photos of so many pieces, the same in every run."""
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(partial(_jpeg, size=size, quality=quality), range(count), chunksize=4))


def _jpeg(number: int, size: tuple[int, int], quality: int) -> bytes:
    file = io.BytesIO()
    render(sample_furniture(_FIRST_SEED + number), 0, *size).image.save(file, "JPEG", quality=quality)
    return file.getvalue()

"""The simulated shop with few pictures for many photos: rendering thousands would take longer than the benchmark."""

import itertools
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.report import progress
from etsy_assets.demo.photos import FULL_SIZE
from etsy_assets.demo.shop import SimulatedShop

_PICTURES = 120


class PhotoShop(SimulatedShop):
    """Each photo is one of a few rendered ones, with its id in a comment, so that no two files are the same."""

    def __init__(self, images: int, photo_folder: Path) -> None:
        """images: it has so many at least, and no listing more than that takes."""
        super().__init__(listings=images, photo_folder=photo_folder)
        for stocked in self.listings()[self.listings_with(images) :]:
            self.remove_listing(stocked.listing_id)
        first = [photo.image_id for stocked in self.listings() for photo in stocked.photos][:_PICTURES]
        progress(f"rendering {len(first)} photos")
        with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            render = partial(_rendered, listings=len(self.listings()), photo_folder=photo_folder)
            self._pictures = list(pool.map(render, first, chunksize=4))

    def listings_with(self, images: int) -> int:
        """How many listings, from the oldest on, it takes to have so many images."""
        totals = itertools.accumulate(len(stocked.photos) for stocked in self.listings())
        return 1 + next(number for number, total in enumerate(totals) if total >= images)

    def jpeg(self, image_id: int, size: str = FULL_SIZE) -> bytes:
        picture, comment = self._pictures[image_id % len(self._pictures)], str(image_id).encode()
        return picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:]


def _rendered(image_id: int, listings: int, photo_folder: Path) -> bytes:
    return SimulatedShop(listings=listings, photo_folder=photo_folder).jpeg(image_id)

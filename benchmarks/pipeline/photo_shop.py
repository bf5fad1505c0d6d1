"""The simulated shop with few pictures for many photos: rendering thousands would take longer than the benchmark."""

import itertools
import os
from concurrent.futures import ProcessPoolExecutor

from benchmarks.report import progress
from etsy_assets.demo.photo_facts import PhotoFacts
from etsy_assets.demo.photos import FULL_SIZE, PhotoStore
from etsy_assets.demo.shop import SimulatedShop

_PICTURES = 120
_ADDED_AT_ONCE = 20


class PhotoShop(SimulatedShop):
    """Each photo is one of a few rendered ones, with its id in a comment, so that no two files are the same."""

    def __init__(self, images: int) -> None:
        """images: it has so many at least."""
        super().__init__(listings=0)
        photos: list[PhotoFacts] = []
        while len(photos) < images:
            self.add_listings(_ADDED_AT_ONCE)
            photos = [photo for stocked in self.listings() for photo in stocked.photos]
        progress(f"rendering {_PICTURES} photos")
        with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            self._pictures = list(pool.map(_rendered, photos[:_PICTURES], chunksize=4))

    def listings_with(self, images: int) -> int:
        """How many listings, from the oldest on, it takes to have so many images."""
        totals = itertools.accumulate(len(stocked.photos) for stocked in self.listings())
        return 1 + next(number for number, total in enumerate(totals) if total >= images)

    def jpeg(self, image_id: int, size: str = FULL_SIZE) -> bytes:
        picture, comment = self._pictures[image_id % len(self._pictures)], str(image_id).encode()
        return picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:]


def _rendered(photo: PhotoFacts) -> bytes:
    return PhotoStore().jpeg(photo)

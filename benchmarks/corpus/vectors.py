"""Synthetic embeddings: any batch of any encoder, made anew from a seed whenever it is asked for.

So a corpus of millions of rows needs no memory, and the exact answers are computed from the generator itself and not
from the files under test. A batch is 100 listings of 10 images, as in the full profile.

easy: a 48-dimensional latent in clusters, which every encoder sees through its own random projection with noise of its
own: what the embeddings of pictures are like, as far as an index can tell. hard: 20,000 clusters directly in high
dimension, their centres unrelated: a coarse quantiser with fewer lists than that has nothing to hold on to. There,
the images of a listing are pairs of five views, each in a cluster of its own, so that a query's cluster holds more
listings than a search returns.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from etsy_assets.encoders.registry import FULL_ENCODERS

Half = npt.NDArray[np.float16]
Single = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

DIMENSIONS = {spec.name: spec.dimension for spec in FULL_ENCODERS}
ENCODERS = tuple(DIMENSIONS)
ALL_DIMENSIONS = sum(DIMENSIONS.values())

LISTINGS, IMAGES = 100, 10
BATCH_ROWS = LISTINGS * IMAGES
FIRST_LISTING = 1_000_000

LATENT = 48
ROWS_PER_EASY_CLUSTER = 250
"""4,000 clusters in a million rows."""
SPREAD, PER_IMAGE, PER_QUERY = 0.4, 0.3, 0.25
"""Standard deviations in the latent, where the centres have 1: of a listing in its cluster, of an image around its
listing, and of a query around a listing that the corpus does not hold."""
OWN_NOISE = 0.15
"""Length of each encoder's own noise beside a latent part of length 1."""

HARD_CLUSTERS, ROWS_PER_HARD_CLUSTER, VIEWS = 20_000, 50, 5
HARD_VIEW, HARD_IMAGE, HARD_QUERY = 1.6, 0.5, 1.6
"""Lengths beside a centre of length 1: of a view in its cluster, of an image around its view, of a query."""

_QUERIES = 1 << 40
"""A batch number that no corpus reaches."""


@dataclass(frozen=True, slots=True)
class Shop:
    """One synthetic corpus. rows: of its sealed segments, which sets the number of clusters."""

    kind: str
    rows: int
    seed: int = 7

    @property
    def clusters(self) -> int:
        if self.kind == "easy":
            return max(self.rows // ROWS_PER_EASY_CLUSTER, 1)
        return min(HARD_CLUSTERS, max(self.rows // ROWS_PER_HARD_CLUSTER, 1))

    def vectors(self, encoder: str, batch: int) -> Half:
        """(1000, d) float16, unit length: what `encoder` says of a batch's images, in row order."""
        random = self._random("noise", encoder, batch)
        if self.kind == "easy":
            return _unit(self._seen(encoder, self._image_latents(batch), random))
        views = np.repeat(np.arange(BATCH_ROWS // 2), 2)
        vectors = _centres(self, encoder)[self._clusters_of(batch)][views]
        vectors += _noise(random, BATCH_ROWS // 2, vectors.shape[1], HARD_VIEW)[views]
        return _unit(vectors + _noise(random, BATCH_ROWS, vectors.shape[1], HARD_IMAGE))

    def queries(self, encoder: str, count: int) -> Single:
        """(count, d) float32, unit length: pictures that the corpus does not hold, of the same kinds."""
        random = self._random("query noise", encoder, _QUERIES)
        latent_random = self._random("query", "", _QUERIES)
        clusters = latent_random.integers(0, self.clusters, count)
        if self.kind == "easy":
            listings = _latent_centres(self)[clusters] + SPREAD * _normal(latent_random, count)
            vectors = self._seen(encoder, listings + PER_QUERY * _normal(latent_random, count), random)
        else:
            vectors = _centres(self, encoder)[clusters]
            vectors = vectors + _noise(random, count, vectors.shape[1], HARD_QUERY)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _image_latents(self, batch: int) -> Single:
        random = self._random("latent", "", batch)
        clusters = random.integers(0, self.clusters, LISTINGS)
        listings = _latent_centres(self)[clusters] + SPREAD * _normal(random, LISTINGS)
        return np.repeat(listings, IMAGES, axis=0) + PER_IMAGE * _normal(random, BATCH_ROWS)

    def _seen(self, encoder: str, latents: Single, random: np.random.Generator) -> Single:
        seen = latents @ _projection(self, encoder)
        seen /= np.linalg.norm(seen, axis=1, keepdims=True)
        return seen + _noise(random, *seen.shape, OWN_NOISE)

    def _clusters_of(self, batch: int) -> Ids:
        """(500,): the cluster of each pair of images."""
        return self._random("cluster", "", batch).integers(0, self.clusters, LISTINGS * VIEWS)

    def _random(self, what: str, encoder: str, batch: int) -> np.random.Generator:
        return _generator(self.seed, self.kind, what, encoder, batch)


def batch_key(batch: int) -> str:
    return f"batch-{batch:06d}"


def rows_of(batch: int) -> Ids:
    """(1000,): a batch's row numbers in the shop, whose batches are numbered from 0."""
    return batch * BATCH_ROWS + np.arange(BATCH_ROWS, dtype=np.int64)


def listing_ids(rows: Ids) -> Ids:
    return FIRST_LISTING + rows // IMAGES


def image_ids(rows: Ids) -> Ids:
    return FIRST_LISTING * IMAGES + rows


def batch_of_listing(listing_id: int) -> str:
    return batch_key((listing_id - FIRST_LISTING) // LISTINGS)


def cutout_digest(image_id: int) -> bytes:
    return hashlib.sha256(str(image_id).encode()).digest()


@lru_cache(maxsize=1)
def _latent_centres(shop: Shop) -> Single:
    return _normal(_generator(shop.seed, shop.kind, "centres"), shop.clusters)


@lru_cache(maxsize=8)
def _projection(shop: Shop, encoder: str) -> Single:
    random = _generator(shop.seed, shop.kind, "projection", encoder)
    return random.standard_normal((LATENT, DIMENSIONS[encoder]), dtype=np.float32)


@lru_cache(maxsize=1)
def _centres(shop: Shop, encoder: str) -> Single:
    centres = _generator(shop.seed, shop.kind, "centres", encoder).standard_normal(
        (shop.clusters, DIMENSIONS[encoder]), dtype=np.float32
    )
    return centres / np.linalg.norm(centres, axis=1, keepdims=True)


def _normal(random: np.random.Generator, count: int) -> Single:
    return random.standard_normal((count, LATENT), dtype=np.float32)


def _noise(random: np.random.Generator, count: int, dimension: int, length: float) -> Single:
    """Vectors of about `length`. Of random bytes, as their distribution matters to no index and they cost a tenth."""
    raw = random.integers(0, 256, (count, dimension), dtype=np.uint8).astype(np.float32)
    raw -= 127.5
    raw *= length / (np.sqrt((256**2 - 1) / 12) * np.sqrt(dimension))
    return raw


def _unit(vectors: Single) -> Half:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def _generator(*key: object) -> np.random.Generator:
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest[:16], "little")))

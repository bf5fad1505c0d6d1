"""Unit vectors that lie in clusters, as embeddings do, and segments of them."""

from pathlib import Path

import numpy as np

from etsy_assets.encoders.embeddings import Embeddings, write_embeddings
from etsy_assets.search.index_policy import IndexPolicy
from etsy_assets.search.indexes import build_index
from etsy_assets.search.manifests import IndexManifest
from etsy_assets.search.rows import build_segment_rows
from etsy_assets.storage import Home

ENCODER = "clustered"
DIMENSION = 32
IMAGES_A_LISTING = 5


def clustered_vectors(rows: int, seed: int, dimension: int = DIMENSION, clusters: int = 50) -> np.ndarray:
    """float16 (rows, dimension). The clusters are the same whatever the seed."""
    centres = np.random.default_rng(1).normal(size=(clusters, dimension))
    random = np.random.default_rng(seed)
    vectors = centres[random.integers(0, clusters, rows)] + 0.4 * random.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def embed_batch(home: Home, batch: str, vectors: np.ndarray, encoder: str = ENCODER) -> list[tuple[int, int, str]]:
    """Stores the vectors of a batch; returns its rows. Ids tell the batch: listing 3_000_007 is of batch-000003."""
    first = int(batch.rpartition("-")[2]) * 1_000_000
    images = np.arange(len(vectors)) + first
    listings = first + np.arange(len(vectors)) // IMAGES_A_LISTING
    digests = np.zeros((len(vectors), 32), dtype=np.uint8)
    path: Path = home.embeddings(encoder, batch)
    write_embeddings(path, Embeddings(encoder, "clusters-1", batch, listings, images, vectors, digests))
    return [
        (int(listing), int(image), digests[0].tobytes().hex()) for listing, image in zip(listings, images, strict=True)
    ]


def index_batches(
    home: Home, segment: str, batches: dict[str, np.ndarray], policy: IndexPolicy, encoder: str = ENCODER
) -> IndexManifest:
    rows = {batch: embed_batch(home, batch, vectors, encoder) for batch, vectors in batches.items()}
    version = build_segment_rows(home, segment, rows).version
    return build_index(home, segment, version, encoder, policy)

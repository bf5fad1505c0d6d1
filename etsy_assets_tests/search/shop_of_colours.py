"""A small corpus that can be checked by eye: listings are coloured pictures, encoders are colour grids.

Everything but the encoders is the real thing: embeddings files, rows, FAISS indexes, snapshots.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from etsy_assets.encoders.embeddings import Embeddings, TextEmbeddings, write_embeddings, write_text_embeddings
from etsy_assets.search.indexes import build_index, build_text_index
from etsy_assets.search.rows import build_segment_rows
from etsy_assets.search.snapshots import Snapshot, publish
from etsy_assets.storage import Home

COLOURS = {
    "red": (200, 30, 30),
    "green": (30, 160, 40),
    "blue": (30, 40, 200),
    "yellow": (220, 210, 40),
    "white": (240, 240, 240),
    "black": (25, 25, 25),
}


@dataclass(frozen=True)
class ColourEncoder:
    """An image is its colours on a grid x grid raster; a text is the colours it names. Both are unit vectors."""

    name: str
    grid: int
    fingerprint: str = "colours-1"

    @property
    def dimension(self) -> int:
        return 3 * self.grid**2

    def embed_images(self, images: Sequence[Image.Image]) -> npt.NDArray[np.float32]:
        return np.stack(
            [self._unit(np.asarray(image.resize((self.grid, self.grid), Image.Resampling.BOX))) for image in images]
        )

    def embed_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        pictures = []
        for text in texts:
            named = [colour for word, colour in COLOURS.items() if word in text] or [(128, 128, 128)]
            pictures.append(np.broadcast_to(np.mean(named, axis=0), (self.grid, self.grid, 3)))
        return np.stack([self._unit(picture) for picture in pictures])

    @staticmethod
    def _unit(pixels: npt.NDArray) -> npt.NDArray[np.float32]:
        values = pixels.astype(np.float32).ravel() - 127.0
        return values / np.linalg.norm(values)


ENCODERS = {encoder.name: encoder for encoder in (ColourEncoder("coarse", 2), ColourEncoder("fine", 4))}


@dataclass(frozen=True)
class Photo:
    listing_id: int
    image_id: int
    image: Image.Image
    title: str = ""

    @property
    def cutout_sha256(self) -> str:
        return hashlib.sha256(self.image.tobytes()).hexdigest()


def photo(listing_id: int, colour: str, number: int = 0) -> Photo:
    """A picture in one colour with a patch whose place and shade depend on the ids, so that no two are alike."""
    random = np.random.default_rng((listing_id, number))
    pixels = np.full((32, 32, 3), COLOURS[colour], dtype=np.uint8)
    x, y = random.integers(0, 20, 2)
    pixels[y : y + 10, x : x + 10] = random.integers(0, 255, 3)
    return Photo(listing_id, 10 * listing_id + number, Image.fromarray(pixels), f"a {colour} chair")


def store_embeddings(home: Home, batch: str, photos: Sequence[Photo], encoder: ColourEncoder) -> Path:
    """Writes the image and the text embeddings of a batch, as the encoders' package stores them."""
    photos = sorted(photos, key=lambda item: (item.listing_id, item.image_id))
    path = home.embeddings(encoder.name, batch)
    write_embeddings(
        path,
        Embeddings(
            encoder=encoder.name,
            fingerprint=encoder.fingerprint,
            batch=batch,
            listing_ids=np.array([item.listing_id for item in photos], dtype=np.int64),
            image_ids=np.array([item.image_id for item in photos], dtype=np.int64),
            vectors=_rows([encoder.embed_images([item.image])[0] for item in photos], encoder.dimension),
            source_sha256=_digests([item.cutout_sha256 for item in photos]),
        ),
    )
    titles = {item.listing_id: item.title for item in photos}
    write_text_embeddings(
        home.text_embeddings(encoder.name, batch),
        TextEmbeddings(
            encoder=encoder.name,
            fingerprint=encoder.fingerprint,
            batch=batch,
            listing_ids=np.array(list(titles), dtype=np.int64),
            vectors=_rows([encoder.embed_texts([title])[0] for title in titles.values()], encoder.dimension),
            source_sha256=_digests([hashlib.sha256(title.encode()).hexdigest() for title in titles.values()]),
        ),
    )
    return path


def rows_of(batches: Mapping[str, Sequence[Photo]]) -> dict[str, list[tuple[int, int, str]]]:
    return {
        batch: [(item.listing_id, item.image_id, item.cutout_sha256) for item in photos]
        for batch, photos in batches.items()
    }


def build_segment(
    home: Home,
    segment: str,
    batches: Mapping[str, Sequence[Photo]],
    encoders: Sequence[ColourEncoder] = tuple(ENCODERS.values()),
) -> str:
    """Embeds and indexes the batches as one segment, and returns its version."""
    version = build_segment_rows(home, segment, rows_of(batches)).version
    for encoder in encoders:
        for batch, photos in batches.items():
            store_embeddings(home, batch, photos, encoder)
        build_index(home, segment, version, encoder.name)
        build_text_index(home, segment, version, encoder.name)
    return version


TWO_SEGMENTS: dict[str, dict[str, list[Photo]]] = {
    "segment-0000": {
        "batch-000000": [photo(11, "red"), photo(11, "red", 1), photo(12, "green"), photo(13, "blue")],
        "batch-000001": [photo(21, "red"), photo(22, "yellow"), photo(22, "yellow", 1)],
    },
    "segment-0001": {
        "batch-000002": [photo(31, "red"), photo(32, "white"), photo(33, "black"), photo(34, "green")],
    },
}
PHOTOS = {
    (item.listing_id, item.image_id): item
    for batches in TWO_SEGMENTS.values()
    for photos in batches.values()
    for item in photos
}


def publish_two_segments(home: Home) -> Snapshot:
    return publish(home, {name: build_segment(home, name, batches) for name, batches in TWO_SEGMENTS.items()})


def _rows(vectors: list[npt.NDArray[np.float32]], dimension: int) -> npt.NDArray[np.float16]:
    return np.array(vectors, dtype=np.float16).reshape(-1, dimension)


def _digests(hexadecimal: list[str]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex("".join(hexadecimal)), dtype=np.uint8).reshape(-1, 32)

"""A corpus of some thousand vectors, large enough for compressed indexes to take part, where every answer is known.

Image number n is one pixel whose colour is n, so the vectors of any image of an answer can be looked up again. The
encoders have the same dimension: files swapped between them differ in their content only.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from etsy_assets.encoders.embeddings import Embeddings, TextEmbeddings, write_embeddings, write_text_embeddings
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.engine import SearchEngine
from etsy_assets.search.index_policy import IndexPolicy
from etsy_assets.search.indexes import build_index, build_text_index
from etsy_assets.search.options import SearchOptions
from etsy_assets.search.publication import published_versions_of_segments
from etsy_assets.search.query import Query, QueryKind
from etsy_assets.search.results import SearchResult
from etsy_assets.search.rows import build_segment_rows
from etsy_assets.search.segments import verify_segment
from etsy_assets.search.snapshots import Snapshot, current_snapshot, publish
from etsy_assets.storage import Home

BATCH_IMAGES = 1000
IMAGES_PER_LISTING = 2
LARGEST_CORPUS = 9 * BATCH_IMAGES
DIMENSION, LATENT, CLUSTERS = 48, 12, 100


@dataclass(frozen=True)
class VectorEncoder:
    """A projection of the latent shape of each image, with some noise of its own: encoders agree, but not wholly."""

    name: str
    seed: int
    dimension: int = DIMENSION

    @property
    def fingerprint(self) -> str:
        return f"vectors-{self.seed}"

    def embed_images(self, images: Sequence[Image.Image]) -> npt.NDArray[np.float32]:
        return self.vectors([number_of(image) for image in images]).astype(np.float32)

    def vectors(self, numbers: Sequence[int]) -> npt.NDArray[np.float16]:
        """(n, dimension) unit vectors, as they are stored."""
        return all_vectors(self.seed)[list(numbers)]


ENCODERS = {encoder.name: encoder for encoder in (VectorEncoder("oak", 1), VectorEncoder("pine", 2))}
TEXT_ENCODER = ENCODERS["oak"]

# Room for a flat index of a hundred vectors, for one of eight bits of the texts, and for one bit of each image.
POLICY = IndexPolicy(memory_mb=0.14)

SEALED, OPEN = "segment-0000", "segment-0001"
# A fifth thousand of rows lets a codebook have twice the lists, so the new batch has one trained where there are any.
PUBLISHED = {SEALED: (0, 1, 2), OPEN: (3, 4, 5, 6)}
WITH_NEW_BATCH = (*PUBLISHED[OPEN], 7)


@cache
def all_vectors(seed: int) -> npt.NDArray[np.float16]:
    shared, own = np.random.default_rng(0), np.random.default_rng(seed)
    centres = shared.normal(size=(CLUSTERS, LATENT))
    latent = centres[shared.integers(CLUSTERS, size=LARGEST_CORPUS)]
    latent += 0.5 * shared.normal(size=latent.shape)
    vectors = latent @ own.normal(size=(LATENT, DIMENSION)) + 0.3 * own.normal(size=(LARGEST_CORPUS, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def picture(number: int) -> Image.Image:
    return Image.new("RGB", (1, 1), (number >> 16, number >> 8 & 255, number & 255))


def number_of(image: Image.Image) -> int:
    return int.from_bytes(image.tobytes(), "big")


def listing_of(number: int) -> int:
    return 1 + number // IMAGES_PER_LISTING


def image_of(number: int) -> int:
    return 1_000_000 + number


def number_of_image(image_id: int) -> int:
    return image_id - 1_000_000


def batch_key(batch: int) -> str:
    return f"batch-{batch:06d}"


@cache
def cutout_sha256(number: int) -> str:
    return hashlib.sha256(picture(number).tobytes()).hexdigest()


def store_batch(home: Home, key: str, numbers: Sequence[int]) -> None:
    """Writes the embeddings of some images in every encoder, and the text embeddings of their listings in one."""
    digests = b"".join(bytes.fromhex(cutout_sha256(number)) for number in numbers)
    for encoder in ENCODERS.values():
        embeddings = Embeddings(
            encoder=encoder.name,
            fingerprint=encoder.fingerprint,
            batch=key,
            listing_ids=np.array([listing_of(number) for number in numbers], dtype=np.int64),
            image_ids=np.array([image_of(number) for number in numbers], dtype=np.int64),
            vectors=encoder.vectors(numbers),
            source_sha256=np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32),
        )
        write_embeddings(home.embeddings(encoder.name, key), embeddings)
    first_images = {listing_of(number): number for number in reversed(numbers)}
    listings = sorted(first_images)
    texts = TextEmbeddings(
        encoder=TEXT_ENCODER.name,
        fingerprint=TEXT_ENCODER.fingerprint,
        batch=key,
        listing_ids=np.array(listings, dtype=np.int64),
        vectors=TEXT_ENCODER.vectors([first_images[listing] for listing in listings]),
        source_sha256=np.zeros((len(listings), 32), dtype=np.uint8),
    )
    write_text_embeddings(home.text_embeddings(TEXT_ENCODER.name, key), texts)


def build_segment(home: Home, segment: str, batches: Mapping[str, Iterable[int]]) -> str:
    """Orders and indexes batches that are embedded, and returns the segment's version."""
    rows = {
        key: [(listing_of(number), image_of(number), cutout_sha256(number)) for number in numbers]
        for key, numbers in batches.items()
    }
    version = build_segment_rows(home, segment, rows).version
    for encoder in ENCODERS:
        build_index(home, segment, version, encoder, POLICY)
    build_text_index(home, segment, version, TEXT_ENCODER.name, POLICY)
    return version


def numbers_in(batches: Iterable[int]) -> dict[str, range]:
    """{batch key: the numbers of its images}."""
    return {batch_key(batch): range(batch * BATCH_IMAGES, (batch + 1) * BATCH_IMAGES) for batch in batches}


def publish_vectors(home: Home) -> Snapshot:
    """Publishes seven batches in two segments, and leaves an eighth embedded but not indexed."""
    for key, numbers in numbers_in(range(8)).items():
        store_batch(home, key, numbers)
    return publish(home, {name: build_segment(home, name, numbers_in(batches)) for name, batches in PUBLISHED.items()})


def publish_new_batch(home: Home) -> Snapshot:
    """What a run does when the eighth batch has arrived."""
    version = build_segment(home, OPEN, numbers_in(WITH_NEW_BATCH))
    return publish(home, {**published_versions_of_segments(home), OPEN: version})


def search_for(engine: SearchEngine, number: int, k: int = 3) -> SearchResult:
    return engine.search(Query(QueryKind.image, f"image {number}", image=picture(number)), SearchOptions(k=k))


def wrong_in(result: SearchResult, number: int, *, first: bool = True) -> list[str]:
    """What an answer to the search for an image says that is not so: each match is held against its own vectors.

    first: the corpus holds the image itself, so it must be the first match.
    """
    wrong = []
    if first and result.matches[0].image_id != image_of(number):
        wrong.append(f"image {image_of(number)} finds {result.matches[0].image_id} first")
    for match in result.matches:
        if listing_of(number_of_image(match.image_id)) != match.listing_id:
            wrong.append(f"image {match.image_id} is said to be of listing {match.listing_id}")
        # Each encoder's similarity is that of the image of the listing which this encoder likes best.
        primary = (match.listing_id - 1) * IMAGES_PER_LISTING
        siblings = range(primary, primary + IMAGES_PER_LISTING)
        for name, encoder in ENCODERS.items():
            cosines = encoder.vectors(siblings).astype(np.float32) @ encoder.vectors([number])[0].astype(np.float32)
            if abs(cosines.max() - match.similarities[name]) > 0.001:
                wrong.append(f"{name} gives {match.similarities[name]} to listing {match.listing_id}: {cosines}")
    return wrong


def faults_of(home: Home, sample: int = 24) -> list[str]:
    """What is wrong with the current snapshot: files against checksums, and answers against what is known of them."""
    snapshot = current_snapshot(home)
    assert snapshot is not None
    faults = [
        problem
        for name, version in snapshot.segment_versions.items()
        for problem in verify_segment(home, name, version)
    ]
    corpus = Corpus.open(home, snapshot, verify=True)
    engine = SearchEngine(home, ENCODERS.__getitem__)
    for image_id in np.random.default_rng(4).choice(corpus.image_ids, sample, replace=False).tolist():
        result = search_for(engine, number_of_image(image_id))
        assert result.snapshot == snapshot.version
        faults += wrong_in(result, number_of_image(image_id))
    return faults

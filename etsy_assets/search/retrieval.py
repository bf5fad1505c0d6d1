"""Asks every channel for its nearest rows, and scores the union of what they found in all of them."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from etsy_assets.search.background import Background
from etsy_assets.search.candidates import ImageCandidates
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.encoder_index import Hits, Vector, contains
from etsy_assets.search.turns import in_turn

Ids = npt.NDArray[np.int64]
_Channel = tuple[str, npt.NDArray[np.float32], npt.NDArray[np.bool_], Background]
"""Name, (rows,) similarities, (rows,) whether found by this channel, background."""


def gather(
    corpus: Corpus,
    vectors: Mapping[str, Vector],
    text_vectors: Mapping[str, Vector],
    depth: int,
    exclude_listing: int | None = None,
) -> ImageCandidates:
    """The candidates for a query.

    vectors: by encoder, a unit vector to search among its images. text_vectors: by encoder, one to search among its
    listing texts; a listing found by its text brings all its images. depth: rows each channel contributes.
    exclude_listing: is not returned and does not count in depth, nor in what similarities are compared with.
    Searches that come at once take turns (see turns.py).
    """
    return in_turn(_gather, corpus, vectors, text_vectors, depth, exclude_listing)


def _gather(
    corpus: Corpus,
    vectors: Mapping[str, Vector],
    text_vectors: Mapping[str, Vector],
    depth: int,
    exclude_listing: int | None,
) -> ImageCandidates:
    none = np.empty(0, dtype=np.int64)
    own = none if exclude_listing is None else corpus.rows_of(exclude_listing)
    own_text = none if exclude_listing is None else corpus.text_rows_of(exclude_listing)
    hits = {name: corpus.indexes[name].search(vector, depth, own) for name, vector in vectors.items()}
    text_hits = {
        name: corpus.text_indexes[name].search(vector, depth, own_text).rows for name, vector in text_vectors.items()
    }
    by_text = [corpus.rows_of(int(listing)) for found in text_hits.values() for listing in corpus.listings[found]]
    rows = np.unique(np.concatenate([none, *(found.rows for found in hits.values()), *by_text]))
    channels = [
        *_image_channels(corpus, vectors, hits, rows, own),
        *_text_channels(corpus, text_vectors, text_hits, rows, own_text),
    ]
    shape = (len(rows), len(channels))
    return ImageCandidates(
        channels=tuple(name for name, *_ in channels),
        depth=depth,
        listing_ids=corpus.listing_ids[rows],
        image_ids=corpus.image_ids[rows],
        similarities=np.array([scores for _, scores, _, _ in channels], dtype=np.float64).T.reshape(shape),
        found=np.array([found for _, _, found, _ in channels], dtype=np.bool_).T.reshape(shape),
        backgrounds=tuple(background for *_, background in channels),
    )


def _image_channels(
    corpus: Corpus, vectors: Mapping[str, Vector], hits: Mapping[str, Hits], rows: Ids, own: Ids
) -> Iterator[_Channel]:
    for name, vector in vectors.items():
        index, found = corpus.indexes[name], hits[name]
        similarities = index.score_all(vector, rows, found)
        yield name, similarities, contains(np.sort(found.rows), rows), index.background(vector, own)


def _text_channels(
    corpus: Corpus, vectors: Mapping[str, Vector], hits: Mapping[str, Ids], rows: Ids, own: Ids
) -> Iterator[_Channel]:
    if not vectors:
        return
    listings, listing_of = np.unique(corpus.listing_ids[rows], return_inverse=True)
    text_rows = np.array([corpus.text_rows_of(int(listing))[0] for listing in listings], dtype=np.int64)
    for name, vector in vectors.items():
        index = corpus.text_indexes[name]
        similarities, found = index.score(vector, text_rows), np.isin(text_rows, hits[name])
        yield f"text_{name}", similarities[listing_of], found[listing_of], index.background(vector, own)

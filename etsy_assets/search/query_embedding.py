"""Turns a query into one vector for each encoder, comparable with the corpus or refused."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from etsy_assets.errors import BadQuery, ConfigurationError
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.encoder_index import Vector
from etsy_assets.search.query import Query, QueryKind


class QueryEncoder(Protocol):
    """What is needed of an encoder: unit vectors float32 (n, dimension), and the fingerprint of its model."""

    @property
    def fingerprint(self) -> str: ...

    def embed_images(self, images: Sequence[Image.Image]) -> npt.NDArray[np.float32]: ...


class QueryTextEncoder(QueryEncoder, Protocol):
    """An encoder that puts texts into the space of its images."""

    def embed_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]: ...


class QueryCutout(Protocol):
    """An image with its background removed, or the image itself and the reason why."""

    @property
    def image(self) -> Image.Image: ...
    @property
    def fallback_reason(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class EmbeddedQuery:
    """vectors: by encoder, to search among images; text_vectors: by encoder, to search among listing texts.

    query: with its cutout. seconds: how long that took, models loaded included.
    """

    query: Query
    vectors: Mapping[str, Vector]
    text_vectors: Mapping[str, Vector]
    seconds: float


class QueryEmbedder:
    """Loads each encoder when it is first needed, and keeps it. Safe to use from several threads."""

    def __init__(
        self,
        load_encoder: Callable[[str], QueryEncoder],
        cut_out: Callable[[Image.Image], QueryCutout] | None,
        primary_image: Callable[[int], int | None] | None,
    ) -> None:
        """As SearchEngine's."""
        self._load_encoder = load_encoder
        self._cut_out = cut_out
        self._primary_image = primary_image
        self._encoders: dict[str, QueryEncoder] = {}
        # A model is loaded once and embeds for one caller at a time.
        self._lock = threading.Lock()

    def cut_out(self, query: Query) -> Query:
        """The query with its background removed, as the images of the corpus have it; others come back as they are."""
        if query.image is None or query.cutout is not None or self._cut_out is None:
            return query
        with self._lock:
            cutout = self._cut_out(query.image)
        return replace(query, cutout=cutout.image, cutout_fallback=cutout.fallback_reason)

    def vectors(self, corpus: Corpus, query: Query, encoders: Sequence[str]) -> dict[str, Vector]:
        """One unit vector (dimension,) for each encoder.

        Raises BadQuery for a listing that the corpus does not hold, ConfigurationError when an encoder is not the one
        that the corpus was embedded with.
        """
        if query.kind is QueryKind.listing and query.listing_id is not None:
            row = self._row_of(corpus, query.listing_id)
            return {name: corpus.indexes[name].vector(row) for name in encoders}
        with self._lock:
            if query.kind is QueryKind.text and query.text is not None:
                return {name: self._embed_text(corpus, name, query.text) for name in encoders}
            picture = query.cutout or query.image
            if picture is None:
                raise BadQuery(f"The query by {query.kind} is empty: make it with load_query.")
            return {name: self._embed_image(corpus, name, picture) for name in encoders}

    def _row_of(self, corpus: Corpus, listing_id: int) -> int:
        """The row of the listing's primary image; of its first when that one could not be used."""
        rows = corpus.rows_of(listing_id)
        if rows.size == 0:
            raise BadQuery(
                f"Listing {listing_id} is not among the {corpus.snapshot.counts.listings} listings of the snapshot "
                f"{corpus.version}: give the id of one that is, such as {corpus.example_listing}."
            )
        primary = self._primary_image(listing_id) if self._primary_image else None
        matching = rows[corpus.image_ids[rows] == primary] if primary is not None else rows[:0]
        return int(matching[0] if matching.size else rows[0])

    def _embed_image(self, corpus: Corpus, name: str, picture: Image.Image) -> Vector:
        encoder = self._encoder(name, corpus.snapshot.encoders[name].fingerprint)
        return np.asarray(encoder.embed_images([picture])[0], dtype=np.float32)

    def _embed_text(self, corpus: Corpus, name: str, text: str) -> Vector:
        encoder = self._encoder(name, corpus.snapshot.text_encoders[name].fingerprint)
        if name in corpus.indexes:
            self._encoder(name, corpus.snapshot.encoders[name].fingerprint)
        return np.asarray(cast(QueryTextEncoder, encoder).embed_texts([text])[0], dtype=np.float32)

    def _encoder(self, name: str, fingerprint: str) -> QueryEncoder:
        if name not in self._encoders:
            self._encoders[name] = self._load_encoder(name)
        encoder = self._encoders[name]
        if encoder.fingerprint != fingerprint:
            raise ConfigurationError(
                f"The corpus was embedded with another model under the name {name} (fingerprint {fingerprint}, and the "
                f"one loaded has {encoder.fingerprint}): put the same weights in place, or materialize "
                f"embeddings/{name} and index/{name} again and publish."
            )
        return encoder

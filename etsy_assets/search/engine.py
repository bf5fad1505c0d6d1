"""The search engine: a query goes in, listings that look like it come out, ranked by the ensemble.

It knows no Dagster and no shop. The stages can be called one by one, as the ops of the search job do, or all at once.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PIL import Image

from etsy_assets.errors import BadQuery
from etsy_assets.search.candidates import ImageCandidates
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.options import SearchOptions
from etsy_assets.search.query import Query, QueryKind
from etsy_assets.search.query_embedding import EmbeddedQuery, QueryCutout, QueryEmbedder, QueryEncoder
from etsy_assets.search.ranking import channel_matches, ensemble_matches
from etsy_assets.search.results import SearchResult
from etsy_assets.search.retrieval import gather
from etsy_assets.search.snapshots import current_snapshot
from etsy_assets.storage import Home


@dataclass(frozen=True, slots=True)
class SearchedQuery:
    """A query with its candidates: all that ranking needs. weights: by channel. seconds: by stage."""

    query: Query
    candidates: ImageCandidates
    weights: Mapping[str, float]
    snapshot: str
    corpus_listings: int
    corpus_images: int
    seconds: Mapping[str, float]


class SearchEngine:
    """Safe to use from several threads. Snapshot and models are loaded when first needed, and kept."""

    def __init__(
        self,
        home: Home,
        load_encoder: Callable[[str], QueryEncoder],
        *,
        cut_out: Callable[[Image.Image], QueryCutout] | None = None,
        primary_image: Callable[[int], int | None] | None = None,
        default_weights: Mapping[str, float] | None = None,
        codes_in_memory: bool = False,
    ) -> None:
        """load_encoder: by name. cut_out: removes a query image's background; None = it is searched with as it is.

        primary_image: the image_id that stands for a listing; None = its first in the corpus. default_weights: by
        encoder, for searches that give none; encoders that the corpus does not hold are passed over. codes_in_memory:
        as for Corpus.open.
        """
        self._home = home
        self._embedder = QueryEmbedder(load_encoder, cut_out, primary_image)
        self._default_weights = dict(default_weights or {})
        self._codes_in_memory = codes_in_memory
        self._corpus: Corpus | None = None
        self._opening = threading.Lock()

    @property
    def corpus(self) -> Corpus:
        """The corpus in use. Raises BadQuery when nothing was published yet, CorruptArtifact when it is damaged."""
        return self._corpus or self.refresh()

    def refresh(self) -> Corpus:
        """Opens the current snapshot if it is not the one in use. Searches under way finish on the one they began with.

        What the two have in common is not read again. A damaged snapshot is refused, and the one in use stays.
        """
        with self._opening:
            snapshot = current_snapshot(self._home)
            if snapshot is None:
                raise BadQuery(
                    "There is nothing to search, as no snapshot was published yet: materialize search_snapshot."
                )
            if self._corpus is None or self._corpus.version != snapshot.version:
                self._corpus = Corpus.open(
                    self._home, snapshot, previous=self._corpus, codes_in_memory=self._codes_in_memory
                )
            return self._corpus

    def search(self, query: Query, options: SearchOptions | None = None) -> SearchResult:
        """Raises BadQuery when the query or an option can't be served, ConfigurationError when a model can't be."""
        options = options or SearchOptions()
        corpus = self._filled_corpus()
        return rank(self._gather(corpus, self._embed(corpus, query, options), options), options)

    def embed(self, query: Query, options: SearchOptions) -> EmbeddedQuery:
        """First stage: the query image is cut out and embedded by every encoder asked for. Raises as search does."""
        return self._embed(self._filled_corpus(), query, options)

    def gather(self, embedded: EmbeddedQuery, options: SearchOptions) -> SearchedQuery:
        """Second stage: each encoder finds its candidates, and all of them score the union. Then comes `rank`."""
        return self._gather(self._filled_corpus(), embedded, options)

    def _filled_corpus(self) -> Corpus:
        corpus = self.corpus
        if corpus.snapshot.counts.images == 0:
            raise BadQuery(
                f"There is nothing to search, as the snapshot {corpus.version} holds no image: publish one that does."
            )
        return corpus

    def _embed(self, corpus: Corpus, query: Query, options: SearchOptions) -> EmbeddedQuery:
        start = time.perf_counter()
        by_text = query.kind is QueryKind.text
        encoders = options.chosen_encoders(tuple(corpus.text_indexes if by_text else corpus.indexes), query.kind)
        # A typing error in the weights should not cost a minute of loading models.
        self._weights(corpus, encoders, options)
        query = self._embedder.cut_out(query)
        vectors = self._embedder.vectors(corpus, query, encoders)
        return EmbeddedQuery(
            query=query,
            vectors={name: vector for name, vector in vectors.items() if name in corpus.indexes},
            text_vectors=vectors if by_text else {},
            seconds=time.perf_counter() - start,
        )

    def _gather(self, corpus: Corpus, embedded: EmbeddedQuery, options: SearchOptions) -> SearchedQuery:
        start = time.perf_counter()
        candidates = gather(
            corpus, embedded.vectors, embedded.text_vectors, options.per_encoder, embedded.query.listing_id
        )
        return SearchedQuery(
            query=embedded.query,
            candidates=candidates,
            weights=self._weights(corpus, candidates.channels, options),
            snapshot=corpus.version,
            corpus_listings=corpus.snapshot.counts.listings,
            corpus_images=corpus.snapshot.counts.images,
            seconds={"embed": embedded.seconds, "search": time.perf_counter() - start},
        )

    def _weights(self, corpus: Corpus, channels: tuple[str, ...], options: SearchOptions) -> dict[str, float]:
        known = (*corpus.indexes, *(f"text_{name}" for name in corpus.text_indexes))
        defaults = {name: weight for name, weight in self._default_weights.items() if name in known}
        return options.weights_of(channels, known, defaults)


def rank(searched: SearchedQuery, options: SearchOptions) -> SearchResult:
    """Last stage: fuses the channels' scores. Pure, so one gathered query can be ranked by several methods."""
    start = time.perf_counter()
    candidates = searched.candidates if options.score_all else searched.candidates.found_alone()
    matches = ensemble_matches(candidates, options.method, searched.weights, options.k)
    by_channel = channel_matches(searched.candidates, options.k)
    return SearchResult(
        query=searched.query,
        snapshot=searched.snapshot,
        corpus_listings=searched.corpus_listings,
        corpus_images=searched.corpus_images,
        method=options.method,
        weights=searched.weights,
        k=options.k,
        per_encoder=options.per_encoder,
        channels=searched.candidates.channels,
        candidates=len(set(searched.candidates.listing_ids.tolist())),
        matches=matches,
        by_channel=by_channel,
        seconds={**searched.seconds, "rank": time.perf_counter() - start},
    )

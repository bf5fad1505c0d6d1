"""One encoder's indexes over all segments, searched as one: codes find candidates, the float16 matrix scores them.

Scoring from the matrix makes a similarity the same number whichever index found the row, and lets any row be scored,
found or not. So fusion never has to guess a missing score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from etsy_assets.search.background import Background, CorpusSample
from etsy_assets.search.matrix import as_float32, inner_products
from etsy_assets.search.searchers import IndexPart, candidates, make_searchers

Ids = npt.NDArray[np.int64]
Vector = npt.NDArray[np.float32]
Similarities = npt.NDArray[np.float32]

_DECIMALS = 6
"""Similarities are rounded to this, below float16's own error, so that equal pictures tie whatever order they are
summed in."""


@dataclass(frozen=True, slots=True)
class Hits:
    """The rows nearest to a query, best first, and their cosine similarities. Both (k,).

    scored, scored_similarities: all rows that were scored to find these, ascending, and what they scored.
    """

    rows: Ids
    similarities: Similarities
    scored: Ids
    scored_similarities: Similarities


class EncoderIndex:
    """Rows are numbered through all parts, in their order. Safe to use from several threads."""

    def __init__(self, dimension: int, parts: Sequence[IndexPart], codes_in_memory: bool = False) -> None:
        """codes_in_memory: as for Corpus.open."""
        self.dimension = dimension
        self._parts = tuple(parts)
        self._starts = np.cumsum([0, *(part.matrix.shape[0] for part in self._parts)])
        self._searchers = make_searchers(self._parts, self._starts[:-1].tolist(), codes_in_memory)

    @property
    def rows(self) -> int:
        return int(self._starts[-1])

    def search(self, vector: Vector, k: int, exclude: Ids | None = None) -> Hits:
        """The k live rows most similar to a unit vector of (dimension,), fewer if there are not so many.

        exclude: rows that are not returned and do not count in k. Equal similarities are in row order.
        """
        skipped = np.empty(0, dtype=np.int64) if exclude is None else exclude
        found = [searcher.search(vector, k + len(skipped)) for searcher in self._searchers]
        if not found:
            nothing = np.empty(0, dtype=np.float32)
            return Hits(skipped[:0], nothing, skipped[:0], nothing)
        rows = np.concatenate([rows for rows, _ in found])
        if len(found) > 1:
            # What looks nearest in any of them is re-scored; all of it would be much that is not wanted.
            near = np.concatenate([near for _, near in found])
            rows = rows[np.lexsort((rows, -near))[: candidates(k + len(skipped))]]
        rows = np.sort(rows) if not len(skipped) else np.setdiff1d(rows, skipped)
        similarities = self.score(vector, rows)
        best = np.lexsort((rows, -similarities))[:k]
        return Hits(rows[best], similarities[best], rows, similarities)

    def score_all(self, vector: Vector, rows: Ids, hits: Hits) -> Similarities:
        """As score, of ascending rows, without those again that were scored for `hits` of the same vector."""
        similarities = np.empty(len(rows), dtype=np.float32)
        known = contains(hits.scored, rows)
        similarities[known] = hits.scored_similarities[np.searchsorted(hits.scored, rows[known])]
        similarities[~known] = self.score(vector, rows[~known])
        return similarities

    def score(self, vector: Vector, rows: Ids) -> Similarities:
        """The exact cosine similarity of each row to a unit vector."""
        return np.asarray(np.round(inner_products(vector, self.vectors(rows)), _DECIMALS), dtype=np.float32)

    def background(self, vector: Vector, exclude: Ids | None = None) -> Background:
        """Mean and standard deviation of the query's similarity to the corpus, by evenly spaced live rows of it."""
        return self._sample.background(vector, exclude)

    def vector(self, row: int) -> Vector:
        """The stored embedding of a row, of length 1 again after its rounding to float16."""
        stored = self.vectors(np.array([row], dtype=np.int64))[0]
        return np.asarray(stored / np.linalg.norm(stored), dtype=np.float32)

    def vectors(self, rows: Ids) -> npt.NDArray[np.float32]:
        """(n, dimension), as they are stored, in the order of `rows`."""
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        bounds = np.searchsorted(ordered, self._starts)
        gathered = np.empty((len(rows), self.dimension), dtype=np.float16)
        for number in np.flatnonzero(np.diff(bounds)):
            first, last = bounds[number], bounds[number + 1]
            # "clip" writes straight into the buffer; these rows are in range.
            np.take(
                self._parts[number].matrix,
                ordered[first:last] - self._starts[number],
                axis=0,
                out=gathered[first:last],
                mode="clip",
            )
        if not np.array_equal(ordered, rows):
            gathered = gathered[np.argsort(order)]
        return as_float32(gathered)

    @cached_property
    def _sample(self) -> CorpusSample:
        live = np.ones(self.rows, dtype=np.bool_)
        for part, start in zip(self._parts, self._starts, strict=False):
            if part.dead is not None:
                live[start + part.dead] = False
        return CorpusSample.of(np.flatnonzero(live), self.vectors, self.dimension)


def contains(ascending: Ids, rows: Ids) -> npt.NDArray[np.bool_]:
    """Whether each of `rows` is among ascending ones. np.isin sorts again what is sorted, five times for each query."""
    if not len(ascending):
        return np.zeros(len(rows), dtype=np.bool_)
    places = np.minimum(np.searchsorted(ascending, rows), len(ascending) - 1)
    return np.asarray(ascending[places] == rows)

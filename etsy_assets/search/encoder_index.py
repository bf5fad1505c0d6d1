"""One encoder's indexes over all segments, searched as one: FAISS finds candidates, the float16 matrix scores them.

Scoring from the matrix makes a similarity the same number whichever index found the row, and lets any row be scored,
found or not. So fusion never has to guess a missing score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from etsy_assets.search.faiss_index import Matrix

Ids = npt.NDArray[np.int64]
Vector = npt.NDArray[np.float32]
Similarities = npt.NDArray[np.float32]

_BACKGROUND_ROWS = 4096
"""Rows that stand for the whole corpus when similarities are standardised: the mean of so many is off by 1/64 of a
standard deviation. A smaller corpus is used whole."""

_DECIMALS = 6
"""Similarities are rounded to this, below float16's own error, so that equal pictures tie whatever order they are
summed in."""


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One segment's files, opened. index: a faiss.Index; matrix: (rows, dimension)."""

    index: Any
    matrix: Matrix


@dataclass(frozen=True, slots=True)
class Hits:
    """The rows nearest to a query, best first, and their cosine similarities. Both (k,)."""

    rows: Ids
    similarities: Similarities


@dataclass(frozen=True, slots=True)
class Background:
    """How similar the corpus at large is to a query: what a similarity must be compared with to be called high."""

    mean: float
    deviation: float


class EncoderIndex:
    """Rows are numbered through all parts, in their order. Safe to use from several threads."""

    def __init__(self, dimension: int, parts: Sequence[IndexPart]) -> None:
        self.dimension = dimension
        self._parts = tuple(parts)
        self._starts = np.cumsum([0, *(part.matrix.shape[0] for part in self._parts)])

    @property
    def rows(self) -> int:
        return int(self._starts[-1])

    def search(self, vector: Vector, k: int, exclude: Ids | None = None) -> Hits:
        """The k rows most similar to a unit vector of (dimension,), fewer if there are not so many.

        exclude: rows that are not returned and do not count in k. Equal similarities are in row order.
        """
        skipped = np.empty(0, dtype=np.int64) if exclude is None else exclude
        found = [
            start + self._candidates(part, vector, k + len(skipped))
            for part, start in zip(self._parts, self._starts, strict=False)
        ]
        rows = np.setdiff1d(np.concatenate(found) if found else skipped, skipped)
        similarities = self.score(vector, rows)
        best = np.lexsort((rows, -similarities))[:k]
        return Hits(rows[best], similarities[best])

    def score(self, vector: Vector, rows: Ids) -> Similarities:
        """The exact cosine similarity of each row to a unit vector."""
        similarities = np.empty(len(rows), dtype=np.float32)
        part_of = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(part_of):
            mine = part_of == number
            vectors = self._parts[number].matrix[rows[mine] - self._starts[number]]
            similarities[mine] = vectors.astype(np.float32) @ vector
        return np.round(similarities, _DECIMALS)

    def background(self, vector: Vector, exclude: Ids | None = None) -> Background:
        """Mean and standard deviation of the query's similarity to the corpus, by evenly spaced rows of it."""
        rows, vectors = self._sample
        similarities = np.round(vectors @ vector, _DECIMALS).astype(np.float64)
        if exclude is not None and len(exclude):
            similarities = similarities[~np.isin(rows, exclude)]
        if similarities.size == 0:
            return Background(0.0, 0.0)
        return Background(float(similarities.mean()), float(similarities.std()))

    def vector(self, row: int) -> Vector:
        """The stored embedding of a row, of length 1 again after its rounding to float16."""
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        stored = self._parts[number].matrix[row - self._starts[number]].astype(np.float32)
        return np.asarray(stored / np.linalg.norm(stored), dtype=np.float32)

    @cached_property
    def _sample(self) -> tuple[Ids, npt.NDArray[np.float32]]:
        count = min(self.rows, _BACKGROUND_ROWS)
        rows = np.linspace(0, max(self.rows - 1, 0), count).round().astype(np.int64)
        vectors = np.empty((count, self.dimension), dtype=np.float32)
        for position, row in enumerate(rows):
            number = int(np.searchsorted(self._starts, row, side="right")) - 1
            vectors[position] = self._parts[number].matrix[row - self._starts[number]]
        return rows, vectors

    @staticmethod
    def _candidates(part: IndexPart, vector: Vector, k: int) -> Ids:
        rows = part.matrix.shape[0]
        if rows == 0:
            return np.empty(0, dtype=np.int64)
        _, found = part.index.search(vector[np.newaxis, :], min(k, rows))
        return np.asarray(found[0][found[0] >= 0], dtype=np.int64)

"""How much of an index must be looked at to find what exact search finds: measured, never assumed.

A coarse quantiser's recall can fall without a word (to 0.29 on a million vectors in 20,000 random clusters), so every
index is asked for the neighbours of vectors of its own segment when it is built, and the figure is kept.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from etsy_assets.search.codebook import Codebook
from etsy_assets.search.index_policy import IndexKind
from etsy_assets.search.matrix import CHUNK_ROWS, Matrix, as_float32
from etsy_assets.search.searchers import search_parameters

_QUERIES = 128
_NEIGHBOURS = 10
_CANDIDATES = 100
"""Taken from the codes and re-scored: what a search with the default depth does."""
_SAME = 1e-6
"""Similarities this near to each other are equal: of equal pictures it does not matter which is found."""
_MOST_NEIGHBOURS_KEPT = 2048


@dataclass(frozen=True, slots=True)
class Truth:
    """Queries, and their exact similarity to every row of their segment; -1 to themselves.

    queries: float32 (n, dimension). similarities: float32 (n, rows). bounds: (n,), that of the tenth best.
    """

    queries: npt.NDArray[np.float32]
    similarities: npt.NDArray[np.float32]
    bounds: npt.NDArray[np.float32]
    neighbours: int

    def recall(self, rows: npt.NDArray[np.int64]) -> float:
        """The share of the true nearest among candidates (n, c); -1 = no candidate."""
        if not self.neighbours:
            return 1.0
        found = np.take_along_axis(self.similarities, np.maximum(rows, 0), axis=1)
        hits = ((found >= self.bounds[:, np.newaxis] - _SAME) & (rows >= 0)).sum(axis=1)
        return float(np.minimum(hits, self.neighbours).mean() / self.neighbours)


@dataclass(frozen=True, slots=True)
class Tuned:
    """The least effort that reaches the target, and the recall with it; else the most, and what that reaches."""

    effort: int
    recall: float


def exact_neighbours(matrix: Matrix) -> Truth:
    """Evenly spaced rows of a (rows, dimension) matrix as queries against all of it."""
    rows = matrix.shape[0]
    taken = np.unique(np.linspace(0, rows - 1, min(rows, _QUERIES)).round().astype(np.int64))
    queries = as_float32(matrix[taken])
    similarities = np.empty((len(taken), rows), dtype=np.float32)
    for first in range(0, rows, CHUNK_ROWS):
        chunk = as_float32(matrix[first : first + CHUNK_ROWS])
        similarities[:, first : first + len(chunk)] = queries @ chunk.T
    similarities[np.arange(len(taken)), taken] = -1.0
    neighbours = min(_NEIGHBOURS, rows - 1)
    if not neighbours:
        return Truth(queries, similarities, np.zeros(len(taken), dtype=np.float32), 0)
    bounds = np.partition(similarities, rows - neighbours, axis=1)[:, rows - neighbours]
    return Truth(queries, similarities, bounds, neighbours)


def tune(
    kind: IndexKind, index: Any, codebook: Codebook | None, truth: Truth, target: float, first_id: int, least: int = 1
) -> Tuned:
    """Raises the effort until the target recall is reached. first_id: the id of row 0 in the index.

    least: the effort to begin with, when some is known to be needed.
    """
    if kind is IndexKind.FLAT:
        return Tuned(0, 1.0)
    queries = truth.queries if codebook is None else codebook.rotated(truth.queries)
    first, most = (_CANDIDATES, _MOST_NEIGHBOURS_KEPT) if kind is IndexKind.HNSW else (1, index.nlist)
    effort = max(first, least)
    while True:
        # A query finds itself, which is no neighbour.
        _, ids = index.search(queries, _CANDIDATES + 1, params=search_parameters(kind, effort))
        tuned = Tuned(effort, round(truth.recall(np.where(ids >= 0, ids - first_id, -1)), 4))
        if tuned.recall >= target or effort >= most:
            return tuned
        # In steps of about the square root of two: 1, 2, 3, 4, 6, 8, 12, 16 ...
        effort = min(max(effort + 1, 3 * effort // 2 if effort.bit_count() == 1 else 4 * effort // 3), most)

"""How similar the corpus at large is to a query: what a similarity must be compared with to be called high."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from etsy_assets.search.matrix import inner_products

Ids = npt.NDArray[np.int64]
Vector = npt.NDArray[np.float32]

_ROWS = 4096
"""Rows that stand for the whole corpus: the mean of so many is off by 1/64 of a standard deviation. A smaller corpus
is used whole."""


@dataclass(frozen=True, slots=True)
class Background:
    """Of a query's similarity to the corpus."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class CorpusSample:
    """Evenly spaced rows of the corpus, and what is needed to know any query's similarity to them as a whole.

    rows: (n,). vectors: float32 (n, dimension). mean: (dimension,). covariance: (dimension, dimension); None while
    there are no more rows than dimensions, as comparing the query with each of them then costs less.
    """

    rows: Ids
    vectors: Vector
    mean: Vector
    covariance: Vector | None

    @classmethod
    def of(cls, live: Ids, vectors: Callable[[Ids], Vector], dimension: int) -> Self:
        """live: the rows to choose from. vectors: gives those of some rows."""
        places = np.linspace(0, max(len(live) - 1, 0), min(len(live), _ROWS)).round().astype(np.int64)
        rows = live[places]
        sample = vectors(rows)
        mean = sample.mean(axis=0) if len(rows) else np.zeros(dimension, dtype=np.float32)
        centred = sample - mean
        covariance = (centred.T @ centred / len(rows)).astype(np.float32) if len(rows) > dimension else None
        return cls(rows, sample, mean, covariance)

    def background(self, vector: Vector, exclude: Ids | None = None) -> Background:
        """exclude: rows that don't count."""
        counted = None
        if exclude is not None and len(exclude):
            counted = ~np.isin(self.rows, exclude)
        if self.covariance is not None and (counted is None or counted.all()):
            # The mean and variance of v . x over the sample are v . mean and v . covariance . v.
            variance = float(inner_products(vector, self.covariance).astype(np.float64) @ vector)
            return Background(float(self.mean.astype(np.float64) @ vector), max(variance, 0.0) ** 0.5)
        similarities = inner_products(vector, self.vectors).astype(np.float64)
        if counted is not None:
            similarities = similarities[counted]
        if similarities.size == 0:
            return Background(0.0, 0.0)
        return Background(float(similarities.mean()), float(similarities.std()))

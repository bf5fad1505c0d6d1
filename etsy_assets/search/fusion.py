"""How the encoders' opinions of a listing become one score. Pure functions over ListingCandidates; higher is better.

Measured on held-out demo listings (docs/demo-models.md), the mean of standardised similarities is as good as reciprocal
rank fusion when the encoders are equally strong, and better when they are not: it keeps how sure an encoder is.
"""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from etsy_assets.errors import BadQuery
from etsy_assets.search.background import Background
from etsy_assets.search.candidates import ListingCandidates

Scores = npt.NDArray[np.float64]
Weights = tuple[float, ...]
"""One for each channel; they sum to 1."""

RRF_K = 60
"""Cormack, Clarke, Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual rank learning" (2009)."""

_FLAT = 1e-6
"""A standard deviation that is only rounding: such an encoder tells nothing apart."""


class FusionMethod(StrEnum):
    """Names are lower case because the Launchpad takes an enum member by its name."""

    zscore = "zscore"
    weighted = "weighted"
    rrf = "rrf"
    rank_sum = "rank_sum"
    consensus = "consensus"
    hybrid = "hybrid"


def fuse(candidates: ListingCandidates, method: FusionMethod, weights: Mapping[str, float] | None = None) -> Scores:
    """(listings,): the fused score of each listing, always finite.

    weights: by channel; one that is not named has 1. Raises BadQuery as channel_weights does.
    """
    shares = channel_weights(candidates.channels, weights)
    return _METHODS[method](candidates, shares)


def best_first(scores: Scores, listing_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The order of listings by score; of equal scores the lowest listing_id first, so that a search can be repeated."""
    return np.lexsort((listing_ids, -scores))


def channel_weights(channels: tuple[str, ...], weights: Mapping[str, float] | None) -> Weights:
    """Shares that sum to 1. Raises BadQuery when a weight is negative or not finite, or when all are zero."""
    raw = [float((weights or {}).get(channel, 1.0)) for channel in channels]
    if not all(np.isfinite(weight) and weight >= 0 for weight in raw):
        raise BadQuery(f"The weights {dict(zip(channels, raw, strict=True))} must be finite and not negative.")
    # Exact, so that the order in which encoders are given does not show in the last digit.
    total = math.fsum(raw)
    if total == 0:
        raise BadQuery(f"The weights of {', '.join(channels)} are all 0: at least one must be positive.")
    return tuple(weight / total for weight in raw)


def standardise(similarities: npt.NDArray[np.floating], background: Background) -> Scores:
    """How many standard deviations above the corpus at large each similarity lies; 0 if the corpus is all alike.

    The background is the query's similarity to the corpus, not to the candidates: candidates are a channel's best, and
    their own spread says nothing of how unusual they are.
    """
    if background.deviation < _FLAT:
        return np.zeros(similarities.shape, dtype=np.float64)
    return (similarities.astype(np.float64) - background.mean) / background.deviation


def _zscore(candidates: ListingCandidates, weights: Weights) -> Scores:
    """The weighted mean of each channel's standardised similarities."""
    columns = [
        standardise(candidates.similarities[:, channel], background)
        for channel, background in enumerate(candidates.backgrounds)
    ]
    return _weighted_sum(candidates, columns, weights)


def _weighted(candidates: ListingCandidates, weights: Weights) -> Scores:
    """The weighted mean of the cosine similarities, in [-1, 1]."""
    return _weighted_sum(candidates, list(candidates.similarities.T), weights)


def _rrf(candidates: ListingCandidates, weights: Weights) -> Scores:
    """The weighted mean of 1 / (60 + rank); a channel that does not list the listing gives nothing."""
    columns = [np.where(ranks > 0, 1.0 / (RRF_K + ranks), 0.0) for ranks in candidates.ranks.T]
    return _weighted_sum(candidates, columns, weights)


def _rank_sum(candidates: ListingCandidates, weights: Weights) -> Scores:
    """The sum of ranks, as a share of the best possible: 1 when first everywhere, 0 when no channel lists it.

    A channel that does not list the listing counts as one place below the last that it could list.
    """
    columns = [
        np.where(ranks > 0, (candidates.depth + 1.0 - ranks) / candidates.depth, 0.0) for ranks in candidates.ranks.T
    ]
    return _weighted_sum(candidates, columns, weights)


def _consensus(candidates: ListingCandidates, weights: Weights) -> Scores:
    """How many channels list the listing; among equals the mean similarity decides, which adds less than 1."""
    return candidates.listed_by + 0.999 * (1.0 + _weighted(candidates, weights)) / 2.0


def _hybrid(candidates: ListingCandidates, weights: Weights) -> Scores:
    """Half the share of the rank sum, half the mean similarity brought to [0, 1]: positions lead, likeness refines."""
    return 0.5 * _rank_sum(candidates, weights) + 0.25 * (1.0 + _weighted(candidates, weights))


def _weighted_sum(candidates: ListingCandidates, columns: list[Scores], weights: Weights) -> Scores:
    """Adds column by column in the order of the channels' names: a matrix product rounds by the row's place in memory,
    and then equal listings would not tie, and the order in which encoders are given would show in the result."""
    total = np.zeros(len(candidates.listing_ids), dtype=np.float64)
    for channel in sorted(range(len(columns)), key=lambda number: candidates.channels[number]):
        total += weights[channel] * columns[channel]
    return total


_METHODS: dict[FusionMethod, Callable[[ListingCandidates, Weights], Scores]] = {
    FusionMethod.zscore: _zscore,
    FusionMethod.weighted: _weighted,
    FusionMethod.rrf: _rrf,
    FusionMethod.rank_sum: _rank_sum,
    FusionMethod.consensus: _consensus,
    FusionMethod.hybrid: _hybrid,
}

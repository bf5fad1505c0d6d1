"""From candidates to matches: the ensemble's ranking, and each channel's own beside it."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from etsy_assets.search.candidates import ImageCandidates, ListingCandidates, best_image_per_listing
from etsy_assets.search.fusion import FusionMethod, best_first, channel_weights, fuse, standardise
from etsy_assets.search.results import Match

Ids = npt.NDArray[np.int64]


def ensemble_matches(
    images: ImageCandidates, method: FusionMethod, weights: Mapping[str, float] | None, k: int
) -> tuple[Match, ...]:
    """The k best listings of the ensemble. weights: by channel."""
    listings = best_image_per_listing(images)
    scores = fuse(listings, method, weights)
    shown = _most_alike_image(images, listings, weights)
    order = best_first(scores, listings.listing_ids)[:k]
    return tuple(_match(listings, row, k, int(shown[row]), float(scores[row])) for row in order)


def channel_matches(images: ImageCandidates, k: int) -> dict[str, tuple[Match, ...]]:
    """The k best listings of each channel by itself, in its own order."""
    listings = best_image_per_listing(images)
    matches = {}
    for number, channel in enumerate(listings.channels):
        ranks = listings.ranks[:, number]
        listed = np.flatnonzero(ranks)
        order = listed[np.argsort(ranks[listed])][:k]
        matches[channel] = tuple(
            _match(listings, row, k, int(listings.best_images[row, number]), float(listings.similarities[row, number]))
            for row in order
        )
    return matches


def _most_alike_image(images: ImageCandidates, listings: ListingCandidates, weights: Mapping[str, float] | None) -> Ids:
    """(listings,): the image with the highest mean standardised similarity; of equal ones the lowest image_id."""
    total = np.zeros(len(images.image_ids), dtype=np.float64)
    for number, share in enumerate(channel_weights(images.channels, weights)):
        total += share * standardise(images.similarities[:, number], images.backgrounds[number])
    order = np.lexsort((images.image_ids, -total, images.listing_ids))
    first = np.searchsorted(images.listing_ids[order], listings.listing_ids)
    return images.image_ids[order[first]]


def _match(listings: ListingCandidates, row: int, k: int, image_id: int, score: float) -> Match:
    return Match(
        listing_id=int(listings.listing_ids[row]),
        image_id=image_id,
        score=score,
        ranks={
            channel: int(rank) or None for channel, rank in zip(listings.channels, listings.ranks[row], strict=True)
        },
        similarities={
            channel: float(similarity)
            for channel, similarity in zip(listings.channels, listings.similarities[row], strict=True)
        },
        agreeing=int(((listings.ranks[row] > 0) & (listings.ranks[row] <= k)).sum()),
    )

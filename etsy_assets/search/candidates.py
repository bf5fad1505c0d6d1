"""What the encoders found, as arrays: the images, how similar each is in every encoder, and who found it.

A channel is one index that was asked: an encoder's images under its own name, a text encoder's listings as
text_<encoder>.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from etsy_assets.search.background import Background

Ids = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ImageCandidates:
    """The union of all channels' candidates, every one of them scored in every channel: no score is missing.

    listing_ids, image_ids: (images,). similarities: (images, channels), cosines. found: (images, channels), whether the
    image is among that channel's own top `depth`. backgrounds: (channels,).
    """

    channels: tuple[str, ...]
    depth: int
    listing_ids: Ids
    image_ids: Ids
    similarities: Scores
    found: npt.NDArray[np.bool_]
    backgrounds: tuple[Background, ...]

    def found_alone(self) -> "ImageCandidates":
        """As if each channel had scored what it found itself and no more: the usual way, kept to compare with.

        What a channel has not found counts as much as the last that it has.
        """
        floors = np.where(self.found, self.similarities, np.inf).min(axis=0, initial=np.inf)
        similarities = np.where(self.found, self.similarities, np.where(np.isfinite(floors), floors, 0.0))
        return replace(self, similarities=similarities)


@dataclass(frozen=True, slots=True)
class ListingCandidates:
    """Candidates with the best image of each listing kept.

    listing_ids: (listings,), ascending. similarities: (listings, channels), that of the listing's best image in the
    channel; best_images: (listings, channels), which image that is. ranks: (listings, channels), 1 for the listing that
    the channel likes best, 0 where no image of the listing is among the channel's top `depth`.
    """

    channels: tuple[str, ...]
    depth: int
    listing_ids: Ids
    similarities: Scores
    best_images: Ids
    ranks: Ids
    backgrounds: tuple[Background, ...]

    @property
    def listed_by(self) -> Ids:
        """(listings,): how many channels have the listing among their top `depth` images."""
        return np.asarray((self.ranks > 0).sum(axis=1), dtype=np.int64)


def best_image_per_listing(images: ImageCandidates) -> ListingCandidates:
    """Keeps the most similar image of each listing, for each channel on its own; of equal ones the lowest image_id."""
    listings, listing_of = np.unique(images.listing_ids, return_inverse=True)
    shape = (len(listings), len(images.channels))
    similarities = np.zeros(shape, dtype=np.float64)
    best_images = np.zeros(shape, dtype=np.int64)
    ranks = np.zeros(shape, dtype=np.int64)
    for channel in range(len(images.channels)):
        scores = images.similarities[:, channel]
        # Best first within each listing, so the first of each listing is the one to keep.
        order = np.lexsort((images.image_ids, -scores, listing_of))
        best = order[np.searchsorted(listing_of[order], np.arange(len(listings)))]
        similarities[:, channel] = scores[best]
        best_images[:, channel] = images.image_ids[best]
        listed = np.unique(listing_of[images.found[:, channel]])
        in_order = listed[np.lexsort((listings[listed], -similarities[listed, channel]))]
        ranks[in_order, channel] = np.arange(1, len(in_order) + 1)
    return ListingCandidates(
        channels=images.channels,
        depth=images.depth,
        listing_ids=listings,
        similarities=similarities,
        best_images=best_images,
        ranks=ranks,
        backgrounds=images.backgrounds,
    )

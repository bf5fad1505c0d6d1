"""How much a set of segments holds."""

from collections.abc import Collection

from etsy_assets.search.manifests import Manifest
from etsy_assets.search.segments import Segment


class Counts(Manifest):
    """How much the corpus holds. What is no longer to be had is in dead_images and in none of the others."""

    segments: int
    batches: int
    listings: int
    images: int
    dead_images: int = 0

    @classmethod
    def of(cls, segments: Collection[Segment]) -> "Counts":
        dead = [segment.dead for segment in segments if segment.dead]
        dead_images = sum(each.rows for each in dead)
        return cls(
            segments=len(segments),
            batches=sum(len(segment.rows.batches) for segment in segments),
            listings=sum(segment.rows.listings for segment in segments) - sum(each.listings for each in dead),
            images=sum(segment.rows.rows for segment in segments) - dead_images,
            dead_images=dead_images,
        )

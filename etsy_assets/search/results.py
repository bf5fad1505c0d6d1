"""What a search returns: plain records that a report, an HTTP answer or another program can read."""

from collections.abc import Mapping
from dataclasses import dataclass

from etsy_assets.search.fusion import FusionMethod
from etsy_assets.search.query import Query


@dataclass(frozen=True, slots=True)
class Match:
    """One listing found.

    image_id: its image that is most like the query. score: in the ensemble the fused score, in one channel's own list
    the cosine. ranks: by channel, 1 = best, None = not among its top images. similarities: cosine by channel.
    agreeing: how many channels have it among their own best k, the lists that a person compares.
    """

    listing_id: int
    image_id: int
    score: float
    ranks: Mapping[str, int | None]
    similarities: Mapping[str, float]
    agreeing: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query.

    channels: what was asked: an encoder's name for its images, text_<encoder> for its listing texts. weights: by
    channel, shares that sum to 1. per_encoder: how many images each channel contributed at most. by_channel: each
    channel's own best k. candidates: how many listings were compared. seconds: by stage.
    """

    query: Query
    snapshot: str
    corpus_listings: int
    corpus_images: int
    method: FusionMethod
    weights: Mapping[str, float]
    k: int
    per_encoder: int
    channels: tuple[str, ...]
    candidates: int
    matches: tuple[Match, ...]
    by_channel: Mapping[str, tuple[Match, ...]]
    seconds: Mapping[str, float]

"""The records that every stage passes around: frozen, typed, named as Etsy names its fields.

Timestamps are epoch seconds as Etsy sends them; a `datetime` is a moment of ours and always timezone-aware UTC.
Ids are int64: Etsy's passed 2^31 long ago.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

OutcomeStatus = Literal["ok", "fallback", "failed"]
# What became of one API call. gone: a 404. refused: another 4xx. throttled: a 429 of the second.
CallOutcome = Literal["ok", "gone", "refused", "throttled", "day_spent", "server_trouble", "no_answer", "bad_key"]


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One listing image; identity (listing_id, image_id).

    url: the largest form that the source gave. shop_id, hex, suffix: parts of a CDN URL, None where the URL has none.
    rank: position in the listing, None when unknown. width, height: pixels as the source says, which may be wrong.
    """

    listing_id: int
    image_id: int
    rank: int | None
    url: str
    shop_id: int | None
    hex: str | None
    suffix: str | None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class ShopRecord:
    """One shop. review_count and review_average are of the past year, so both may fall."""

    shop_id: int
    shop_name: str | None
    title: str | None
    url: str | None
    currency_code: str | None
    country_iso: str | None
    is_vacation: bool | None
    listing_active_count: int | None
    transaction_sold_count: int | None
    review_count: int | None
    review_average: float | None
    created_timestamp: int | None
    updated_timestamp: int | None
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class ListingRecord:
    """One listing. `state` is an open enum: anything but "active" is not for sale.

    price_amount / price_divisor is the *lowest* price of the listing, in currency_code.
    images: None = not asked for, () = it has none. shop: None = not asked for, or the source did not give it.
    """

    listing_id: int
    shop_id: int | None
    title: str
    description: str
    state: str
    url: str
    taxonomy_id: int | None
    tags: tuple[str, ...]
    materials: tuple[str, ...]
    when_made: str | None
    who_made: str | None
    listing_type: str | None
    price_amount: int | None
    price_divisor: int | None
    currency_code: str | None
    quantity: int | None
    num_favorers: int | None
    views: int | None
    is_private: bool
    has_variations: bool
    language: str | None
    created_timestamp: int | None
    original_created_timestamp: int | None
    updated_timestamp: int | None
    fetched_at: datetime
    images: tuple[ImageRecord, ...] | None
    shop: ShopRecord | None

    @property
    def is_on_show(self) -> bool | None:
        """Whether it is real furniture that anybody may look at and buy; None where its state is not known.

        Plans, printables and doll's furniture for download are listed under furniture too.
        """
        if self.is_private or self.listing_type in ("download", "both"):
            return False
        return None if self.state == "unknown" else self.state == "active"

    @property
    def price(self) -> Decimal | None:
        """The lowest price in currency_code; None when it is unknown."""
        if self.price_amount is None or not self.price_divisor:
            return None
        return Decimal(self.price_amount) / Decimal(self.price_divisor)


@dataclass(frozen=True, slots=True)
class DiscoveredListing:
    """A listing seen in a search answer, before its details are fetched."""

    listing_id: int
    shop_id: int | None
    taxonomy_id: int | None
    created_timestamp: int | None
    updated_timestamp: int | None


@dataclass(frozen=True, slots=True)
class TaxonomyNodeRecord:
    """One taxonomy node. full_path_ids runs from the root to this node; `level` is as Etsy sends it (roots are 1)."""

    node_id: int
    name: str
    level: int
    parent_id: int | None
    full_path_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """One review. transaction_id is None in the answers that do not give it; rating is 1 to 5."""

    listing_id: int
    shop_id: int | None
    transaction_id: int | None
    rating: int
    text: str
    language: str | None
    image_url: str | None
    created_timestamp: int | None
    updated_timestamp: int | None


@dataclass(frozen=True, slots=True)
class ListingMoment:
    """What a listing was from seen_at on, until the next. Its price is the lowest one, in currency_code."""

    listing_id: int
    seen_at: datetime
    state: str
    price_amount: int | None
    price_divisor: int | None
    currency_code: str | None
    quantity: int | None
    num_favorers: int | None
    views: int | None


@dataclass(frozen=True, slots=True)
class BatchContent:
    """How often a batch's pictures or texts were found to have changed, and which of those states was made use of."""

    content_version: int
    images_version: int
    embedded_version: int
    texts_version: int


@dataclass(frozen=True, slots=True)
class ShopReviews:
    """How far a shop's reviews are read. read_at: the last time. scanned_at: the last time that all of them were.

    newest_review: its created_timestamp; None while there is none.
    """

    shop_id: int
    read_at: datetime | None
    scanned_at: datetime | None
    newest_review: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one image at one stage: "download", "cutout" or "embed/<encoder>".

    reason: a short stable code, ": " and detail; None when status is "ok".
    """

    listing_id: int
    image_id: int
    stage: str
    status: OutcomeStatus
    reason: str | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Tombstones:
    """The images of sealed batches that are no longer to be had.

    mark: a short text that is another one once a tombstone was set or lifted, and empty while there are none.
    images: by batch key, the (listing_id, image_id) of each.
    """

    mark: str
    images: Mapping[str, frozenset[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class QuotaReading:
    """The four rate headers of one API answer; None where a header was absent."""

    limit_per_second: int | None
    remaining_this_second: int | None
    limit_per_day: int | None
    remaining_today: int | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class ApiCalls:
    """How many calls were made in one hour (UTC) for one purpose, and what became of them."""

    hour: datetime
    purpose: str
    outcome: CallOutcome
    calls: int

    @property
    def failed(self) -> bool:
        """A 404 is an answer like another: that a listing is gone."""
        return self.outcome not in ("ok", "gone")


@dataclass(frozen=True, slots=True)
class CallGate:
    """What all that call Etsy with one key share. quota: the newest, less what has been let in since.

    unanswered: calls that were let in and have no answer yet. next_call_at: when the last one let in was to be made.
    free_at: when the next may be. spent_until: Etsy has said that no call is left until then.
    """

    quota: QuotaReading | None = None
    unanswered: int = 0
    last_call_at: datetime | None = None
    next_call_at: datetime | None = None
    free_at: datetime | None = None
    spent_until: datetime | None = None

"""Which active listings match a search and in which order, as findAllListingsActive does it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from etsy_assets.demo.listings import StockedListing
from etsy_assets.demo.payloads import ShopListing
from etsy_assets.demo.sellers import CURRENCIES
from etsy_assets.demo.taxonomy import subtree_ids

SortOn = Literal["created", "price", "updated", "score"]


@dataclass(frozen=True, slots=True)
class ActiveSearch:
    """None means not asked for. Prices are in US dollars (Etsy does not document the currency of its bounds).

    shop_ids: the shops at the place asked for. taxonomy_id: the node and all below it.
    """

    keywords: str | None = None
    min_price: float | None = None
    max_price: float | None = None
    taxonomy_id: int | None = None
    shop_ids: frozenset[int] | None = None
    sort_on: SortOn = "created"
    descending: bool = True

    def has_filter(self) -> bool:
        """Etsy sorts only what was searched for; a plain list is always newest first."""
        asked = (self.keywords, self.min_price, self.max_price, self.taxonomy_id, self.shop_ids)
        return any(value is not None for value in asked)


def find_active(stock: Iterable[StockedListing], search: ActiveSearch) -> list[StockedListing]:
    """All matching active listings in the order asked for; equal keys are ordered by listing id."""
    wanted_nodes = None if search.taxonomy_id is None else subtree_ids(search.taxonomy_id)
    words = search.keywords.lower().split() if search.keywords else []
    found = [
        stocked
        for stocked in stock
        if stocked.listing.state == "active"
        and (wanted_nodes is None or stocked.listing.taxonomy_id in wanted_nodes)
        and (search.shop_ids is None or stocked.listing.shop_id in search.shop_ids)
        and (search.min_price is None or usd_price(stocked.listing) >= search.min_price)
        and (search.max_price is None or usd_price(stocked.listing) <= search.max_price)
        and _has_words(stocked.listing, words)
    ]
    sort_on, descending = (search.sort_on, search.descending) if search.has_filter() else ("created", True)
    if sort_on == "score":
        descending = True
    found.sort(key=lambda stocked: (_sort_key(stocked, sort_on), stocked.listing_id), reverse=descending)
    return found


def usd_price(listing: ShopListing) -> float:
    price = listing.price
    return price.amount / price.divisor / CURRENCIES[price.currency_code].per_usd


def _has_words(listing: ShopListing, words: list[str]) -> bool:
    text = " ".join((listing.title, listing.description, *listing.tags)).lower() if words else ""
    return all(word in text for word in words)


def _sort_key(stocked: StockedListing, sort_on: str) -> float:
    match sort_on:
        case "price":
            return usd_price(stocked.listing)
        case "updated":
            return stocked.listing.updated_timestamp
        case "score":
            return stocked.listing.num_favorers
        case _:
            return stocked.listing.created_timestamp

"""What each API operation answers about a simulated shop, before anything goes wrong on the way."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel

from etsy_assets.demo.active_search import ActiveSearch, SortOn, find_active
from etsy_assets.demo.api.parameters import EARLIEST, Parameters, parse_integer
from etsy_assets.demo.api.refusals import Refusal, not_found
from etsy_assets.demo.api.spoiled_answers import JsonObject, spoil_images, spoil_listing
from etsy_assets.demo.faults import FaultPlan
from etsy_assets.demo.listings import StockedListing
from etsy_assets.demo.payloads import (
    ListingReview,
    Pong,
    ShopListing,
    ShopListingWithAssociations,
    TransactionReview,
)
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.demo.taxonomy import seller_taxonomy

_INCLUDES = ("Shipping", "Images", "Shop", "User", "Translations", "Inventory", "Videos")
_ASCENDING = ("asc", "ascending", "up")
_COUNTRIES = {
    "united states": "US",
    "united kingdom": "GB",
    "france": "FR",
    "germany": "DE",
    "canada": "CA",
    "japan": "JP",
}
_APPLICATION_ID = 1_293_847_561


@dataclass(frozen=True, slots=True)
class Call:
    """One request. base_url: where the server was reached, without a slash at its end; image URLs begin with it."""

    parameters: Parameters
    path: Mapping[str, Any]
    base_url: str

    def id_in_path(self, name: str) -> int:
        return parse_integer(name, str(self.path[name]), 1)


class Operations:
    """Each method is an operation of the API: it returns the body of a 200, or raises Refusal."""

    def __init__(self, shop: SimulatedShop, plan: FaultPlan) -> None:
        self._shop = shop
        self._plan = plan

    def ping(self, call: Call) -> JsonObject:
        return Pong(application_id=_APPLICATION_ID).model_dump(mode="json")

    def get_seller_taxonomy_nodes(self, call: Call) -> JsonObject:
        return _envelope([node.model_dump(mode="json") for node in seller_taxonomy()])

    def find_all_listings_active(self, call: Call) -> JsonObject:
        asked = call.parameters
        limit, offset = asked.page()
        search = ActiveSearch(
            keywords=asked.text("keywords"),
            min_price=asked.number("min_price"),
            max_price=asked.number("max_price"),
            taxonomy_id=asked.integer("taxonomy_id", 1),
            shop_ids=self._shops_at(asked.text("shop_location")),
            sort_on=cast(SortOn, asked.choice("sort_on", ("created", "price", "updated", "score"), "created")),
            descending=asked.choice("sort_order", (*_ASCENDING, "desc", "descending", "down"), "desc")
            not in _ASCENDING,
        )
        found = find_active(self._shop.listings(), search)
        page = found[offset : offset + limit]
        bodies = [spoil_listing(self._plan.listing_fault(stocked), _dump(stocked.listing)) for stocked in page]
        return _envelope(bodies, len(found))

    def get_listings_by_listing_ids(self, call: Call) -> JsonObject:
        includes = call.parameters.choices("includes", _INCLUDES)
        found = [self._shop.listing(listing_id) for listing_id in call.parameters.listing_ids()]
        withheld = ("gone", "withheld_from_batch")
        known = [s for s in found if s is not None and self._plan.listing_fault(s) not in withheld]
        # By id: real answers do not keep the order of the question.
        known.sort(key=lambda stocked: stocked.listing_id)
        return _envelope(self._with_associations(known, includes, call.base_url))

    def get_listing(self, call: Call) -> JsonObject:
        includes = call.parameters.choices("includes", _INCLUDES)
        (body,) = self._with_associations([self._listing_in_path(call)], includes, call.base_url)
        return body

    def get_listing_images(self, call: Call) -> JsonObject:
        stocked = self._listing_in_path(call)
        images = [_dump(photo.listing_image(call.base_url)) for photo in stocked.photos]
        return _envelope(spoil_images(self._plan.listing_fault(stocked), images))

    def get_reviews_by_listing(self, call: Call) -> JsonObject:
        reviews = self._shop.reviews(listing_id=self._listing_in_path(call).listing_id)
        fields = tuple(ListingReview.model_fields)
        return _review_page(
            call, [ListingReview(**{name: getattr(review, name) for name in fields}) for review in reviews]
        )

    def get_reviews_by_shop(self, call: Call) -> JsonObject:
        shop_id = call.id_in_path("shop_id")
        if shop_id not in self._shop.shop_ids():
            raise not_found()
        return _review_page(call, self._shop.reviews(shop_id=shop_id))

    def get_shop(self, call: Call) -> JsonObject:
        shop = self._shop.shop(call.id_in_path("shop_id"))
        if shop is None:
            raise not_found()
        return _dump(shop)

    def _listing_in_path(self, call: Call) -> StockedListing:
        stocked = self._shop.listing(call.id_in_path("listing_id"))
        if stocked is None or self._plan.listing_fault(stocked) == "gone":
            raise not_found()
        return stocked

    def _with_associations(
        self, stock: list[StockedListing], includes: frozenset[str], base_url: str
    ) -> list[JsonObject]:
        # Counted once a shop, not once a listing: most listings of an answer share their shops.
        shops = {i: self._shop.shop(i) for i in {s.listing.shop_id for s in stock}} if "Shop" in includes else {}
        bodies = []
        for stocked in stock:
            full = ShopListingWithAssociations(
                **{name: getattr(stocked.listing, name) for name in ShopListing.model_fields},
                shop=shops.get(stocked.listing.shop_id),
                images=tuple(photo.listing_image(base_url) for photo in stocked.photos),
                views=stocked.views,
            )
            body = full.model_dump(mode="json", exclude=None if "Images" in includes else {"images"})
            bodies.append(spoil_listing(self._plan.listing_fault(stocked), body))
        return bodies

    def _shops_at(self, location: str | None) -> frozenset[int] | None:
        if location is None:
            return None
        country = _COUNTRIES.get(location.lower(), location.upper())
        if country not in _COUNTRIES.values():
            raise Refusal(400, f"There was a problem with /shop_location : {location!r} could not be parsed")
        return self._shop.shop_ids(country)


OPERATIONS: tuple[tuple[str, str, Callable[[Operations, Call], JsonObject]], ...] = (
    ("ping", "/v3/application/openapi-ping", Operations.ping),
    ("getSellerTaxonomyNodes", "/v3/application/seller-taxonomy/nodes", Operations.get_seller_taxonomy_nodes),
    ("findAllListingsActive", "/v3/application/listings/active", Operations.find_all_listings_active),
    ("getListingsByListingIds", "/v3/application/listings/batch", Operations.get_listings_by_listing_ids),
    ("getListing", "/v3/application/listings/{listing_id}", Operations.get_listing),
    ("getListingImages", "/v3/application/listings/{listing_id}/images", Operations.get_listing_images),
    ("getReviewsByListing", "/v3/application/listings/{listing_id}/reviews", Operations.get_reviews_by_listing),
    ("getShop", "/v3/application/shops/{shop_id}", Operations.get_shop),
    ("getReviewsByShop", "/v3/application/shops/{shop_id}/reviews", Operations.get_reviews_by_shop),
)
"""(operation id, path, handler); an earlier path wins, so the fixed words come before the ids."""


def _review_page(call: Call, reviews: Iterable[ListingReview] | Iterable[TransactionReview]) -> JsonObject:
    limit, offset = call.parameters.page()
    earliest = call.parameters.integer("min_created", EARLIEST)
    latest = call.parameters.integer("max_created", EARLIEST)
    found = [
        review
        for review in reviews
        if (earliest is None or review.created_timestamp >= earliest)
        and (latest is None or review.created_timestamp <= latest)
    ]
    return _envelope([_dump(review) for review in found[offset : offset + limit]], len(found))


def _envelope(results: list[JsonObject], count: int | None = None) -> JsonObject:
    return {"count": len(results) if count is None else count, "results": results}


def _dump(payload: BaseModel) -> JsonObject:
    return payload.model_dump(mode="json")

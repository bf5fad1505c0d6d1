"""The simulated shop: a small marketplace of rendered furniture, the same for the same seed, growing while it runs."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from etsy_assets.demo.furniture import Photo
from etsy_assets.demo.listings import FIRST_LISTED_AT, StockedListing, stock_listing
from etsy_assets.demo.payloads import Shop, ShopListing, TransactionReview
from etsy_assets.demo.photo_facts import PhotoFacts
from etsy_assets.demo.photos import FULL_SIZE, PhotoStore
from etsy_assets.demo.sellers import open_shops

DEFAULT_SEED = 7
DEFAULT_LISTINGS = 60


class SimulatedShop:
    """Listings, their photos and the shops that sell them. Every method may be called from any thread."""

    def __init__(
        self, seed: int = DEFAULT_SEED, listings: int = DEFAULT_LISTINGS, photo_folder: Path | None = None
    ) -> None:
        """listings: how many to begin with. photo_folder: keeps rendered photos between runs; None renders anew."""
        if seed < 0 or listings < 0:
            raise ValueError(f"seed and listings of the simulated shop must be 0 or more, not {seed} and {listings}.")
        self.seed = seed
        self._photos = PhotoStore(photo_folder)
        self._sellers = {seller.shop.shop_id: seller for seller in open_shops(seed, FIRST_LISTED_AT)}
        self._adding = threading.Lock()
        self._changing = threading.Lock()
        self._next_number = 0
        # Replaced as a whole on every change, so that a reader always sees one consistent state.
        self._stock: dict[int, StockedListing] = {}
        self._photo_of: dict[int, PhotoFacts] = {}
        self.add_listings(listings)

    def add_listings(self, count: int) -> tuple[int, ...]:
        """Puts up the next `count` listings, each newer than all before; returns their ids, oldest first."""
        if count < 0:
            raise ValueError(f"The number of listings to add must be 0 or more, not {count}.")
        with self._adding:
            sellers = tuple(self._sellers.values())
            numbers = range(self._next_number, self._next_number + count)
            new = {stocked.listing_id: stocked for stocked in (stock_listing(self.seed, n, sellers) for n in numbers)}
            photos = {photo.image_id: photo for stocked in new.values() for photo in stocked.photos}
            with self._changing:
                self._stock = self._stock | new
                self._photo_of = self._photo_of | photos
            self._next_number += count
        return tuple(new)

    def remove_listing(self, listing_id: int) -> None:
        """Takes a listing away with its photos, as when a seller deletes it. Raises KeyError if there is none."""
        with self._changing:
            gone = {photo.image_id for photo in self._stock[listing_id].photos}
            self._stock = {key: stocked for key, stocked in self._stock.items() if key != listing_id}
            self._photo_of = {key: photo for key, photo in self._photo_of.items() if key not in gone}

    def put_up(self, stocked: StockedListing) -> None:
        """Shows the listing as it is given: with other photos or reviews than before, or again after it was removed."""
        with self._changing:
            self._stock = self._stock | {stocked.listing_id: stocked}
            others = {key: photo for key, photo in self._photo_of.items() if photo.listing_id != stocked.listing_id}
            self._photo_of = others | {photo.image_id: photo for photo in stocked.photos}

    def revise_listing(self, listing_id: int, **changes: Any) -> ShopListing:
        """Changes fields of a listing (title, price, state, ...) as a seller would, and moves on its updated_timestamp.

        Raises KeyError if there is no such listing and pydantic's ValidationError on a value that Etsy would not have.
        """
        with self._changing:
            stocked = self._stock[listing_id]
            latest = max(other.listing.updated_timestamp for other in self._stock.values())
            fields = {name: getattr(stocked.listing, name) for name in ShopListing.model_fields}
            listing = ShopListing.model_validate({**fields, "updated_timestamp": latest + 60, **changes})
            self._stock = self._stock | {listing_id: replace(stocked, listing=listing)}
        return listing

    def listings(self) -> tuple[StockedListing, ...]:
        """All listings in any state, oldest first."""
        return tuple(self._stock.values())

    def listing(self, listing_id: int) -> StockedListing | None:
        return self._stock.get(listing_id)

    def shop_ids(self, country: str | None = None) -> frozenset[int]:
        """The shops there are, or those in a country (ISO 3166-1 alpha-2)."""
        return frozenset(
            shop_id
            for shop_id, seller in self._sellers.items()
            if country is None or seller.shop.shop_location_country_iso == country
        )

    def shop(self, shop_id: int) -> Shop | None:
        """A shop with its counts as they are now."""
        seller = self._sellers.get(shop_id)
        if seller is None:
            return None
        reviews = self.reviews(shop_id=shop_id)
        active = sum(s.listing.shop_id == shop_id and s.listing.state == "active" for s in self.listings())
        average = round(sum(review.rating for review in reviews) / len(reviews), 4) if reviews else None
        return seller.shop.model_copy(
            update={"listing_active_count": active, "review_count": len(reviews), "review_average": average}
        )

    def reviews(self, listing_id: int | None = None, shop_id: int | None = None) -> list[TransactionReview]:
        """The reviews of a listing or of a shop, newest first."""
        found = [
            review
            for stocked in self.listings()
            if listing_id in (None, stocked.listing_id) and shop_id in (None, stocked.listing.shop_id)
            for review in stocked.reviews
        ]
        return sorted(found, key=lambda review: (review.created_timestamp, review.transaction_id), reverse=True)

    def photo_facts(self, image_id: int) -> PhotoFacts | None:
        return self._photo_of.get(image_id)

    def photo(self, image_id: int) -> Photo:
        """The picture of an image with its ground-truth mask. Raises KeyError if there is no such image."""
        return self._photos.truth(self._photo_of[image_id])

    def jpeg(self, image_id: int, size: str = FULL_SIZE) -> bytes:
        """An image as the CDN serves it. Raises KeyError on an unknown image, ValueError on an unknown size."""
        return self._photos.jpeg(self._photo_of[image_id], size)

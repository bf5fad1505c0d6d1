"""What a seller puts up for sale: one piece of furniture with its words, price, photos and reviews.

Listing `number` of a marketplace is a pure function of (seed, number): adding listings never changes those before.
"""

from dataclasses import dataclass

import numpy as np

from etsy_assets.demo.furniture import Furniture, build_mesh, caption, dimensions, sample_furniture
from etsy_assets.demo.payloads import Money, ShopListing, TransactionReview
from etsy_assets.demo.photo_facts import PhotoFacts, take_photos
from etsy_assets.demo.sellers import Seller
from etsy_assets.demo.taxonomy import LEAVES_OF_KIND
from etsy_assets.demo.wording import describe, review_text, tags_of, title_of

# Encoders are trained on lower seeds: what the shop sells must be new to them.
FIRST_FURNITURE_SEED = 900_000
_SEEDS_PER_SHOP_SEED = 100_000
FIRST_LISTED_AT = 1_735_689_600  # 2025-01-01T00:00:00Z
_SECONDS_BETWEEN_LISTINGS = 21_600
_DAY = 86_400
_FIRST_LISTING_ID = 4_300_000_000  # past 2^32, as real ids are
_IDS_PER_LISTING = 7_919

_TYPICAL_USD = {
    "chair": 260,
    "stool": 120,
    "table": 620,
    "desk": 540,
    "shelf": 310,
    "cabinet": 780,
    "sofa": 1_450,
    "lamp": 140,
    "bed": 1_100,
    "bench": 280,
}
_MAKERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("i_did", ("made_to_order", "2020_2025", "2020_2025")),
    ("collective", ("made_to_order", "2010_2019")),
    ("someone_else", ("1950s", "1960s", "1970s", "1980s", "1990s", "2000_2005")),
)


@dataclass(frozen=True, slots=True)
class StockedListing:
    """A listing as the marketplace keeps it. number: its place in the order of listing, from 0. views: page views."""

    number: int
    listing: ShopListing
    views: int
    photos: tuple[PhotoFacts, ...]
    reviews: tuple[TransactionReview, ...]

    @property
    def listing_id(self) -> int:
        return self.listing.listing_id


def stock_listing(seed: int, number: int, sellers: tuple[Seller, ...]) -> StockedListing:
    """Listing `number` of the marketplace of a seed."""
    rng = np.random.default_rng([seed, 32, number])
    furniture = sample_furniture(FIRST_FURNITURE_SEED + seed * _SEEDS_PER_SHOP_SEED + number)
    seller = sellers[rng.integers(len(sellers))]
    listing_id = _FIRST_LISTING_ID + number * _IDS_PER_LISTING + int(rng.integers(_IDS_PER_LISTING))
    created = FIRST_LISTED_AT + number * _SECONDS_BETWEEN_LISTINGS + int(rng.integers(_SECONDS_BETWEEN_LISTINGS // 2))
    listing = _listing(rng, furniture, seller, listing_id, created)
    photos = take_photos(
        rng,
        listing_number=number,
        listing_id=listing_id,
        shop_id=seller.shop.shop_id,
        furniture_seed=furniture.seed,
        furniture_rgb=furniture.body_rgb,
        created_timestamp=created,
    )
    return StockedListing(number, listing, int(rng.integers(3_000)), photos, _reviews(rng, listing))


def _listing(
    rng: np.random.Generator, furniture: Furniture, seller: Seller, listing_id: int, created: int
) -> ShopListing:
    words = caption(furniture, None)
    materials = _materials(furniture)
    price = max(20.0, _TYPICAL_USD[furniture.kind] * float(rng.lognormal(0.0, 0.35))) * seller.currency.per_usd
    in_inches = seller.currency.code in ("USD", "CAD")
    width, depth, height = (round(size / 2.54, 1) if in_inches else float(size) for size in dimensions(furniture))
    unit = "in" if in_inches else "cm"
    who_made, ages = _MAKERS[rng.integers(len(_MAKERS))]
    leaves = LEAVES_OF_KIND[furniture.kind]
    renewed = bool(rng.random() < 0.3)
    return ShopListing(
        listing_id=listing_id,
        user_id=seller.shop.user_id,
        shop_id=seller.shop.shop_id,
        title=title_of(rng, words),
        description=describe(rng, words, materials, f"{width} x {depth} x {height} {unit}"),
        created_timestamp=created,
        ending_timestamp=created + 122 * _DAY,
        original_creation_timestamp=created - (122 * _DAY if renewed else 0),
        updated_timestamp=created + int(rng.integers(_SECONDS_BETWEEN_LISTINGS)),
        state_timestamp=created,
        quantity=int(rng.integers(1, 12)) if who_made == "i_did" else 1,
        url=f"https://www.etsy.com/listing/{listing_id}/{'-'.join(words.lower().split())}"
        "?utm_source=simulated_shop&utm_medium=api&utm_campaign=api",
        num_favorers=int(rng.integers(900)),
        is_customizable=who_made == "i_did",
        tags=tags_of(rng, furniture.kind, furniture.style, materials),
        materials=materials,
        processing_min=2,
        processing_max=10,
        who_made=who_made,  # type: ignore[arg-type]
        when_made=ages[rng.integers(len(ages))],
        item_weight=round(float(rng.uniform(3, 45)), 1),
        item_weight_unit="lb" if in_inches else "kg",
        item_length=depth,
        item_width=width,
        item_height=height,
        item_dimensions_unit="in" if in_inches else "cm",
        style=(furniture.style.title(),),
        has_variations=bool(rng.random() < 0.25),
        language=seller.language,
        price=Money(
            amount=round(price) * seller.currency.divisor,
            divisor=seller.currency.divisor,
            currency_code=seller.currency.code,
        ),
        taxonomy_id=leaves[rng.integers(len(leaves))],
    )


def _materials(furniture: Furniture) -> tuple[str, ...]:
    """What the piece is made of, as far as a buyer can see it."""
    traits = build_mesh(furniture).traits
    body = f"{furniture.body} wood" if furniture.body_type == "wood" else f"{furniture.body} painted wood"
    cloth = furniture.fabric if furniture.pattern == "plain" else "fabric"
    seen = ((traits.uses_fabric, cloth), (traits.uses_metal, furniture.metal))
    return (body, *(material for used, material in seen if used))


def _reviews(rng: np.random.Generator, listing: ShopListing) -> tuple[TransactionReview, ...]:
    reviews = []
    for position in range(int(rng.choice((0, 0, 0, 1, 2, 4)))):
        written = listing.created_timestamp + (position + 1) * 9 * _DAY + int(rng.integers(_DAY))
        rating = int(rng.choice((3, 4, 5, 5, 5)))
        reviews.append(
            TransactionReview(
                shop_id=listing.shop_id,
                listing_id=listing.listing_id,
                transaction_id=4_000_000_000 + listing.listing_id % 10**9 * 10 + position,
                buyer_user_id=None if rng.random() < 0.3 else int(rng.integers(1_000_000, 900_000_000)),
                rating=rating,
                review=review_text(rng, rating),
                language="en",
                created_timestamp=written,
                updated_timestamp=written,
            )
        )
    return tuple(reviews)

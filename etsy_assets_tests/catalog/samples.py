"""Records for the tests, with only what a test says about them different from one another."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import CallGate, DiscoveredListing, ImageRecord, ListingRecord, Outcome, ShopRecord
from etsy_assets.catalog.schema import api_call

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
# Beyond 2^31, as Etsy's ids have been for years.
BIG = 6_483_108_510


def all_calls_come_back(catalog: Catalog) -> None:
    """As 24 hours after the last call to Etsy."""
    catalog.change_call_gate(lambda _: CallGate())
    with catalog._writer.begin() as connection:
        connection.execute(sa.delete(api_call))


def after(**duration: float) -> datetime:
    return NOW + timedelta(**duration)


def discovered(*listing_ids: int) -> list[DiscoveredListing]:
    return [DiscoveredListing(each, 11, 968, 1_700_000_000, 1_700_000_001) for each in listing_ids]


def image(listing_id: int, image_id: int, rank: int | None = 1, **changes) -> ImageRecord:
    url = f"https://i.etsystatic.com/11/r/il/a29f31/{image_id}/il_fullxfull.{image_id}_2ds7.jpg"
    return replace(ImageRecord(listing_id, image_id, rank, url, 11, "a29f31", "2ds7", 1500, 1200), **changes)


def shop(shop_id: int = 11, **changes) -> ShopRecord:
    record = ShopRecord(
        shop_id, "OakAndAsh", "Furniture", "https://www.etsy.com/shop/OakAndAsh", "EUR", "DE", False, 12, 345, 67, 4.8,
        1_500_000_000, 1_600_000_000, NOW,
    )  # fmt: skip
    return replace(record, **changes)


def listing(listing_id: int, images=None, **changes) -> ListingRecord:
    record = ListingRecord(
        listing_id=listing_id,
        shop_id=11,
        title="Oak chair",
        description="A chair\nof oak",
        state="active",
        url=f"https://www.etsy.com/listing/{listing_id}/oak-chair",
        taxonomy_id=968,
        tags=("oak", "mother's day"),
        materials=("oak", "linen"),
        when_made="2020_2026",
        who_made="i_did",
        listing_type="physical",
        price_amount=12_345,
        price_divisor=100,
        currency_code="EUR",
        quantity=1,
        num_favorers=3,
        views=40,
        is_private=False,
        has_variations=True,
        language="en-US",
        created_timestamp=1_700_000_000,
        original_created_timestamp=1_600_000_000,
        updated_timestamp=1_700_000_001,
        fetched_at=NOW,
        images=images if images is None else tuple(images),
        shop=shop(),
    )
    return replace(record, **changes)


def outcome(listing_id: int, image_id: int, stage: str = "download", status: str = "ok", reason=None) -> Outcome:
    return Outcome(listing_id, image_id, stage, status, reason, NOW)

"""Reviews, which two operations of the API give in two forms."""

from dataclasses import replace

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import ReviewRecord, ShopReviews
from etsy_assets_tests.catalog.samples import NOW, after, listing, shop

BY_LISTING = ReviewRecord(5, 11, None, 5, "Lovely chair", "en", None, 1_700_000_000, 1_700_000_000)
BY_SHOP = replace(BY_LISTING, transaction_id=4_294_967_300)


def test_a_review_is_stored_once_however_often_it_is_read(catalog: Catalog):
    catalog.record_reviews([BY_LISTING, BY_LISTING])
    catalog.record_reviews([BY_LISTING])
    assert catalog.reviews(5) == [BY_LISTING]


def test_a_review_read_by_listing_and_by_shop_is_one_review_with_its_transaction(catalog: Catalog):
    catalog.record_reviews([BY_LISTING])
    catalog.record_reviews([BY_SHOP])
    catalog.record_reviews([BY_LISTING])
    assert catalog.reviews(5) == [BY_SHOP]


def test_two_units_of_one_order_reviewed_in_the_same_second_are_two_reviews(catalog: Catalog):
    catalog.record_reviews([BY_SHOP, replace(BY_SHOP, transaction_id=4_294_967_301)])
    assert catalog.counts()["reviews"] == 2


def test_an_edited_review_overwrites_itself(catalog: Catalog):
    edited = replace(BY_SHOP, text="It broke", rating=1, updated_timestamp=1_700_000_900)
    catalog.record_reviews([BY_SHOP])
    catalog.record_reviews([edited])
    assert catalog.reviews(5) == [edited]


def test_reviews_of_a_listing_that_was_never_discovered_are_kept_newest_first(catalog: Catalog):
    newer = replace(BY_SHOP, transaction_id=9, created_timestamp=1_800_000_000)
    catalog.record_reviews([BY_SHOP, newer])
    assert catalog.reviews(5) == [newer, BY_SHOP]


def test_shops_whose_reviews_were_never_read_come_first_then_those_read_longest_ago(catalog: Catalog):
    catalog.upsert_listings([listing(each, shop_id=each, shop=shop(each)) for each in (1, 2, 3, 4)])
    for shop_id, days in ((1, 3), (2, 1), (3, 9)):
        catalog.record_shop_reviewed(ShopReviews(shop_id, after(days=days), NOW, 1_700_000_000))
    due = catalog.shops_to_review(after(days=5), 10)
    assert [(each.shop_id, each.newest_review) for each in due] == [(4, None), (2, 1_700_000_000), (1, 1_700_000_000)]
    assert [each.shop_id for each in catalog.shops_to_review(after(days=5), 2)] == [4, 2]


def test_another_reading_of_a_shop_keeps_how_far_its_reviews_are_read(catalog: Catalog):
    catalog.upsert_listings([listing(1)])
    reading = ShopReviews(11, NOW, NOW, 5)
    catalog.record_shop_reviewed(reading)
    catalog.upsert_listings([listing(1, shop=shop(title="Another"))])
    assert catalog.shops_to_review(after(days=1), 1) == [reading]

"""Bad inputs 33 to 36: reviews with holes, reviews that change, and shops that go."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.etsy.answers import Anomaly
from etsy_assets.etsy.review_crawl import read_reviews
from etsy_assets_tests.catalog.samples import NOW, after, listing, shop
from etsy_assets_tests.etsy import api_payloads as api
from etsy_assets_tests.etsy.answering_server import Answer

AGE, RESCAN = timedelta(days=1), timedelta(days=30)
PLAIN = api.review(transaction_id=1)


@pytest.fixture
def catalog(catalog: Catalog) -> Iterator[Catalog]:
    catalog.upsert_listings([listing(7)])
    return catalog


def test_bad_input_33_a_review_may_lack_nearly_everything_and_a_rating_out_of_range_is_reported(
    etsy, catalog: Catalog, anomalies: list[Anomaly]
):
    bare = {"listing_id": 7, "transaction_id": 2, "rating": 4, "review": None, "buyer_user_id": None}
    of_a_gone_listing = api.review(listing_id=99, transaction_id=4)
    client, _ = etsy(Answer(api.page(PLAIN, bare, api.review(transaction_id=3, rating=0), of_a_gone_listing)))
    assert read_reviews(catalog, client, AGE, RESCAN, NOW, 9).reviews == 3
    assert {review.transaction_id: review.text for review in catalog.reviews(7)} == {1: "It's lovely", 2: ""}
    assert len(catalog.reviews(99)) == 1
    assert [each.code for each in anomalies] == ["review_rating_out_of_range"]


def test_bad_input_34_an_edited_review_replaces_itself_when_the_shop_is_scanned_again(etsy, catalog: Catalog):
    edited = api.review(transaction_id=1, rating=2, review="It broke", updated_timestamp=1_800_000_000)
    client, server = etsy(Answer(api.page(PLAIN)), Answer(api.page(PLAIN)), Answer(api.page(edited)))
    for days in (0, 2, 31):
        read_reviews(catalog, client, AGE, RESCAN, after(days=days), 9)
    (stored,) = catalog.reviews(7)
    assert (stored.rating, stored.text, stored.updated_timestamp) == (2, "It broke", 1_800_000_000)
    assert ["min_created" in query for _, query, _ in server.requests] == [False, True, False]


def test_bad_input_35_a_review_count_that_falls_is_normal_and_nothing_hangs_on_it(etsy, catalog: Catalog):
    catalog.upsert_listings([listing(7, shop=shop(review_count=67))])
    client, _ = etsy(Answer(api.page(PLAIN)), Answer(api.page(PLAIN, api.review(transaction_id=2, review="Fine"))))
    read_reviews(catalog, client, AGE, RESCAN, NOW, 9)
    catalog.upsert_listings([listing(7, shop=shop(review_count=3))])
    read_reviews(catalog, client, AGE, RESCAN, after(days=2), 9)
    assert len(catalog.reviews(7)) == 2
    assert catalog.listing(7).shop.review_count == 3


def test_bad_input_36_a_shop_that_is_gone_is_kept_as_it_was_last(etsy, catalog: Catalog):
    client, server = etsy(Answer({"error": "Resource not found"}, 404))
    assert client.shop(11) is None
    read_reviews(catalog, client, AGE, RESCAN, NOW, 9)
    assert catalog.listing(7).shop.shop_name == "OakAndAsh"
    read_reviews(catalog, client, AGE, RESCAN, after(days=9), 9)
    assert len(server.requests) == 2

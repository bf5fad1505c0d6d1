"""What listings were before."""

from dataclasses import replace

import pytest

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import ListingMoment
from etsy_assets_tests.catalog.samples import NOW, after, discovered, listing

FIRST = ListingMoment(1, NOW, "active", 12_345, 100, "EUR", 1, 3, 40)


def test_the_first_reading_begins_a_listings_history(catalog: Catalog):
    assert catalog.listing_history(1) == []
    catalog.upsert_listings([listing(1)])
    assert catalog.listing_history(1) == [FIRST]


@pytest.mark.parametrize(
    "change",
    [{"price_amount": 9_900}, {"currency_code": "USD"}, {"quantity": 0}, {"num_favorers": 4}, {"views": None}],
    ids=lambda change: next(iter(change)),
)
def test_each_change_is_kept_with_the_moment_that_it_was_seen(catalog: Catalog, change: dict):
    catalog.upsert_listings([listing(1)])
    catalog.upsert_listings([listing(1, fetched_at=after(days=1), **change)])
    assert catalog.listing_history(1) == [FIRST, replace(FIRST, seen_at=after(days=1), **change)]


def test_a_reading_that_finds_nothing_changed_adds_nothing(catalog: Catalog):
    catalog.upsert_listings([listing(1)])
    catalog.upsert_listings([listing(1, fetched_at=after(days=1), title="Ash chair")])
    assert catalog.listing_history(1) == [FIRST]


def test_a_price_that_goes_and_comes_back_is_three_moments(catalog: Catalog):
    for day, price in enumerate((12_345, 9_900, 12_345)):
        catalog.upsert_listings([listing(1, fetched_at=after(days=day), price_amount=price)])
    assert [moment.price_amount for moment in catalog.listing_history(1)] == [12_345, 9_900, 12_345]


def test_the_end_and_the_return_of_a_listing_are_part_of_its_history(catalog: Catalog):
    catalog.upsert_listings([listing(1)])
    catalog.mark_gone([1], after(days=1))
    catalog.mark_gone([1], after(days=2))
    catalog.upsert_listings([listing(1, fetched_at=after(days=3))])
    moments = [(moment.seen_at, moment.state) for moment in catalog.listing_history(1)]
    assert moments == [(NOW, "active"), (after(days=1), "removed"), (after(days=3), "active")]


def test_a_listing_that_was_never_read_has_no_history_when_it_is_gone(catalog: Catalog):
    catalog.record_discovered(discovered(7), NOW)
    catalog.mark_gone([7], NOW)
    assert catalog.listing_history(7) == []

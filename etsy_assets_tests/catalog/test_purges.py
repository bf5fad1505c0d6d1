"""Rows that must not be kept."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import ReviewRecord
from etsy_assets.catalog.schema import metadata
from etsy_assets_tests.catalog.samples import NOW, after, discovered, image, listing, outcome, shop
from etsy_assets_tests.catalog.test_reviews import BY_SHOP

# Of what they hold, nothing is anybody's listing.
NOT_OF_LISTINGS = {"listing_batch", "taxonomy_node", "crawl_state", "api_quota", "api_call", "catalog_setting"}


@pytest.fixture
def stocked(catalog: Catalog) -> Catalog:
    """Listings 1 and 2 of shop 11, 3 of shop 22, in one batch; 4 was never read."""
    catalog.record_discovered([*discovered(1, 2, 4), replace(discovered(3)[0], shop_id=22)], NOW)
    catalog.seal_batches(4, timedelta(0), NOW)
    catalog.upsert_listings(
        [listing(each, [image(each, 10 * each)]) for each in (1, 2)]
        + [listing(3, [image(3, 30, shop_id=22)], shop_id=22, shop=shop(22))]
    )
    catalog.record_outcomes([outcome(each, 10 * each) for each in (1, 2, 3)])
    catalog.record_reviews([review(1), review(3, 22)])
    return catalog


def review(listing_id: int, shop_id: int = 11) -> ReviewRecord:
    return replace(BY_SHOP, listing_id=listing_id, shop_id=shop_id, transaction_id=listing_id)


def rows_naming(catalog: Catalog, column: str, value: int) -> dict[str, int]:
    """How many rows of each table have this value."""
    with catalog._engine.connect() as connection:
        counts = {
            table.name: connection.execute(
                sa.select(sa.func.count()).select_from(table).where(table.c[column] == value)
            ).scalar_one()
            for table in metadata.tables.values()
            if column in table.c
        }
    return {name: count for name, count in counts.items() if count}


def test_every_table_says_when_its_rows_were_fetched_or_holds_nothing_of_etsys():
    moments = {"fetched_at", "last_seen", "seen_at", "recorded_at", "requested_at"}
    for table in metadata.tables.values():
        assert table.name in NOT_OF_LISTINGS or moments & set(table.c.keys()), table.name


def test_a_purged_listing_leaves_every_table(stocked: Catalog):
    assert len(rows_naming(stocked, "listing_id", 1)) == 6
    stocked.request_purge("listing", [1], "asked for", NOW)
    assert stocked.listings_to_purge(None) == {1}
    gone = stocked.purge_rows([1], None)
    assert gone == dict.fromkeys(
        ("discovered_listing", "image", "image_outcome", "listing", "listing_history", "review"), 1
    )
    assert rows_naming(stocked, "listing_id", 1) == {}
    assert stocked.batch_listing_ids("batch-000000") == [2, 3, 4]


def test_a_purged_shop_goes_with_all_of_its_listings(stocked: Catalog):
    stocked.request_purge("shop", [22], "asked for", NOW)
    assert stocked.listings_to_purge(None) == {3}
    assert stocked.batches_of({3}) == {"batch-000000": {3}}
    stocked.purge_rows({3}, None)
    assert rows_naming(stocked, "shop_id", 22) == {}
    assert rows_naming(stocked, "listing_id", 3) == {}


def test_what_was_purged_is_never_stored_again(stocked: Catalog):
    stocked.request_purge("listing", [1], "asked for", NOW)
    stocked.request_purge("shop", [22], "asked for", NOW)
    stocked.purge_rows(stocked.listings_to_purge(None), None)
    assert stocked.record_discovered([*discovered(1), replace(discovered(3)[0], shop_id=22)], after(days=1)) == 0
    stocked.upsert_listings([listing(1, [image(1, 10)]), listing(3, [], shop_id=22, shop=shop(22))])
    stocked.record_reviews([review(1), review(9, 22)])
    stocked.mark_gone([1], after(days=1))
    assert rows_naming(stocked, "listing_id", 1) == {}
    assert rows_naming(stocked, "shop_id", 22) == {}


def test_what_is_older_than_may_be_stored_goes_and_may_come_again(stocked: Catalog):
    stocked.upsert_listings([listing(2, [image(2, 20)], fetched_at=after(days=9))])
    assert stocked.listings_to_purge(NOW) == set()
    assert stocked.listings_to_purge(after(days=1)) == {1, 3, 4}
    stocked.purge_rows({1, 3, 4}, after(days=1))
    assert rows_naming(stocked, "listing_id", 2)["listing"] == 1
    assert [rows_naming(stocked, "listing_id", each) for each in (1, 3, 4)] == [{}, {}, {}]
    assert rows_naming(stocked, "shop_id", 22) == {}
    assert stocked.record_discovered(discovered(1), after(days=9)) == 1


def test_who_asks_twice_is_answered_once(stocked: Catalog):
    stocked.request_purge("listing", [1, 1], "asked for", NOW)
    stocked.request_purge("listing", [1], "asked for again", after(days=1))
    assert stocked.purge_requests() == {"listing": {1}, "shop": set()}
    stocked.purge_rows({1}, None)
    assert stocked.listings_to_purge(None) == set()
    assert stocked.purge_rows(set(), None) == {}

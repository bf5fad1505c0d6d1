"""Listings, shops and images: what a fetch changes, and what reading gives back."""

import shutil
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from etsy_assets.catalog.catalog import Catalog
from etsy_assets_tests.catalog.samples import BIG, NOW, after, discovered, image, listing, outcome, shop


@pytest.fixture
def batch(catalog: Catalog) -> str:
    catalog.record_discovered(discovered(1, 2, 3, BIG), NOW)
    return catalog.seal_batches(4, timedelta(0), NOW)[0]


def test_a_listing_comes_back_as_it_was_stored(catalog: Catalog, batch: str):
    catalog.upsert_listings([listing(BIG, [image(BIG, BIG + 1)])])
    stored = catalog.listing(BIG)
    assert stored == listing(BIG)
    assert stored.price == Decimal("123.45")
    assert catalog.listings(batch) == [stored]
    assert catalog.images(batch) == [image(BIG, BIG + 1)]


def test_a_listing_with_every_optional_field_unknown_comes_back_too(catalog: Catalog):
    optional = (
        "shop_id", "taxonomy_id", "when_made", "who_made", "listing_type", "price_amount", "price_divisor", "language",
        "currency_code", "quantity", "num_favorers", "views", "created_timestamp", "original_created_timestamp",
        "updated_timestamp", "shop",
    )  # fmt: skip
    bare = replace(listing(1, tags=(), materials=()), **dict.fromkeys(optional))
    catalog.upsert_listings([bare])
    assert catalog.listing(1) == bare
    assert catalog.listing(1).price is None


def test_storing_the_same_listings_twice_changes_nothing(catalog: Catalog, batch: str):
    records = [listing(1, [image(1, 10), image(1, 11, 2)]), listing(2, [])]
    catalog.upsert_listings(records)
    before = (catalog.counts(), catalog.listings(batch), catalog.images(batch))
    catalog.upsert_listings([*records, records[0]])
    assert (catalog.counts(), catalog.listings(batch), catalog.images(batch)) == before


def test_the_images_of_a_batch_come_in_the_order_of_listing_and_image(catalog: Catalog, batch: str):
    catalog.upsert_listings([listing(3, [image(3, 31, 1), image(3, 30, 2)]), listing(1, [image(1, 99)])])
    assert [(each.listing_id, each.image_id) for each in catalog.images(batch)] == [(1, 99), (3, 30), (3, 31)]


def test_images_that_were_not_asked_for_are_left_as_they_are(catalog: Catalog, batch: str):
    catalog.upsert_listings([listing(1, [image(1, 10)])])
    catalog.upsert_listings([listing(1, None, title="Renamed")])
    assert catalog.images(batch) == [image(1, 10)]
    assert catalog.listing(1).title == "Renamed"


def test_an_image_absent_from_the_next_answer_is_marked_removed_and_kept(catalog: Catalog, batch: str):
    catalog.upsert_listings([listing(1, [image(1, 10), image(1, 11, 2)])])
    catalog.record_outcomes([outcome(1, 10)])
    catalog.upsert_listings([listing(1, [image(1, 11, 2)])])
    assert catalog.images(batch) == [image(1, 11, 2)]
    assert catalog.primary_images([1]) == {1: image(1, 11, 2)}
    assert catalog.counts()["images_removed"] == 1
    assert (1, 10) in catalog.outcomes(batch, "download")
    catalog.upsert_listings([listing(1, [image(1, 10), image(1, 11, 2)])])
    assert [each.image_id for each in catalog.images(batch)] == [10, 11]


def test_a_listing_that_has_no_images_any_more_has_none(catalog: Catalog, batch: str):
    catalog.upsert_listings([listing(1, [image(1, 10)])])
    catalog.upsert_listings([listing(1, [])])
    assert catalog.images(batch) == []
    assert catalog.primary_images([1]) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"suffix": "zzzz", "url": "https://i.etsystatic.com/11/r/il/a29f31/10/il_fullxfull.10_zzzz.jpg"},
        {"hex": "ffffff", "url": "https://i.etsystatic.com/11/r/il/ffffff/10/il_fullxfull.10_2ds7.jpg"},
        {"url": image(1, 10).url + "?version=1"},
    ],
)
def test_a_changed_url_is_overwritten_and_its_image_fetched_again(catalog: Catalog, batch: str, changes: dict):
    catalog.upsert_listings([listing(1, [image(1, 10), image(1, 11, 2)])])
    catalog.record_outcomes([outcome(1, 10), outcome(1, 10, "cutout"), outcome(1, 11)])
    catalog.upsert_listings([listing(1, [image(1, 10, **changes), image(1, 11, 2)])])
    assert catalog.images(batch)[0] == image(1, 10, **changes)
    assert list(catalog.outcomes(batch, "download")) == [(1, 11)]
    assert catalog.outcomes(batch, "cutout") == {}


def test_the_same_path_on_another_host_is_the_same_image(catalog: Catalog, batch: str):
    old, new = (
        image(1, 10, url=f"http://127.0.0.1:{port}/11/r/il/a29f31/10/il_fullxfull.10_2ds7.jpg") for port in (1, 2)
    )
    catalog.upsert_listings([listing(1, [old])])
    catalog.record_outcomes([outcome(1, 10)])
    catalog.upsert_listings([listing(1, [new])])
    assert catalog.images(batch) == [new]
    assert list(catalog.outcomes(batch, "download")) == [(1, 10)]


def test_the_primary_image_is_chosen_again_when_the_seller_reorders(catalog: Catalog):
    catalog.upsert_listings([listing(1, [image(1, 10, 1), image(1, 11, 2)])])
    assert catalog.primary_images([1, 2])[1].image_id == 10
    catalog.upsert_listings([listing(1, [image(1, 10, 2), image(1, 11, 1)])])
    assert catalog.primary_images([1])[1].image_id == 11
    assert [each.image_id for each in catalog.images_by_listing([1])[1]] == [11, 10]


@settings(max_examples=15, deadline=None)
@given(
    syncs=st.lists(
        st.dictionaries(st.integers(1, 6), st.one_of(st.none(), st.integers(0, 2)), max_size=5), min_size=1, max_size=3
    )
)
def test_exactly_the_lowest_rank_then_id_is_primary_after_any_syncs(migrated_file: Path, syncs):
    with TemporaryDirectory() as folder, Catalog.open(f"sqlite:///{shutil.copy(migrated_file, folder)}") as catalog:
        for ranks in syncs:
            catalog.upsert_listings([listing(1, [image(1, image_id, rank) for image_id, rank in ranks.items()])])
        primaries = [row["image_id"] for row in catalog.image_status() if row["is_primary"]]
        ranked = sorted((rank, image_id) for image_id, rank in ranks.items() if rank is not None)
        unranked = sorted(image_id for image_id, rank in ranks.items() if rank is None)
        assert primaries == ([ranked[0][1]] if ranked else unranked[:1])


def test_a_listing_gone_from_etsy_is_tombstoned_not_deleted(catalog: Catalog, batch: str):
    catalog.upsert_listings([listing(1, [image(1, 10)]), listing(2, [image(2, 20)])])
    catalog.mark_gone([1], after(days=1))
    assert catalog.listing(1) == replace(listing(1), state="removed")
    assert [each.listing_id for each in catalog.listings(batch)] == [2]
    assert [each.listing_id for each in catalog.listings(batch, include_gone=True)] == [1, 2]
    assert [each.image_id for each in catalog.images(batch)] == [20]
    assert catalog.counts()["listings_gone"] == 1


def test_a_listing_gone_before_it_was_ever_fetched_is_tombstoned_too(catalog: Catalog, batch: str):
    catalog.mark_gone([3], NOW)
    assert (catalog.listing(3).state, catalog.listing(3).shop_id, catalog.listing(3).taxonomy_id) == (
        "removed",
        11,
        968,
    )
    assert catalog.listings(batch) == []


def test_a_gone_listing_that_comes_back_active_is_revived(catalog: Catalog, batch: str):
    catalog.upsert_listings([listing(1, [image(1, 10)])])
    catalog.mark_gone([1], NOW)
    catalog.upsert_listings([listing(1, None, state="expired")])
    assert catalog.images(batch) == []
    catalog.upsert_listings([listing(1, None)])
    assert catalog.images(batch) == [image(1, 10)]


def test_a_shop_is_updated_by_the_newest_answer_and_kept_when_an_answer_lacks_it(catalog: Catalog):
    catalog.upsert_listings([listing(1)])
    catalog.upsert_listings([listing(2, shop=shop(shop_name="Renamed", review_count=3))])
    catalog.upsert_listings([listing(3, shop=None)])
    assert [record.shop.shop_name for record in catalog.listings_by_id([1, 2, 3]).values()] == ["Renamed"] * 3
    assert catalog.counts()["shops"] == 1


def test_only_stored_listings_are_found_by_id_however_many_are_asked(catalog: Catalog):
    catalog.upsert_listings([listing(listing_id) for listing_id in range(1, 1201)])
    assert set(catalog.listings_by_id(range(1000, 3000))) == set(range(1000, 1201))
    assert catalog.listing(5000) is None


def test_a_failing_record_stores_nothing_of_its_batch(catalog: Catalog):
    with pytest.raises(StatementError, match="has no time zone"):
        catalog.upsert_listings([listing(1), listing(2, fetched_at=NOW.replace(tzinfo=None))])
    assert catalog.counts()["listings"] == catalog.counts()["shops"] == 0

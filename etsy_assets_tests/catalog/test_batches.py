"""Discovering listings and sealing them into batches."""

import shutil
from datetime import timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsy_assets.catalog.batches import UnknownBatch, batch_key, batch_number
from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import DiscoveredListing
from etsy_assets_tests.catalog.samples import BIG, NOW, after, discovered

HOUR = timedelta(hours=1)


def seal_again_and_again(url: str) -> list[str]:
    with Catalog.open(url) as catalog:
        sealed: list[str] = []
        for first in range(0, 60, 3):
            catalog.record_discovered(discovered(first, first + 1, first + 2), NOW)
            sealed += catalog.seal_batches(4, HOUR, NOW)
        return sealed


def test_recording_says_how_many_listings_were_new(catalog: Catalog):
    assert catalog.record_discovered(discovered(1, BIG, 1), NOW) == 2
    assert catalog.record_discovered(discovered(BIG, 3), after(hours=1)) == 1
    assert catalog.discovered_ids() == {1, 3, BIG}
    assert catalog.is_known([3, 4, BIG]) == {3, BIG}
    assert catalog.record_discovered([], NOW) == 0


def test_a_known_listing_that_is_seen_again_is_not_batched_again(catalog: Catalog):
    catalog.record_discovered(discovered(1, 2), NOW)
    assert catalog.seal_batches(2, HOUR, NOW) == ["batch-000000"]
    catalog.record_discovered([DiscoveredListing(1, None, None, None, 1_800_000_000)], after(days=9))
    assert catalog.unbatched_count() == 0
    assert catalog.seal_batches(1, HOUR, after(days=9)) == []


def test_full_batches_are_sealed_at_once_and_the_rest_waits(catalog: Catalog):
    catalog.record_discovered(discovered(*range(1, 8)), NOW)
    assert catalog.seal_batches(3, HOUR, NOW) == ["batch-000000", "batch-000001"]
    assert catalog.batch_listing_ids("batch-000000") == [1, 2, 3]
    assert catalog.batch_listing_ids("batch-000001") == [4, 5, 6]
    assert catalog.unbatched_count() == 1


def test_a_partial_batch_is_sealed_once_its_oldest_listing_has_waited(catalog: Catalog):
    catalog.record_discovered(discovered(7), NOW)
    catalog.record_discovered(discovered(5), after(minutes=50))
    assert catalog.seal_batches(3, HOUR, after(minutes=59)) == []
    assert catalog.seal_batches(3, HOUR, after(minutes=60)) == ["batch-000000"]
    assert catalog.batch_listing_ids("batch-000000") == [5, 7]


def test_the_rest_waits_from_its_own_oldest_listing_not_from_one_that_a_full_batch_took(catalog: Catalog):
    catalog.record_discovered(discovered(1, 2), NOW)
    catalog.record_discovered(discovered(3), after(minutes=30))
    assert catalog.seal_batches(2, HOUR, after(minutes=70)) == ["batch-000000"]
    assert catalog.unbatched_count() == 1


def test_the_listings_discovered_first_are_sealed_first(catalog: Catalog):
    catalog.record_discovered(discovered(900), NOW)
    catalog.record_discovered(discovered(1), after(minutes=1))
    assert catalog.seal_batches(1, HOUR, after(minutes=2)) == ["batch-000000", "batch-000001"]
    assert catalog.batch_listing_ids("batch-000000") == [900]


def test_a_sealed_batch_never_gains_a_listing(catalog: Catalog):
    catalog.record_discovered(discovered(1), NOW)
    catalog.seal_batches(2, timedelta(0), NOW)
    catalog.record_discovered(discovered(2), NOW)
    assert catalog.seal_batches(2, timedelta(0), NOW) == ["batch-000001"]
    assert catalog.batch_listing_ids("batch-000000") == [1]


def test_nothing_is_sealed_when_nothing_waits(catalog: Catalog):
    assert catalog.seal_batches(100, timedelta(0), NOW) == []


def test_a_batch_of_no_listings_is_refused(catalog: Catalog):
    with pytest.raises(ValueError, match="at least 1"):
        catalog.seal_batches(0, HOUR, NOW)


def test_processes_that_seal_at_once_never_put_a_listing_in_two_batches(catalog: Catalog, catalog_url: str, processes):
    sealed = [key for keys in processes.map(seal_again_and_again, [catalog_url] * 3) for key in keys]
    assert sorted(sealed) == [batch_key(number) for number in range(15)] == catalog.batch_keys()
    members = [each for key in sealed for each in catalog.batch_listing_ids(key)]
    assert sorted(members) == list(range(60))


@settings(max_examples=15, deadline=None)
@given(
    size=st.integers(1, 5),
    steps=st.lists(st.tuples(st.lists(st.integers(1, 40), max_size=8), st.integers(0, 120)), max_size=6),
)
def test_batches_split_the_discovered_listings_whatever_the_order_of_events(migrated_file: Path, size, steps):
    with TemporaryDirectory() as folder, Catalog.open(f"sqlite:///{shutil.copy(migrated_file, folder)}") as catalog:
        seen: dict[str, list[int]] = {}
        minutes = 0
        for ids, passed in steps:
            minutes += passed
            catalog.record_discovered(discovered(*ids), after(minutes=minutes))
            for key in catalog.seal_batches(size, HOUR, after(minutes=minutes)):
                seen[key] = catalog.batch_listing_ids(key)
        assert (
            list(seen) == [key for key, _ in zip(map(batch_key, count()), seen, strict=False)] == catalog.batch_keys()
        )
        assert {key: catalog.batch_listing_ids(key) for key in seen} == seen
        members = [each for ids in seen.values() for each in ids]
        assert len(members) == len(set(members))
        assert all(1 <= len(ids) <= size for ids in seen.values())
        assert len(members) + catalog.unbatched_count() == len(catalog.discovered_ids())


def test_a_retired_batch_keeps_its_listings_and_its_number(catalog: Catalog):
    catalog.record_discovered(discovered(1, 2), NOW)
    catalog.seal_batches(1, HOUR, NOW)
    catalog.retire_batch("batch-000001", "only umbrella stands")
    assert catalog.batch_keys() == ["batch-000000"]
    assert catalog.batch_keys(include_retired=True) == ["batch-000000", "batch-000001"]
    assert catalog.batch_listing_ids("batch-000001") == [2]
    catalog.record_discovered(discovered(3), NOW)
    assert catalog.seal_batches(1, HOUR, NOW) == ["batch-000002"]


def test_an_unknown_batch_is_an_error_and_never_an_empty_batch(catalog: Catalog):
    for ask in (
        catalog.batch_listing_ids,
        catalog.listings,
        catalog.images,
        catalog.image_status,
        catalog.outcome_counts,
        lambda key: catalog.outcomes(key, "download"),
        lambda key: catalog.retire_batch(key, "why"),
    ):
        with pytest.raises(UnknownBatch, match="batch-000007"):
            ask("batch-000007")


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_a_batch_key_gives_its_number_back(number: int):
    assert batch_number(batch_key(number)) == Catalog.batch_number(batch_key(number)) == number


@pytest.mark.parametrize("key", ["batch-42", "batch-0000042", "segment-0003", "", "batch-00000x", "batch-000042\n"])
def test_a_key_of_another_form_is_refused(key: str):
    with pytest.raises(UnknownBatch, match="batch-000042"):
        batch_number(key)

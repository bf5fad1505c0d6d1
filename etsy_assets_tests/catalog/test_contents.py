"""Which batches have something to be made anew, and which are to be read again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from etsy_assets.catalog.batches import UnknownBatch
from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import BatchContent
from etsy_assets_tests.catalog.samples import NOW, after, discovered, image, listing

BATCH, OTHER = "batch-000000", "batch-000001"
CHAIR = listing(1, [image(1, 10), image(1, 11, rank=2)])


@pytest.fixture
def settled(catalog: Catalog) -> Catalog:
    """Two batches of one listing each, from which all is made."""
    for listing_id in (1, 2):
        catalog.record_discovered(discovered(listing_id), NOW)
        catalog.seal_batches(1, timedelta(0), NOW)
    catalog.upsert_listings([CHAIR, listing(2, [image(2, 20)])])
    settle(catalog)
    assert catalog.outdated_batches() == {}
    return catalog


def settle(catalog: Catalog) -> None:
    for batch in catalog.batch_keys():
        for stage in ("images", "embedded", "texts"):
            catalog.record_made(batch, stage, catalog.batch_content(batch).content_version)


def test_a_batch_that_was_read_for_the_first_time_has_all_to_be_made(catalog: Catalog):
    catalog.record_discovered(discovered(1), NOW)
    catalog.seal_batches(1, timedelta(0), NOW)
    assert catalog.outdated_batches() == {}
    catalog.upsert_listings([CHAIR])
    assert catalog.outdated_batches() == {BATCH: 1}
    assert catalog.batch_content(BATCH) == BatchContent(1, 0, 0, 0)


@pytest.mark.parametrize(
    "changed",
    [
        replace(CHAIR, title="Ash chair"),
        replace(CHAIR, materials=("ash",)),
        replace(CHAIR, images=(*CHAIR.images, image(1, 12, rank=3))),
        replace(CHAIR, images=(image(1, 10, suffix="new", url="https://x/11/r/il/a/10/il_fullxfull.10_new.jpg"),)),
    ],
    ids=["title", "materials", "another image", "another file"],
)
def test_what_changes_a_picture_or_the_text_makes_the_batch_outdated(settled: Catalog, changed):
    settled.upsert_listings([changed])
    assert list(settled.outdated_batches()) == [BATCH]


@pytest.mark.parametrize(
    "same",
    [
        CHAIR,
        replace(CHAIR, price_amount=1, quantity=0, num_favorers=99, views=100, fetched_at=after(days=1)),
        replace(CHAIR, images=tuple(replace(each, rank=9 - each.image_id % 10) for each in CHAIR.images)),
        replace(CHAIR, images=CHAIR.images[:1]),
        replace(CHAIR, images=None),
        replace(CHAIR, state="sold_out"),
    ],
    ids=["nothing", "price", "order", "one image fewer", "images not asked for", "sold out"],
)
def test_what_changes_no_picture_and_no_text_leaves_nothing_to_be_made(settled: Catalog, same):
    settled.upsert_listings([same])
    assert settled.outdated_batches() == {}


def test_a_listing_that_is_renewed_and_an_image_that_is_put_back_are_to_be_made_again(settled: Catalog):
    settled.mark_gone([1], NOW)
    settled.upsert_listings([replace(listing(2, []))])
    assert settled.outdated_batches() == {}
    settled.upsert_listings([CHAIR, listing(2, [image(2, 20)])])
    assert list(settled.outdated_batches()) == [BATCH, OTHER]


def test_a_batch_is_outdated_until_both_kinds_of_vectors_are_made_from_its_content(settled: Catalog):
    settled.upsert_listings([replace(CHAIR, title="Ash chair")])
    version = settled.batch_content(BATCH).content_version
    settled.record_made(BATCH, "embedded", version)
    assert settled.outdated_batches() == {BATCH: version}
    settled.record_made(BATCH, "texts", version)
    assert settled.outdated_batches() == {}


def test_a_retired_batch_is_neither_outdated_nor_read_again(settled: Catalog):
    settled.record_read(BATCH, NOW)
    settled.upsert_listings([replace(CHAIR, title="Ash chair")])
    settled.retire_batch(BATCH, "a test")
    assert settled.outdated_batches() == {}
    assert settled.batches_to_refresh(timedelta(days=1), after(days=2)) == []


def test_batches_are_read_again_when_they_are_old_enough_the_oldest_first(settled: Catalog):
    assert settled.batches_to_refresh(timedelta(days=1), after(days=9)) == []
    settled.record_read(BATCH, after(hours=2))
    settled.record_read(OTHER, after(hours=1))
    assert settled.batches_to_refresh(timedelta(days=1), after(days=2)) == [OTHER, BATCH]
    assert settled.batches_to_refresh(timedelta(days=1), after(days=1, hours=1.5)) == [OTHER]


def test_a_batch_that_there_is_not_is_named(catalog: Catalog):
    for ask in (
        lambda: catalog.batch_content("batch-000009"),
        lambda: catalog.record_made("batch-000009", "images", 1),
        lambda: catalog.record_read("batch-000009", NOW),
    ):
        with pytest.raises(UnknownBatch, match="batch-000009"):
            ask()

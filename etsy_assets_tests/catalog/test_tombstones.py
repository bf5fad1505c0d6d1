"""What is no longer to be had, by batch, and the mark by which a publisher sees that this has changed."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from etsy_assets.catalog.catalog import Catalog
from etsy_assets_tests.catalog.samples import NOW, after, discovered, image, listing


@pytest.fixture
def stocked(catalog: Catalog) -> Catalog:
    """Three batches of two listings with two images each: listing 1 in batch-000000 has the images 10 and 11."""
    catalog.record_discovered(discovered(*range(1, 7)), NOW)
    catalog.seal_batches(2, timedelta(0), NOW)
    catalog.upsert_listings(
        [listing(each, [image(each, 10 * each), image(each, 10 * each + 1)]) for each in range(1, 7)]
    )
    return catalog


def test_a_catalog_without_tombstones_has_none_and_an_empty_mark(stocked: Catalog):
    assert stocked.tombstones().images == {}
    assert stocked.tombstones().mark == stocked.tombstone_mark() == ""


def test_gone_listings_removed_images_and_retired_batches_are_found_by_batch(stocked: Catalog):
    stocked.mark_gone([1], after(hours=1))
    stocked.upsert_listings([listing(3, [image(3, 30)], fetched_at=after(hours=2))])
    stocked.retire_batch("batch-000002", "wrong shop", after(hours=3))

    assert stocked.tombstones().images == {
        "batch-000000": {(1, 10), (1, 11)},
        "batch-000001": {(3, 31)},
        "batch-000002": {(5, 50), (5, 51), (6, 60), (6, 61)},
    }


def test_an_image_that_is_dead_for_several_reasons_is_there_once(stocked: Catalog):
    stocked.upsert_listings([listing(1, [image(1, 10)])])
    stocked.mark_gone([1], NOW)
    stocked.retire_batch("batch-000000", "wrong shop", NOW)

    assert stocked.tombstones().images["batch-000000"] == {(1, 10), (1, 11), (2, 20), (2, 21)}


def test_what_is_in_no_batch_yet_has_no_tombstone_in_any(catalog: Catalog):
    catalog.record_discovered(discovered(9), NOW)
    catalog.upsert_listings([listing(9, [image(9, 90)])])
    catalog.mark_gone([9], NOW)

    assert catalog.tombstones().images == {}


def test_the_mark_changes_with_every_tombstone_that_is_set_or_lifted(stocked: Catalog):
    marks = [stocked.tombstone_mark()]
    for change in (
        lambda: stocked.mark_gone([1], after(hours=1)),
        lambda: stocked.mark_gone([2], after(hours=2)),
        lambda: stocked.upsert_listings([listing(1)]),
        lambda: stocked.upsert_listings([listing(3, [image(3, 30)], fetched_at=after(hours=3))]),
        lambda: stocked.upsert_listings([listing(3, [image(3, 31)], fetched_at=after(hours=4))]),
        lambda: stocked.retire_batch("batch-000002", "wrong shop", after(hours=5)),
    ):
        change()
        marks.append(stocked.tombstone_mark())

    assert len(set(marks)) == len(marks)
    assert stocked.tombstones().mark == marks[-1]
    assert marks[1] == "1 listings gone until 2026-11-20T13:00:00+00:00"


def test_a_listing_that_is_renewed_has_no_tombstone_any_more(stocked: Catalog):
    stocked.mark_gone([1], NOW)
    stocked.upsert_listings([listing(1)])

    assert stocked.tombstones().images == {}
    assert stocked.tombstone_mark() == ""


def test_reading_the_mark_touches_indexes_of_tombstones_only(stocked: Catalog, catalog_url: str):
    if not catalog_url.startswith("sqlite"):
        pytest.skip("the plan is SQLite's")
    engine = sa.create_engine(catalog_url)
    with engine.connect() as connection:
        for table, column, index in (("listing", "gone_at", "listing_gone"), ("image", "removed_at", "image_removed")):
            question = f"EXPLAIN QUERY PLAN SELECT count(*), max({column}) FROM {table} WHERE {column} IS NOT NULL"
            (step,) = connection.exec_driver_sql(question).all()
            assert f"COVERING INDEX {index}" in step[-1]
    engine.dispose()

"""Outcomes per image and stage, and the view image_status over them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from etsy_assets.catalog.catalog import Catalog
from etsy_assets_tests.catalog.samples import NOW, discovered, image, listing, outcome


@pytest.fixture
def batch(catalog: Catalog) -> str:
    catalog.record_discovered(discovered(1, 2), NOW)
    key = catalog.seal_batches(2, timedelta(0), NOW)[0]
    catalog.upsert_listings([listing(1, [image(1, 10), image(1, 11, 2)]), listing(2, [image(2, 20)])])
    return key


def test_outcomes_come_back_by_batch_and_stage(catalog: Catalog, batch: str):
    failed = outcome(1, 11, status="failed", reason="http_404: the CDN has no such image")
    catalog.record_outcomes([outcome(1, 10), failed, outcome(1, 10, "cutout", "fallback", "empty_mask")])
    assert catalog.outcomes(batch, "download") == {(1, 10): outcome(1, 10), (1, 11): failed}
    assert catalog.outcomes(batch, "embed/demo_clip") == {}


def test_a_later_outcome_replaces_the_one_before(catalog: Catalog, batch: str):
    catalog.record_outcomes([outcome(1, 10, status="failed", reason="timeout")])
    catalog.record_outcomes([outcome(1, 10, status="failed", reason="timeout"), outcome(1, 10)])
    assert catalog.outcomes(batch, "download") == {(1, 10): outcome(1, 10)}


def test_outcomes_are_counted_by_stage_and_status(catalog: Catalog, batch: str):
    catalog.record_discovered(discovered(3), NOW)
    other = catalog.seal_batches(1, timedelta(0), NOW)[0]
    catalog.upsert_listings([listing(3, [image(3, 30)])])
    catalog.record_outcomes([outcome(1, 10), outcome(1, 11, status="failed"), outcome(2, 20), outcome(3, 30)])
    assert catalog.outcome_counts() == {"download": {"failed": 1, "ok": 3}}
    assert catalog.outcome_counts(other) == {"download": {"ok": 1}}
    assert catalog.counts()["outcomes"] == catalog.outcome_counts()


def test_an_outcome_of_an_image_that_the_catalog_does_not_have_is_refused(catalog: Catalog, batch: str):
    with pytest.raises(IntegrityError):
        catalog.record_outcomes([outcome(1, 10), outcome(1, 999)])
    assert catalog.outcomes(batch, "download") == {}


def test_image_status_shows_how_far_each_image_has_come(catalog: Catalog, batch: str):
    catalog.record_outcomes(
        [
            outcome(1, 10),
            outcome(1, 10, "cutout"),
            outcome(1, 10, "embed/demo_clip"),
            outcome(1, 11, status="failed", reason="http_404"),
            outcome(2, 20),
            outcome(2, 20, "cutout", "fallback", "empty_mask"),
        ]
    )
    shown = (
        "listing_id", "image_id", "is_primary", "to_download", "download_done", "bg_removed", "embed_demo_clip",
        "embed_demo_dino",
    )  # fmt: skip
    assert [tuple(row[name] for name in shown) for row in catalog.image_status(batch)] == [
        (1, 10, 1, 0, 1, 1, 1, 0),
        (1, 11, 0, 1, 0, 0, 0, 0),
        (2, 20, 1, 0, 1, 0, 0, 0),
    ]
    first = catalog.image_status(batch)[0]
    assert (first["shop_id"], first["hex"], first["suffix"]) == (11, "a29f31", "2ds7")
    assert (first["when_made"], first["price"]) == ("2020_2026", pytest.approx(123.45))


def test_removed_images_and_gone_listings_stay_in_the_view_with_nothing_to_download(catalog: Catalog, batch: str):
    catalog.upsert_listings([listing(1, [image(1, 10)])])
    catalog.mark_gone([2], NOW)
    rows = {row["image_id"]: row["to_download"] for row in catalog.image_status()}
    assert rows == {10: 1, 11: 0, 20: 0}


def test_a_listing_without_a_usable_price_has_none_in_the_view(catalog: Catalog, batch: str):
    catalog.upsert_listings([replace(listing(1), price_divisor=0), replace(listing(2), price_amount=None)])
    assert [row["price"] for row in catalog.image_status(batch)] == [None, None, None]

"""The client and the catalog against the simulated shop, whose answers follow Etsy's schema, on its worst day."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.demo.faults import LISTING_FAULTS_WITHOUT_IMAGES, FaultPlan
from etsy_assets.demo.running import serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.errors import ConfigurationError
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.call_gate import CatalogGate
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.faults import DailyQuotaExhausted, OffsetCeiling
from etsy_assets.etsy.transport import RetryPolicy

WORST_DAY = replace(FaultPlan.hostile(), slow_seconds=0.01)
QUICK = RetryPolicy(attempts=5, first_wait=0.001, throttle_wait=0.001)


def fetch_all(client: EtsyClient, catalog: Catalog) -> None:
    now = datetime.now(UTC)
    catalog.record_discovered(client.active_listings(100, 0, taxonomy_id=967).listings, now)
    catalog.seal_batches(100, timedelta(0), now)
    for batch in catalog.batch_keys():
        ids = catalog.batch_listing_ids(batch)
        records = {record.listing_id: record for record in client.listings(ids)}
        confirmed = {listing_id: client.listing(listing_id) for listing_id in ids if listing_id not in records}
        catalog.upsert_listings([*records.values(), *(record for record in confirmed.values() if record is not None)])
        catalog.mark_gone([listing_id for listing_id, record in confirmed.items() if record is None], now)


def test_no_listing_and_no_image_of_a_hostile_shop_is_lost_or_doubled(tmp_path: Path):
    shop = SimulatedShop(listings=60)
    with (
        serve(shop, WORST_DAY) as running,
        Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as catalog,
        EtsyClient(
            running.url,
            running.keystring,
            running.shared_secret,
            retries=QUICK,
            gate=CatalogGate(catalog, CallPurpose.BATCHES),
        ) as client,
    ):
        client.ping()
        catalog.replace_taxonomy(client.taxonomy())
        fetch_all(client, catalog)
        once = catalog.counts()
        fetch_all(client, catalog)
        assert catalog.counts() == once
        stored = {image.image_id for batch in catalog.batch_keys() for image in catalog.images(batch)}
        titles = [record.title for batch in catalog.batch_keys() for record in catalog.listings(batch)]
        quota = catalog.latest_quota()
    without_images = {
        listing_id
        for listing_id, fault in WORST_DAY.lasting_listing_faults(shop).items()
        if fault in LISTING_FAULTS_WITHOUT_IMAGES
    }
    expected = {
        photo.image_id
        for stocked in shop.listings()
        if stocked.listing_id not in without_images
        for photo in stocked.photos
    }
    assert without_images
    assert stored == expected
    assert once["listings"] + once["listings_gone"] == once["discovered"] == 60
    assert not any("&#" in title or "&amp;" in title for title in titles)
    assert quota.limit_per_day == 100_000


def test_the_furniture_of_the_shops_taxonomy_is_a_subtree(tmp_path: Path):
    with (
        serve(SimulatedShop(listings=1)) as running,
        Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as catalog,
        EtsyClient(running.url, running.keystring, running.shared_secret) as client,
    ):
        catalog.replace_taxonomy(client.taxonomy())
        nodes = catalog.taxonomy()
        furniture = catalog.taxonomy_subtree_ids(967)
    assert furniture[0] == 967
    assert {node.node_id for node in nodes if node.parent_id == 967} <= set(furniture)


def test_the_shop_refuses_a_wrong_key_and_an_offset_too_far_and_says_when_the_day_is_spent():
    with serve(SimulatedShop(listings=1), calls_per_day=3) as running:
        with (
            EtsyClient(running.url, "wrong", "key") as stranger,
            pytest.raises(ConfigurationError, match="Set the keystring"),
        ):
            stranger.ping()
        with EtsyClient(running.url, running.keystring, running.shared_secret) as client:
            with pytest.raises(OffsetCeiling):
                client.active_listings(100, 12_001)
            with pytest.raises(DailyQuotaExhausted):
                for _ in range(4):
                    client.ping()

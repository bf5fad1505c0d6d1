"""Listings that are read again: what changed lands everywhere, and what did not is not made a second time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.dagster_run import DagsterRunStatus

from etsy_assets.catalog.records import QuotaReading
from etsy_assets.catalog.schema import listing_batch
from etsy_assets.demo.running import RunningShop
from etsy_assets.etsy.call_budget import CallPurpose, answered
from etsy_assets_tests.assets.deployment import ENCODERS, Deployment, metadata_of
from etsy_assets_tests.assets.hasty import hasty_resources

BATCH, OTHER = "batch-000001", "batch-000002"


@pytest.fixture
def shop(open_shop: Callable[..., RunningShop]) -> RunningShop:
    return open_shop()


@pytest.fixture
def deployed(copied: Callable[..., Deployment], shop: RunningShop) -> Iterator[Deployment]:
    """The corpus of nine listings, made from this very shop."""
    return copied(shop.url, resources=hasty_resources(shop.url), REFRESH_HOURS="24")


def grow_old(deployed: Deployment, *batches: str) -> None:
    """As if the batches had been read two days ago, one an hour."""
    with deployed.catalog() as catalog, catalog._writer.begin() as connection:
        for hours, key in enumerate(reversed(batches)):
            moment = datetime.now(UTC) - timedelta(days=2, hours=hours)
            connection.execute(sa.update(listing_batch).where(listing_batch.c.key == key).values(read_at=moment))


def tick_and_run(deployed: Deployment, sensor: str) -> list[dg.ExecuteInProcessResult]:
    runs = []
    for request in deployed.tick(sensor).run_requests or []:
        job = request.job_name or {"refresh_sensor": "refresh_listings", "update_sensor": "update_batch"}[sensor]
        runs.append(deployed.run(job, request.partition_key, tags=request.tags))
        assert runs[-1].success
    return runs


def listing_ids(deployed: Deployment, batch: str = BATCH) -> list[int]:
    with deployed.catalog() as catalog:
        return catalog.batch_listing_ids(batch)


def downloads(shop: RunningShop) -> int:
    return sum(shop.requests().images.values())


def test_batches_are_read_again_the_oldest_first_and_nothing_follows_when_nothing_changed(
    deployed: Deployment, shop: RunningShop
) -> None:
    assert deployed.tick("refresh_sensor").run_requests == []
    grow_old(deployed, BATCH, OTHER)
    assert [request.partition_key for request in deployed.tick("refresh_sensor").run_requests] == [BATCH, OTHER]
    before = shop.requests().operations.get("getListingsByListingIds", 0)
    assert len(tick_and_run(deployed, "refresh_sensor")) == 2
    assert shop.requests().operations["getListingsByListingIds"] == before + 2
    assert deployed.tick("refresh_sensor").run_requests == []
    assert tick_and_run(deployed, "update_sensor") == []
    assert downloads(shop) == 0
    with deployed.catalog() as catalog:
        purposes = {calls.purpose for calls in catalog.api_calls(datetime.now(UTC) - timedelta(hours=2))}
    assert CallPurpose.REFRESH in purposes


def test_a_reading_that_changes_nothing_leaves_nothing_downstream_out_of_date(
    deployed: Deployment, shop: RunningShop
) -> None:
    assert deployed.run("ingest", BATCH).success
    grow_old(deployed, BATCH)
    assert len(tick_and_run(deployed, "refresh_sensor")) == 1
    graph = deployed.definitions.resolve_asset_graph()
    status = CachingStaleStatusResolver(deployed.instance, graph, LoadingContextForTest(deployed.instance))
    for name in ("images", "cutouts", f"embeddings/{ENCODERS[0]}", f"text_embeddings/{ENCODERS[0]}"):
        assert status.get_status(dg.AssetKey(name.split("/")), BATCH) is StaleStatus.FRESH, name


def test_what_changed_of_a_listing_lands_and_only_other_pictures_and_texts_are_made(
    deployed: Deployment, shop: RunningShop
) -> None:
    repriced, retitled, rearranged = listing_ids(deployed)
    shop.shop.revise_listing(repriced, quantity=7, num_favorers=99)
    shop.shop.revise_listing(retitled, title="A chair of another name")
    stocked = shop.shop.listing(rearranged)
    first, second, *rest = stocked.photos
    new = replace(first, image_id=first.image_id + 50, suffix="newp", position=2, view=first.view + 40, azimuth=2.0)
    photos = (replace(second, position=0), replace(first, position=1), new)
    shop.shop.put_up(replace(stocked, photos=photos))
    untouched = Path(deployed.home.images(OTHER)).read_bytes()

    grow_old(deployed, BATCH)
    (read,) = tick_and_run(deployed, "refresh_sensor")
    with deployed.catalog() as catalog:
        assert catalog.listing(repriced).quantity == 7
        assert [moment.quantity for moment in catalog.listing_history(repriced)][-1] == 7
        assert catalog.listing(retitled).title == "A chair of another name"
        assert catalog.primary_images([rearranged])[rearranged].image_id == second.image_id
        stored = {image.image_id for image in catalog.images_by_listing([rearranged])[rearranged]}
        assert stored == {first.image_id, second.image_id, new.image_id}
    assert metadata_of(read, "listings")["content_version"] > 1

    (update,) = tick_and_run(deployed, "update_sensor")
    images = metadata_of(update, "images")
    assert (images["new_images"], downloads(shop)) == (1, 1)
    assert metadata_of(update, "cutouts")["new_images"] == 1
    for encoder in ENCODERS:
        assert metadata_of(update, "embeddings", encoder)["new_vectors"] == 1
    assert metadata_of(update, "text_embeddings", ENCODERS[0])["new_vectors"] == 1
    assert Path(deployed.home.images(OTHER)).read_bytes() == untouched
    assert tick_and_run(deployed, "update_sensor") == []

    deployed.publish()
    rows = deployed.corpus()
    assert {rows.image_ids[row] for row in rows.rows_of(rearranged)} == stored
    assert not {photo.image_id for photo in rest} & set(rows.image_ids)


def test_an_image_at_another_address_is_downloaded_again(deployed: Deployment, shop: RunningShop) -> None:
    listing_id = listing_ids(deployed)[0]
    stocked = shop.shop.listing(listing_id)
    moved = replace(stocked.photos[0], suffix="moved")
    shop.shop.put_up(replace(stocked, photos=(moved, *stocked.photos[1:])))
    grow_old(deployed, BATCH)
    tick_and_run(deployed, "refresh_sensor")
    with deployed.catalog() as catalog:
        (stored,) = [i for i in catalog.images_by_listing([listing_id])[listing_id] if i.image_id == moved.image_id]
        assert stored.suffix == "moved"
        assert (moved.listing_id, moved.image_id) not in catalog.outcomes(BATCH, "download")
    tick_and_run(deployed, "update_sensor")
    assert downloads(shop) == 1
    with deployed.catalog() as catalog:
        assert catalog.outcomes(BATCH, "download")[moved.listing_id, moved.image_id].status == "ok"


def test_a_listing_that_goes_leaves_the_search_and_one_that_is_renewed_returns(
    deployed: Deployment, shop: RunningShop
) -> None:
    removed, sold, _ = listing_ids(deployed)
    kept = shop.shop.listing(removed)
    shop.shop.remove_listing(removed)
    shop.shop.revise_listing(sold, state="sold_out")
    grow_old(deployed, BATCH)
    asked = shop.requests().operations.get("getListing", 0)
    (read,) = tick_and_run(deployed, "refresh_sensor")
    # The one that the batch's answer lacked was asked for by itself, and only that one.
    assert shop.requests().operations["getListing"] == asked + 1
    assert metadata_of(read, "listings")["listings_gone"] == 1
    assert tick_and_run(deployed, "update_sensor") == []
    deployed.publish()
    assert not {removed, sold} & set(deployed.corpus().listing_ids)

    shop.shop.put_up(kept)
    shop.shop.revise_listing(sold, state="active")
    grow_old(deployed, BATCH)
    (read,) = tick_and_run(deployed, "refresh_sensor")
    assert metadata_of(read, "listings")["listings_returned"] == 2
    # A tombstone is not confirmed again and again.
    assert shop.requests().operations["getListing"] == asked + 1
    assert len(tick_and_run(deployed, "update_sensor")) == 1
    deployed.publish()
    assert {removed, sold} <= set(deployed.corpus().listing_ids)


def test_without_calls_for_it_no_batch_is_read_again(deployed: Deployment, shop: RunningShop) -> None:
    grow_old(deployed, BATCH)
    reading = QuotaReading(10, 9, 5000, 4000, datetime.now(UTC))
    with deployed.catalog() as catalog:
        catalog.change_call_gate(lambda gate: answered(gate, reading, None))
    tick = deployed.tick("refresh_sensor")
    assert tick.run_requests == []
    assert "kept for other work than refresh: it goes on at" in tick.skip_message


def test_a_batch_whose_reading_failed_waits_while_others_are_read(deployed: Deployment, shop: RunningShop) -> None:
    grow_old(deployed, BATCH, OTHER)
    deployed.instance.add_run(
        dg.DagsterRun(job_name="refresh_listings", status=DagsterRunStatus.FAILURE, tags={"dagster/partition": BATCH})
    )
    assert [request.partition_key for request in deployed.tick("refresh_sensor").run_requests] == [OTHER]


def test_an_update_that_fails_is_tried_three_times_and_then_left_to_a_person(
    deployed: Deployment, shop: RunningShop
) -> None:
    shop.shop.revise_listing(listing_ids(deployed)[0], title="A chair of another name")
    grow_old(deployed, BATCH)
    tick_and_run(deployed, "refresh_sensor")
    keys = []
    while requests := deployed.tick("update_sensor").run_requests:
        (request,) = requests
        keys.append(request.run_key)
        deployed.instance.add_run(
            dg.DagsterRun(job_name="update_batch", status=DagsterRunStatus.FAILURE, tags=request.tags)
        )
    assert [key[-5:] for key in keys] == ["try-1", "try-2", "try-3"]

"""From a listing to a published corpus: the counts are right, and nothing is done twice."""

from collections.abc import Callable

import dagster as dg
import pytest

from etsy_assets.encoders.embeddings import read_embeddings
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets_tests.assets.deployment import (
    ENCODERS,
    TEXT_ENCODERS,
    Deployment,
    checks_of,
    materializations,
    metadata_of,
)
from etsy_assets_tests.assets.ingested import Ingested

BATCHES = ("batch-000000", "batch-000001", "batch-000002")
ARTIFACTS = ("images", "cutouts", "embeddings", "text_embeddings", "segments", "snapshots")


def photos_of(ingested: Ingested, batch: str) -> list[tuple[int, int]]:
    with ingested.deployment.catalog() as catalog:
        ids = set(catalog.batch_listing_ids(batch))
    return sorted(
        (stocked.listing_id, photo.image_id)
        for stocked in ingested.shop.listings()
        if stocked.listing_id in ids
        for photo in stocked.photos
    )


def test_every_listing_is_in_one_batch_and_every_photo_was_downloaded_once(ingested: Ingested) -> None:
    assert tuple(ingested.runs) == BATCHES
    photos = [key for batch in BATCHES for key in photos_of(ingested, batch)]
    assert len(photos) == len(set(photos)) == sum(len(stocked.photos) for stocked in ingested.shop.listings())
    assert ingested.requests.images == {image_id: 1 for _, image_id in photos}


@pytest.mark.parametrize("batch", BATCHES)
def test_the_metadata_of_each_stage_counts_what_is_stored(ingested: Ingested, batch: str) -> None:
    run, home, photos = ingested.runs[batch], ingested.deployment.home, photos_of(ingested, batch)
    listings = metadata_of(run, "listings")
    assert (listings["dagster/row_count"], listings["listings_gone"], listings["images"]) == (3, 0, len(photos))
    for stage, path in (("images", home.images(batch)), ("cutouts", home.cutouts(batch))):
        said = metadata_of(run, stage)
        with ImageArchive.open(path) as archive:
            assert [entry.key for entry in archive.ok_entries()] == photos
        assert said["dagster/row_count"] == said["new_images"] == len(photos)
        assert (said["reused_images"], said["failed_images"]) == (0, 0)
        assert said["sample"].count("data:image/jpeg;base64,") == 3
    for name in ENCODERS:
        said, stored = metadata_of(run, "embeddings", name), read_embeddings(home.embeddings(name, batch))
        assert said["dagster/row_count"] == said["new_vectors"] == len(stored) == len(photos)
    for name in TEXT_ENCODERS:
        assert metadata_of(run, "text_embeddings", name)["dagster/row_count"] == 3


@pytest.mark.parametrize("batch", BATCHES)
def test_every_check_of_a_batch_has_passed(ingested: Ingested, batch: str) -> None:
    checks = checks_of(ingested.runs[batch])
    assert set(checks) == {
        ("listings", "every_listing_is_accounted_for"),
        ("images", "few_images_failed"),
        ("cutouts", "few_cutouts_fell_back"),
        *((f"embeddings/{name}", "every_cutout_is_embedded") for name in ENCODERS),
    }
    # How many masks are usable is the network's quality, which is measured elsewhere.
    del checks["cutouts", "few_cutouts_fell_back"]
    assert all(evaluation.passed for evaluation in checks.values())


def test_the_snapshot_holds_every_image_in_every_index(ingested: Ingested) -> None:
    counts, photos = ingested.snapshot.counts, sum(len(stocked.photos) for stocked in ingested.shop.listings())
    assert (counts.segments, counts.batches, counts.listings, counts.images) == (2, 3, 9, photos)
    corpus = ingested.deployment.corpus()
    assert {name: index.rows for name, index in corpus.indexes.items()} == dict.fromkeys(ENCODERS, photos)
    assert {name: index.rows for name, index in corpus.text_indexes.items()} == dict.fromkeys(TEXT_ENCODERS, 9)
    rows = [(*corpus.identify(row), corpus.batch_of(row)) for row in range(photos)]
    assert rows == [(*key, batch) for batch in BATCHES for key in photos_of(ingested, batch)]


def test_operators_see_every_image_as_done_in_the_view_image_status(ingested: Ingested) -> None:
    with ingested.deployment.catalog() as catalog:
        rows = catalog.image_status()
    assert len(rows) == sum(len(stocked.photos) for stocked in ingested.shop.listings())
    done = {"to_download": 0, "download_done": 1} | {f"embed_{name}": 1 for name in ENCODERS}
    assert all({name: row[name] for name in done} == done for row in rows)
    assert sum(row["is_primary"] for row in rows) == 9


def test_a_second_run_of_everything_downloads_nothing_and_rewrites_no_file(
    copied: Callable[..., Deployment], open_shop: Callable
) -> None:
    shop = open_shop()
    deployed = copied(shop.url)
    before, snapshot = deployed.artifacts(*ARTIFACTS), deployed.corpus().snapshot
    assert deployed.run("crawl_newest").success
    assert not deployed.tick("listing_batches_sensor").run_requests
    again = deployed.run_range("ingest", BATCHES[0], BATCHES[-1])
    assert again.success
    assert shop.requests().images == {}
    assert deployed.artifacts(*ARTIFACTS) == before
    for stage in ("images", "cutouts"):
        assert {found.metadata["new_images"].value for found in materializations(again, stage)} == {0}
    assert {found.metadata["new_vectors"].value for found in materializations(again, "embeddings", ENCODERS[0])} == {0}
    assert deployed.publish() == snapshot
    assert deployed.artifacts(*ARTIFACTS) == before


def test_any_one_encoder_can_be_materialized_alone_and_comes_out_the_same(copied: Callable[..., Deployment]) -> None:
    deployed, batch = copied(), BATCHES[1]
    chosen, other = ENCODERS[3], ENCODERS[0]
    before = deployed.artifacts("embeddings")
    for name in (chosen, other):
        deployed.home.embeddings(name, batch).unlink()
    run = deployed.run("ingest", batch, only=[dg.AssetKey(["embeddings", chosen])])
    assert run.success
    assert materializations(run, "embeddings", chosen)
    assert not materializations(run, "embeddings", other)
    assert not deployed.home.embeddings(other, batch).exists()
    path = str(deployed.home.embeddings(chosen, batch).relative_to(deployed.home.root))
    assert deployed.artifacts("embeddings")[path] == before[path]


def test_one_index_can_be_built_alone_and_comes_out_the_same(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    before = deployed.artifacts("segments")
    chosen = {path for path in before if ENCODERS[2] in path and "segment-0001" in path}
    for path in chosen:
        (deployed.home.root / path).unlink()
    run = deployed.run("index_segment", "segment-0001", only=[dg.AssetKey(["index", ENCODERS[2]])])
    assert run.success
    assert chosen
    assert deployed.artifacts("segments") == before

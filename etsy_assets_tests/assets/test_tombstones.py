"""Tombstones in the catalog reach the searches without an index run, and segments full of them are built again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from etsy_assets.automation.decisions import TRIES
from etsy_assets.search.counts import Counts
from etsy_assets.search.snapshots import current_snapshot
from etsy_assets_tests.assets.deployment import Deployment, metadata_of, sentence_of

INDEX, PUBLISH = "index_segment", "publish_snapshot"


def bury_one(deployed: Deployment, batch: str = "batch-000001") -> int:
    with deployed.catalog() as catalog:
        gone = catalog.batch_listing_ids(batch)[0]
        catalog.mark_gone([gone], datetime.now(UTC))
    return gone


def requested(deployed: Deployment) -> list[tuple[str, str | None]]:
    """(job, partition) of what the publishing sensor asks for."""
    requests = deployed.tick("publish_sensor").run_requests or []
    return [(str(request.job_name), request.partition_key) for request in requests]


def test_a_gone_listing_leaves_the_corpus_with_a_snapshot_alone_and_comes_back_with_another(
    copied: Callable[..., Deployment],
) -> None:
    deployed = copied(COMPACT_SHARE="1")
    before, files = deployed.corpus(), deployed.artifacts("segments")
    gone = bury_one(deployed)

    assert requested(deployed) == [(PUBLISH, None)]
    run = deployed.run(PUBLISH)

    images = len(before.rows_of(gone))
    assert metadata_of(run, "search_snapshot")["dead_images"] == images
    corpus = deployed.corpus()
    assert corpus.snapshot.segment_versions == before.snapshot.segment_versions
    assert corpus.snapshot.counts.images == before.snapshot.counts.images - images
    assert corpus.rows_of(gone).size == 0
    assert deployed.artifacts("segments").items() > files.items()
    assert requested(deployed) == []
    search = {"ops": {"load_query": {"config": {"listing_id": gone}}}}
    assert f"Listing {gone} is not among the 8 listings" in sentence_of(deployed.run("ensemble_search", config=search))

    with deployed.catalog() as catalog:
        catalog.upsert_listings([replace(catalog.listing(gone), state="active")])
    assert requested(deployed) == [(PUBLISH, None)]
    assert deployed.publish().segments == before.snapshot.segments
    assert deployed.corpus().rows_of(gone).tolist() == before.rows_of(gone).tolist()


def test_tombstones_wait_for_quiet_like_everything_else(copied: Callable[..., Deployment]) -> None:
    deployed = copied(PUBLISH_QUIET="60", PUBLISH_LONGEST="600")
    bury_one(deployed)

    answer = deployed.tick("publish_sensor")

    assert (answer.run_requests, answer.skip_message) == ([], "More embeddings or tombstones may be coming")


def test_tombstones_are_published_with_the_segments_that_are_indexed_anyway(copied: Callable[..., Deployment]) -> None:
    deployed = copied(COMPACT_SHARE="1")
    gone = bury_one(deployed, "batch-000000")
    for name in ("demo_clip_a", "demo_dinov3"):
        key = dg.AssetKey(["embeddings", name])
        deployed.instance.report_runless_asset_event(dg.AssetMaterialization(key, partition="batch-000002"))

    assert requested(deployed) == [(INDEX, "segment-0001")]
    assert deployed.run(INDEX, "segment-0001").success
    assert requested(deployed) == [(PUBLISH, None)]
    assert deployed.run(PUBLISH).success
    assert requested(deployed) == []
    assert deployed.corpus().rows_of(gone).size == 0


def test_a_segment_with_many_dead_rows_is_built_again_without_them(copied: Callable[..., Deployment]) -> None:
    deployed = copied(COMPACT_SHARE="0.01")
    before = deployed.corpus()
    gone = bury_one(deployed)

    assert deployed.run(PUBLISH).success
    buried = current_snapshot(deployed.home)
    assert requested(deployed) == [(INDEX, "segment-0000")]
    snapshot = deployed.publish()

    assert buried.segments[0].dead_share > 0.01
    assert snapshot.segments[0].rows.rows == before.snapshot.segments[0].rows.rows - len(before.rows_of(gone))
    assert snapshot.segments[0].dead_share == 0
    assert snapshot.segments[1] == before.snapshot.segments[1]
    assert living(snapshot.counts) == living(buried.counts)
    assert gone not in deployed.corpus().listing_ids
    assert requested(deployed) == []


def living(counts: Counts) -> dict[str, int]:
    return counts.model_dump(exclude={"dead_images"})


def test_a_segment_that_can_not_be_compacted_is_left_to_a_person_after_some_runs(
    copied: Callable[..., Deployment],
) -> None:
    deployed = copied(COMPACT_SHARE="0.01")
    bury_one(deployed)
    assert deployed.run(PUBLISH).success
    rows = deployed.home.segments / "segment-0000" / "LATEST"
    rows.unlink()
    rows.mkdir()

    runs = 0
    while found := deployed.tick("publish_sensor").run_requests:
        (request,) = found
        assert (request.job_name, request.partition_key) == (INDEX, "segment-0000")
        assert not deployed.run(INDEX, request.partition_key, tags=request.tags).success
        runs += 1
        assert runs <= 2 * TRIES

    assert runs >= TRIES


def test_a_damaged_snapshot_is_no_reason_to_compact_anything(copied: Callable[..., Deployment]) -> None:
    deployed = copied(COMPACT_SHARE="0.01")
    bury_one(deployed)
    assert deployed.run(PUBLISH).success
    (deployed.home.snapshots / "CURRENT").write_text("lost\n")

    assert requested(deployed) == []


def test_a_retired_batch_leaves_the_corpus_and_takes_a_segment_of_its_own_along(
    copied: Callable[..., Deployment],
) -> None:
    deployed = copied(COMPACT_SHARE="1")
    before = deployed.corpus()
    with deployed.catalog() as catalog:
        catalog.retire_batch("batch-000001", "wrong shop")
        catalog.retire_batch("batch-000002", "wrong shop")
        gone = {each for batch in ("batch-000001", "batch-000002") for each in catalog.batch_listing_ids(batch)}

    snapshot = deployed.publish()

    assert list(snapshot.segment_versions) == ["segment-0000"]
    assert snapshot.counts.listings == before.snapshot.counts.listings - len(gone)
    corpus = deployed.corpus()
    assert not any(corpus.rows_of(listing).size for listing in gone)
    assert requested(deployed) == []

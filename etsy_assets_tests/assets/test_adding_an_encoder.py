"""A new encoder is added by making its own assets only, while the corpus of the others grows and is searched."""

import shutil
from collections.abc import Callable

import dagster as dg

from etsy_assets.search.snapshots import current_snapshot, publish
from etsy_assets_tests.assets.deployment import ENCODERS, TEXT_ENCODERS, Deployment, checks_of, metadata_of, sentence_of

NEW = ENCODERS[2]
EMBEDDINGS, INDEX = dg.AssetKey(["embeddings", NEW]), dg.AssetKey(["index", NEW])
OLD_BATCHES = ("batch-000000", "batch-000001", "batch-000002")
LEFT_OUT = ("search_snapshot", "every_segment_is_published")


def without_the_new_one(deployed: Deployment) -> None:
    """As the corpus was before the encoder was put into the profile."""
    deployed.instance.wipe_assets([EMBEDDINGS, INDEX])
    shutil.rmtree(deployed.home.root / "embeddings" / NEW)
    for path in deployed.home.segments.glob(f"*/*/{NEW}.*"):
        path.unlink()
    others = [name for name in ENCODERS if name != NEW]
    versions = current_snapshot(deployed.home).segment_versions
    publish(deployed.home, versions, encoders=others, text_encoders=TEXT_ENCODERS)


def requests(deployed: Deployment) -> list[tuple[str, str | None]]:
    return [(str(each.job_name), each.partition_key) for each in deployed.tick("publish_sensor").run_requests or []]


def test_an_encoder_is_backfilled_while_new_batches_are_published_and_then_joins(
    copied: Callable[..., Deployment], open_shop: Callable
) -> None:
    deployed = copied(open_shop(listings=12).url)
    without_the_new_one(deployed)
    before = deployed.corpus()
    assert requests(deployed) == []

    # A new batch, embedded by all encoders, in a segment with one that is not: it is published at once.
    assert all(run.success for run in deployed.ingest_all().values())
    assert requests(deployed) == [("index_segment", "segment-0001")]
    run = deployed.run("index_segment", "segment-0001")
    assert run.success
    assert checks_of(run)["segment_rows", "no_batch_is_skipped"].passed
    assert INDEX not in {event.asset_key for event in run.get_asset_materialization_events()}
    grown = deployed.publish()
    assert (grown.counts.listings, set(grown.encoders)) == (12, set(ENCODERS) - {NEW})
    assert before.version != grown.version

    # Its own backfill asks for nothing else, and asking for its index too early is answered by what is missing.
    early = deployed.run("index_segment", "segment-0000", only=[INDEX])
    assert f"materialize embeddings/{NEW} for batch-000000" in sentence_of(early)
    for batch in OLD_BATCHES:
        assert deployed.run("ingest", batch, only=[EMBEDDINGS]).success
        assert requests(deployed) == []
    assert deployed.run("index_segment", "segment-0000", only=[INDEX]).success
    assert requests(deployed) == []
    midway = deployed.run("publish_snapshot")
    assert metadata_of(midway, "search_snapshot")["version"] == grown.version
    reported = checks_of(midway)[LEFT_OUT]
    assert reported.passed
    assert (
        f"index/{NEW} covers 1 of 2 segments and not segment-0001" in reported.metadata["left_out_encoders"].value[NEW]
    )

    # Complete, it joins, and nothing of the others is made again.
    assert deployed.run("index_segment", "segment-0001", only=[INDEX]).success
    assert requests(deployed) == [("publish_snapshot", None)]
    assert deployed.run("publish_snapshot").success
    assert requests(deployed) == []
    joined = deployed.corpus()
    assert set(joined.snapshot.encoders) == set(ENCODERS)
    assert joined.snapshot.segment_versions == grown.segment_versions
    assert joined.indexes[NEW].rows == joined.indexes[ENCODERS[0]].rows == grown.counts.images


def test_a_segment_that_lacks_a_published_encoder_waits_and_the_corpus_keeps_that_encoder(
    copied: Callable[..., Deployment],
) -> None:
    deployed = copied()
    before = current_snapshot(deployed.home)
    with deployed.catalog() as catalog:
        catalog.retire_batch("batch-000001", "wrong shop")
    assert deployed.run("index_segment", "segment-0000", only=[dg.AssetKey("segment_rows")]).success

    run = deployed.run("publish_snapshot")

    check = checks_of(run)[LEFT_OUT]
    assert not check.passed
    assert f"index/{NEW}" in check.metadata["waiting"].value["segment-0000"]
    after = current_snapshot(deployed.home)
    assert after.segment_versions == before.segment_versions
    assert set(after.encoders) == set(ENCODERS)

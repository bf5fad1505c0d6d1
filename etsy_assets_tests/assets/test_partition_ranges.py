"""One run for a range of batches, as Dagster's backfills with a single run make it."""

from collections.abc import Callable

import dagster as dg

from etsy_assets_tests.assets.deployment import ENCODERS, Deployment, materializations

FIRST, LAST = "batch-000001", "batch-000002"
IMAGE_STAGES = ("images", "cutouts")


def test_a_range_of_batches_is_ingested_in_one_run_and_comes_out_the_same(
    copied: Callable[..., Deployment], open_shop: Callable
) -> None:
    shop = open_shop()
    deployed = copied(shop.url)
    before = deployed.artifacts(*IMAGE_STAGES, "embeddings")
    for stage in (*IMAGE_STAGES, *(f"embeddings/{name}" for name in ENCODERS)):
        for path in (deployed.home.root / stage).glob(f"{LAST}.*"):
            path.unlink()
    run = deployed.run_range("ingest", FIRST, LAST)
    assert run.success
    assert deployed.artifacts(*IMAGE_STAGES, "embeddings") == before
    for key in (["listings"], *([stage] for stage in IMAGE_STAGES), *(["embeddings", name] for name in ENCODERS)):
        assert sorted(found.partition for found in materializations(run, *key)) == [FIRST, LAST], key
    with deployed.catalog() as catalog:
        missing = {image.image_id for image in catalog.images(LAST)}
    assert shop.requests().images == dict.fromkeys(missing, 1)


def test_a_range_of_one_asset_leaves_the_others_alone(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    before = deployed.artifacts(*IMAGE_STAGES)
    chosen = {path for path in before if path.startswith(f"cutouts/{FIRST}")}
    for path in chosen:
        (deployed.home.root / path).unlink()
    run = deployed.run_range("ingest", FIRST, LAST, only=[dg.AssetKey("cutouts")])
    assert run.success
    assert chosen
    assert deployed.artifacts(*IMAGE_STAGES) == before
    assert not materializations(run, "images")


def test_a_range_of_segments_is_indexed_in_one_run(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    before = deployed.artifacts("segments")
    for path in (deployed.home.segments / "segment-0001").rglob(f"{ENCODERS[0]}.*"):
        path.unlink()
    run = deployed.run_range("index_segment", "segment-0000", "segment-0001")
    assert run.success
    partitions = [found.partition for found in materializations(run, "segment_rows")]
    assert sorted(partitions) == ["segment-0000", "segment-0001"]
    assert deployed.artifacts("segments") == before

"""One run for a range of batches, as Dagster's backfills with a single run make it."""

from collections.abc import Callable

import dagster as dg

from etsy_assets.encoders.embeddings import read_embeddings
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets_tests.assets.deployment import ENCODERS, Deployment, materializations, retries_of, sentence_of
from etsy_assets_tests.assets.hasty import HastyDownloads

BEFORE, FIRST, LAST = "batch-000000", "batch-000001", "batch-000002"
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


def recorded(deployed: Deployment, run: dg.ExecuteInProcessResult, *key: str) -> dict[str, dg.AssetMaterialization]:
    """What a run, successful or not, has left of an asset in the instance's records, by batch."""
    records = deployed.instance.fetch_materializations(dg.AssetKey(key), limit=100).records
    found = [record.asset_materialization for record in reversed(records) if record.run_id == run.run_id]
    assert len({materialization.partition for materialization in found}) == len(found)
    return {str(materialization.partition): materialization for materialization in found}


def test_each_batch_of_a_range_has_the_figures_of_its_own(
    copied: Callable[..., Deployment], open_shop: Callable
) -> None:
    deployed = copied(open_shop().url)
    home = deployed.home
    run = deployed.run_range("ingest", BEFORE, LAST)
    assert run.success
    with deployed.catalog() as catalog:
        images = {batch: len(catalog.images(batch)) for batch in (BEFORE, FIRST, LAST)}
    assert len(set(images.values())) > 1
    for batch, found in recorded(deployed, run, "listings").items():
        assert found.metadata["images"].value == images[batch]
    for batch, found in recorded(deployed, run, "cutouts").items():
        cutouts = ImageArchive.open(home.cutouts(batch)).ok_entries()
        assert found.metadata["dagster/row_count"].value == len(cutouts)
    for batch, found in recorded(deployed, run, "embeddings", ENCODERS[0]).items():
        vectors = read_embeddings(home.embeddings(ENCODERS[0], batch))
        assert found.metadata["dagster/row_count"].value == len(vectors)


def test_when_a_batch_of_a_range_fails_it_is_named_and_those_before_it_are_materialized(
    copied: Callable[..., Deployment],
) -> None:
    deployed = copied()
    deployed.home.images(FIRST).unlink()
    run = deployed.run_range("ingest", BEFORE, LAST, only=[dg.AssetKey("cutouts")])
    assert not run.success
    assert retries_of(run) == 0
    assert sentence_of(run).endswith(f"({FIRST} failed; 1 of 3 batches were finished before it.)")
    assert str(deployed.home.images(FIRST)) in sentence_of(run)
    assert list(recorded(deployed, run, "cutouts")) == [BEFORE]
    # As complete as that of a run that succeeds.
    finished = recorded(deployed, run, "cutouts")[BEFORE]
    again = deployed.run("ingest", BEFORE, only=[dg.AssetKey("cutouts")])
    (usual,) = materializations(again, "cutouts")
    assert finished.metadata.keys() == usual.metadata.keys()
    assert finished.tags["dagster/code_version"] == usual.tags["dagster/code_version"]


def test_a_range_that_meets_a_passing_fault_records_what_is_finished_once(
    copied: Callable[..., Deployment],
) -> None:
    deployed = copied(resources={"image_downloads": HastyDownloads()})
    for path in deployed.home.images(LAST).parent.glob(f"{LAST}.*"):
        path.unlink()
    run = deployed.run_range("ingest", BEFORE, LAST, only=[dg.AssetKey("images")])
    assert not run.success
    assert retries_of(run) == 2
    assert list(recorded(deployed, run, "images")) == [BEFORE, FIRST]


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

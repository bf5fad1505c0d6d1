"""The Dagster UI of `etsy-assets dev`, used as a person does. Each test goes on with the platform the last one left."""

from etsy_assets_tests.browser.dagster_pages import DagsterPages
from etsy_assets_tests.browser.dev_server import DevServer
from etsy_assets_tests.browser.waiting import eventually

PUBLISH_SECONDS = 300
LAST_ASSETS = [("embeddings", "demo_dinov3"), ("text_embeddings", "demo_clip_b")]


def test_the_asset_graph_shows_every_asset_in_its_group(dev: DevServer, pages: DagsterPages) -> None:
    groups = dev.api.groups()
    assert set(groups) == {
        "listings",
        "images",
        "embeddings",
        "text_embeddings",
        "index",
        "text_index",
        "search",
        "upkeep",
    }
    shown = pages.asset_graph(groups)
    # A long name is shortened in the middle, as in discover…_listings.
    ends = {(name.partition("…")[0], name.rpartition("…")[2]) for name in shown}
    for group, assets in groups.items():
        assert group in shown
        for asset in assets:
            assert any(asset.startswith(start) and asset.endswith(end) for start, end in ends), asset


def test_a_new_batch_is_added_and_materialized_from_its_jobs_page(dev: DevServer, first_batch: str) -> None:
    assert dev.api.final_status(first_batch) == "SUCCESS"
    for asset in LAST_ASSETS:
        assert dev.api.materialized_partitions(*asset) == {"batch-000000"}


def test_three_missing_batches_are_backfilled(dev: DevServer, pages: DagsterPages, first_batch: str) -> None:
    missing = ["batch-000001", "batch-000002", "batch-000003"]
    for batch in missing:
        dev.api.add_partition("listing_batch", batch)
    pages.backfill_missing("ingest", len(missing))
    backfill = dev.api.final_backfill()
    assert (backfill["status"], backfill["partitionNames"]) == ("COMPLETED_SUCCESS", missing)
    for asset in LAST_ASSETS:
        assert dev.api.materialized_partitions(*asset) == {"batch-000000", *missing}


def test_the_search_job_runs_with_an_empty_config_and_shows_its_gallery(
    dev: DevServer, pages: DagsterPages, first_batch: str
) -> None:
    eventually(lambda: dev.api.is_materialized("search_snapshot"), "publish_sensor has published", PUBLISH_SECONDS)
    run_id = pages.launch_with_empty_config("ensemble_search")
    assert dev.api.final_status(run_id) == "SUCCESS"
    pictures = pages.pictures_of_markdown()
    # The query, its cutout, and one picture a match.
    assert len(pictures) >= 2 + 3
    for picture in pictures:
        assert picture.get_property("complete")
        sides = picture.get_property("naturalWidth"), picture.get_property("naturalHeight")
        assert 96 <= max(sides) <= 128


def test_ctrl_c_ends_dagster_with_all_its_processes(dev: DevServer) -> None:
    assert len(dev.processes()) > 1
    assert dev.interrupt() == 0
    assert dev.processes() == []

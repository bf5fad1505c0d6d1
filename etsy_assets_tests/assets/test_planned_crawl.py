"""A planned crawl as Dagster runs it: the plan, its slices as partitions, the sensor, and what is found."""

from collections.abc import Callable

import dagster as dg

from etsy_assets.partitions import crawl_slices
from etsy_assets_tests.assets.deployment import Deployment, metadata_of
from etsy_assets_tests.catalog.samples import all_calls_come_back
from etsy_assets_tests.etsy.market import Market, open_market

SMALL_SLICES = {"ops": {"crawl_plan": {"config": {"listings_a_slice": 400}}}}


def slices_of(deployed: Deployment) -> list[str]:
    return list(crawl_slices.get_partition_keys(dynamic_partitions_store=deployed.instance))


def test_the_sensor_reads_all_slices_of_a_plan_and_batches_are_sealed_of_what_they_hold(
    deploy: Callable[..., Deployment],
) -> None:
    market = Market(1500)
    with open_market(market) as url:
        deployed = deploy(url, BATCH_SIZE="500")
        planned = metadata_of(deployed.run("plan_crawl", config=SMALL_SLICES), "crawl_plan")
        assert (planned["plan"], planned["listings"]) == (1, 1500)
        keys = slices_of(deployed)
        assert len(keys) == planned["slices"] >= 4
        found = 0
        while requests := deployed.tick("crawl_sensor").run_requests:
            (request,) = requests
            run = deployed.run("crawl_slice", request.partition_key)
            assert run.success
            found += metadata_of(run, "discovered_listings")["new_listings"]
    assert found == 1500
    with deployed.catalog() as catalog:
        assert catalog.is_known(market.ids_up()) == market.ids_up()
    assert len(deployed.tick("listing_batches_sensor").run_requests or []) == 3


def test_a_range_of_slices_is_one_run_and_a_new_plan_replaces_the_partitions(deploy: Callable[..., Deployment]) -> None:
    with open_market(Market(1500)) as url:
        deployed = deploy(url)
        assert deployed.run("plan_crawl", config=SMALL_SLICES).success
        first = slices_of(deployed)
        assert deployed.run_range("crawl_slice", first[0], first[-1]).success
        read = deployed.instance.get_materialized_partitions(dg.AssetKey("discovered_listings"))
        assert read == set(first)
        assert deployed.run("plan_crawl", config=SMALL_SLICES).success
        second = slices_of(deployed)
        assert [key.replace("0001_", "0002_", 1) for key in first] == second


def test_a_spent_day_fails_the_run_with_a_sentence_and_the_sensor_waits(deploy: Callable[..., Deployment]) -> None:
    market = Market(1500, calls_a_day=10)
    with open_market(market) as url:
        deployed = deploy(url)
        assert deployed.run("plan_crawl").success
        (key,) = slices_of(deployed)
        run = deployed.run("crawl_slice", key)
        (failure,) = run.get_step_failure_events()
        assert "they are kept for other work than planned_crawl: it goes on at" in str(
            failure.step_failure_data.error_display_string
        )
        assert deployed.tick("crawl_sensor").run_requests == []
        market.calls_a_day = 1000
        with deployed.catalog() as catalog:
            all_calls_come_back(catalog)
        assert deployed.run("crawl_slice", key).success

"""The sensors on a real instance: what each asks for, once, and without a word to the network."""

import json
import socket
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import dagster as dg
import pytest

from etsy_assets.assets.embeddings import embeddings_key, text_embeddings_key
from etsy_assets.automation.instance_state import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG, TARGET_TAG
from etsy_assets.catalog.records import DiscoveredListing, QuotaReading
from etsy_assets.etsy.call_budget import answered
from etsy_assets.etsy.crawl_planning import CrawlPlan, CrawlSlice
from etsy_assets.etsy.crawl_store import StoredPlan
from etsy_assets.partitions import crawl_slices, index_segments, listing_batches
from etsy_assets.resources.stores import HomeFolder
from etsy_assets.storage import Home
from etsy_assets_tests.assets.deployment import ENCODERS, TEXT_ENCODERS, Deployment, checks_of

BATCH_ENDS = [*map(embeddings_key, ENCODERS), *map(text_embeddings_key, TEXT_ENCODERS)]
SENSORS = ("crawl_sensor", "listing_batches_sensor", "repair_sensor", "publish_sensor")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick that asks the network anything fails."""

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"a connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def discover(deployed: Deployment, count: int, first: int = 1) -> None:
    with deployed.catalog() as catalog:
        found = [DiscoveredListing(number, None, None, None, None) for number in range(first, first + count)]
        catalog.record_discovered(found, datetime.now(UTC))


def requested(deployed: Deployment, sensor: str, cursor: str | None = None) -> list[tuple[str, str | None]]:
    """(run key, partition) of each request."""
    return [(request.run_key, request.partition_key) for request in deployed.tick(sensor, cursor).run_requests or []]


def add_run(
    deployed: Deployment,
    job: str,
    status: dg.DagsterRunStatus,
    selection: Collection[dg.AssetKey] | None = None,
    **tags: str,
) -> None:
    """A run as it stands in the instance's records. tags: partition, or first and last of a range; target."""
    run_id = f"{len(deployed.instance.get_runs()):08d}-0000-0000-0000-000000000000"
    names = {"partition": PARTITION_TAG, "first": RANGE_START_TAG, "last": RANGE_END_TAG, "target": TARGET_TAG}
    run = dg.DagsterRun(
        job,
        run_id,
        status=status,
        asset_selection=frozenset(selection) if selection is not None else None,
        tags={names[name]: value for name, value in tags.items()},
    )
    deployed.instance.add_run(run)


def report_embedded(instance: dg.DagsterInstance, batch: str, keys: list[dg.AssetKey] = BATCH_ENDS) -> None:
    for key in keys:
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=batch))


def test_full_batches_are_sealed_and_requested_at_once_and_the_rest_waits(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy(BATCH_WAIT="3600")
    discover(deployed, 8)
    assert requested(deployed, "listing_batches_sensor") == [
        ("batch-000000", "batch-000000"),
        ("batch-000001", "batch-000001"),
    ]
    partitions = listing_batches.get_partition_keys(dynamic_partitions_store=deployed.instance)
    assert partitions == ["batch-000000", "batch-000001"]
    with deployed.catalog() as catalog:
        assert catalog.batch_listing_ids("batch-000001") == [4, 5, 6]
        assert catalog.unbatched_count() == 2


def test_a_partial_batch_is_sealed_when_it_has_waited_long_enough(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    discover(deployed, 2)
    assert requested(deployed, "listing_batches_sensor") == [("batch-000000", "batch-000000")]


def test_the_requests_resolve_to_runs_of_partitions_that_the_same_tick_adds(
    deploy: Callable[..., Deployment],
) -> None:
    deployed = deploy()
    discover(deployed, 3)
    answer = deployed.tick("listing_batches_sensor")
    (request,) = answer.run_requests
    assert request.tags["dagster/partition"] == "batch-000000"
    assert [added.partition_keys for added in answer.dynamic_partitions_requests] == [["batch-000000"]]


def test_a_batch_is_requested_once(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    discover(deployed, 3)
    first = requested(deployed, "listing_batches_sensor")
    # A tick that came before its run did has the same key again, which Dagster starts once (see test_daemon.py).
    assert requested(deployed, "listing_batches_sensor") == first
    add_run(deployed, "ingest", dg.DagsterRunStatus.STARTING, partition="batch-000000")
    discover(deployed, 3, first=4)
    assert requested(deployed, "listing_batches_sensor") == [("batch-000001", "batch-000001")]


def test_a_batch_that_a_person_has_run_to_the_end_is_not_requested(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    discover(deployed, 6)
    report_embedded(deployed.instance, "batch-000000")
    assert requested(deployed, "listing_batches_sensor") == [("batch-000001", "batch-000001")]


def test_a_partition_that_a_broken_tick_did_not_add_is_added_by_the_next(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    discover(deployed, 3)
    with deployed.catalog() as catalog:
        catalog.seal_batches(3, deployed.settings.batch_wait, datetime.now(UTC))
    assert requested(deployed, "listing_batches_sensor") == [("batch-000000", "batch-000000")]
    assert listing_batches.get_partition_keys(dynamic_partitions_store=deployed.instance) == ["batch-000000"]


def test_a_catalog_that_can_not_be_read_is_a_failed_tick_and_no_empty_set(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    discover(deployed, 3)
    (deployed.home.root / "catalog.db").write_bytes(b"this is no database" * 400)
    for path in deployed.home.root.glob("catalog.db-*"):
        path.unlink()
    for sensor in ("listing_batches_sensor", "repair_sensor"):
        with pytest.raises(AssertionError, match=r"catalog\.db"):
            deployed.tick(sensor)


def test_a_failed_batch_is_tried_three_times_in_all_and_never_beside_itself(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    discover(deployed, 6)
    deployed.tick("listing_batches_sensor")
    batch = "batch-000000"
    assert requested(deployed, "repair_sensor") == []
    add_run(deployed, "ingest", dg.DagsterRunStatus.FAILURE, partition=batch)
    assert requested(deployed, "repair_sensor") == [("batch-000000-try-2", batch)]
    add_run(deployed, "ingest", dg.DagsterRunStatus.STARTED, partition=batch)
    assert requested(deployed, "repair_sensor") == []
    deployed.instance.delete_run(deployed.instance.get_runs(limit=1)[0].run_id)
    add_run(deployed, "ingest", dg.DagsterRunStatus.FAILURE, partition=batch)
    assert requested(deployed, "repair_sensor") == [("batch-000000-try-3", batch)]
    add_run(deployed, "ingest", dg.DagsterRunStatus.FAILURE, partition=batch)
    assert requested(deployed, "repair_sensor") == []
    assert requested(deployed, "listing_batches_sensor") == [("batch-000001", "batch-000001")]


def test_a_failed_batch_that_was_completed_meanwhile_is_left_alone(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    discover(deployed, 3)
    deployed.tick("listing_batches_sensor")
    add_run(deployed, "ingest", dg.DagsterRunStatus.FAILURE, partition="batch-000000")
    report_embedded(deployed.instance, "batch-000000")
    assert requested(deployed, "repair_sensor") == []


def test_of_a_range_that_failed_each_batch_that_is_not_finished_is_run_by_itself(
    deploy: Callable[..., Deployment],
) -> None:
    deployed = deploy()
    discover(deployed, 12)
    deployed.tick("listing_batches_sensor")
    add_run(deployed, "ingest", dg.DagsterRunStatus.FAILURE, first="batch-000000", last="batch-000002")
    report_embedded(deployed.instance, "batch-000001")
    assert requested(deployed, "repair_sensor") == [
        ("batch-000000-try-2", "batch-000000"),
        ("batch-000002-try-2", "batch-000002"),
    ]
    # It counts as a try of each, and what has been run is not new.
    assert requested(deployed, "listing_batches_sensor") == [("batch-000003", "batch-000003")]
    add_run(deployed, "ingest", dg.DagsterRunStatus.FAILURE, partition="batch-000000")
    add_run(deployed, "ingest", dg.DagsterRunStatus.STARTED, partition="batch-000002")
    assert requested(deployed, "repair_sensor") == [("batch-000000-try-3", "batch-000000")]


def test_a_batch_in_a_range_that_is_under_way_is_neither_requested_nor_repaired(
    deploy: Callable[..., Deployment],
) -> None:
    deployed = deploy()
    discover(deployed, 9)
    deployed.tick("listing_batches_sensor")
    add_run(deployed, "ingest", dg.DagsterRunStatus.FAILURE, partition="batch-000001")
    # Whatever part of the batches it is that someone backfills.
    add_run(deployed, "__ASSET_JOB", dg.DagsterRunStatus.STARTED, first="batch-000000", last="batch-000001")
    assert requested(deployed, "repair_sensor") == []
    assert requested(deployed, "listing_batches_sensor") == [("batch-000002", "batch-000002")]


def test_a_backfill_of_the_assets_of_whole_batches_that_failed_is_repaired_and_one_of_few_assets_is_not(
    deploy: Callable[..., Deployment],
) -> None:
    deployed = deploy()
    discover(deployed, 6)
    deployed.tick("listing_batches_sensor")
    failed, few, whole = dg.DagsterRunStatus.FAILURE, BATCH_ENDS[:1], [*BATCH_ENDS, dg.AssetKey("images")]
    add_run(deployed, "__ASSET_JOB", failed, few, first="batch-000000", last="batch-000001")
    assert requested(deployed, "repair_sensor") == []
    add_run(deployed, "__ASSET_JOB", failed, whole, first="batch-000001", last="batch-000001")
    assert requested(deployed, "repair_sensor") == [("batch-000001-try-2", "batch-000001")]


def test_a_published_corpus_asks_for_nothing(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    for sensor in SENSORS:
        assert requested(deployed, sensor) == []


def test_newer_embeddings_lead_to_the_index_of_their_segment_and_then_to_a_snapshot(
    copied: Callable[..., Deployment],
) -> None:
    deployed = copied()
    report_embedded(deployed.instance, "batch-000002")
    (request,) = deployed.tick("publish_sensor").run_requests
    assert (request.job_name, request.partition_key) == ("index_segment", "segment-0001")
    assert deployed.run("index_segment", "segment-0001").success
    (request,) = deployed.tick("publish_sensor").run_requests
    assert (request.job_name, request.partition_key) == ("publish_snapshot", None)
    add_run(deployed, "publish_snapshot", dg.DagsterRunStatus.STARTING)
    assert requested(deployed, "publish_sensor") == []
    deployed.instance.delete_run(deployed.instance.get_runs(limit=1)[0].run_id)
    assert deployed.run("publish_snapshot").success
    assert requested(deployed, "publish_sensor") == []


def test_a_batch_that_is_not_wholly_embedded_makes_no_segment_stale(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    discover(deployed, 3)
    deployed.tick("listing_batches_sensor")
    report_embedded(deployed.instance, "batch-000003", BATCH_ENDS[:-1])
    assert requested(deployed, "publish_sensor") == []


def test_a_batch_that_is_not_embedded_is_skipped_and_holds_up_nobody(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    before = deployed.corpus()
    discover(deployed, 3)
    assert requested(deployed, "listing_batches_sensor") == [("batch-000003", "batch-000003")]
    add_run(deployed, "ingest", dg.DagsterRunStatus.FAILURE, partition="batch-000003")
    report_embedded(deployed.instance, "batch-000002")
    (request,) = deployed.tick("publish_sensor").run_requests
    run = deployed.run("index_segment", request.partition_key)
    skipped = checks_of(run)["segment_rows", "no_batch_is_skipped"]
    assert not skipped.passed
    assert skipped.severity == dg.AssetCheckSeverity.WARN
    assert list(skipped.metadata["skipped"].value) == ["batch-000003"]
    assert deployed.publish().counts == before.snapshot.counts


def test_what_is_embedded_while_its_segment_is_indexed_is_indexed_after_that(
    copied: Callable[..., Deployment],
) -> None:
    class EmbedsMeanwhile(HomeFolder):
        """Between the reading of the embeddings and the end of the run another batch is embedded."""

        @property
        def paths(self) -> Home:
            if not embedded:
                embedded.append("batch-000000")
                report_embedded(instance, "batch-000000")
            return super().paths

    embedded: list[str] = []
    deployed = copied(resources={})
    instance = deployed.instance
    report_embedded(instance, "batch-000001")
    ((_, segment),) = requested(deployed, "publish_sensor")
    job = deployed.definitions.resolve_job_def("index_segment")
    meanwhile = {"home_folder": EmbedsMeanwhile(root=str(deployed.home.root))}
    assert job.execute_in_process(instance=instance, partition_key=segment, resources=meanwhile).success
    assert embedded
    # What is indexed is published first; then comes what was missed.
    assert [partition for _, partition in requested(deployed, "publish_sensor")] == [None]
    assert deployed.run("publish_snapshot").success
    assert [partition for _, partition in requested(deployed, "publish_sensor")] == [segment]


def test_a_failed_index_run_is_requested_again_a_bounded_number_of_times(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    report_embedded(deployed.instance, "batch-000002")
    keys = []
    for _ in range(3):
        ((key, segment),) = requested(deployed, "publish_sensor")
        keys.append(key)
        target = key.rpartition("-try-")[0]
        add_run(deployed, "index_segment", dg.DagsterRunStatus.FAILURE, partition=segment, target=target)
    assert [key.rpartition("-")[2] for key in keys] == ["1", "2", "3"]
    assert requested(deployed, "publish_sensor") == []
    # Another segment is none the worse, and new embeddings are a reason to try again.
    report_embedded(deployed.instance, "batch-000000")
    assert [segment for _, segment in requested(deployed, "publish_sensor")] == ["segment-0000"]
    report_embedded(deployed.instance, "batch-000002")
    assert [segment for _, segment in requested(deployed, "publish_sensor")] == ["segment-0000", "segment-0001"]


def test_a_segment_that_is_being_indexed_by_anyone_is_not_requested(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    report_embedded(deployed.instance, "batch-000000")
    report_embedded(deployed.instance, "batch-000002")
    add_run(deployed, "__ASSET_JOB", dg.DagsterRunStatus.STARTED, partition="segment-0000")
    assert [segment for _, segment in requested(deployed, "publish_sensor")] == ["segment-0001"]
    add_run(deployed, "index_segment", dg.DagsterRunStatus.STARTED, first="segment-0000", last="segment-0001")
    assert requested(deployed, "publish_sensor") == []


def test_publishing_waits_until_no_more_embeddings_come(copied: Callable[..., Deployment]) -> None:
    deployed = copied(PUBLISH_QUIET="60", PUBLISH_LONGEST="600")
    report_embedded(deployed.instance, "batch-000002")
    answer = deployed.tick("publish_sensor")
    assert (answer.run_requests, answer.skip_message) == ([], "More embeddings or tombstones may be coming")
    waiting = json.loads(answer.cursor)
    quiet = json.dumps(waiting | {"seen_at": waiting["seen_at"] - 61})
    assert [segment for _, segment in requested(deployed, "publish_sensor", quiet)] == ["segment-0001"]
    report_embedded(deployed.instance, "batch-000002")
    assert requested(deployed, "publish_sensor", quiet) == []
    long_ago = json.dumps(waiting | {"waiting_since": waiting["waiting_since"] - 601})
    assert [segment for _, segment in requested(deployed, "publish_sensor", long_ago)] == ["segment-0001"]


def test_a_new_segment_is_added_by_the_tick_that_requests_it(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    discover(deployed, 9)
    deployed.tick("listing_batches_sensor")
    for number in range(3):
        report_embedded(deployed.instance, f"batch-{number:06d}")
    segments = [segment for _, segment in requested(deployed, "publish_sensor")]
    assert segments == ["segment-0000", "segment-0001"]
    assert index_segments.get_partition_keys(dynamic_partitions_store=deployed.instance) == segments


def test_the_crawl_schedule_starts_no_crawl_beside_another(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    schedule = deployed.definitions.resolve_schedule_def("newest_listings_schedule")
    with dg.build_schedule_context(instance=deployed.instance) as context:
        assert len(schedule.evaluate_tick(context).run_requests) == 1
        add_run(deployed, "crawl_newest", dg.DagsterRunStatus.STARTED)
        assert schedule.evaluate_tick(context).run_requests == []


def plan(deployed: Deployment, **state: object) -> list[str]:
    """Three slices, as a crawl planned them; their partitions' keys."""
    slices = {CrawlSlice(967, 0, 5_005): 10, CrawlSlice(967, 5_005, 99_005): 20, CrawlSlice(967, 99_005): 30}
    stored = StoredPlan(7, CrawlPlan(planned=slices, **state))
    with deployed.catalog() as catalog:
        stored.save(catalog)
    return stored.keys


def test_the_slices_of_a_plan_are_read_one_after_another(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    assert requested(deployed, "crawl_sensor") == []
    keys = plan(deployed)
    assert keys == ["0007_967_0.000_5.005", "0007_967_5.005_99.005", "0007_967_99.005_up"]
    for key in keys:
        assert requested(deployed, "crawl_sensor") == [(None, key)]
        assert crawl_slices.get_partition_keys(dynamic_partitions_store=deployed.instance) == keys
        deployed.instance.report_runless_asset_event(
            dg.AssetMaterialization(dg.AssetKey("discovered_listings"), partition=key)
        )
    assert requested(deployed, "crawl_sensor") == []


def test_no_slice_is_read_beside_another_nor_of_a_plan_that_is_not_finished(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    plan(deployed, pending=[(CrawlSlice(968), 9)])
    assert requested(deployed, "crawl_sensor") == []
    first, *_ = plan(deployed)
    add_run(deployed, "crawl_slice", dg.DagsterRunStatus.STARTED, partition=first)
    assert requested(deployed, "crawl_sensor") == []


def test_a_slice_that_failed_waits_while_the_others_are_read(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    first, second, _ = plan(deployed)
    add_run(deployed, "crawl_slice", dg.DagsterRunStatus.FAILURE, partition=first)
    assert requested(deployed, "crawl_sensor") == [(None, second)]


@pytest.mark.parametrize(("left", "waits"), [(2251, False), (2250, True), (0, True), (None, False)])
def test_no_slice_is_read_with_the_calls_that_are_kept_for_new_listings(
    deploy: Callable[..., Deployment], left: int | None, waits: bool
) -> None:
    deployed = deploy()
    plan(deployed)
    with deployed.catalog() as catalog:
        reading = QuotaReading(10, 9, 5000, left, datetime.now(UTC))
        catalog.change_call_gate(lambda gate: answered(gate, reading, None))
    assert (requested(deployed, "crawl_sensor") == []) == waits

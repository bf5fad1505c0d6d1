"""Whole ticks of Dagster's sensor daemon, up to the queue of runs."""

import json
import logging
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.sensor import execute_sensor_iteration

import etsy_assets.definitions
from etsy_assets.automation.instance_state import RANGE_END_TAG, RANGE_START_TAG
from etsy_assets.jobs.pipeline import JOB_TAG
from etsy_assets_tests.assets.deployment import CLOSED_SHOP, Deployment
from etsy_assets_tests.automation.test_sensors import add_run, discover, report_embedded

HOUR = 3600.0


@pytest.fixture
def workspace_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[Deployment], AbstractContextManager[WorkspaceProcessContext]]:
    """What the daemon sees: the definitions file as it is, configured by the environment."""

    def workspace_of(deployed: Deployment) -> WorkspaceProcessContext:
        for name, value in {
            "HOME": str(deployed.home.root),
            "ETSY_URL": CLOSED_SHOP,
            "BATCH_SIZE": "3",
            "BATCH_WAIT": "1",
            "BATCHES_PER_SEGMENT": "2",
        }.items():
            monkeypatch.setenv(f"ETSY_ASSETS_{name}", value)
        # A copy, for Dagster loads a file once in a process, and the next test has another environment.
        file = shutil.copy(etsy_assets.definitions.__file__, tmp_path)
        origin = LoadableTargetOrigin(executable_path=sys.executable, python_file=str(file))
        target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(origin))
        return WorkspaceProcessContext(deployed.instance, target)

    return workspace_of


@pytest.fixture
def daemon(workspace_of: Callable) -> Callable[[Deployment], None]:
    """Runs one iteration of the sensor daemon."""

    def iterate(deployed: Deployment) -> None:
        with workspace_of(deployed) as workspace:
            list(execute_sensor_iteration(workspace, logging.getLogger(__name__), None, None))

    return iterate


def runs(deployed: Deployment) -> list[tuple[str, str | None]]:
    """(job, partition) of every run, oldest first."""
    return [(run.job_name, run.tags.get("dagster/partition")) for run in reversed(deployed.instance.get_runs())]


def let_an_hour_pass(deployed: Deployment) -> None:
    """Moves back all that the daemon and the sensors remember of their last ticks."""
    for state in deployed.instance.all_instigator_state():
        data = state.instigator_data
        memory = json.loads(data.cursor) if data.cursor and "seen_at" in data.cursor else None
        if memory:
            memory |= {name: memory[name] - HOUR for name in ("seen_at", "waiting_since")}
        times = {name: getattr(data, name) for name in data._fields if name.endswith("_timestamp")}
        earlier = {name: time - HOUR for name, time in times.items() if time is not None}
        data = data._replace(**earlier, cursor=json.dumps(memory) if memory else data.cursor)
        deployed.instance.update_instigator_state(state.with_data(data))


def test_each_sealed_batch_is_queued_once_however_often_the_daemon_ticks(
    deploy: Callable[..., Deployment], daemon: Callable[[Deployment], None]
) -> None:
    deployed = deploy()
    discover(deployed, 6)
    for _ in range(2):
        daemon(deployed)
        assert runs(deployed) == [("ingest", "batch-000000"), ("ingest", "batch-000001")]
        let_an_hour_pass(deployed)


def test_a_failed_batch_is_queued_again(
    deploy: Callable[..., Deployment], daemon: Callable[[Deployment], None]
) -> None:
    deployed = deploy()
    discover(deployed, 3)
    deployed.tick("listing_batches_sensor")
    add_run(deployed, "ingest", dg.DagsterRunStatus.FAILURE, partition="batch-000000")
    daemon(deployed)
    assert runs(deployed) == [("ingest", "batch-000000"), ("ingest", "batch-000000")]
    assert deployed.instance.get_runs(limit=1)[0].tags["etsy_assets/try"] == "2"


def test_embedded_batches_are_queued_for_indexing_in_segments_that_the_same_tick_adds(
    deploy: Callable[..., Deployment], daemon: Callable[[Deployment], None]
) -> None:
    deployed = deploy()
    report_embedded(deployed.instance, "batch-000000")
    report_embedded(deployed.instance, "batch-000002")
    daemon(deployed)
    assert runs(deployed) == []
    for _ in range(2):
        let_an_hour_pass(deployed)
        daemon(deployed)
        assert sorted(runs(deployed)) == [("index_segment", "segment-0000"), ("index_segment", "segment-0001")]


BATCHES = [f"batch-{number:06d}" for number in range(23)]
RANGES = [("batch-000000", "batch-000009"), ("batch-000010", "batch-000019"), ("batch-000020", "batch-000022")]


def ranges(deployed: Deployment) -> list[tuple[str, str]]:
    """The first and the last batch of each run, oldest first."""
    return [(run.tags[RANGE_START_TAG], run.tags[RANGE_END_TAG]) for run in reversed(deployed.instance.get_runs())]


def test_a_backfill_of_a_batchs_assets_makes_one_run_of_ten_batches_each(
    deploy: Callable[..., Deployment], workspace_of: Callable
) -> None:
    deployed = deploy()
    deployed.instance.add_dynamic_partitions("listing_batch", BATCHES)
    selection = deployed.definitions.resolve_job_def("ingest").asset_layer.executable_asset_keys
    with workspace_of(deployed) as workspace:
        backfill = PartitionBackfill.from_asset_partitions(
            "some_backfill",
            asset_graph=workspace.create_request_context().asset_graph,
            partition_names=BATCHES,
            asset_selection=sorted(selection),
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=deployed.instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
        deployed.instance.add_backfill(backfill)
        list(execute_backfill_iteration(workspace, logging.getLogger(__name__)))
    assert ranges(deployed) == RANGES
    assert all(run.asset_selection == selection for run in deployed.instance.get_runs())
    # They are in flight now, so no sensor has the same done a second time.
    discover(deployed, 69)
    assert not deployed.tick("listing_batches_sensor").run_requests


def test_a_backfill_of_the_ingest_job_makes_runs_that_count_as_its_own(
    deploy: Callable[..., Deployment], workspace_of: Callable
) -> None:
    deployed = deploy()
    deployed.instance.add_dynamic_partitions("listing_batch", BATCHES)
    with workspace_of(deployed) as workspace:
        (location,) = workspace.create_request_context().code_locations
        (repository,) = location.get_repositories().values()
        partition_set = repository.get_partition_set("ingest_partition_set")
        backfill = PartitionBackfill(
            "some_backfill",
            status=BulkActionStatus.REQUESTED,
            from_failure=False,
            tags={},
            backfill_timestamp=time.time(),
            partition_set_origin=partition_set.get_remote_origin(),
            partition_names=BATCHES,
        )
        deployed.instance.add_backfill(backfill)
        list(execute_backfill_iteration(workspace, logging.getLogger(__name__)))
    assert ranges(deployed) == RANGES
    assert {(run.job_name, run.tags[JOB_TAG]) for run in deployed.instance.get_runs()} == {("ingest", "ingest")}

"""Whole ticks of Dagster's sensor daemon, up to the queue of runs."""

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration

import etsy_assets.definitions
from etsy_assets_tests.assets.deployment import CLOSED_SHOP, Deployment
from etsy_assets_tests.automation.test_sensors import add_run, discover, report_embedded


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Deployment], None]]:
    """Runs one iteration of the daemon over the definitions file as it is, configured by the environment."""

    def iterate(deployed: Deployment) -> None:
        for name, value in {
            "HOME": str(deployed.home.root),
            "ETSY_URL": CLOSED_SHOP,
            "BATCH_SIZE": "3",
            "BATCH_WAIT": "1",
            "BATCHES_PER_SEGMENT": "2",
        }.items():
            monkeypatch.setenv(f"ETSY_ASSETS_{name}", value)
        file = Path(etsy_assets.definitions.__file__)
        origin = LoadableTargetOrigin(executable_path=sys.executable, python_file=str(file))
        target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(origin))
        with WorkspaceProcessContext(deployed.instance, target) as workspace:
            list(execute_sensor_iteration(workspace, logging.getLogger(__name__), None, None))

    yield iterate


def queued(deployed: Deployment) -> list[tuple[str, str | None]]:
    """(job, partition) of every run, oldest first."""
    return [(run.job_name, run.tags.get("dagster/partition")) for run in reversed(deployed.instance.get_runs())]


def forget_ticks(deployed: Deployment) -> None:
    """Makes every sensor due at once: the daemon waits until its interval is over."""
    for state in deployed.instance.all_instigator_state():
        deployed.instance.delete_instigator_state(state.instigator_origin_id, state.selector_id)


def test_each_sealed_batch_is_queued_once_however_often_the_daemon_ticks(
    deploy: Callable[..., Deployment], daemon: Callable[[Deployment], None]
) -> None:
    deployed = deploy()
    discover(deployed, 6)
    for _ in range(2):
        daemon(deployed)
        assert queued(deployed) == [("ingest", "batch-000000"), ("ingest", "batch-000001")]
        forget_ticks(deployed)


def test_a_failed_batch_is_queued_again_and_the_alert_survives(
    deploy: Callable[..., Deployment], daemon: Callable[[Deployment], None]
) -> None:
    deployed = deploy()
    discover(deployed, 3)
    deployed.tick("listing_batches_sensor")
    add_run(deployed, "ingest", dg.DagsterRunStatus.FAILURE, partition="batch-000000")
    daemon(deployed)
    assert queued(deployed) == [("ingest", "batch-000000"), ("ingest", "batch-000000")]


def test_embedded_batches_are_queued_for_indexing_in_segments_that_did_not_exist(
    deploy: Callable[..., Deployment], daemon: Callable[[Deployment], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETSY_ASSETS_PUBLISH_LONGEST", "1")
    deployed = deploy()
    report_embedded(deployed.instance, "batch-000000")
    report_embedded(deployed.instance, "batch-000002")
    daemon(deployed)
    assert queued(deployed) == []

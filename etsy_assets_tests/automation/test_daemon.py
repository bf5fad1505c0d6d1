"""Whole ticks of Dagster's sensor daemon, up to the queue of runs."""

import json
import logging
import shutil
import sys
from collections.abc import Callable
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

HOUR = 3600.0


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Deployment], None]:
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
        # A copy, for Dagster loads a file once in a process, and the next test has another environment.
        file = shutil.copy(etsy_assets.definitions.__file__, tmp_path)
        origin = LoadableTargetOrigin(executable_path=sys.executable, python_file=str(file))
        target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(origin))
        with WorkspaceProcessContext(deployed.instance, target) as workspace:
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

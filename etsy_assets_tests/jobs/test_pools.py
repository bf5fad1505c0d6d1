"""Runs take turns: while one infers another downloads, and two never infer at once."""

import threading
from collections.abc import Callable

import dagster as dg
import pytest

from etsy_assets_tests.assets.deployment import Deployment

BATCH = "batch-000001"
POOLS = ("etsy_api", "cdn", "inference")
OTHER_RUN = "00000000-0000-0000-0000-00000000feed"


@pytest.fixture
def inferring(copied: Callable[..., Deployment], open_shop: Callable) -> Deployment:
    """A deployment in which another run is at work in the pool `inference`, of which there is one."""
    deployed = copied(open_shop().url)
    log = deployed.instance.event_log_storage
    for pool in POOLS:
        log.set_concurrency_slots(pool, 1)
    deployed.instance.add_run(dg.DagsterRun("ingest", OTHER_RUN, status=dg.DagsterRunStatus.STARTED))
    assert log.claim_concurrency_slot("inference", OTHER_RUN, "cutouts").is_claimed
    for path in deployed.home.images(BATCH).parent.glob(f"{BATCH}.*"):
        path.unlink()
    return deployed


def test_a_batch_is_downloaded_while_another_is_cut_out(inferring: Deployment) -> None:
    before = inferring.artifacts("cutouts")
    run = inferring.run("ingest", BATCH, only=[dg.AssetKey("listings"), dg.AssetKey("images")])
    assert run.success
    assert inferring.home.images(BATCH).exists()
    assert inferring.artifacts("cutouts") == before


def test_a_batch_waits_with_its_cutouts_until_the_other_is_done_with_the_models(inferring: Deployment) -> None:
    log, runs = inferring.instance.event_log_storage, []
    only = [dg.AssetKey("listings"), dg.AssetKey("images"), dg.AssetKey("cutouts")]
    thread = threading.Thread(target=lambda: runs.append(inferring.run("ingest", BATCH, only=only)))
    thread.start()
    while not log.get_concurrency_info("inference").pending_step_count:
        assert thread.is_alive()
    assert inferring.home.images(BATCH).exists()
    assert log.get_concurrency_info("inference").active_run_ids == {OTHER_RUN}
    log.free_concurrency_slots_for_run(OTHER_RUN)
    thread.join()
    assert runs[0].success

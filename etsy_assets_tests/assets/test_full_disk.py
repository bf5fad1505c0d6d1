"""No disk space for an artifact: one sentence, nothing half-written, and with space again it goes on."""

from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg
import pytest

from etsy_assets.search.snapshots import current_snapshot
from etsy_assets_tests.assets.deployment import ENCODERS, Deployment, retries_of, sentence_of
from etsy_assets_tests.assets.full_disk import nearly_full

BATCH, SEGMENT = "batch-000001", "segment-0000"


@dataclass(frozen=True, slots=True)
class Stage:
    """size: bytes of the disk, enough to begin and too little to end. only: the assets to run, None = the whole job."""

    folder: str
    size: int
    job: str
    partition: str | None = None
    only: tuple[str, ...] = ()


STAGES = [
    Stage("images", 128 << 10, "ingest", BATCH, ("listings", "images")),
    Stage("cutouts", 96 << 10, "ingest", BATCH, ("cutouts",)),
    Stage(f"embeddings/{ENCODERS[0]}", 4 << 10, "ingest", BATCH, (f"embeddings/{ENCODERS[0]}",)),
    Stage("segments", 32 << 10, "index_segment", SEGMENT),
    Stage("snapshots", 4 << 10, "publish_snapshot"),
    Stage("queries", 4 << 10, "ensemble_search"),
]


def run(deployed: Deployment, stage: Stage) -> dg.ExecuteInProcessResult:
    only = [dg.AssetKey(asset.split("/")) for asset in stage.only]
    return deployed.run(stage.job, stage.partition, only=only or None)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.folder)
def test_a_full_disk_ends_a_run_with_one_sentence_and_the_next_run_goes_on(
    copied: Callable[..., Deployment], open_shop: Callable, stage: Stage
) -> None:
    deployed = copied(open_shop().url)
    expected = {
        path: data
        for path, data in deployed.artifacts(stage.folder).items()
        if stage.partition and stage.partition in path
    }
    snapshot = current_snapshot(deployed.home)
    folder = deployed.home.root / stage.folder
    with nearly_full(folder, stage.size) as free:
        failed = run(deployed, stage)
        assert not failed.success
        assert retries_of(failed) == 0
        sentence = sentence_of(failed)
        assert sentence.startswith(f"No disk space is left to write {folder}/")
        assert sentence.endswith(": free some, or set ETSY_ASSETS_HOME to a larger disk.")
        left = deployed.artifacts(stage.folder)
        # What bears an artifact's name is that artifact, whole; and no temporary file goes on filling the disk.
        assert left.items() >= {path: data for path, data in expected.items() if path in left}.items()
        assert not [path for path in left if path.endswith((".tmp", ".next", ".json", ".html", "CURRENT"))] or (
            stage.folder == "segments"
        )
        free()
        assert run(deployed, stage).success
        if stage.partition:
            assert deployed.artifacts(stage.folder) == expected
        if stage.folder == "snapshots":
            assert current_snapshot(deployed.home).segment_versions == snapshot.segment_versions


def test_a_disk_too_full_for_the_catalog_is_named(deploy: Callable[..., Deployment], open_shop: Callable) -> None:
    deployed = deploy(open_shop().url)
    with nearly_full(deployed.home.root, 48 << 10) as free:
        if not deployed.home.root.is_mount():
            pytest.skip("this machine lets us mount no disk, and SQLite writes by calls that can't be made to fail")
        failed = deployed.run("crawl_newest")
        assert not failed.success
        assert retries_of(failed) == 0
        assert "disk" in sentence_of(failed)
        assert str(deployed.home.root) in sentence_of(failed)
        free()
        assert deployed.run("crawl_newest").success

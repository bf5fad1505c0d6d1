"""A batch whose run is killed with SIGKILL in three stages, one after the other, is finished by the run after that.

What the killed runs had finished is not done again: the shop's count of requests and the runs' own counts say so.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from etsy_assets.demo.api.request_log import RequestCounts
from etsy_assets.demo.running import serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.encoders.embeddings import read_embeddings
from etsy_assets.imaging.http_fetch import DownloadOptions
from etsy_assets_tests.assets.deployment import ENCODERS, Deployment, deployment, metadata_of
from etsy_assets_tests.assets.ingested import Ingested
from etsy_assets_tests.conftest import LISTINGS

BATCH = "batch-000000"
# A journal begins with a line of its own. The last line is torn. Another thread's may then be under way.
IMAGES_FINISHED = 5
CUTOUTS_FINISHED = 4
WRITES_IN_IMAGES, WRITES_IN_CUTOUTS = 1 + IMAGES_FINISHED + 1, 1 + CUTOUTS_FINISHED + 1
# Each encoder's journal begins with a header, and this batch is one chunk of each; the third one's is torn.
ENCODERS_FINISHED = ENCODERS[:2]
WRITES_IN_EMBEDDINGS = len(ENCODERS) + len(ENCODERS_FINISHED) + 1


@dataclass(frozen=True, slots=True)
class Killed:
    """after_images, after_all: what the shop had been asked. finished_images: ids that the first run had finished.

    left: the names below the home after each kill, by the stage killed in. last: the run that completed.
    """

    deployment: Deployment
    after_images: RequestCounts
    after_all: RequestCounts
    finished_images: set[int]
    left: dict[str, set[str]]
    last: dg.ExecuteInProcessResult


def kill_in(deployed: Deployment, folder: str, writes: int, *assets: str) -> set[str]:
    """Runs the batch in a process that is killed; returns the names of the files that it leaves."""
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(deployed.root / "dagster"),
        "ETSY_ASSETS_HOME": str(deployed.home.root),
        "ETSY_ASSETS_ETSY_URL": deployed.settings.etsy_url,
        "HF_HUB_OFFLINE": "1",
    }
    command = [sys.executable, "-m", "etsy_assets_tests.jobs.killed_run", BATCH, folder, str(writes), *assets]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    return {str(path.relative_to(deployed.home.root)) for path in deployed.home.root.rglob("*") if path.is_file()}


def journal_of(path: Path) -> list[dict]:
    """The whole lines of an archive's journal."""
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines[1:] if line.endswith("\n")]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, photo_folder: Path, blank_instance: Path) -> Iterator[Killed]:
    shop, root = SimulatedShop(listings=LISTINGS, photo_folder=photo_folder), tmp_path_factory.mktemp("killed")
    with serve(shop) as running, deployment(root, blank_instance, running.url) as deployed:
        assert deployed.run("crawl_newest").success
        deployed.tick("listing_batches_sensor")
        left = {"images": kill_in(deployed, "images", WRITES_IN_IMAGES)}
        after_images = running.requests()
        finished = {line["image_id"] for line in journal_of(deployed.home.images(BATCH).with_suffix(".journal"))}
        left["cutouts"] = kill_in(deployed, "cutouts", WRITES_IN_CUTOUTS, "listings", "images", "cutouts")
        left["embeddings"] = kill_in(
            deployed, "embeddings", WRITES_IN_EMBEDDINGS, "cutouts", *(f"embeddings/{name}" for name in ENCODERS)
        )
        last = deployed.run("ingest", BATCH)
        yield Killed(deployed, after_images, running.requests(), finished, left, last)


def recorded(killed: Killed, asset: str) -> list[dict[str, object]]:
    """The metadata of every materialization of an asset, oldest first."""
    records = killed.deployment.instance.fetch_materializations(dg.AssetKey(asset), limit=10).records
    found = [record.asset_materialization for record in reversed(records)]
    return [{name: value.value for name, value in materialization.metadata.items()} for materialization in found]


def test_the_run_after_the_kills_completes(killed: Killed) -> None:
    assert killed.last.success


def test_the_files_are_those_of_an_undisturbed_run(killed: Killed, ingested: Ingested) -> None:
    folders = ("images", "cutouts", "embeddings", "text_embeddings")
    undisturbed = {path: data for path, data in ingested.deployment.artifacts(*folders).items() if BATCH in path}
    assert len(undisturbed) == 4 + len(ENCODERS) + 2
    assert killed.deployment.artifacts(*folders) == undisturbed


def test_a_killed_stage_publishes_nothing(killed: Killed) -> None:
    assert not {f"images/{BATCH}.tar", f"images/{BATCH}.parquet"} & killed.left["images"]
    assert not {f"cutouts/{BATCH}.tar", f"cutouts/{BATCH}.parquet"} & killed.left["cutouts"]
    assert f"images/{BATCH}.tar" in killed.left["cutouts"]
    assert not [path for path in killed.left["embeddings"] if path.endswith(".safetensors")]
    assert f"cutouts/{BATCH}.tar" in killed.left["embeddings"]


def test_finished_images_are_not_downloaded_again(killed: Killed) -> None:
    finished = len(killed.finished_images)
    assert 1 <= finished <= IMAGES_FINISHED
    counts = killed.after_all.images
    with killed.deployment.catalog() as catalog:
        photos = {image.image_id for image in catalog.images(BATCH)}
    assert set(counts) == photos
    assert {image_id for image_id in killed.finished_images if counts[image_id] != 1} == set()
    # Beside the torn one only what was under way in other threads was lost.
    assert sum(counts.values()) - len(photos) <= 2 * DownloadOptions().concurrency
    first, *later = recorded(killed, "images")
    assert (first["reused_images"], first["new_images"]) == (finished, len(photos) - finished)
    assert [again["new_images"] for again in later] == [0]


def test_finished_cutouts_are_not_cut_out_again(killed: Killed) -> None:
    first, *later = recorded(killed, "cutouts")
    assert 1 <= first["reused_images"] <= CUTOUTS_FINISHED
    assert first["new_images"] == first["dagster/row_count"] - first["reused_images"]
    assert [again["new_images"] for again in later] == [0]


def test_finished_vectors_are_not_computed_again(killed: Killed) -> None:
    images = len(read_embeddings(killed.deployment.home.embeddings(ENCODERS[0], BATCH)))
    new = {name: metadata_of(killed.last, "embeddings", name)["new_vectors"] for name in ENCODERS}
    assert new == {name: 0 if name in ENCODERS_FINISHED else images for name in ENCODERS}


def test_nothing_of_the_killed_runs_is_left_behind(killed: Killed) -> None:
    assert any("journal" in path for path in killed.left["images"])
    assert any("partial" in path for path in killed.left["embeddings"])
    left = killed.deployment.artifacts("images", "cutouts", "embeddings", "text_embeddings")
    assert not [path for path in left if not path.endswith((".tar", ".parquet", ".safetensors"))]


def test_what_the_catalog_says_of_the_batch_is_complete(killed: Killed) -> None:
    with killed.deployment.catalog() as catalog:
        rows = catalog.image_status(BATCH)
        outcomes = catalog.outcome_counts(BATCH)
    assert all(row["download_done"] and all(row[f"embed_{name}"] for name in ENCODERS) for row in rows)
    assert outcomes["download"] == {"ok": len(rows)}
    assert sum(outcomes["cutout"].values()) == len(rows)

"""`etsy-assets demo` as a user runs it, on a shop of three listings: killed at first, then whole, then once more."""

import html
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from etsy_assets.demo.api.request_log import RequestCounts
from etsy_assets.demo.running import serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets_tests.assets.deployment import ENCODERS

REPOSITORY = Path(__file__).parents[2]
REPORT_KEYS = [
    "listings",
    "images",
    "images_failed",
    "cutouts",
    "cutout_fallbacks",
    "embeddings",
    "index_rows",
    "snapshot",
    "pipeline_seconds",
    "stage_seconds",
    "top_matches",
    "gallery",
    "nothing_to_do",
]
LISTINGS = 3


@dataclass(frozen=True, slots=True)
class Demo:
    """One run of the command: its exit, what it printed, its report, and what the shop had been asked by its end."""

    done: subprocess.CompletedProcess[str]
    report: dict[str, Any]
    requests: RequestCounts


@dataclass(frozen=True, slots=True)
class Demos:
    """killed: the files that the first one left below the home."""

    shop: SimulatedShop
    home: Path
    killed: set[str]
    whole: Demo
    again: Demo


def start_demo(folder: Path, shop_url: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        "ETSY_ASSETS_HOME": str(folder / "data"),
        "ETSY_ASSETS_ETSY_URL": shop_url,
        "ETSY_ASSETS_BATCH_SIZE": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(REPOSITORY),
    }
    command = [sys.executable, "-m", "etsy_assets.cli.main", "demo"]
    return subprocess.Popen(
        command, env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def files_of(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory, photo_folder: Path) -> Iterator[Demos]:
    folder = tmp_path_factory.mktemp("demo")
    shutil.copy(REPOSITORY / "dagster.yaml", folder)
    shop, home = SimulatedShop(listings=LISTINGS, photo_folder=photo_folder), folder / "data"
    with serve(shop) as running:
        process = start_demo(folder, running.url)
        while not list(home.glob("images/*")) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed = files_of(home)

        def demo() -> Demo:
            process = start_demo(folder, running.url)
            output, errors = process.communicate()
            assert process.returncode == 0, output + errors
            done = subprocess.CompletedProcess(process.args, process.returncode, output, errors)
            return Demo(done, json.loads((folder / "demo_report.json").read_text()), running.requests())

        yield Demos(shop, home, killed, whole=demo(), again=demo())


def photos(demos: Demos) -> int:
    return sum(len(stocked.photos) for stocked in demos.shop.listings())


def test_a_demo_that_was_killed_has_published_nothing(demos: Demos) -> None:
    assert any(name.startswith("images/") for name in demos.killed)
    assert not any(name.startswith("snapshots/") for name in demos.killed)


def test_the_report_has_these_keys_and_the_right_counts(demos: Demos) -> None:
    report, all_photos = demos.whole.report, photos(demos)
    assert list(report) == REPORT_KEYS
    assert (report["listings"], report["images"], report["images_failed"]) == (LISTINGS, all_photos, 0)
    assert report["cutouts"] == all_photos
    assert 0 <= report["cutout_fallbacks"] <= all_photos
    assert report["embeddings"] == report["index_rows"] == dict.fromkeys(ENCODERS, all_photos)
    assert (demos.home / "snapshots" / f"{report['snapshot']}.json").is_file()
    assert report["nothing_to_do"] is False
    assert {"listings", "images", "cutouts", "embeddings", "segment_rows", "indexes", "search_snapshot", "fuse"} <= set(
        report["stage_seconds"]
    )
    assert sum(report["stage_seconds"].values()) <= report["pipeline_seconds"]


def test_the_top_matches_are_those_of_the_gallery(demos: Demos) -> None:
    report = demos.whole.report
    gallery = Path(report["gallery"])
    results = json.loads((gallery.parent / "results.json").read_text())
    assert report["top_matches"] == results["matches"]
    assert {match["listing_id"] for match in report["top_matches"]} == {
        stocked.listing_id for stocked in demos.shop.listings()
    }
    assert report["top_matches"][0]["title"] in html.unescape(gallery.read_text())


def test_the_terminal_shows_the_matches_the_gallery_and_what_to_do_next(demos: Demos) -> None:
    printed = demos.whole.done.stdout
    assert str(demos.whole.report["top_matches"][0]["listing_id"]) in printed
    assert demos.whole.report["gallery"] in printed
    assert "make dev" in printed
    assert "Traceback" not in printed + demos.whole.done.stderr


def test_a_second_demo_does_no_work_twice_and_says_so(demos: Demos) -> None:
    again, whole = demos.again.report, demos.whole.report
    assert again["nothing_to_do"] is True
    assert "Nothing to do" in demos.again.done.stdout
    assert "Nothing to do" not in demos.whole.done.stdout
    corpus = REPORT_KEYS[: REPORT_KEYS.index("snapshot") + 1]
    assert {key: again[key] for key in corpus} == {key: whole[key] for key in corpus}
    assert [match["image_id"] for match in again["top_matches"]] == [
        match["image_id"] for match in whole["top_matches"]
    ]
    assert demos.again.requests.images == demos.whole.requests.images
    assert not {"images", "cutouts", "embeddings", "indexes", "search_snapshot"} & set(again["stage_seconds"])

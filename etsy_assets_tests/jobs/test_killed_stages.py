"""Each stage of a batch is killed from outside at ten random moments: what is made of it after that is the same, byte
for byte, as what a run makes that nobody disturbs.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from etsy_assets.demo.running import serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.storage import Home
from etsy_assets_tests.assets.ingested import Ingested
from etsy_assets_tests.conftest import LISTINGS
from etsy_assets_tests.jobs.killed_stage import BATCH, records_path

IMAGES = 12
MOMENTS = 10
# Of what was finished before a kill no more is done again: a chunk of vectors, what three threads download.
IN_HAND = 4
# About what an item takes, in seconds: the kill comes in the midst of one.
LONGEST_DELAY = {"download": 0.02, "cutouts": 0.08, "embeddings": 0.1}
Order = Callable[..., dict[str, int]]


@pytest.fixture(scope="module")
def order() -> Iterator[Order]:
    """Has a stage run; see killed_stage.py."""
    command = [sys.executable, "-m", "etsy_assets_tests.jobs.killed_stage"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def order(
            stage: str, source: Home, destination: Home, after_items: int = -1, delay: float = 0
        ) -> dict[str, int]:
            folders = {"source": str(source.root), "destination": str(destination.root)}
            line = json.dumps({"stage": stage, **folders, "after_items": after_items, "delay": delay})
            process.stdin.write(line + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield order


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, photo_folder: Path, ingested: Ingested, order: Order
) -> Iterator[Home]:
    """A home in which every stage of twelve images was run once, while the shop is open."""
    home = Home(tmp_path_factory.mktemp("undisturbed"))
    with ingested.deployment.catalog() as catalog:
        images = catalog.images(BATCH)[:IMAGES]
    assert len(images) == IMAGES
    with serve(SimulatedShop(listings=LISTINGS, photo_folder=photo_folder)) as running:
        here = [replace(image, url=running.url + urlsplit(image.url).path) for image in images]
        records_path(home).write_text(json.dumps([asdict(image) for image in here]))
        for stage in LONGEST_DELAY:
            assert order(stage, home, home) == {"signal": 0, "items": IMAGES}
        yield home


def files(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below a folder but the locks, by relative path."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def moments(stage: str) -> list[tuple[int, float]]:
    """(items finished, seconds after that), spread over the whole of a stage and its end."""
    rng = random.Random(stage)
    items = [*rng.sample(range(IMAGES), MOMENTS - 1), IMAGES]
    return [(count, rng.uniform(0, LONGEST_DELAY[stage] if count < IMAGES else 0.01)) for count in sorted(items)]


@pytest.mark.parametrize(("stage", "folder"), [("download", "images"), ("cutouts",) * 2, ("embeddings",) * 2])
def test_a_stage_killed_at_any_of_ten_moments_is_finished_by_the_next_run_to_the_same_bytes(
    undisturbed: Home, order: Order, tmp_path: Path, stage: str, folder: str
) -> None:
    expected = files(undisturbed.root / folder)
    assert expected
    repeated = []
    for number, (after_items, delay) in enumerate(moments(stage)):
        home = Home(tmp_path / str(number))
        killed = order(stage, undisturbed, home, after_items, delay)
        assert killed["signal"] == signal.SIGKILL
        assert killed["items"] >= after_items
        left = files(home.root / folder)
        assert {name: data for name, data in left.items() if name in expected and data != expected[name]} == {}
        resumed = order(stage, undisturbed, home)
        repeated.append(resumed["items"] + killed["items"] - IMAGES)
        assert resumed["signal"] == 0
        assert files(home.root / folder) == expected, (after_items, delay)
    assert max(repeated) <= IN_HAND, repeated

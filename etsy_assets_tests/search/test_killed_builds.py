"""A new batch is indexed and published by a process that is killed: at 20 of its writes, and in the midst of its files.

Whatever the moment, the next search answers from the old corpus or from the new one, every file of it is sound, and the
retry completes with what an undisturbed run makes.
"""

import json
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from etsy_assets.search.snapshots import Snapshot, current_snapshot
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_vectors import faults_of, publish_new_batch

MOMENTS = 20
TORN_FILES = 5

Build = Callable[..., dict[str, int]]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What the build makes when nothing happens to it. new_files: their sizes in bytes, ascending, each once."""

    snapshot: Snapshot
    writes: int
    new_files: list[int]


@pytest.fixture(scope="module")
def build() -> Iterator[Build]:
    """Builds and publishes in a home, in a process of its own; see killed_build.py."""
    command = [sys.executable, "-m", "etsy_assets_tests.search.killed_build"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def build(home: Home, last_write: int = 0, largest_file: int = 0) -> dict[str, int]:
            order = {"home": str(home.root), "last_write": last_write, "largest_file": largest_file}
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield build
        process.stdin.close()


@pytest.fixture(scope="module")
def undisturbed(build: Build, vectors_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    home = Home(tmp_path_factory.mktemp("undisturbed") / "home")
    shutil.copytree(vectors_once, home.root)
    before = set(home.root.rglob("*"))
    done = build(home)
    assert done["signal"] == 0
    assert faults_of(home) == []
    sizes = {path.stat().st_size for path in set(home.root.rglob("*")) - before if path.is_file()}
    return Undisturbed(current_snapshot(home), done["writes"], sorted(sizes))


def assert_old_or_new_and_the_retry_completes(home: Home, old: Snapshot, undisturbed: Undisturbed) -> None:
    found = current_snapshot(home)
    assert found == old or found.content_hash == undisturbed.snapshot.content_hash
    assert faults_of(home) == []

    publish_new_batch(home)

    assert current_snapshot(home).content_hash == undisturbed.snapshot.content_hash
    assert faults_of(home) == []


@pytest.mark.parametrize("part", range(MOMENTS))
def test_a_build_killed_at_any_write_leaves_a_corpus_and_the_retry_completes(
    home: Home, vectors: Snapshot, build: Build, undisturbed: Undisturbed, part: int
) -> None:
    first, after = undisturbed.writes * part // MOMENTS, undisturbed.writes * (part + 1) // MOMENTS
    moment = 1 + random.Random(part).randrange(first, after)

    assert build(home, last_write=moment) == {"signal": signal.SIGKILL, "writes": moment}

    assert_old_or_new_and_the_retry_completes(home, vectors, undisturbed)


@pytest.mark.parametrize("part", range(TORN_FILES))
def test_a_build_killed_half_way_through_a_file_leaves_a_corpus_and_the_retry_completes(
    home: Home, vectors: Snapshot, build: Build, undisturbed: Undisturbed, part: int
) -> None:
    sizes = undisturbed.new_files
    size = sizes[(len(sizes) - 1) * part // (TORN_FILES - 1)]

    assert build(home, largest_file=size - 1)["signal"] == signal.SIGXFSZ

    assert current_snapshot(home) == vectors
    assert_old_or_new_and_the_retry_completes(home, vectors, undisturbed)


def test_the_new_corpus_is_current_before_the_last_write_and_the_old_one_half_way(
    vectors_once: Path, tmp_path: Path, build: Build, undisturbed: Undisturbed
) -> None:
    """Or the tests above would not have come to the moment that matters."""
    found = {}
    for moment in (undisturbed.writes // 2, undisturbed.writes):
        home = Home(shutil.copytree(vectors_once, tmp_path / str(moment)))
        build(home, last_write=moment)
        found[moment] = current_snapshot(home).content_hash == undisturbed.snapshot.content_hash

    assert list(found.values()) == [False, True]

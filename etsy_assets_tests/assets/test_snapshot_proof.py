"""What a publish proves: new files before they are published, and of the old ones a part, without being stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etsy_assets.search.snapshots import current_snapshot
from etsy_assets_tests.assets.deployment import Deployment, checks_of, sentence_of

SOUND = ("search_snapshot", "every_file_is_sound")


def publish(deployed: Deployment, **config: Any) -> dg.ExecuteInProcessResult:
    return deployed.run("publish_snapshot", config={"ops": {"search_snapshot": {"config": config}}})


def index_file(deployed: Deployment, segment: int) -> Path:
    published = current_snapshot(deployed.home).segments[segment]
    return published.folder(deployed.home) / next(iter(published.indexes.values())).matrix


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_sound_corpus_passes_and_says_what_was_read_again(copied: Callable[..., Deployment]) -> None:
    deployed = copied()

    check = checks_of(publish(deployed))[SOUND]
    thorough = checks_of(publish(deployed, verify_all=True))[SOUND]

    assert check.passed
    assert len(check.metadata["read_again"].value) == 1
    assert thorough.passed
    assert thorough.metadata["read_again"].value == ["segment-0000", "segment-0001"]


@pytest.mark.parametrize("segment", [0, 1])
def test_flipped_bytes_in_what_is_published_are_found_and_hold_up_nobody(
    copied: Callable[..., Deployment], segment: int
) -> None:
    deployed = copied()
    path = index_file(deployed, segment)
    flip(path)

    run = publish(deployed, verify_all=True)

    assert run.success
    check = checks_of(run)[SOUND]
    assert not check.passed
    (problem,) = check.metadata["problems"].value
    assert problem.startswith(f"{path} is damaged")
    assert f"for segment-000{segment} to build it again" in problem


def test_a_missing_file_is_found_by_every_publish(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    path = index_file(deployed, 0)
    path.unlink()

    run = publish(deployed, checked_old_segments=0)

    assert run.success
    check = checks_of(run)[SOUND]
    assert (check.passed, check.metadata["read_again"].value) == (False, [])
    assert check.metadata["problems"].value[0].startswith(f"{path} is missing")


def test_the_bytes_of_old_segments_are_not_read_unless_it_is_their_turn(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    for segment in (0, 1):
        flip(index_file(deployed, segment))

    check = checks_of(publish(deployed, checked_old_segments=0))[SOUND]

    assert check.passed


def test_a_damaged_new_file_is_not_published(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    before = current_snapshot(deployed.home)
    with deployed.catalog() as catalog:
        catalog.retire_batch("batch-000001", "wrong shop")
    assert deployed.run("index_segment", "segment-0000").success
    version = (deployed.home.segments / "segment-0000" / "LATEST").read_text().strip()
    assert version != before.segment_versions["segment-0000"]
    path = sorted(deployed.home.segment("segment-0000", version).glob("*.faiss"))[0]
    flip(path)

    run = publish(deployed)

    assert not run.success
    assert sentence_of(run).startswith(f"{path} is damaged")
    assert current_snapshot(deployed.home) == before

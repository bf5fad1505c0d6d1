from pathlib import Path

import pytest
from PIL import Image

from etsy_assets.errors import ConfigurationError, CorruptArtifact
from etsy_assets.search.engine import SearchEngine
from etsy_assets.search.kept_snapshots import find_snapshot, roll_back
from etsy_assets.search.query import Query, QueryKind
from etsy_assets.search.snapshots import Snapshot, current_snapshot, publish
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_colours import ENCODERS, TWO_SEGMENTS, build_segment, photo

NEW = photo(41, "white")


@pytest.fixture
def newer(home: Home, published: Snapshot) -> Snapshot:
    """A snapshot with one listing more than `published`, and current."""
    version = build_segment(home, "segment-0001", {**TWO_SEGMENTS["segment-0001"], "batch-000003": [NEW]})
    return publish(home, {**published.segment_versions, "segment-0001": version})


def best_match(engine: SearchEngine, image: Image.Image) -> int:
    return engine.search(Query(QueryKind.image, "a photo", image=image)).matches[0].listing_id


def test_an_engine_follows_a_rollback_and_the_way_back_without_a_restart(
    home: Home, published: Snapshot, newer: Snapshot
) -> None:
    engine = SearchEngine(home, ENCODERS.__getitem__)
    assert best_match(engine, NEW.image) == 41

    assert roll_back(home, published.version) == newer.version
    assert engine.refresh().version == published.version
    assert best_match(engine, NEW.image) != 41

    assert roll_back(home, newer.version) == published.version
    assert engine.refresh().version == newer.version
    assert best_match(engine, NEW.image) == 41


def test_a_version_that_is_not_kept_is_refused_and_those_that_are_are_named(
    home: Home, published: Snapshot, newer: Snapshot
) -> None:
    with pytest.raises(ConfigurationError, match=f"'yesterday' is not kept.*{newer.version}, {published.version}"):
        roll_back(home, "yesterday")
    with pytest.raises(ConfigurationError, match=r"'\.\./snapshots/CURRENT' is not kept"):
        roll_back(home, "../snapshots/CURRENT")
    assert current_snapshot(home) == newer


def only_in(home: Home, snapshot: Snapshot, segment: str) -> list[Path]:
    return sorted(home.segment(segment, snapshot.segment_versions[segment]).glob("*.f*"))


@pytest.mark.parametrize("damage", ["removed", "cut off"])
def test_a_snapshot_whose_files_are_not_whole_is_refused_by_name_and_the_current_one_stays(
    home: Home, published: Snapshot, newer: Snapshot, damage: str
) -> None:
    path = only_in(home, published, "segment-0001")[-1]
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(CorruptArtifact, match=f"{published.version} can't be searched.*{path}"):
        roll_back(home, published.version)
    assert current_snapshot(home) == newer


def test_a_damaged_current_snapshot_does_not_stop_the_way_back(
    home: Home, published: Snapshot, newer: Snapshot
) -> None:
    (home.snapshots / f"{newer.version}.json").write_text("{}")

    assert roll_back(home, published.version) is None
    assert current_snapshot(home) == published


def test_without_a_version_the_current_snapshot_is_found(home: Home, published: Snapshot, newer: Snapshot) -> None:
    assert find_snapshot(home) == newer
    assert find_snapshot(home, published.version) == published


def test_before_the_first_snapshot_there_is_none_to_find(home: Home) -> None:
    with pytest.raises(ConfigurationError, match="No snapshot was published yet"):
        find_snapshot(home)
    with pytest.raises(ConfigurationError, match="the newest are: there is none"):
        find_snapshot(home, "20260102T030405.678901Z-0123456789ab")

"""What is no longer to be had leaves the corpus with the next snapshot, and no index is built again for it."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from etsy_assets.catalog.records import Tombstones
from etsy_assets.errors import BadQuery, CorruptArtifact
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.engine import SearchEngine
from etsy_assets.search.query import load_query
from etsy_assets.search.segments import Segment
from etsy_assets.search.snapshots import Snapshot, current_snapshot, publish
from etsy_assets.search.tombstones import read_dead_rows
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_colours import ENCODERS, TWO_SEGMENTS, build_segment, photo

# Listing 11 is wholly gone, and one of the two images of listing 22.
DEAD = Tombstones("three", {"batch-000000": frozenset({(11, 110), (11, 111)}), "batch-000001": frozenset({(22, 220)})})


def bury(home: Home, snapshot: Snapshot, dead: Tombstones = DEAD) -> Snapshot:
    return publish(home, snapshot.segment_versions, dead=dead)


def files(home: Home) -> dict[Path, tuple[int, int]]:
    """Every file of the segments, and by what one sees that it was written again."""
    found = [path for path in home.segments.rglob("*") if path.is_file()]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def dead_file(home: Home, segment: Segment) -> Path:
    return segment.folder(home) / segment.dead.file


def test_dead_images_are_counted_apart_and_nothing_is_built_again(home: Home, published: Snapshot) -> None:
    before = files(home)

    snapshot = bury(home, published)

    counts = snapshot.counts
    assert (counts.images, counts.listings, counts.dead_images) == (8, 8, 3)
    assert (published.counts.images, published.counts.listings) == (11, 9)
    assert snapshot.tombstones == "three"
    first, second = snapshot.segments
    assert (first.dead.rows, first.dead.listings) == (3, 1)
    assert second.dead is None
    after = files(home)
    assert {path: state for path, state in after.items() if path in before} == before
    assert set(after) - set(before) == {dead_file(home, first)}


def test_the_file_of_dead_rows_names_row_listing_and_image(home: Home, published: Snapshot) -> None:
    segment = bury(home, published).segments[0]

    assert pq.read_table(dead_file(home, segment)).to_pydict() == {
        "row": [0, 1, 5],
        "listing_id": [11, 11, 22],
        "image_id": [110, 111, 220],
    }
    rows = read_dead_rows(home, segment)
    assert (rows.tolist(), rows.dtype) == ([0, 1, 5], np.int64)


def test_dead_rows_are_no_rows_of_their_listing_and_a_dead_listing_is_not_in_the_corpus(
    home: Home, published: Snapshot
) -> None:
    corpus = Corpus.open(home, bury(home, published))

    assert corpus.rows_of(11).tolist() == []
    assert corpus.text_rows_of(11).tolist() == []
    assert [corpus.identify(int(row)) for row in corpus.rows_of(22)] == [(22, 221)]
    assert corpus.listings[corpus.text_rows_of(22)].tolist() == [22]
    assert np.flatnonzero(corpus.dead).tolist() == [0, 1, 5]
    assert corpus.listings[corpus.dead_listings].tolist() == [11]
    engine = SearchEngine(home, ENCODERS.__getitem__)
    with pytest.raises(BadQuery, match=r"Listing 11 is not among the 8 listings .* such as 12"):
        engine.search(load_query(listing_id=11))


def test_each_open_segment_knows_its_own_dead_rows(home: Home, published: Snapshot) -> None:
    dead = Tombstones("two", {"batch-000000": frozenset({(11, 111)}), "batch-000002": frozenset({(32, 320)})})

    first, second = Corpus.open(home, bury(home, published, dead))._segments.values()

    assert (first.dead.tolist(), first.dead_listings.tolist()) == ([1], [])
    assert (second.dead.tolist(), second.dead_listings.tolist()) == ([1], [1])


def test_a_listing_that_comes_back_is_in_the_next_snapshot(home: Home, published: Snapshot) -> None:
    buried = bury(home, published)
    back = Tombstones("one", {"batch-000001": DEAD.images["batch-000001"]})

    snapshot = bury(home, buried, back)

    assert (snapshot.counts.images, snapshot.counts.listings, snapshot.counts.dead_images) == (10, 9, 1)
    assert Corpus.open(home, snapshot).rows_of(11).tolist() == [0, 1]
    assert bury(home, snapshot, Tombstones("", {})).segments == published.segments


def test_the_same_tombstones_again_publish_nothing_and_read_no_rows(home: Home, published: Snapshot) -> None:
    buried = bury(home, published)
    for path in home.segments.rglob("rows.parquet"):
        path.unlink()

    assert bury(home, buried) == buried


def test_who_knows_no_tombstones_leaves_them_as_they_are(home: Home, published: Snapshot) -> None:
    buried = bury(home, published)
    assert publish(home, published.segment_versions) == buried

    grown = build_segment(home, "segment-0001", {"batch-000002": [photo(31, "red")]})
    newer = publish(home, {**published.segment_versions, "segment-0001": grown})
    assert (newer.segments[0].dead, newer.tombstones) == (buried.segments[0].dead, "three")


def test_images_that_the_segment_never_held_are_looked_for_once(home: Home, published: Snapshot) -> None:
    never = Tombstones("never", {"batch-000000": frozenset({(11, 119)})})

    snapshot = bury(home, published, never)

    assert (snapshot.counts.images, snapshot.counts.dead_images) == (11, 0)
    assert snapshot.segments[0].dead.rows == 0
    assert snapshot.segments[0].dead_share == 0
    before = files(home)
    assert bury(home, snapshot, never) == snapshot
    assert files(home) == before


def test_rows_that_were_built_without_the_dead_images_need_no_dead_rows(home: Home, published: Snapshot) -> None:
    buried = bury(home, published)
    assert buried.segments[0].dead_share == pytest.approx(3 / 7)
    living = {
        batch: [item for item in photos if (item.listing_id, item.image_id) not in DEAD.images.get(batch, ())]
        for batch, photos in TWO_SEGMENTS["segment-0000"].items()
    }
    version = build_segment(home, "segment-0000", living)

    compacted = publish(home, {**buried.segment_versions, "segment-0000": version}, dead=DEAD)

    assert compacted.segments[0].rows.rows == 4
    assert compacted.segments[0].dead.rows == 0
    assert compacted.counts.images == buried.counts.images


def test_a_snapshot_that_is_open_keeps_what_was_alive_when_it_was_published(home: Home, published: Snapshot) -> None:
    corpus = Corpus.open(home, published)
    newer = Corpus.open(home, bury(home, published), previous=corpus)

    assert corpus.rows_of(11).tolist() == [0, 1]
    assert newer.rows_of(11).tolist() == []


@pytest.mark.parametrize("damage", ["flipped", "cut off", "removed"])
def test_damaged_dead_rows_are_refused_by_name_and_publishing_mends_them(
    home: Home, damage: str, published: Snapshot
) -> None:
    snapshot = bury(home, published)
    path = dead_file(home, snapshot.segments[0])
    content = path.read_bytes()
    match damage:
        case "flipped":
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "cut off":
            path.write_bytes(content[:-1])
        case "removed":
            path.unlink()

    with pytest.raises(CorruptArtifact, match=f"{path} is .*: materialize search_snapshot to build it again"):
        Corpus.open(home, snapshot)
    with pytest.raises(CorruptArtifact, match=f"{path} is .*: materialize search_snapshot"):
        read_dead_rows(home, snapshot.segments[0])

    assert bury(home, snapshot) == snapshot
    assert path.read_bytes() == content


def test_dead_rows_beyond_the_segment_are_refused(home: Home, published: Snapshot) -> None:
    first, second = bury(home, published).segments
    path = second.folder(home) / first.dead.file
    path.write_bytes(dead_file(home, first).read_bytes())

    with pytest.raises(CorruptArtifact, match=f"{path} names row 5, and segment-0001 has 4"):
        read_dead_rows(home, second.model_copy(update={"dead": first.dead}))


def test_a_segment_whose_rows_can_not_be_read_keeps_no_other_from_being_published(
    home: Home, published: Snapshot
) -> None:
    (path,) = home.segments.glob("segment-0000/*/rows.parquet")
    path.write_bytes(path.read_bytes()[::-1])
    grown = build_segment(home, "segment-0001", {"batch-000002": [photo(31, "red")]})

    snapshot = publish(home, {**published.segment_versions, "segment-0001": grown}, dead=DEAD)

    assert snapshot == current_snapshot(home)
    assert snapshot.segments[0] == published.segments[0]
    assert snapshot.segments[1].rows.version == grown

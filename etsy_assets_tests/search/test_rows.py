import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.rows import build_segment_rows, latest_rows, order_rows, read_rows
from etsy_assets.storage import Home

IMAGES = {"batch-000001": [(7, 71, "c"), (5, 52, "b"), (5, 51, "a")], "batch-000000": [(9, 91, "d")]}


def test_rows_are_ordered_by_batch_listing_and_image() -> None:
    rows = order_rows("segment-0000", IMAGES)

    assert rows.listing_ids.tolist() == [9, 5, 5, 7]
    assert rows.image_ids.tolist() == [91, 51, 52, 71]
    assert rows.batches == ("batch-000000", "batch-000001", "batch-000001", "batch-000001")
    assert rows.cutout_sha256 == ("d", "a", "b", "c")
    assert rows.listings.tolist() == [9, 5, 7]


@given(st.randoms())
def test_the_order_and_the_version_do_not_depend_on_the_order_of_the_input(random) -> None:
    shuffled = {batch: random.sample(images, len(images)) for batch, images in random.sample(list(IMAGES.items()), 2)}

    rows = order_rows("segment-0000", shuffled)

    assert rows.image_ids.tolist() == [91, 51, 52, 71]
    assert rows.version == order_rows("segment-0000", IMAGES).version


def test_another_cutout_of_the_same_image_is_another_version() -> None:
    changed = {**IMAGES, "batch-000000": [(9, 91, "another")]}

    assert order_rows("segment-0000", changed).version != order_rows("segment-0000", IMAGES).version


def test_the_files_hold_every_column_and_read_back_as_they_were(home: Home) -> None:
    manifest = build_segment_rows(home, "segment-0000", IMAGES)

    table = pq.read_table(home.segment("segment-0000", manifest.version) / "rows.parquet")
    assert table.column_names == ["row", "listing_id", "image_id", "batch", "cutout_sha256"]
    assert table["row"].to_pylist() == [0, 1, 2, 3]
    assert (manifest.rows, manifest.listings) == (4, 3)
    back = read_rows(home, manifest)
    assert back.version == manifest.version
    assert np.array_equal(back.listings, [9, 5, 7])
    assert latest_rows(home, "segment-0000") == manifest


def test_building_the_same_rows_again_rewrites_nothing(home: Home) -> None:
    first = build_segment_rows(home, "segment-0000", IMAGES)
    path = home.segment("segment-0000", first.version) / "rows.parquet"
    inode = path.stat().st_ino

    assert build_segment_rows(home, "segment-0000", IMAGES) == first
    assert path.stat().st_ino == inode


def test_building_again_mends_a_damaged_file(home: Home) -> None:
    manifest = build_segment_rows(home, "segment-0000", IMAGES)
    path = home.segment("segment-0000", manifest.version) / "rows.parquet"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CorruptArtifact, match=r"rows\.parquet is damaged.*materialize segment_rows for segment-0000"):
        read_rows(home, manifest)

    assert build_segment_rows(home, "segment-0000", IMAGES) == manifest
    read_rows(home, manifest)


def test_a_listing_in_two_batches_is_refused_before_anything_is_written(home: Home) -> None:
    with pytest.raises(CorruptArtifact, match="Listing 9 stands in two batches, batch-000000 and batch-000001"):
        build_segment_rows(home, "segment-0000", {**IMAGES, "batch-000001": [(9, 92, "x")]})

    assert not home.segments.exists()


def test_a_batch_without_a_usable_image_still_counts_as_covered(home: Home) -> None:
    manifest = build_segment_rows(home, "segment-0000", {**IMAGES, "batch-000002": []})

    assert manifest.batches == ("batch-000000", "batch-000001", "batch-000002")
    assert manifest.rows == 4


def test_a_segment_whose_rows_were_never_built_has_none(home: Home) -> None:
    assert latest_rows(home, "segment-0009") is None

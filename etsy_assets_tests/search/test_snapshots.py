import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from etsy_assets.errors import ConfigurationError, CorruptArtifact, PassingFault
from etsy_assets.search.indexes import build_index
from etsy_assets.search.publish_lock import publishing
from etsy_assets.search.snapshots import (
    Snapshot,
    current_snapshot,
    make_current,
    publish,
    publish_alone,
    published_versions,
    read_snapshot,
    write_snapshot,
)
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_colours import (
    ENCODERS,
    TWO_SEGMENTS,
    build_segment,
    photo,
    store_embeddings,
)

FINE = ENCODERS["fine"]


def test_a_snapshot_says_what_it_holds(home: Home, published: Snapshot) -> None:
    snapshot = published

    assert current_snapshot(home) == snapshot
    assert snapshot.counts.model_dump() == {
        "segments": 2,
        "batches": 3,
        "listings": 9,
        "images": 11,
        "dead_images": 0,
    }
    assert snapshot.batches == {"batch-000000", "batch-000001", "batch-000002"}
    assert {name: encoder.dimension for name, encoder in snapshot.encoders.items()} == {"coarse": 12, "fine": 48}
    assert set(snapshot.text_encoders) == {"coarse", "fine"}


def test_nothing_is_published_before_the_first_snapshot(home: Home) -> None:
    assert current_snapshot(home) is None


def test_publishing_the_same_content_again_changes_nothing(home: Home, published: Snapshot) -> None:
    first = published

    assert publish(home, first.segment_versions) == first
    assert published_versions(home) == (first.version,)


def test_a_new_batch_makes_a_newer_version(home: Home, published: Snapshot) -> None:
    first = published
    batches = {**TWO_SEGMENTS["segment-0001"], "batch-000003": [photo(41, "white")]}
    version = build_segment(home, "segment-0001", batches)

    second = publish(home, {**first.segment_versions, "segment-0001": version})

    assert second.version > first.version
    assert second.counts.images == first.counts.images + 1
    assert current_snapshot(home) == second
    assert read_snapshot(home, first.version) == first


def test_a_crash_before_current_is_replaced_leaves_the_old_corpus_and_the_retry_completes(
    home: Home, published: Snapshot
) -> None:
    first = published
    version = build_segment(home, "segment-0001", {"batch-000002": [photo(31, "red")]})
    wanted = {**first.segment_versions, "segment-0001": version}
    orphan = publish(home, wanted)
    make_current(home, first.version)  # as it was when the process died: the snapshot written, CURRENT not yet

    assert current_snapshot(home) == first

    retried = publish(home, wanted)
    assert current_snapshot(home) == retried
    assert retried.segments == orphan.segments


def test_a_written_snapshot_is_not_searched_until_it_is_made_current(home: Home, published: Snapshot) -> None:
    first = published
    newer = first.model_copy(update={"version": f"99990101T000000.000000Z-{first.content_hash}"})
    write_snapshot(home, newer)
    assert current_snapshot(home) == first

    make_current(home, newer.version)
    assert current_snapshot(home) == newer


def test_an_encoder_that_lacks_a_segment_is_refused_by_name_or_left_out_if_asked(home: Home) -> None:
    versions = {
        "segment-0000": build_segment(home, "segment-0000", TWO_SEGMENTS["segment-0000"]),
        "segment-0001": build_segment(home, "segment-0001", TWO_SEGMENTS["segment-0001"], [ENCODERS["coarse"]]),
    }

    with pytest.raises(ConfigurationError, match="index/fine covers 1 of 2 segments and not segment-0001"):
        publish(home, versions)
    assert current_snapshot(home) is None

    snapshot = publish(home, versions, leave_out_incomplete=True)
    assert set(snapshot.encoders) == {"coarse"}
    assert all("fine" not in segment.indexes for segment in snapshot.segments)


def test_an_encoder_that_covers_the_corpus_later_joins_without_touching_the_others(home: Home) -> None:
    versions = {
        name: build_segment(home, name, batches, [ENCODERS["coarse"]]) for name, batches in TWO_SEGMENTS.items()
    }
    first = publish(home, versions)
    for name, batches in TWO_SEGMENTS.items():
        assert build_segment(home, name, batches, [FINE]) == versions[name]

    second = publish(home, versions)

    assert set(second.encoders) == {"coarse", "fine"}
    for before, after in zip(first.segments, second.segments, strict=True):
        assert after.indexes["coarse"] == before.indexes["coarse"]


def test_an_index_over_older_rows_is_refused(home: Home) -> None:
    versions = {name: build_segment(home, name, batches) for name, batches in TWO_SEGMENTS.items()}
    path = home.segment("segment-0001", versions["segment-0001"]) / "fine.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rows": 3}))

    with pytest.raises(CorruptArtifact, match="index/fine of segment-0001 has 3 rows"):
        publish(home, versions)


def test_segments_embedded_by_two_models_of_one_name_are_refused(home: Home) -> None:
    versions = {name: build_segment(home, name, batches) for name, batches in TWO_SEGMENTS.items()}
    batches = TWO_SEGMENTS["segment-0001"]
    for batch, photos in batches.items():
        store_embeddings(home, batch, photos, replace(FINE, fingerprint="colours-2"))
    build_index(home, "segment-0001", versions["segment-0001"], "fine")

    with pytest.raises(ConfigurationError, match=r"index/fine was built with two models, colours-1 .* colours-2"):
        publish(home, versions)


def test_a_batch_in_two_segments_is_refused(home: Home) -> None:
    batches = TWO_SEGMENTS["segment-0000"]
    versions = {name: build_segment(home, name, batches) for name in ("segment-0000", "segment-0001")}

    with pytest.raises(ConfigurationError, match="batch-000000 stands in segment-0000 and in segment-0001"):
        publish(home, versions)


def test_a_damaged_new_file_is_not_published(home: Home) -> None:
    versions = {name: build_segment(home, name, batches) for name, batches in TWO_SEGMENTS.items()}
    (path,) = home.segment("segment-0001", versions["segment-0001"]).glob("fine.*.f16")
    path.write_bytes(path.read_bytes()[::-1])

    with pytest.raises(CorruptArtifact, match=path.name):
        publish(home, versions)
    assert current_snapshot(home) is None


def test_damage_to_what_is_published_already_holds_up_no_other_segment(home: Home, published: Snapshot) -> None:
    (path,) = home.segment("segment-0000", published.segment_versions["segment-0000"]).glob("fine.*.f16")
    path.unlink()
    version = build_segment(home, "segment-0001", {"batch-000002": [photo(31, "red")]})

    newer = publish(home, {**published.segment_versions, "segment-0001": version})

    assert newer.segment_versions["segment-0001"] == version
    assert next(newer.segments[0].problems(home)).startswith(f"{path} is missing")


def test_an_encoder_that_is_being_added_is_left_out_until_it_covers_every_segment(home: Home) -> None:
    versions = {
        name: build_segment(home, name, batches, [ENCODERS["coarse"]]) for name, batches in TWO_SEGMENTS.items()
    }
    publish(home, versions)
    build_segment(home, "segment-0000", TWO_SEGMENTS["segment-0000"], [FINE])
    new = build_segment(home, "segment-0002", {"batch-000004": [photo(51, "white")]})

    with publishing(home):
        midway = publish_alone(home, {**versions, "segment-0002": new})

    assert set(midway.snapshot.encoders) == {"coarse"}
    assert "index/fine covers 2 of 3 segments and not segment-0001" in midway.left_out["fine"]
    assert "text_index/fine covers 2 of 3 segments" in midway.left_out["text_fine"]
    build_segment(home, "segment-0001", TWO_SEGMENTS["segment-0001"], [FINE])
    assert set(publish(home, {**versions, "segment-0002": new}).encoders) == {"coarse", "fine"}


def test_an_encoder_that_is_published_is_not_lost_for_a_segment_that_lacks_it(home: Home, published: Snapshot) -> None:
    new = build_segment(home, "segment-0002", {"batch-000004": [photo(51, "white")]}, [ENCODERS["coarse"]])

    with pytest.raises(ConfigurationError, match="index/fine covers 2 of 3 segments and not segment-0002"):
        publish(home, {**published.segment_versions, "segment-0002": new})

    assert current_snapshot(home) == published


def test_a_snapshot_that_an_earlier_version_of_the_code_published_is_still_read(
    home: Home, published: Snapshot
) -> None:
    path = home.snapshots / f"{published.version}.json"
    content = json.loads(path.read_text())
    del content["tombstones"], content["counts"]["dead_images"]
    for segment in content["segments"]:
        del segment["dead"]
    path.write_text(json.dumps(content))

    assert current_snapshot(home) == published


def test_a_publisher_waits_for_the_one_before_it_and_publishes_on_top_of_it(home: Home, published: Snapshot) -> None:
    """Each adds a segment of its own to what it finds published, all at the same time."""
    new = {
        f"segment-{number:04d}": build_segment(
            home, f"segment-{number:04d}", {f"batch-{number:06d}": [photo(100 + number, "blue")]}
        )
        for number in range(10, 18)
    }
    start = threading.Barrier(len(new))

    def add(segment: str) -> Snapshot:
        start.wait()
        with publishing(home):
            return publish_alone(home, {**current_snapshot(home).segment_versions, segment: new[segment]}).snapshot

    with ThreadPoolExecutor(len(new)) as publishers:
        snapshots = list(publishers.map(add, new))

    newest = current_snapshot(home)
    assert newest.segment_versions == {**published.segment_versions, **new}
    assert newest == max(snapshots, key=lambda snapshot: snapshot.version)
    assert sorted(snapshot.counts.segments for snapshot in snapshots) == list(range(3, 11))
    assert not (home.snapshots / ".publish.lock").exists()


def test_a_publisher_that_is_kept_waiting_too_long_says_so(
    home: Home, published: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etsy_assets.search.publish_lock.PUBLISH_WAIT_SECONDS", 0)
    with publishing(home), pytest.raises(PassingFault, match=f"Another process is publishing to {home.snapshots}"):
        publish(home, published.segment_versions)


def test_publishing_nothing_is_refused(home: Home) -> None:
    with pytest.raises(ConfigurationError, match="no segment to publish"):
        publish(home, {})


@pytest.mark.parametrize("damage", ["cut off", "changed", "removed"])
def test_a_damaged_snapshot_is_named_and_publishing_again_mends_it(
    home: Home, damage: str, published: Snapshot
) -> None:
    snapshot = published
    path = home.snapshots / f"{snapshot.version}.json"
    match damage:
        case "cut off":
            path.write_text(path.read_text()[:-100])
        case "changed":
            path.write_text(path.read_text().replace('"images": 11', '"images": 12'))
        case "removed":
            path.unlink()

    with pytest.raises(CorruptArtifact, match=snapshot.version):
        current_snapshot(home)

    publish(home, snapshot.segment_versions)
    mended = current_snapshot(home)
    assert mended is not None
    assert mended.segments == snapshot.segments


def test_a_pointer_to_nothing_is_named(home: Home, published: Snapshot) -> None:
    (home.snapshots / "CURRENT").write_bytes(b"\xff\x00")

    with pytest.raises(CorruptArtifact, match="CURRENT"):
        current_snapshot(home)

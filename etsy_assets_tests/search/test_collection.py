"""Files are aged by hand here: whatever was written less than a day ago may be part of a build, and stays."""

import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from etsy_assets.errors import ConfigurationError, CorruptArtifact
from etsy_assets.search.collection import collect, find_rubbish
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.engine import SearchEngine
from etsy_assets.search.index_policy import IndexKind, IndexPolicy
from etsy_assets.search.indexes import build_index
from etsy_assets.search.kept_snapshots import roll_back
from etsy_assets.search.named_files import snapshot_files
from etsy_assets.search.query import Query, QueryKind
from etsy_assets.search.rows import build_segment_rows
from etsy_assets.search.snapshots import Snapshot, current_snapshot, publish, published_versions, read_snapshot
from etsy_assets.search.verification import verify_files
from etsy_assets.storage import Home
from etsy_assets_tests.search.clustered_vectors import clustered_vectors, index_batches
from etsy_assets_tests.search.shop_of_colours import (
    ENCODERS,
    PHOTOS,
    TWO_SEGMENTS,
    build_segment,
    photo,
    rows_of,
    store_embeddings,
)

OPEN = "segment-0001"
HOUR = 3600


def age(home: Home, hours: float) -> None:
    """As if everything in the home folder had been written so long ago."""
    then = time.time() - hours * HOUR
    for path in home.root.rglob("*"):
        os.utime(path, (then, then))


def grown(home: Home, batches: int) -> str:
    """The open segment with so many batches more; returns its version."""
    more = {f"batch-{3 + number:06d}": [photo(41 + number, "white")] for number in range(batches)}
    return build_segment(home, OPEN, {**TWO_SEGMENTS[OPEN], **more})


def publish_grown(home: Home, batches: int) -> Snapshot:
    current = current_snapshot(home)
    assert current is not None
    return publish(home, {**current.segment_versions, OPEN: grown(home, batches)})


@pytest.fixture
def three(home: Home, published: Snapshot) -> list[Snapshot]:
    """Three snapshots, of which each has its own version of the open segment; all files are two days old."""
    snapshots = [published, publish_grown(home, 1), publish_grown(home, 2)]
    age(home, 48)
    return snapshots


def everything(home: Home) -> set[Path]:
    return {path for path in home.root.rglob("*") if path.is_file()}


def test_old_snapshots_go_with_the_files_that_only_they_name(home: Home, three: list[Snapshot]) -> None:
    first, second, third = three
    before = everything(home)

    collected = collect(home, keep=2)

    assert published_versions(home) == (second.version, third.version)
    assert collected.snapshots == (home.snapshots / f"{first.version}.json",)
    assert before - everything(home) == {*collected.snapshots, *collected.files}
    assert set(collected.files) >= snapshot_files(home, first) - snapshot_files(home, second)
    assert not home.segment(OPEN, first.segment_versions[OPEN]).exists()
    for snapshot in (second, third):
        verify_files(home, snapshot)
    assert collect(home, keep=2).files == ()


def test_a_dry_run_says_the_same_and_deletes_nothing(home: Home, three: list[Snapshot]) -> None:
    before = everything(home)

    announced = collect(home, keep=1, dry_run=True)

    assert everything(home) == before
    assert announced.bytes == sum(path.stat().st_size for path in (*announced.snapshots, *announced.files)) > 0
    assert collect(home, keep=1) == announced


def test_the_current_snapshot_stays_however_old_it_is(home: Home, three: list[Snapshot]) -> None:
    first, _, third = three
    roll_back(home, first.version)

    collect(home, keep=1)

    assert published_versions(home) == (first.version, third.version)
    assert current_snapshot(home) == first
    verify_files(home, first)
    roll_back(home, third.version)


def test_a_corpus_that_is_open_is_searched_after_its_files_are_gone(home: Home, three: list[Snapshot]) -> None:
    corpus = Corpus.open(home, three[0])

    collect(home, keep=1)

    assert not (home.snapshots / f"{three[0].version}.json").exists()
    for key, item in PHOTOS.items():
        vector = ENCODERS["fine"].embed_images([item.image])[0]
        assert corpus.identify(int(corpus.indexes["fine"].search(vector, 1).rows[0])) == key


def test_the_rows_built_last_stay_with_their_indexes_before_they_are_published(
    home: Home, three: list[Snapshot]
) -> None:
    version = grown(home, 3)
    age(home, 48)

    collect(home, keep=1)

    snapshot = publish(home, {**three[2].segment_versions, OPEN: version})
    verify_files(home, snapshot)


def test_what_is_published_can_be_published_again_with_what_was_built_over_it(
    home: Home, three: list[Snapshot]
) -> None:
    """A segment whose newest rows lack an index is published as it was, from its manifests."""
    build_segment_rows(home, OPEN, rows_of({**TWO_SEGMENTS[OPEN], "batch-000009": [photo(99, "red")]}))
    newer = replace(ENCODERS["fine"], fingerprint="colours-2")
    for segment, version in three[2].segment_versions.items():
        batches = {**TWO_SEGMENTS[segment]}
        if segment == OPEN:
            batches |= {f"batch-{3 + number:06d}": [photo(41 + number, "white")] for number in range(2)}
        for batch, photos in batches.items():
            store_embeddings(home, batch, photos, newer)
        build_index(home, segment, version, "fine")
    age(home, 48)

    collect(home, keep=1)

    snapshot = publish(home, three[2].segment_versions)
    assert snapshot.encoders["fine"].fingerprint == "colours-2"
    verify_files(home, snapshot)
    verify_files(home, three[2])


def test_a_file_in_a_published_version_that_nothing_names_goes_once_it_is_old(home: Home, published: Snapshot) -> None:
    """It was written before its manifest, by a build that was killed or is still at work."""
    folder = published.segments[0].folder(home)
    age(home, 48)
    orphan = folder / "fine.0123456789ab.faiss"
    orphan.write_bytes(b"an index")
    assert collect(home).files == ()

    age(home, 23)
    assert collect(home).files == ()
    age(home, 25)
    assert collect(home).files == (orphan,)
    assert not orphan.exists()


def test_a_version_that_is_being_built_stays(home: Home, three: list[Snapshot]) -> None:
    """Its rows are written before LATEST names it, and LATEST may name the next before its indexes are built."""
    being_built = grown(home, 3)
    (home.segments / OPEN / "LATEST").write_text(three[2].segment_versions[OPEN] + "\n")

    collect(home, keep=1)

    verify_files(home, publish(home, {**three[2].segment_versions, OPEN: being_built}))


def test_rows_that_are_wanted_again_are_young_again(home: Home, three: list[Snapshot]) -> None:
    first = three[0]
    planned = find_rubbish(home, keep=1)
    assert first.segments[1].folder(home) in {path.parent for path in planned.files}

    assert build_segment_rows(home, OPEN, rows_of(TWO_SEGMENTS[OPEN])).version == first.segment_versions[OPEN]
    (home.segments / OPEN / "LATEST").write_text(three[2].segment_versions[OPEN] + "\n")  # as before it is written

    collect(home, keep=1)
    verify_files(home, publish(home, first.segment_versions))


def test_a_kept_snapshot_that_can_not_be_read_stops_it_before_anything_is_deleted(
    home: Home, three: list[Snapshot]
) -> None:
    path = home.snapshots / f"{three[1].version}.json"
    path.write_text(path.read_text().replace('"images": 12', '"images": 13'))
    before = everything(home)

    with pytest.raises(CorruptArtifact, match=three[1].version):
        collect(home, keep=2)
    assert everything(home) == before

    (home.snapshots / "CURRENT").write_text("nothing")
    with pytest.raises(CorruptArtifact, match="CURRENT"):
        collect(home, keep=1)
    assert everything(home) == before | {home.snapshots / "CURRENT"}


def test_a_version_whose_manifest_can_not_be_read_stays_whole(home: Home, three: list[Snapshot]) -> None:
    folder = three[2].segments[1].folder(home)
    (folder / "fine.0123456789ab.faiss").write_bytes(b"perhaps what the manifest named")
    (folder / "fine.json").write_text("{")
    age(home, 48)
    before = {path for path in everything(home) if path.parent == folder}

    collect(home, keep=1)

    assert {path for path in everything(home) if path.parent == folder} == before


@pytest.mark.parametrize("content", [b"", bytes(13), b"\xff\xfe", b"0123456789ab"])
def test_a_segment_whose_newest_rows_can_not_be_told_stays_whole(
    home: Home, three: list[Snapshot], content: bytes
) -> None:
    (home.segments / OPEN / "LATEST").write_bytes(content)
    age(home, 48)

    assert collect(home, keep=1).files == ()
    verify_files(home, three[0])


def test_what_killed_processes_left_goes_after_an_hour(home: Home, published: Snapshot) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    folder = published.segments[0].folder(home)
    dead = [
        folder / f".fine.f16.partial.{ended.pid}.tmp",
        folder / ".fine.faiss.partial",
        home.snapshots / f".CURRENT.{ended.pid}.tmp",
    ]
    alive = [folder / f".rows.parquet.{os.getpid()}.tmp", home.snapshots / ".publish.lock.before"]
    for path in (*dead, *alive):
        path.write_bytes(b"half")
    assert collect(home).files == ()

    age(home, 2)
    assert set(collect(home).files) == set(dead)
    assert not any(path.exists() for path in dead)
    assert all(path.exists() for path in alive)
    verify_files(home, published)


def test_killed_at_any_moment_it_leaves_a_sound_corpus_and_the_next_one_completes(
    home: Home, three: list[Snapshot], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rubbish = find_rubbish(home, keep=1)
    doomed = [path.relative_to(home.root) for path in (*rubbish.snapshots, *rubbish.files)]
    assert len(doomed) > 20
    for deleted in range(0, len(doomed) + 1, 3):
        copy = Home(tmp_path_factory.mktemp("killed") / "home")
        shutil.copytree(home.root, copy.root)
        for path in doomed[:deleted]:
            (copy.root / path).unlink()

        for version in published_versions(copy):
            verify_files(copy, read_snapshot(copy, version))
        collect(copy, keep=1)
        assert published_versions(copy) == (three[2].version,)
        assert not any((copy.root / path).exists() for path in doomed)


def test_it_may_run_all_the_time_while_others_build_publish_and_search(home: Home, published: Snapshot) -> None:
    ended, failures = threading.Event(), []

    def grow() -> None:
        try:
            for batches in range(1, 9):
                publish_grown(home, batches)
                for path in list(home.segments.rglob("*")):
                    with suppress(FileNotFoundError):  # just collected
                        os.utime(path, (0, 0))
        except Exception as error:
            failures.append(error)
        ended.set()

    engine = SearchEngine(home, ENCODERS.__getitem__)
    builder = threading.Thread(target=grow)
    builder.start()
    collected = 0
    while not ended.wait(0.02):
        collected += len(collect(home, keep=2).snapshots)
        assert engine.refresh().version in (*published_versions(home), engine.corpus.version)
        image = PHOTOS[31, 310].image
        assert engine.search(Query(QueryKind.image, "a photo", image=image)).matches[0].listing_id == 31
    builder.join()

    assert failures == []
    collected += len(collect(home, keep=1).snapshots)
    assert collected == 8
    (version,) = published_versions(home)
    verify_files(home, read_snapshot(home, version))


def test_no_snapshot_at_all_can_not_be_kept(home: Home, three: list[Snapshot]) -> None:
    with pytest.raises(ConfigurationError, match="0 snapshots can't be kept"):
        collect(home, keep=0)
    assert len(published_versions(home)) == 3


def test_in_an_empty_home_there_is_nothing_to_collect(home: Home) -> None:
    assert collect(home).bytes == 0


def test_a_codebook_stays_while_an_index_that_was_made_with_it_does(home: Home) -> None:
    policy = IndexPolicy(kind=IndexKind.IVF_SQ8)
    small = index_batches(home, "segment-0000", {"batch-000000": clustered_vectors(700, 1)}, policy)
    large = index_batches(home, "segment-0001", {"batch-000001": clustered_vectors(3000, 2)}, policy)
    publish(home, {"segment-0000": small.rows_version, "segment-0001": large.rows_version})
    index_batches(home, "segment-0000", {"batch-000000": clustered_vectors(701, 1)}, policy)
    last = index_batches(home, "segment-0000", {"batch-000000": clustered_vectors(702, 1)}, policy)
    publish(home, {"segment-0000": last.rows_version, "segment-0001": large.rows_version})
    assert small.codebook and large.codebook and last.codebook == large.codebook
    age(home, 48)

    assert not any("codebooks" in path.parts for path in collect(home, keep=2).files)
    files = collect(home, keep=1).files

    gone = home.root / small.codebook.file
    assert [path for path in files if "codebooks" in path.parts] == [gone.with_suffix(".json"), gone]
    snapshot = current_snapshot(home)
    assert snapshot is not None
    verify_files(home, snapshot)
    (home.root / large.codebook.file).unlink()
    with pytest.raises(CorruptArtifact, match=large.codebook.file):
        verify_files(home, snapshot)

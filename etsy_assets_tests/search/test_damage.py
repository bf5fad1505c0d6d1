"""Every file of a published corpus, damaged in every way: refused by name before a single answer comes from it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.engine import SearchEngine
from etsy_assets.search.segments import verify_segment
from etsy_assets.search.snapshots import Snapshot, current_snapshot, publish
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_vectors import ENCODERS, OPEN, SEALED, search_for, wrong_in


def named_files(home: Home, snapshot: Snapshot) -> list[Path]:
    """Every file that the snapshot names: those below its segments, and the codebooks that these share."""
    codebooks = {home.root / codebook.file for segment in snapshot.segments for codebook in segment.codebooks}
    files = [segment.folder(home) / name for segment in snapshot.segments for name, *_ in segment.files()]
    return [*files, *sorted(codebooks)]


def swapped_with(path: Path, home: Home, files: list[Path]) -> Path:
    """The same file of another encoder, or of another segment where no encoder has it; of the same size, if one is."""
    of_an_encoder = path.name.split(".")[0].removeprefix("text_") in ENCODERS

    def is_alike(other: Path) -> bool:
        if path.parent.parent == home.root / "codebooks":
            return other.parent.parent == path.parent.parent
        return other.parent == path.parent if of_an_encoder else other.name == path.name

    alike = [other for other in files if other != path and other.suffix == path.suffix and is_alike(other)]
    return min(alike, key=lambda other: abs(other.stat().st_size - path.stat().st_size))


def flipped(content: bytes, position: int, bit: int = 0) -> bytes:
    changed = bytearray(content)
    changed[position] ^= 1 << bit
    return bytes(changed)


def damages(path: Path, home: Home, files: list[Path]) -> Iterator[tuple[str, bytes | None]]:
    """What the file is replaced by; None = it is removed."""
    content = path.read_bytes()
    yield "first byte flipped", flipped(content, 0)
    yield "middle byte flipped", flipped(content, len(content) // 2, 7)
    yield "last byte flipped", flipped(content, -1)
    yield "cut off", content[:-1]
    yield "emptied", b""
    yield "zeros after a power cut", bytes(len(content))
    yield "swapped", swapped_with(path, home, files).read_bytes()
    yield "removed", None


def put(path: Path, content: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)


def test_a_damaged_file_is_refused_by_name_whatever_the_damage(home: Home, vectors: Snapshot) -> None:
    files = named_files(home, vectors)
    assert {path.suffix for path in files} == {".parquet", ".f16", ".faiss"}
    for path in files:
        content = path.read_bytes()
        for damage, damaged in damages(path, home, files):
            put(path, damaged)
            segment = path.parent.parent.name if path.is_relative_to(home.segments) else SEALED
            (problem,) = verify_segment(home, segment, vectors.segment_versions[segment])
            assert str(path) in problem, damage
            with pytest.raises(CorruptArtifact) as refused:
                Corpus.open(home, vectors, verify=True)
            assert str(refused.value) == problem
        put(path, content)
    Corpus.open(home, vectors, verify=True)


def test_a_corpus_with_a_damaged_file_can_not_be_published(home: Home, vectors: Snapshot) -> None:
    put(home.snapshots / "CURRENT", None)
    files = named_files(home, vectors)
    for path in files:
        content = path.read_bytes()
        put(path, flipped(content, len(content) // 3))
        with pytest.raises(CorruptArtifact, match=path.name):
            publish(home, vectors.segment_versions)
        put(path, content)
    assert current_snapshot(home) is None


MANIFESTS = ["oak.json", "pine.json", "text_oak.json", "rows.json"]


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_can_not_be_read_is_named(home: Home, vectors: Snapshot, name: str) -> None:
    path = home.segment(OPEN, vectors.segment_versions[OPEN]) / name
    content = path.read_bytes()
    for damaged in (b"", bytes(len(content)), content[: len(content) // 2], b"[]", b"{}", flipped(content, 0)):
        put(path, damaged)
        (problem,) = verify_segment(home, OPEN, vectors.segment_versions[OPEN])
        assert str(path) in problem


@pytest.mark.parametrize("name", MANIFESTS)
@pytest.mark.parametrize("other", MANIFESTS)
def test_a_manifest_in_the_place_of_another_is_named(home: Home, vectors: Snapshot, name: str, other: str) -> None:
    """Or one encoder's index would be searched under the other's name, with all checksums right."""
    versions = vectors.segment_versions
    path = home.segment(OPEN, versions[OPEN]) / name
    other_path = home.segment(SEALED if name == other else OPEN, versions[SEALED if name == other else OPEN]) / other
    put(path, other_path.read_bytes())

    problems = verify_segment(home, OPEN, versions[OPEN])
    assert problems
    assert str(path) in problems[0]
    with pytest.raises(CorruptArtifact, match=path.name):
        publish(home, versions)


def test_no_flipped_byte_of_a_snapshot_leads_to_another_corpus(home: Home, vectors: Snapshot) -> None:
    path = home.snapshots / f"{vectors.version}.json"
    content = path.read_bytes()
    for position in range(0, len(content), 3):
        put(path, flipped(content, position, position % 8))
        try:
            found = current_snapshot(home)
        except CorruptArtifact as refused:
            assert str(path) in str(refused)
        else:
            # The hash in a snapshot's version is that of what is searched, and not of when it was published.
            assert found.model_copy(update={"created_at": vectors.created_at}) == vectors


def test_no_flipped_byte_of_current_leads_to_another_snapshot(home: Home, vectors: Snapshot) -> None:
    pointer = home.snapshots / "CURRENT"
    content = pointer.read_bytes()
    for position in range(len(content.strip())):
        for bit in range(8):
            put(pointer, flipped(content, position, bit))
            with pytest.raises(CorruptArtifact, match="CURRENT"):
                current_snapshot(home)


@pytest.mark.parametrize("content", [b"", b"\n", bytes(4096), b"..", b"../snapshots/", b"\xff\xfe"])
def test_a_pointer_that_names_no_snapshot_is_named_and_publishing_mends_it(
    home: Home, vectors: Snapshot, content: bytes
) -> None:
    put(home.snapshots / "CURRENT", content)

    with pytest.raises(CorruptArtifact, match="CURRENT"):
        current_snapshot(home)

    publish(home, vectors.segment_versions)
    assert current_snapshot(home).content_hash == vectors.content_hash


def test_a_snapshot_under_the_name_of_another_is_refused(home: Home, vectors: Snapshot) -> None:
    newer = publish(home, {SEALED: vectors.segment_versions[SEALED]})
    path = home.snapshots / f"{newer.version}.json"
    put(path, (home.snapshots / f"{vectors.version}.json").read_bytes())

    with pytest.raises(CorruptArtifact, match=newer.version):
        current_snapshot(home)


def test_a_snapshot_that_says_otherwise_of_its_rows_is_refused(home: Home, vectors: Snapshot) -> None:
    """Row N of every index is the same image: a snapshot of indexes with different row counts is no corpus."""
    path = home.snapshots / f"{vectors.version}.json"
    content = json.loads(path.read_text())
    content["segments"][0]["indexes"]["oak"]["rows"] -= 1
    uneven = Snapshot.model_validate(content)

    with pytest.raises(CorruptArtifact, match=f"index/oak of {SEALED} has"):
        Corpus.open(home, uneven, verify=False)


def test_an_engine_goes_on_with_the_corpus_in_use_when_all_of_its_files_are_damaged(
    home: Home, vectors: Snapshot
) -> None:
    """What replaces a file has another inode; the one in use is mapped until the engine lets go of it."""
    engine = SearchEngine(home, ENCODERS.__getitem__)
    assert engine.refresh().version == vectors.version
    for path in [*named_files(home, vectors), home.snapshots / "CURRENT"]:
        put(path, b"damaged")

    with pytest.raises(CorruptArtifact):
        engine.refresh()

    assert wrong_in(search_for(engine, 4321), 4321) == []

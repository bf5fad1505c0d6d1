"""Damage that a checksum shows is made in the files; damage that it does not show is published with good checksums."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from etsy_assets.encoders.embeddings import read_embeddings, write_embeddings
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import find_encoder
from etsy_assets.errors import ConfigurationError, CorruptArtifact
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.indexes import build_index
from etsy_assets.search.manifests import FileStamp, IndexManifest
from etsy_assets.search.named_files import named_files
from etsy_assets.search.segments import NamedFile, Segment
from etsy_assets.search.snapshots import Snapshot, publish
from etsy_assets.search.verification import verify_alignment, verify_files
from etsy_assets.storage import Home
from etsy_assets_tests.assets.deployment import ENCODERS, Deployment
from etsy_assets_tests.search.shop_of_colours import TWO_SEGMENTS, build_segment

ALL = 1_000


def test_every_file_of_a_sound_corpus_is_read(home: Home, published: Snapshot) -> None:
    checked: list[NamedFile] = []

    corpus = verify_files(home, published, checked.append)

    assert corpus.version == published.version
    assert {file.path for file in checked} == {
        path for path in home.segments.rglob("*") if path.suffix in (".f16", ".faiss", ".parquet")
    }


@pytest.mark.parametrize("damage", ["flipped", "cut off", "removed"])
def test_any_damaged_file_is_named_with_what_builds_it(home: Home, published: Snapshot, damage: str) -> None:
    for file in list(named_files(home, published)):
        content = file.path.read_bytes()
        match damage:
            case "flipped":
                file.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            case "cut off":
                file.path.write_bytes(content[:-1])
            case "removed":
                file.path.unlink()

        with pytest.raises(CorruptArtifact, match=f"^{file.path} .*: materialize .* for {file.segment} to build"):
            verify_files(home, published)
        file.path.write_bytes(content)
    verify_files(home, published)


@pytest.mark.parametrize("index", ["fine", "text_fine"])
def test_a_flipped_bit_in_a_matrix_is_named_by_its_row(home: Home, published: Snapshot, index: str) -> None:
    segment = published.segments[0]
    path, dimension = matrix_of(home, segment, index), published.encoders["fine"].dimension
    content = bytearray(path.read_bytes())
    content[(3 * dimension + 5) * 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(CorruptArtifact, match=rf"^{path} is damaged .*, row 3: the first that is not as it was"):
        verify_files(home, published)


def matrix_of(home: Home, segment: Segment, index: str) -> Path:
    text = index.startswith("text_")
    manifest = (segment.text_indexes if text else segment.indexes)[index.removeprefix("text_")]
    return segment.folder(home) / manifest.matrix


@pytest.mark.parametrize("suffix", ["f16", "faiss"])
def test_files_swapped_between_encoders_are_told_apart(home: Home, published: Snapshot, suffix: str) -> None:
    folder = published.segments[0].folder(home)
    (coarse,), (fine,) = folder.glob(f"coarse.*.{suffix}"), folder.glob(f"fine.*.{suffix}")
    first, second = coarse.read_bytes(), fine.read_bytes()
    coarse.write_bytes(second)
    fine.write_bytes(first)

    with pytest.raises(
        CorruptArtifact, match=f"^{coarse} .*and holds what belongs in {fine}: materialize index/coarse"
    ):
        verify_files(home, published)


def with_file(home: Home, snapshot: Snapshot, field: str, content: bytes) -> tuple[Path, Snapshot]:
    """The snapshot as if the matrix, or the index, of `fine` had been built as `content`: its checksum is right."""
    segment = snapshot.segments[1]
    index = segment.indexes["fine"]
    path = segment.folder(home) / getattr(index, field)
    path.write_bytes(content)
    rebuilt: IndexManifest = index.model_copy(update={"files": {**index.files, path.name: FileStamp.of(path)}})
    changed = segment.model_copy(update={"indexes": {**segment.indexes, "fine": rebuilt}})
    return path, snapshot.model_copy(update={"segments": (snapshot.segments[0], changed)})


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
def test_a_vector_that_is_not_of_length_one_is_named_by_file_and_row(
    home: Home, published: Snapshot, value: float
) -> None:
    matrix = np.fromfile(matrix_of(home, published.segments[1], "fine"), np.float16).reshape(4, -1)
    matrix[2] *= value
    path, snapshot = with_file(home, published, "matrix", matrix.tobytes())

    with pytest.raises(CorruptArtifact, match=f"^{path}, row 2: its vector has the length .* and not 1"):
        verify_files(home, snapshot)


def test_an_index_with_fewer_vectors_than_its_matrix_is_named(home: Home, published: Snapshot) -> None:
    index = faiss.IndexFlatIP(48)
    index.add(np.eye(3, 48, dtype=np.float32))
    path, snapshot = with_file(home, published, "index", faiss.serialize_index(index).tobytes())

    with pytest.raises(CorruptArtifact, match=f"^{path} holds 3 vectors"):
        verify_files(home, snapshot)


def test_rows_that_are_not_those_of_their_version_are_named(home: Home, published: Snapshot) -> None:
    first, second = published.segments
    swapped = first.rows.model_copy(update={"version": second.rows.version, "segment": "segment-0000"})
    folder = home.segment("segment-0000", second.rows.version)
    first.folder(home).rename(folder)
    renamed = first.model_copy(
        update={
            "rows": swapped,
            "indexes": {n: i.model_copy(update={"rows_version": swapped.version}) for n, i in first.indexes.items()},
            "text_indexes": {
                n: i.model_copy(update={"rows_version": swapped.version}) for n, i in first.text_indexes.items()
            },
        }
    )

    with pytest.raises(
        CorruptArtifact, match=f"^{folder / 'rows.parquet'} holds 7 rows of version {first.rows.version}"
    ):
        verify_files(home, published.model_copy(update={"segments": (renamed, second)}))


def test_an_image_that_stands_in_two_segments_is_named_by_both_rows(home: Home) -> None:
    twice = {"batch-000007": TWO_SEGMENTS["segment-0000"]["batch-000001"]}
    versions = {
        "segment-0000": build_segment(home, "segment-0000", TWO_SEGMENTS["segment-0000"]),
        "segment-0001": build_segment(home, "segment-0001", twice),
    }
    snapshot = publish(home, versions)

    with pytest.raises(CorruptArtifact, match=r"rows\.parquet, row 0: image 210 of listing 21 stands in row 4 of"):
        verify_files(home, snapshot)


def test_an_index_of_another_model_than_the_snapshot_says_is_named(home: Home, published: Snapshot) -> None:
    changed = published.encoders["fine"].model_copy(update={"fingerprint": "colours-2"})
    snapshot = published.model_copy(update={"encoders": {**published.encoders, "fine": changed}})

    with pytest.raises(CorruptArtifact, match="index/fine of segment-0000 was built with the model colours-1"):
        verify_files(home, snapshot)


@pytest.fixture(scope="module")
def encoders() -> dict:
    return {name: load_encoder(find_encoder(name), "cpu") for name in ENCODERS}


def test_the_rows_of_a_sound_corpus_are_their_images(copied: Callable[..., Deployment], encoders: dict) -> None:
    deployed = copied()
    corpus = deployed.corpus()

    alignment = verify_alignment(deployed.home, corpus, encoders, ALL)

    assert (alignment.compared, alignment.changed) == (len(corpus.image_ids), 0)
    assert set(alignment.lowest) == set(ENCODERS)
    assert min(alignment.lowest.values()) > 0.999


def test_a_row_of_another_image_is_named_though_every_checksum_is_right(
    copied: Callable[..., Deployment], encoders: dict
) -> None:
    deployed, shifted, batch = copied(), ENCODERS[1], "batch-000002"
    path = deployed.home.embeddings(shifted, batch)
    good = read_embeddings(path)
    write_embeddings(path, replace(good, vectors=np.roll(good.vectors, len(good) // 2, axis=0)))
    versions = deployed.corpus().snapshot.segment_versions
    index = build_index(deployed.home, "segment-0001", versions["segment-0001"], shifted)
    snapshot = publish(deployed.home, versions)
    corpus = verify_files(deployed.home, snapshot)

    with pytest.raises(
        CorruptArtifact, match=rf"{index.matrix}, row \d+: it is not the vector of image \d+"
    ) as refused:
        verify_alignment(deployed.home, corpus, encoders, ALL)
    assert f"materialize embeddings/{shifted} for {batch} and index/{shifted} for segment-0001 again" in str(
        refused.value
    )


def test_cutouts_that_were_made_anew_since_are_counted_and_not_compared(
    copied: Callable[..., Deployment], encoders: dict
) -> None:
    """The segment of an older snapshot is right about its images, whatever became of their cutouts."""
    deployed, batch = copied(), "batch-000000"
    corpus = deployed.corpus()
    for suffix in (".tar", ".parquet"):
        other = deployed.home.cutouts("batch-000001").with_suffix(suffix)
        deployed.home.cutouts(batch).with_suffix(suffix).write_bytes(other.read_bytes())

    alignment = verify_alignment(deployed.home, corpus, encoders, ALL)

    changed = sum(corpus.batch_of(row) == batch for row in range(len(corpus.image_ids)))
    assert (alignment.compared, alignment.changed) == (len(corpus.image_ids) - changed, changed)


def test_a_damaged_cutout_archive_is_named(copied: Callable[..., Deployment], encoders: dict) -> None:
    deployed = copied()
    corpus, path = deployed.corpus(), deployed.home.cutouts("batch-000001")
    with ImageArchive.open(path) as archive:
        offset, size, _ = archive.ok_entries()[0].located
    content = bytearray(path.read_bytes())
    content[offset + size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptArtifact, match=f"{path} is damaged"):
        verify_alignment(deployed.home, corpus, encoders, ALL)

    path.unlink()
    with pytest.raises(CorruptArtifact, match=f"{path} is missing: materialize cutouts for batch-000001"):
        verify_alignment(deployed.home, corpus, encoders, ALL)


def test_weights_that_are_not_those_of_the_corpus_are_no_damage(
    copied: Callable[..., Deployment], encoders: dict
) -> None:
    deployed = copied()
    corpus: Corpus = deployed.corpus()
    crossed = {**encoders, ENCODERS[0]: encoders[ENCODERS[1]]}

    with pytest.raises(ConfigurationError, match=f"another model under the name {ENCODERS[0]}.*--sample 0"):
        verify_alignment(deployed.home, corpus, crossed, ALL)

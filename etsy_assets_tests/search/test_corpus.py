from pathlib import Path

import numpy as np
import pytest

from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.encoder_index import EncoderIndex
from etsy_assets.search.faiss_index import fill_index, open_index, write_index
from etsy_assets.search.index_policy import IndexKind
from etsy_assets.search.matrix import open_matrix
from etsy_assets.search.searchers import IndexPart
from etsy_assets.search.snapshots import Snapshot, publish
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_colours import (
    ENCODERS,
    PHOTOS,
    TWO_SEGMENTS,
    build_segment,
    photo,
)


@pytest.fixture
def random_index(tmp_path: Path) -> tuple[EncoderIndex, np.ndarray]:
    """Three parts of 300, 0 and 700 random unit vectors, and all vectors together."""
    vectors = np.random.default_rng(3).normal(size=(1000, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    parts = []
    for number, rows in enumerate([vectors[:300], vectors[300:300], vectors[300:]]):
        rows.tofile(tmp_path / f"{number}.f16")
        index = fill_index(IndexKind.FLAT, rows, None, f"segment-{number:04d}")
        write_index(index, tmp_path / f"{number}.faiss")
        matrix = open_matrix(tmp_path / f"{number}.f16", len(rows), 16)
        parts.append(IndexPart(open_index(tmp_path / f"{number}.faiss"), matrix))
    return EncoderIndex(16, parts), vectors.astype(np.float32)


def test_a_search_over_several_parts_finds_what_exact_search_over_all_rows_finds(random_index) -> None:
    index, vectors = random_index
    for query in vectors[::97]:
        exact = np.argsort(-(vectors @ query), kind="stable")[:25]

        hits = index.search(query, 25)

        assert hits.rows.tolist() == exact.tolist()
        assert np.allclose(hits.similarities, (vectors @ query)[exact], atol=1e-5)


def test_excluded_rows_are_not_returned_and_do_not_count(random_index) -> None:
    index, vectors = random_index
    exclude = np.array([500, 2, 700], dtype=np.int64)
    exact = [row for row in np.argsort(-(vectors @ vectors[500])) if row not in exclude][:10]

    assert index.search(vectors[500], 10, exclude).rows.tolist() == exact


def test_more_matches_than_rows_are_all_rows(random_index) -> None:
    index, vectors = random_index

    assert len(index.search(vectors[0], 5000).rows) == 1000


def test_the_background_of_a_small_corpus_is_all_of_it(random_index) -> None:
    index, vectors = random_index
    similarities = vectors @ vectors[7]

    background = index.background(vectors[7])
    without = index.background(vectors[7], np.array([7]))

    assert background.mean == pytest.approx(similarities.mean(), abs=1e-5)
    assert background.deviation == pytest.approx(similarities.std(), abs=1e-5)
    assert without.mean == pytest.approx(np.delete(similarities, 7).mean(), abs=1e-5)


def test_an_index_without_rows_finds_nothing() -> None:
    index = EncoderIndex(4, [])
    vector = np.array([1, 0, 0, 0], dtype=np.float32)

    assert index.search(vector, 5).rows.tolist() == []
    assert index.background(vector).deviation == 0


def test_every_row_of_the_corpus_is_the_image_that_its_identity_says(home: Home, published: Snapshot) -> None:
    corpus = Corpus.open(home, published)

    identities = [corpus.identify(row) for row in range(len(corpus.image_ids))]
    assert sorted(identities) == sorted(PHOTOS)
    for name, encoder in ENCODERS.items():
        for row, key in enumerate(identities):
            vector = encoder.embed_images([PHOTOS[key].image])[0]
            assert corpus.indexes[name].vector(row) @ vector > 0.999
            assert corpus.indexes[name].search(vector, 1).rows.tolist() == [row]


def test_every_row_knows_the_batch_that_holds_its_cutout(home: Home, published: Snapshot) -> None:
    corpus = Corpus.open(home, published)

    for batches in TWO_SEGMENTS.values():
        for batch, photos in batches.items():
            for item in photos:
                rows = corpus.rows_of(item.listing_id)
                (row,) = rows[corpus.image_ids[rows] == item.image_id]
                assert corpus.batch_of(int(row)) == batch


def test_a_listing_is_found_by_its_id(home: Home, published: Snapshot) -> None:
    corpus = Corpus.open(home, published)

    assert [corpus.identify(row) for row in corpus.rows_of(22)] == [(22, 220), (22, 221)]
    assert corpus.listings[corpus.text_rows_of(22)].tolist() == [22]
    assert corpus.rows_of(99).size == 0
    assert corpus.text_rows_of(99).size == 0


def segment_files(home: Home) -> list[Path]:
    return sorted(path for path in home.segments.rglob("*") if path.suffix in (".f16", ".faiss", ".parquet"))


@pytest.mark.parametrize("damage", ["flipped", "cut off", "removed"])
def test_any_damaged_segment_file_is_refused_by_name(home: Home, damage: str, published: Snapshot) -> None:
    snapshot = published
    for path in segment_files(home):
        content = path.read_bytes()
        match damage:
            case "flipped":
                path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            case "cut off":
                path.write_bytes(content[:-1])
            case "removed":
                path.unlink()

        with pytest.raises(CorruptArtifact, match=f"{path}.*materialize .* for segment-000. to build it again"):
            Corpus.open(home, snapshot)
        path.write_bytes(content)
    Corpus.open(home, snapshot)


def test_files_swapped_between_encoders_are_refused(home: Home, published: Snapshot) -> None:
    snapshot = published
    folder = home.segment("segment-0000", snapshot.segment_versions["segment-0000"])
    (fine,), (coarse,) = folder.glob("fine.*.f16"), folder.glob("coarse.*.f16")
    first, second = fine.read_bytes(), coarse.read_bytes()
    fine.write_bytes(second)
    coarse.write_bytes(first)

    with pytest.raises(CorruptArtifact, match=r"(fine|coarse)\..*\.f16"):
        Corpus.open(home, snapshot)


def test_without_checksums_a_file_of_the_wrong_size_is_still_refused(home: Home, published: Snapshot) -> None:
    snapshot = published
    path = next(path for path in segment_files(home) if path.suffix == ".faiss")
    path.write_bytes(path.read_bytes() + b"\0")

    with pytest.raises(CorruptArtifact, match=path.name):
        Corpus.open(home, snapshot, verify=False)


def test_a_newer_snapshot_takes_over_the_segments_that_are_open(home: Home, published: Snapshot) -> None:
    first = published
    corpus = Corpus.open(home, first)
    for path in segment_files(home):
        if "segment-0000" in path.parts:
            path.unlink()
    version = build_segment(
        home, "segment-0001", {**TWO_SEGMENTS["segment-0001"], "batch-000003": [photo(41, "white")]}
    )
    second = publish(home, {**first.segment_versions, "segment-0001": version})
    with pytest.raises(CorruptArtifact):
        Corpus.open(home, second)

    newer = Corpus.open(home, second, previous=corpus)

    assert len(newer.image_ids) == len(corpus.image_ids) + 1
    query = ENCODERS["fine"].embed_images([PHOTOS[11, 110].image])[0]
    assert newer.identify(int(newer.indexes["fine"].search(query, 1).rows[0])) == (11, 110)

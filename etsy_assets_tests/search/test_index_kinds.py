"""Every kind of index finds what exact search finds, alone and with other segments."""

import json
from dataclasses import replace

import numpy as np
import pytest

from etsy_assets.errors import CorruptArtifact
from etsy_assets.search import index_building
from etsy_assets.search.codebook import affordable_lists
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.encoder_index import EncoderIndex
from etsy_assets.search.faiss_index import first_id, split_ids
from etsy_assets.search.index_policy import IndexKind, IndexPolicy
from etsy_assets.search.segments import built_segment, verify_segment
from etsy_assets.search.snapshots import publish
from etsy_assets.storage import Home
from etsy_assets_tests.search.clustered_vectors import DIMENSION, ENCODER, clustered_vectors, index_batches

COMPRESSED = [kind for kind in IndexKind if kind is not IndexKind.FLAT]
BATCHES = {
    "segment-0000": {"batch-000000": clustered_vectors(2000, 10), "batch-000001": clustered_vectors(1500, 11)},
    "segment-0001": {"batch-000002": clustered_vectors(2500, 12)},
    "segment-0007": {"batch-000007": clustered_vectors(600, 13)},
}
VECTORS = np.vstack([vectors for batches in BATCHES.values() for vectors in batches.values()]).astype(np.float32)


def opened(home: Home, policy: IndexPolicy) -> Corpus:
    versions = {
        segment: index_batches(home, segment, batches, policy).rows_version for segment, batches in BATCHES.items()
    }
    return Corpus.open(home, publish(home, versions))


def exact(query: np.ndarray, k: int, without: np.ndarray | None = None) -> list[int]:
    similarities = VECTORS @ query
    if without is not None:
        similarities[without] = -2
    return np.argsort(-similarities, kind="stable")[:k].tolist()


def recall(index: EncoderIndex, k: int, without: np.ndarray | None = None) -> float:
    queries = clustered_vectors(60, 99).astype(np.float32)
    found = [len(set(index.search(query, k).rows.tolist()) & set(exact(query, k, without))) for query in queries]
    return sum(found) / (k * len(queries))


@pytest.mark.parametrize("kind", COMPRESSED)
def test_each_kind_finds_over_several_segments_what_exact_search_finds(home: Home, kind: IndexKind) -> None:
    corpus = opened(home, IndexPolicy(kind=kind))
    index = corpus.indexes[ENCODER]

    assert {segment.indexes[ENCODER].kind for segment in corpus.snapshot.segments} == {kind}
    assert all(segment.indexes[ENCODER].recall >= 0.99 for segment in corpus.snapshot.segments)
    assert recall(index, 10) >= 0.98
    for row in range(0, len(VECTORS), 501):
        hits = index.search(VECTORS[row], 3)
        assert hits.rows[0] == row
        assert hits.similarities == pytest.approx(VECTORS[hits.rows] @ VECTORS[row], abs=1e-5)


@pytest.mark.parametrize("kind", IndexKind)
def test_codes_in_memory_find_the_same(home: Home, kind: IndexKind) -> None:
    mapped = opened(home, IndexPolicy(kind=kind))
    copied = Corpus.open(home, mapped.snapshot, previous=mapped, codes_in_memory=True)

    for vector in VECTORS[::307]:
        ours, theirs = (corpus.indexes[ENCODER].search(vector, 20) for corpus in (copied, mapped))
        assert ours.rows.tolist() == theirs.rows.tolist()
        assert ours.similarities.tolist() == theirs.similarities.tolist()


def test_segments_share_one_codebook_however_many_there_are(home: Home) -> None:
    corpus = opened(home, IndexPolicy(kind=IndexKind.IVF_RABITQ))

    assert len({segment.indexes[ENCODER].codebook for segment in corpus.snapshot.segments}) == 1
    assert len(list(home.codebooks(ENCODER).glob("*.faiss"))) == 1


def test_a_segment_that_outgrows_the_codebook_trains_a_finer_one(home: Home) -> None:
    policy = IndexPolicy(kind=IndexKind.IVF_SQ8)
    small = index_batches(home, "segment-0000", {"batch-000000": clustered_vectors(700, 1)}, policy)
    large = index_batches(home, "segment-0001", {"batch-000001": clustered_vectors(3000, 2)}, policy)
    third = index_batches(home, "segment-0002", {"batch-000002": clustered_vectors(500, 3)}, policy)

    assert (small.codebook.lists, large.codebook.lists) == (affordable_lists(700), affordable_lists(3000)) == (32, 128)
    assert third.codebook == large.codebook


# A graph depends on the order in which threads add to it.
@pytest.mark.parametrize("kind", [kind for kind in IndexKind if kind is not IndexKind.HNSW])
def test_a_new_batch_extends_the_index_to_what_building_it_whole_gives(home: Home, tmp_path, kind: IndexKind) -> None:
    batches, policy = BATCHES["segment-0000"], IndexPolicy(kind=kind)
    first = {"batch-000000": batches["batch-000000"]}
    index_batches(home, "segment-0000", first, policy)
    extended = index_batches(home, "segment-0000", batches, policy)
    other = Home(tmp_path / "other")
    index_batches(other, "segment-0000", first, policy)
    for path in (other.segments / "segment-0000").glob(f"*/{ENCODER}.json"):
        path.unlink()
    whole = index_batches(other, "segment-0000", batches, policy)

    assert (extended.files, extended.codebook, extended.kind) == (whole.files, whole.codebook, whole.kind)
    assert not verify_segment(home, "segment-0000", extended.rows_version)


def test_a_kind_that_misses_the_recall_is_passed_over_and_the_manifest_says_so(home: Home) -> None:
    manifest = index_batches(
        home, "segment-0000", {"batch-000000": without_structure(5)}, IndexPolicy(IndexKind.IVF_PQ, target_recall=0.999)
    )

    assert manifest.kind in (IndexKind.IVF_SQ8, IndexKind.FLAT)
    assert manifest.recall >= 0.999
    assert manifest.passed_over[0].kind == IndexKind.IVF_PQ and manifest.passed_over[0].recall < 0.999


def test_a_codebook_far_from_the_recall_is_not_trained_again_for_each_segment(home: Home) -> None:
    policy = IndexPolicy(IndexKind.IVF_RABITQ, target_recall=0.999)
    for number in range(3):
        index_batches(home, f"segment-{number:04d}", {f"batch-{number:06d}": without_structure(number)}, policy)

    kinds = [json.loads(path.read_text())["kind"] for path in home.codebooks(ENCODER).glob("*.json")]
    assert kinds.count(IndexKind.IVF_RABITQ) == 1


def test_a_kind_far_from_the_recall_is_not_tried_again_when_the_segment_grows(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = IndexPolicy(IndexKind.IVF_RABITQ, target_recall=0.999)
    batches = {"batch-000000": without_structure(1)}
    first = index_batches(home, "segment-0000", batches, policy)
    tried = []
    fill = index_building.fill_index
    monkeypatch.setattr(index_building, "fill_index", lambda kind, *rest: tried.append(kind) or fill(kind, *rest))
    grown = index_batches(home, "segment-0000", {**batches, "batch-000001": clustered_vectors(500, 2)}, policy)

    assert (tried, grown.kind, grown.passed_over) == ([first.kind], first.kind, first.passed_over)
    tried.clear()
    index_batches(home, "segment-0000", {**batches, "batch-000002": clustered_vectors(4000, 3)}, policy)
    assert tried[0] == IndexKind.IVF_RABITQ


def without_structure(seed: int) -> np.ndarray:
    """Unit vectors of which a bit a dimension tells no neighbour."""
    random = np.random.default_rng(seed).normal(size=(3000, DIMENSION))
    return (random / np.linalg.norm(random, axis=1, keepdims=True)).astype(np.float16)


def test_the_most_exact_kind_that_fits_into_the_memory_is_tried_first() -> None:
    policy = IndexPolicy(memory_mb=8)

    assert policy.first_kind(2_700, 768) is IndexKind.FLAT
    assert policy.first_kind(2_800, 768) is IndexKind.IVF_SQ8
    assert policy.first_kind(50_000, 768) is IndexKind.IVF_RABITQ
    assert IndexPolicy(kind=IndexKind.HNSW).first_kind(2_700, 768) is IndexKind.HNSW


@pytest.mark.parametrize("kind", IndexKind)
def test_dead_rows_are_never_returned_and_do_not_count(home: Home, kind: IndexKind) -> None:
    corpus = opened(home, IndexPolicy(kind=kind))
    dead = np.random.default_rng(8).choice(len(VECTORS), 400, replace=False)
    parts, start = [], 0
    for part in corpus.indexes[ENCODER]._parts:
        rows = len(part.matrix)
        mine = np.sort(dead[(dead >= start) & (dead < start + rows)] - start)
        parts.append(replace(part, dead=mine))
        start += rows
    index = EncoderIndex(DIMENSION, parts)

    for query in VECTORS[dead[:40]]:
        rows = index.search(query, 20).rows
        assert len(rows) == 20
        assert not set(rows.tolist()) & set(dead.tolist())
    assert recall(index, 10, without=dead) >= 0.98
    assert not set(index._sample.rows.tolist()) & set(dead.tolist())


def test_a_damaged_codebook_is_refused_by_name(home: Home) -> None:
    corpus = opened(home, IndexPolicy(kind=IndexKind.IVF_RABITQ))
    (path,) = home.codebooks(ENCODER).glob("*.faiss")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(CorruptArtifact, match=path.name):
        Corpus.open(home, corpus.snapshot)
    assert path.name in verify_segment(home, "segment-0001", corpus.snapshot.segment_versions["segment-0001"])[0]


def test_other_weights_do_not_share_the_codebook_of_the_old(home: Home) -> None:
    policy = IndexPolicy(kind=IndexKind.IVF_SQ8)
    first = index_batches(home, "segment-0000", {"batch-000000": clustered_vectors(900, 1)}, policy)
    (path,) = home.codebooks(ENCODER).glob("*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "fingerprint": "older"}))
    second = index_batches(home, "segment-0001", {"batch-000001": clustered_vectors(900, 2)}, policy)

    assert second.codebook.fingerprint == "clusters-1" and second.codebook.file != first.codebook.file


def test_an_id_tells_its_segment_and_its_row() -> None:
    ids = np.array([5, 1999]) + first_id("segment-0012")

    firsts, rows = split_ids(ids)

    assert firsts.tolist() == [first_id("segment-0012")] * 2
    assert rows.tolist() == [5, 1999]


@pytest.mark.parametrize(("efforts", "searchers"), [((4, 6, 5), 1), ((4, 6, 90), 2)])
def test_a_segment_that_needs_far_more_effort_than_the_others_is_searched_by_itself(
    home: Home, efforts: tuple[int, int, int], searchers: int
) -> None:
    opened_parts = opened(home, IndexPolicy(kind=IndexKind.IVF_RABITQ)).indexes[ENCODER]._parts
    parts = [replace(part, effort=effort) for part, effort in zip(opened_parts, efforts, strict=True)]
    index = EncoderIndex(DIMENSION, parts)

    assert len(index._searchers) == searchers
    assert [index.search(vector, 1).rows[0] for vector in VECTORS[::501]] == list(range(0, len(VECTORS), 501))


def test_the_same_vectors_again_rewrite_nothing(home: Home) -> None:
    policy = IndexPolicy(kind=IndexKind.IVF_RABITQ)
    first = index_batches(home, "segment-0000", BATCHES["segment-0000"], policy)
    files = {path: path.stat().st_mtime_ns for path in home.root.rglob("*.faiss")}

    assert index_batches(home, "segment-0000", BATCHES["segment-0000"], policy) == first
    assert {path: path.stat().st_mtime_ns for path in home.root.rglob("*.faiss")} == files
    assert built_segment(home, "segment-0000", first.rows_version).indexes[ENCODER] == first

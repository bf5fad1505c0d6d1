import json
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from etsy_assets.encoders.embeddings import read_embeddings, write_embeddings
from etsy_assets.errors import ConfigurationError, CorruptArtifact
from etsy_assets.search.faiss_index import fill_index, write_index
from etsy_assets.search.index_policy import IndexKind
from etsy_assets.search.indexes import build_index, build_text_index
from etsy_assets.search.manifests import IndexManifest
from etsy_assets.search.rows import build_segment_rows, read_rows
from etsy_assets.search.segments import verify_segment
from etsy_assets.storage import Home, atomic_path
from etsy_assets_tests.search.shop_of_colours import (
    ENCODERS,
    PHOTOS,
    TWO_SEGMENTS,
    build_segment,
    photo,
    rows_of,
    store_embeddings,
)

SEGMENT, BATCHES = next(iter(TWO_SEGMENTS.items()))
FINE = ENCODERS["fine"]


def test_every_row_of_every_index_is_the_image_that_its_id_says(home: Home) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    manifest = build_segment_rows(home, SEGMENT, rows_of(BATCHES))
    rows = read_rows(home, manifest)

    for encoder in ENCODERS.values():
        built = build_index(home, SEGMENT, version, encoder.name)
        stored = _matrix(home, version, built)
        index = faiss.read_index(str(home.segment(SEGMENT, version) / built.index))
        for row, key in enumerate(zip(rows.listing_ids.tolist(), rows.image_ids.tolist(), strict=True)):
            again = encoder.embed_images([PHOTOS[key].image])[0]
            assert stored[row].astype(np.float32) @ again > 0.999
            assert index.reconstruct(row) @ again > 0.999


def test_images_that_the_rows_do_not_ask_for_shift_nothing(home: Home) -> None:
    """Their embeddings lie between the others: by position every later row would be another picture."""
    version = build_segment(home, SEGMENT, BATCHES)
    before = _matrix(home, version, build_index(home, SEGMENT, version, "fine"))

    more = [photo(1, "white"), *BATCHES["batch-000000"], photo(12, "black", 5)]
    store_embeddings(home, "batch-000000", more, FINE)

    assert np.array_equal(_matrix(home, version, build_index(home, SEGMENT, version, "fine")), before)


def test_a_text_index_has_one_row_for_each_listing(home: Home) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    built = build_text_index(home, SEGMENT, version, "fine")
    rows = read_rows(home, build_segment_rows(home, SEGMENT, rows_of(BATCHES)))

    stored = _matrix(home, version, built)
    titles = {item.listing_id: item.title for item in PHOTOS.values()}
    assert stored.shape == (5, FINE.dimension)
    for row, listing_id in enumerate(rows.listings.tolist()):
        assert stored[row].astype(np.float32) @ FINE.embed_texts([titles[listing_id]])[0] > 0.999


def test_building_the_same_index_again_rewrites_nothing(home: Home) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    folder = home.segment(SEGMENT, version)
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}

    build_index(home, SEGMENT, version, "fine")

    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == before


def test_the_files_of_an_older_model_stay_while_a_snapshot_may_name_them(home: Home) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    old = build_index(home, SEGMENT, version, "fine")
    retrained = replace(FINE, fingerprint="colours-2")
    for batch, photos in BATCHES.items():
        store_embeddings(home, batch, [replace(item, image=item.image.rotate(90)) for item in photos], retrained)

    with pytest.raises(CorruptArtifact, match="from another cutout"):
        build_index(home, SEGMENT, version, "fine")
    for batch in BATCHES:
        path = home.embeddings("fine", batch)
        stored = read_embeddings(path)
        keys = zip(stored.listing_ids.tolist(), stored.image_ids.tolist(), strict=True)
        digests = np.stack([np.frombuffer(bytes.fromhex(PHOTOS[key].cutout_sha256), np.uint8) for key in keys])
        write_embeddings(path, replace(stored, source_sha256=digests))
    new = build_index(home, SEGMENT, version, "fine")

    assert new.fingerprint == "colours-2"
    assert not set(new.files) & set(old.files)
    for name, stamp in {**old.files, **new.files}.items():
        assert stamp.problem(home.segment(SEGMENT, version) / name) is None


def test_a_row_without_an_embedding_names_encoder_image_batch_and_remedy(home: Home) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    store_embeddings(home, "batch-000001", BATCHES["batch-000001"][:1], FINE)

    with pytest.raises(
        CorruptArtifact,
        match=r"embeddings/fine of batch-000001 lacks image 220 of listing 22 \(2 of 3 are missing\): "
        r"materialize embeddings/fine for batch-000001",
    ):
        build_index(home, SEGMENT, version, "fine")


def test_a_batch_that_was_not_embedded_is_named(home: Home) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    home.embeddings("fine", "batch-000001").unlink()

    with pytest.raises(CorruptArtifact, match="batch-000001 has no embeddings/fine"):
        build_index(home, SEGMENT, version, "fine")


def test_the_embeddings_of_another_encoder_under_this_name_are_refused(home: Home) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    home.embeddings("fine", "batch-000000").write_bytes(home.embeddings("coarse", "batch-000000").read_bytes())

    with pytest.raises(CorruptArtifact, match="holds vectors of coarse for batch-000000, where fine"):
        build_index(home, SEGMENT, version, "fine")


def test_two_models_of_one_name_do_not_share_an_index(home: Home) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    store_embeddings(home, "batch-000001", BATCHES["batch-000001"], replace(FINE, fingerprint="colours-2"))

    with pytest.raises(CorruptArtifact, match="different models of the name fine"):
        build_index(home, SEGMENT, version, "fine")


def test_a_refused_index_leaves_the_built_one_untouched(home: Home) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    folder = home.segment(SEGMENT, version)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    store_embeddings(home, "batch-000001", [], FINE)

    with pytest.raises(CorruptArtifact):
        build_index(home, SEGMENT, version, "fine")

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("suffix", ["f16", "faiss"])
def test_verifying_names_a_damaged_file_and_building_again_mends_it(home: Home, suffix: str) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    assert verify_segment(home, SEGMENT, version) == ()
    (path,) = home.segment(SEGMENT, version).glob(f"fine.*.{suffix}")
    _flip_a_byte(path)

    (problem,) = verify_segment(home, SEGMENT, version)
    assert str(path) in problem
    assert "materialize index/fine for segment-0000" in problem

    build_index(home, SEGMENT, version, "fine")
    assert verify_segment(home, SEGMENT, version) == ()


def test_verifying_names_a_manifest_that_is_no_json(home: Home) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    path = home.segment(SEGMENT, version) / "text_fine.json"
    path.write_text(path.read_text()[:-20])

    (problem,) = verify_segment(home, SEGMENT, version)
    assert str(path) in problem
    assert "text_index/fine" in problem


def test_verifying_finds_an_index_over_fewer_rows(home: Home) -> None:
    version = build_segment(home, SEGMENT, BATCHES)
    path = home.segment(SEGMENT, version) / "fine.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rows": 6}))

    (problem,) = verify_segment(home, SEGMENT, version)
    assert "index/fine of segment-0000 has 6 rows" in problem


def test_a_segment_without_any_image_has_an_index_without_rows(home: Home) -> None:
    version = build_segment(home, "segment-0005", {"batch-000050": []})

    assert build_index(home, "segment-0005", version, "fine").rows == 0
    assert verify_segment(home, "segment-0005", version) == ()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_one_clear_sentence(home: Home) -> None:
    with pytest.raises(ConfigurationError, match="No disk space is left"), atomic_path(home.root / "index"):
        index = fill_index(IndexKind.FLAT, np.ones((100_000, 8), dtype=np.float16), None, SEGMENT)
        write_index(index, Path("/dev/full"))


def _matrix(home: Home, version: str, built: IndexManifest) -> np.ndarray:
    path = home.segment(SEGMENT, version) / built.matrix
    return np.fromfile(path, dtype=np.float16).reshape(built.rows, built.dimension)


def _flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)

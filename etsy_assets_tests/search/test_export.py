import json
from pathlib import Path

import faiss
import numpy as np
import pytest

from etsy_assets.errors import ConfigurationError
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.export import export_corpus, flat_header
from etsy_assets.search.snapshots import Snapshot
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_colours import ENCODERS, PHOTOS


@pytest.fixture
def corpus(home: Home, published: Snapshot) -> Corpus:
    return Corpus.open(home, published)


def identities(folder: Path) -> list[tuple[int, int]]:
    return [tuple(pair) for pair in json.loads((folder / "image_index.json").read_text())]


def test_row_n_of_every_index_is_element_n_of_the_image_index(home: Home, corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "exports" / "plain"

    export = export_corpus(home, corpus, folder)

    assert sorted(path.name for path in folder.iterdir()) == ["coarse.faiss", "fine.faiss", "image_index.json"]
    assert export.files == {path.name: path.stat().st_size for path in folder.iterdir()}
    rows = identities(folder)
    assert rows == [corpus.identify(row) for row in range(len(corpus.image_ids))]
    assert (export.rows, set(rows)) == (len(rows), set(PHOTOS))
    for name, encoder in ENCODERS.items():
        index = faiss.read_index(str(folder / f"{name}.faiss"))
        assert isinstance(index, faiss.IndexFlatIP)
        for row, key in enumerate(rows):
            vector = encoder.embed_images([PHOTOS[key].image])
            _, found = index.search(vector, 1)
            assert found.tolist() == [[row]]
            assert np.array_equal(index.reconstruct(row), vector[0].astype(np.float16).astype(np.float32))


@pytest.mark.parametrize(("rows", "dimension"), [(0, 4), (1, 1), (1000, 768)])
def test_an_exported_file_begins_as_faiss_itself_would_have_it(rows: int, dimension: int) -> None:
    index = faiss.IndexFlatIP(dimension)
    vectors = np.random.default_rng(1).normal(size=(rows, dimension)).astype(np.float32)
    index.add(vectors)

    assert flat_header(rows, dimension) + vectors.tobytes() == faiss.serialize_index(index).tobytes()


def test_rows_that_are_not_live_are_left_out_of_every_file(home: Home, corpus: Corpus, tmp_path: Path) -> None:
    live = np.ones(len(corpus.image_ids), dtype=np.bool_)
    live[[0, 6, 7, 10]] = False

    export = export_corpus(home, corpus, tmp_path / "out", live=live)

    rows = identities(tmp_path / "out")
    assert rows == [corpus.identify(row) for row in np.flatnonzero(live)]
    assert export.rows == len(rows) == 7
    index = faiss.read_index(str(tmp_path / "out" / "fine.faiss"))
    assert index.ntotal == 7
    for row, key in enumerate(rows):
        assert index.search(ENCODERS["fine"].embed_images([PHOTOS[key].image]), 1)[1].tolist() == [[row]]


def test_only_the_encoders_asked_for_are_written(home: Home, corpus: Corpus, tmp_path: Path) -> None:
    export_corpus(home, corpus, tmp_path / "out", ["fine"])

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["fine.faiss", "image_index.json"]


def test_an_encoder_that_the_corpus_lacks_is_refused_and_nothing_is_written(
    home: Home, corpus: Corpus, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="no encoder 'finest': choose among coarse, fine"):
        export_corpus(home, corpus, tmp_path / "out", ["fine", "finest"])
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_empty_is_refused(home: Home, corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")

    with pytest.raises(ConfigurationError, match=f"{folder} is not an empty folder"):
        export_corpus(home, corpus, folder)
    with pytest.raises(ConfigurationError, match="is not an empty folder"):
        export_corpus(home, corpus, folder / "notes.txt")
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_forced_an_export_takes_the_place_of_the_one_before_and_leaves_other_files(
    home: Home, corpus: Corpus, tmp_path: Path
) -> None:
    """A file of the one before beside the new image index would be the silent shift of rows itself."""
    folder = tmp_path / "out"
    export_corpus(home, corpus, folder)
    (folder / "notes.txt").write_text("mine")
    live = np.zeros(len(corpus.image_ids), dtype=np.bool_)
    live[3] = True

    export_corpus(home, corpus, folder, ["fine"], live=live, force=True)

    assert sorted(path.name for path in folder.iterdir()) == ["fine.faiss", "image_index.json", "notes.txt"]
    assert identities(folder) == [corpus.identify(3)]
    assert faiss.read_index(str(folder / "fine.faiss")).ntotal == 1


def test_an_export_that_was_killed_is_begun_anew(home: Home, corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / ".unfinished").mkdir(parents=True)
    (folder / ".unfinished" / "coarse.faiss").write_bytes(b"half")

    export_corpus(home, corpus, folder, ["fine"])

    assert sorted(path.name for path in folder.iterdir()) == ["fine.faiss", "image_index.json"]

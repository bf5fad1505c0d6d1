"""What was read and found sound is not read again, unless somebody wrote to it."""

from pathlib import Path

import pytest

from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.index_policy import IndexPolicy
from etsy_assets.search.snapshots import Snapshot, publish
from etsy_assets.storage import Home
from etsy_assets_tests.search.clustered_vectors import clustered_vectors, index_batches

MATRIX_BYTES = 20_000 * 32 * 2


@pytest.fixture
def snapshot(home: Home) -> Snapshot:
    batches = {"batch-000000": clustered_vectors(20_000, 5)}
    manifest = index_batches(home, "segment-0000", batches, IndexPolicy())
    return publish(home, {"segment-0000": manifest.rows_version})


def bytes_read(home: Home, snapshot: Snapshot) -> int:
    """By this process while it opens the corpus."""

    def so_far() -> int:
        return int(Path("/proc/self/io").read_text().partition("rchar: ")[2].split()[0])

    before = so_far()
    Corpus.open(home, snapshot)
    return so_far() - before


def matrix(home: Home) -> Path:
    (path,) = home.root.rglob("*.f16")
    return path


def test_a_corpus_is_read_when_it_is_first_opened_and_not_again(home: Home, snapshot: Snapshot) -> None:
    assert bytes_read(home, snapshot) > MATRIX_BYTES
    assert bytes_read(home, snapshot) < MATRIX_BYTES


def test_what_was_written_to_since_is_read_again(home: Home, snapshot: Snapshot) -> None:
    Corpus.open(home, snapshot)
    content = bytearray(matrix(home).read_bytes())
    matrix(home).write_bytes(content)
    assert bytes_read(home, snapshot) > MATRIX_BYTES

    content[1000] ^= 1
    matrix(home).write_bytes(content)
    for _ in range(2):
        with pytest.raises(CorruptArtifact, match=matrix(home).name):
            Corpus.open(home, snapshot)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"segments": 3}'])
def test_a_damaged_list_only_means_that_all_is_read_again(home: Home, snapshot: Snapshot, content: str) -> None:
    Corpus.open(home, snapshot)
    (home.root / "verified_files.json").write_text(content)

    assert bytes_read(home, snapshot) > MATRIX_BYTES
    assert bytes_read(home, snapshot) < MATRIX_BYTES


def test_a_corpus_that_was_opened_unread_counts_as_unread(home: Home, snapshot: Snapshot) -> None:
    Corpus.open(home, snapshot, verify=False)

    assert bytes_read(home, snapshot) > MATRIX_BYTES

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsy_assets.encoders.journal import Journal, RowKey

DIMENSION = 4


def rows(first: int, count: int) -> dict[RowKey, np.ndarray]:
    return {
        RowKey(10**10 + n, 2 * 10**10 + n, bytes([n]) * 32): np.full(DIMENSION, n + 1, np.float16)
        for n in range(first, first + count)
    }


def reopened(path, fingerprint: str = "abc", dimension: int = DIMENSION) -> dict[RowKey, list[float]]:
    with Journal(path, fingerprint, dimension) as journal:
        return {key: vector.tolist() for key, vector in journal.rows.items()}


def as_lists(expected: dict[RowKey, np.ndarray]) -> dict[RowKey, list[float]]:
    return {key: vector.tolist() for key, vector in expected.items()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "batch-000001.partial"


def test_rows_are_there_again_after_the_process_is_gone(path):
    with Journal(path, "abc", DIMENSION) as journal:
        journal.append(rows(0, 3))
        journal.append(rows(3, 2))
    assert reopened(path) == as_lists(rows(0, 5))


@given(cut=st.integers(0, 64 + 5 * 60))
def test_whatever_a_kill_cuts_off_only_whole_records_come_back_and_writing_goes_on(cut, tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "batch.partial"
    with Journal(path, "abc", DIMENSION) as journal:
        journal.append(rows(0, 5))
    assert path.stat().st_size == 64 + 5 * 60
    path.write_bytes(path.read_bytes()[:cut])
    whole = max(0, cut - 64) // 60
    with Journal(path, "abc", DIMENSION) as journal:
        assert list(journal.rows) == list(rows(0, whole))
        journal.append(rows(9, 1))
    assert reopened(path) == as_lists({**rows(0, whole), **rows(9, 1)})


@given(position=st.integers(64, 64 + 5 * 60 - 1))
def test_from_a_changed_byte_on_nothing_is_believed(position, tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "batch.partial"
    with Journal(path, "abc", DIMENSION) as journal:
        journal.append(rows(0, 5))
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)
    assert reopened(path) == as_lists(rows(0, (position - 64) // 60))


@pytest.mark.parametrize(("fingerprint", "dimension"), [("abd", DIMENSION), ("abc", DIMENSION + 1)])
def test_what_another_encoder_left_is_dropped(path, fingerprint, dimension):
    with Journal(path, "abc", DIMENSION) as journal:
        journal.append(rows(0, 5))
    assert reopened(path, fingerprint, dimension) == {}


def test_a_discarded_journal_leaves_no_file(path):
    with Journal(path, "abc", DIMENSION) as journal:
        journal.append(rows(0, 1))
        journal.discard()
    assert not path.exists()

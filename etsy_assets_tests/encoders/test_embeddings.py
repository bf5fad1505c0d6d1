import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open

from etsy_assets.encoders.embeddings import (
    Embeddings,
    TextEmbeddings,
    read_embeddings,
    read_text_embeddings,
    write_embeddings,
    write_text_embeddings,
)
from etsy_assets.errors import CorruptArtifact


def some_embeddings(rows: int = 5, dimension: int = 8) -> Embeddings:
    rng = np.random.default_rng(rows)
    vectors = rng.normal(size=(rows, dimension))
    return Embeddings(
        encoder="demo_clip_a",
        fingerprint="0123456789abcdef",
        batch="batch-000042",
        listing_ids=np.arange(rows) // 2 + 7_000_000_000,
        image_ids=np.arange(rows) + 9_000_000_000,
        vectors=(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16),
        source_sha256=rng.integers(0, 256, (rows, 32), np.uint8),
    )


def some_text_embeddings() -> TextEmbeddings:
    images = some_embeddings(4)
    return TextEmbeddings(
        images.encoder, images.fingerprint, images.batch, images.image_ids, images.vectors, images.source_sha256
    )


def assert_same(left, right) -> None:
    for field in dataclasses.fields(left):
        one, other = getattr(left, field.name), getattr(right, field.name)
        assert type(one) is type(other)
        np.testing.assert_array_equal(one, other)
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None)


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_what_is_written_is_read(tmp_path, rows):
    embeddings = some_embeddings(rows)
    write_embeddings(tmp_path / "batch-000042.safetensors", embeddings)
    read = read_embeddings(tmp_path / "batch-000042.safetensors")
    assert_same(read, embeddings)
    assert (len(read), read.dimension) == (rows, 8)


def test_text_embeddings_are_read_as_written(tmp_path):
    write_text_embeddings(tmp_path / "batch.safetensors", some_text_embeddings())
    assert_same(read_text_embeddings(tmp_path / "batch.safetensors"), some_text_embeddings())


def test_the_file_is_plain_safetensors_with_the_documented_tensors_and_metadata(tmp_path):
    write_embeddings(tmp_path / "batch.safetensors", some_embeddings())
    with safe_open(tmp_path / "batch.safetensors", "np") as file:
        names = list(file.keys())
        assert {name: (file.get_tensor(name).dtype.name, file.get_tensor(name).shape) for name in names} == {
            "listing_id": ("int64", (5,)),
            "image_id": ("int64", (5,)),
            "vectors": ("float16", (5, 8)),
            "source_sha256": ("uint8", (5, 32)),
        }
        about = json.loads(file.metadata()["etsy_assets"])
    assert (about["encoder"], about["batch"], about["rows"], about["dimension"]) == (
        "demo_clip_a",
        "batch-000042",
        5,
        8,
    )


def test_the_same_rows_are_the_same_bytes_in_every_process(tmp_path):
    write_embeddings(tmp_path / "here.safetensors", some_embeddings())
    script = (
        "import sys; from pathlib import Path; from etsy_assets.encoders.embeddings import *;"
        "write_embeddings(Path(sys.argv[2]), read_embeddings(Path(sys.argv[1])))"
    )
    there = tmp_path / "there.safetensors"
    subprocess.run([sys.executable, "-c", script, tmp_path / "here.safetensors", there], check=True)
    assert there.read_bytes() == (tmp_path / "here.safetensors").read_bytes()


def test_every_truncation_is_noticed_and_the_file_named(tmp_path):
    path = tmp_path / "batch.safetensors"
    write_embeddings(path, some_embeddings())
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(CorruptArtifact, match=r"batch\.safetensors"):
            read_embeddings(path)


def test_a_changed_byte_anywhere_is_noticed(tmp_path):
    path = tmp_path / "batch.safetensors"
    write_embeddings(path, some_embeddings())
    content = path.read_bytes()
    padding = content.rindex(b"}") + 1
    tensors = 8 + int.from_bytes(content[:8], "little")
    for position in [*range(0, padding, 3), *range(tensors, len(content), 3)]:
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(CorruptArtifact, match=r"batch\.safetensors"):
            read_embeddings(path)


def test_a_text_file_is_not_taken_for_an_image_file(tmp_path):
    write_text_embeddings(tmp_path / "batch.safetensors", some_text_embeddings())
    with pytest.raises(CorruptArtifact):
        read_embeddings(tmp_path / "batch.safetensors")


def test_a_file_that_is_not_there_is_no_corrupt_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="materialize its batch first"):
        read_embeddings(tmp_path / "batch.safetensors")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"image_ids": np.arange(4)}, "int64 of shape"),
        ({"image_ids": np.arange(5, dtype=np.int32)}, "int64 of shape"),
        ({"listing_ids": np.array([2, 1, 3, 4, 5])}, "ascending"),
        ({"listing_ids": np.ones(5, np.int64), "image_ids": np.ones(5, np.int64)}, "twice"),
        ({"vectors": np.full((5, 8), np.nan, np.float16)}, "finite"),
        ({"vectors": np.ones((5, 8), np.float16)}, "length 1"),
        ({"vectors": np.ones((5, 8), np.float32)}, "float32"),
        ({"source_sha256": np.zeros((5, 16), np.uint8)}, "source_sha256"),
    ],
)
def test_rows_that_break_the_format_are_refused_and_nothing_is_written(tmp_path, change, complaint):
    with pytest.raises(ValueError, match=complaint):
        write_embeddings(tmp_path / "batch.safetensors", dataclasses.replace(some_embeddings(), **change))
    assert list(tmp_path.iterdir()) == []

"""The FAISS file of one encoder and segment: which kind it is, how it is built, and how it is opened."""

import errno
import os
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float16]

_CHUNK_ROWS = 65_536
"""Rows converted to float32 at once, so that building needs little memory beside the index itself."""


class IndexKind(StrEnum):
    """How candidates are found. Whatever the kind, their scores come from the float16 matrix."""

    FLAT = "flat"


def choose_kind(rows: int) -> IndexKind:
    """The kind of index for a segment of `rows` rows: exact search, whatever the size."""
    return IndexKind.FLAT


def write_index(kind: IndexKind, matrix: Matrix, path: Path) -> None:
    """Builds an inner-product index over a (rows, dimension) matrix of unit vectors and writes it to `path`.

    Raises OSError when the disk is full: FAISS itself raises RuntimeError for every failed write.
    """
    import faiss

    match kind:
        case IndexKind.FLAT:
            index = faiss.IndexFlatIP(matrix.shape[1])
    for start in range(0, matrix.shape[0], _CHUNK_ROWS):
        index.add(matrix[start : start + _CHUNK_ROWS].astype(np.float32))
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        if os.strerror(errno.ENOSPC) in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


def open_index(path: Path) -> Any:
    """A faiss.Index whose codes are read from a memory map. Raises RuntimeError when FAISS can't read the file."""
    import faiss

    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)


def open_matrix(path: Path, rows: int, dimension: int) -> Matrix:
    """The raw float16 matrix at `path`, memory-mapped. Raises ValueError when the file is smaller than its shape."""
    if rows == 0:
        return np.empty((0, dimension), dtype=np.float16)
    return np.memmap(path, dtype=np.float16, mode="r", shape=(rows, dimension))

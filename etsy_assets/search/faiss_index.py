"""The FAISS file of one encoder and segment: how it is filled, written and opened.

Where segments share a codebook, a vector's id is its segment's number and its row, so that several segments' lists can
be searched as one. In a flat or HNSW index it is the row alone, as these kinds number their vectors themselves.
"""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from etsy_assets.search.codebook import Codebook
from etsy_assets.search.index_policy import IndexKind
from etsy_assets.search.matrix import CHUNK_ROWS, Matrix, as_float32

_ROW_BITS = 32
_HNSW_NEIGHBOURS = 32


def first_id(segment: str) -> int:
    """The id of row 0 of a segment: segment-0003 -> 3 * 2**32."""
    return int(segment.rpartition("-")[2]) << _ROW_BITS


def split_ids(ids: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The first id of each id's segment, and the row in it."""
    rows = ids & ((1 << _ROW_BITS) - 1)
    return ids - rows, rows


def fill_index(
    kind: IndexKind, matrix: Matrix, codebook: Codebook | None, segment: str, start: Any | None = None
) -> Any:
    """A faiss.Index, for inner products, over a (rows, dimension) matrix of unit vectors.

    codebook: for the kinds that have one. start: an index over the first rows of this very matrix, which is extended.
    """
    import faiss

    rows, dimension = matrix.shape
    if start is not None:
        index = start
    elif codebook is not None:
        index = faiss.clone_index(codebook.template)
    elif kind is IndexKind.HNSW:
        index = faiss.IndexHNSWSQ(
            dimension, faiss.ScalarQuantizer.QT_8bit, _HNSW_NEIGHBOURS, faiss.METRIC_INNER_PRODUCT
        )
        index.train(as_float32(matrix[:CHUNK_ROWS]))
    else:
        index = faiss.IndexFlatIP(dimension)
    for first in range(index.ntotal, rows, CHUNK_ROWS):
        vectors = as_float32(matrix[first : first + CHUNK_ROWS])
        if codebook is None:
            index.add(vectors)
        else:
            ids = np.arange(first, first + len(vectors), dtype=np.int64) + first_id(segment)
            index.add_with_ids(codebook.rotated(vectors), ids)
    return index


def write_index(index: Any, path: Path) -> None:
    """Raises OSError when the disk is full: FAISS itself raises RuntimeError for every failed write."""
    import faiss

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


def read_index(path: Path) -> Any:
    """A faiss.Index in memory, to which vectors can be added."""
    import faiss

    return faiss.read_index(str(path))

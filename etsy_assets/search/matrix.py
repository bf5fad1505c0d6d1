"""The vectors of a segment as one raw float16 file: what every similarity is computed from."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float16]
Vectors = npt.NDArray[np.float32]

CHUNK_ROWS = 65_536
"""Rows converted to float32 at once, so that little memory is needed beside the index itself."""


def open_matrix(path: Path, rows: int, dimension: int) -> Matrix:
    """The raw float16 matrix at `path`, memory-mapped. Raises ValueError when the file is smaller than its shape."""
    if rows == 0:
        return np.empty((0, dimension), dtype=np.float16)
    return np.memmap(path, dtype=np.float16, mode="r", shape=(rows, dimension))


def as_float32(matrix: Matrix) -> Vectors:
    """The same numbers as float32, (n, dimension). FAISS converts with the processor's own instruction: NumPy takes
    twice as long, and this is most of what exact scoring costs.
    """
    import faiss

    rows, dimension = matrix.shape
    if not rows:
        return np.empty((0, dimension), dtype=np.float32)
    converter: Any = faiss.ScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16)
    return np.asarray(converter.decode(np.ascontiguousarray(matrix).view(np.uint8)), dtype=np.float32)


def inner_products(vector: Vectors, vectors: Vectors) -> Vectors:
    """(n,): of a vector (dimension,) with each of (n, dimension), on the calling thread.

    A matrix product of NumPy's would start threads of its own for every query, and they would wait for each other.
    """
    import faiss

    products = np.empty(len(vectors), dtype=np.float32)
    if len(vectors):
        vector, vectors = np.ascontiguousarray(vector), np.ascontiguousarray(vectors)
        faiss.fvec_inner_products_ny(
            faiss.swig_ptr(products), faiss.swig_ptr(vector), faiss.swig_ptr(vectors), vectors.shape[1], len(vectors)
        )
    return products

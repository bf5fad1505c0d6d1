"""The vectors of a segment as one raw float16 file: what every similarity is computed from."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float16]

CHUNK_ROWS = 65_536
"""Rows converted to float32 at once, so that little memory is needed beside the index itself."""


def open_matrix(path: Path, rows: int, dimension: int) -> Matrix:
    """The raw float16 matrix at `path`, memory-mapped. Raises ValueError when the file is smaller than its shape."""
    if rows == 0:
        return np.empty((0, dimension), dtype=np.float16)
    return np.memmap(path, dtype=np.float16, mode="r", shape=(rows, dimension))

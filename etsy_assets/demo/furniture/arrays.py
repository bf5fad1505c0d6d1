"""Names for the array types of the renderer."""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
"""Geometry is float64: one point (3,), points (n, 3), or a rotation (3, 3)."""

Pixels = npt.NDArray[np.float32]
"""Shading is float32."""

Labels = npt.NDArray[np.int32]
"""Face numbers per pixel, -1 where there is none."""

Flags = npt.NDArray[np.bool_]

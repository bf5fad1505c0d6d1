"""The corners of the sides of boxes, and of the cut edges of cushions, around the origin."""

import numpy as np

from etsy_assets.demo.furniture.arrays import Vector


def box_side(axis: int, sign: int, half: Vector, inner: Vector) -> list[Vector]:
    """Corners of a box's side, half from the middle along the axis and inner along the others."""
    across, along = (axis + 1) % 3, (axis + 2) % 3
    corners = []
    for side, end in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        corner = np.zeros(3)
        corner[axis], corner[across], corner[along] = sign * half[axis], side * inner[across], end * inner[along]
        corners.append(corner)
    return corners[::sign]


def box_edge(axis: int, side: int, end: int, half: Vector, inner: Vector) -> list[Vector]:
    """Corners of the cut edge along the axis between two sides of a cushion."""
    across, along = (axis + 1) % 3, (axis + 2) % 3
    corners = []
    for lengthwise, outer, other in ((-1, half, inner), (1, half, inner), (1, inner, half), (-1, inner, half)):
        corner = np.zeros(3)
        corner[axis], corner[across], corner[along] = lengthwise * inner[axis], side * outer[across], end * other[along]
        corners.append(corner)
    return corners

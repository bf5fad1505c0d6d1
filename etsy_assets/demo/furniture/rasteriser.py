"""A z-buffer for convex polygons, written for many small polygons in numpy.

Depth is not interpolated between corners: on a plane, 1 / z is linear in the pixel coordinates, so three numbers a face
give it everywhere (the plane equation n . P = d, divided by d and by z). Without perspective the same holds for z.
"""

import math
from collections.abc import Iterable

import numpy as np

from etsy_assets.demo.furniture.arrays import Flags, Labels, Pixels, Vector

_SMALLEST_DOUBLE_AREA = 0.3
_FLAT_EDGE = 1e-9
_FAR_LEFT, _FAR_RIGHT = -1e9, 1e9


def rasterise(
    polygons: Iterable[tuple[int, Vector]], planes: Pixels, nearness: Pixels, labels: Labels | None = None
) -> None:
    """Draw polygons into two buffers (height, width), in place; without labels only into the first.

    polygons: a face number and its corners (n, 2) in pixels, of either winding. planes (faces, 3): a, b and c of
    nearness = a x + b y + c. A pixel whose centre lies in a polygon gets its nearness and number where it is nearer,
    that is greater, than what is there; of equals the first one stays.
    """
    height, width = nearness.shape
    for number, corners in polygons:
        # A few corners are handled faster as lists than as arrays.
        xs, ys = corners.T.tolist()
        left, right = max(math.floor(min(xs)), 0), min(math.ceil(max(xs)) + 1, width)
        top, bottom = max(math.floor(min(ys)), 0), min(math.ceil(max(ys)) + 1, height)
        if left >= right or top >= bottom:
            continue
        next_xs, next_ys = xs[1:] + xs[:1], ys[1:] + ys[:1]
        double_area = sum(x * b - a * y for x, y, a, b in zip(xs, ys, next_xs, next_ys, strict=True))
        if abs(double_area) < _SMALLEST_DOUBLE_AREA:
            continue
        columns = np.arange(left, right, dtype=np.float32) + np.float32(0.5)
        rows = np.arange(top, bottom, dtype=np.float32) + np.float32(0.5)
        winding = 1 if double_area > 0 else -1
        edges = [
            (x, y, (next_x - x) * winding, (next_y - y) * winding)
            for x, y, next_x, next_y in zip(xs, ys, next_xs, next_ys, strict=True)
        ]
        starts, ends, met = _spans(edges, rows.astype(np.float64))
        inside = (columns >= starts[:, None]) & (columns <= ends[:, None])
        if not met.all():
            inside &= met[:, None]
        a, b, c = planes[number]
        candidate = (a * columns + c) + (b * rows)[:, None]
        current = nearness[top:bottom, left:right]
        inside &= candidate > current
        np.copyto(current, candidate, where=inside)
        if labels is not None:
            np.copyto(labels[top:bottom, left:right], number, where=inside)


def _spans(edges: list[tuple[float, float, float, float]], rows: Vector) -> tuple[Vector, Vector, Flags]:
    """Where each row (r,) enters and leaves a polygon, and whether it meets it at all.

    edges: a corner's x and y, and from there the step to the next one, such that the inside is at larger
    step_x * y - step_y * x.
    """
    starts, ends = np.full(len(rows), _FAR_LEFT), np.full(len(rows), _FAR_RIGHT)
    met = np.ones(len(rows), bool)
    for x, y, step_x, step_y in edges:
        if abs(step_y) < _FLAT_EDGE:
            met &= step_x * (rows - y) >= 0
            continue
        crossings = x + step_x * (rows - y) / step_y
        if step_y > 0:
            np.minimum(ends, crossings, out=ends)
        else:
            np.maximum(starts, crossings, out=starts)
    return starts, ends, met

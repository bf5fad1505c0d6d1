"""Where the photographer stands: a pinhole camera that has the whole piece in its frame."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from etsy_assets.demo.furniture.arrays import Vector

_FRONT_SHARE = 0.85
_FIT_STEPS = 4
_NEAREST_IN_DIAGONALS = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A pinhole camera.

    position (3,) in metres. axes (3, 3): its rows are the directions to the right, down and forward. focal_length and
    the principal point, centre_x and centre_y, are in pixels. azimuth is 0 in front of the piece and grows to the
    right, elevation is above the horizon, both in radians.
    """

    position: Vector
    axes: Vector
    focal_length: float
    centre_x: float
    centre_y: float
    azimuth: float
    elevation: float

    def look_at(self, points: Vector) -> Vector:
        """Points (n, 3) in the camera's frame: metres to the right, down and forward."""
        seen: Vector = (points - self.position) @ self.axes.T
        return seen

    def project(self, seen: Vector) -> Vector:
        """Pixel coordinates (n, 2) of points (n, 3) in the camera's frame, all in front of it."""
        pixels: Vector = seen[:, :2] / seen[:, 2:] * self.focal_length + (self.centre_x, self.centre_y)
        return pixels


def place_camera(
    rng: np.random.Generator, lower: Vector, upper: Vector, width: int, height: int, azimuth: float | None = None
) -> Camera:
    """A camera for a width x height frame, in pixels, that does not crop the bounding box from lower to upper (3,).

    Most views are from the front. The box fills 58 to 92 % of the frame in the direction that is tighter, and the field
    of view is 32 to 52 degrees along the frame's longer side.
    """
    if azimuth is None:
        seen_from_front = rng.random() < _FRONT_SHARE
        azimuth = rng.uniform(-0.95, 0.95) if seen_from_front else math.pi + rng.uniform(-0.7, 0.7)
    elevation = math.radians(rng.uniform(6, 32))
    field_of_view = math.radians(rng.uniform(32, 52))
    focal_length = (max(width, height) / 2) / math.tan(field_of_view / 2)
    fill = rng.uniform(0.58, 0.92)
    outward = np.array(
        [
            math.sin(azimuth) * math.cos(elevation),
            -math.cos(azimuth) * math.cos(elevation),
            math.sin(elevation),
        ]
    )
    forward = -outward
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    axes = np.stack([right, -np.cross(right, forward), forward])
    corners = np.array(list(itertools.product(*zip(lower, upper, strict=True))))
    middle = (lower + upper) / 2
    diagonal = float(np.linalg.norm(upper - lower))

    def project(distance: float) -> Vector:
        seen = (corners - (middle + outward * distance)) @ axes.T
        pixels: Vector = seen[:, :2] / seen[:, 2:] * focal_length
        return pixels

    distance = 1.5 * diagonal
    for _ in range(_FIT_STEPS):
        box_width, box_height = np.ptp(project(distance), axis=0)
        excess = float(max(box_width / (width * fill), box_height / (height * fill)))
        distance = max(distance * excess, diagonal * _NEAREST_IN_DIAGONALS)
    pixels = project(distance)
    box_centre = (pixels.max(0) + pixels.min(0)) / 2
    slack_x, slack_y = (np.array([width, height]) - np.ptp(pixels, axis=0)) / 2
    centre_x = width / 2 - box_centre[0] + rng.uniform(-0.6, 0.6) * slack_x * 0.7
    centre_y = height / 2 - box_centre[1] + rng.uniform(-0.5, 0.6) * slack_y * 0.6
    position = middle + outward * distance
    return Camera(position, axes, focal_length, centre_x, centre_y, float(azimuth), elevation)

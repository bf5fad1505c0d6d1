"""Rotation matrices (3, 3) about one axis by an angle in radians, counter-clockwise seen from the axis's tip."""

import math

import numpy as np

from etsy_assets.demo.furniture.arrays import Vector

NO_ROTATION = np.eye(3)
NO_ROTATION.setflags(write=False)


def about_x(angle: float) -> Vector:
    """Positive angles turn y (to the back) towards z (up)."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])


def about_y(angle: float) -> Vector:
    """Positive angles turn z (up) towards x (to the right)."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def about_z(angle: float) -> Vector:
    """Positive angles turn x (to the right) towards y (to the back)."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])

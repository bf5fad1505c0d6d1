"""Arithmetic on single vectors (3,)."""

import math

import numpy as np

from etsy_assets.demo.furniture.arrays import Vector


def unit(axis: int, sign: int = 1) -> Vector:
    """The unit vector along an axis (0, 1 or 2), or against it with sign -1."""
    vector = np.zeros(3)
    vector[axis] = sign
    return vector


def norm(vector: Vector) -> float:
    """The Euclidean length."""
    return math.sqrt(vector @ vector)


def cross(first: Vector, second: Vector) -> Vector:
    """The cross product."""
    # np.cross takes ten times as long for one pair of vectors, and building a mesh consists of little else.
    a, b, c = first.tolist()
    p, q, r = second.tolist()
    return np.array([b * r - c * q, c * p - a * r, a * q - b * p])

"""Meshes of flat convex faces, put together from boxes, cushions, cones and spheres.

Right-handed metres: x to the right, y to the back, z up, the floor at z = 0; the front of a piece looks to -y.
"""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from etsy_assets.demo.furniture.arrays import Vector
from etsy_assets.demo.furniture.box_outlines import box_edge, box_side
from etsy_assets.demo.furniture.materials import Material
from etsy_assets.demo.furniture.rotation import NO_ROTATION, about_z
from etsy_assets.demo.furniture.vectors import cross, norm, unit

_ROUND_FROM_SIDES = 7
_FACET_SHIFT = 0.37
_POINT = 1e-6


class Face(NamedTuple):
    """One convex polygon, seen from the side that its normal points to.

    vertices (n, 3); normal, u_axis and v_axis are unit vectors (3,). The axes span the texture, which starts at the
    first vertex, moved u_shift metres along u. smooth: shade as a facet of a cylinder whose axis is u_axis.
    """

    vertices: Vector
    normal: Vector
    u_axis: Vector
    v_axis: Vector
    material: Material
    u_shift: float
    smooth: bool


class Mesh:
    """A growing list of faces."""

    def __init__(self) -> None:
        self.faces: list[Face] = []

    def add_polygon(
        self,
        vertices: npt.ArrayLike,
        material: Material,
        normal: Vector | None = None,
        u_axis: Vector | None = None,
        u_shift: float = 0.0,
        smooth: bool = False,
    ) -> None:
        """A flat convex polygon (n, 3); one without area is left out.

        normal and u_axis may have any length; by default the first edges give them.
        """
        corners = np.asarray(vertices, np.float64)
        if normal is None:
            normal = cross(corners[1] - corners[0], corners[2] - corners[0])
            if normal @ normal < 1e-14:
                normal = cross(corners[2] - corners[0], corners[-1] - corners[0])
        length = norm(normal)
        if length < 1e-12:
            return
        normal = normal / length
        if u_axis is None:
            u_axis = corners[1] - corners[0]
        u_axis = u_axis - normal * (u_axis @ normal)
        length = norm(u_axis)
        if length < 1e-9:
            u_axis = corners[2] - corners[1]
            length = norm(u_axis)
        u_axis = u_axis / length
        self.faces.append(Face(corners, normal, u_axis, cross(normal, u_axis), material, u_shift, smooth))

    def add_box(
        self,
        centre: npt.ArrayLike,
        size: npt.ArrayLike,
        material: Material,
        turn: Vector = NO_ROTATION,
        grain: int | None = None,
    ) -> None:
        """A box of a size (3,), turned about its centre (3,).

        grain: the axis along which the texture runs, by default the longest one.
        """
        middle, half = np.asarray(centre, float), np.asarray(size, float) / 2
        grain_axis = int(np.argmax(half)) if grain is None else grain
        for axis in range(3):
            for sign in (1, -1):
                corners = _placed(box_side(axis, sign, half, half), middle, turn)
                u_axis = unit(grain_axis if grain_axis != axis else (axis + 1) % 3)
                self.add_polygon(corners, material, turn @ unit(axis, sign), turn @ u_axis)

    def add_cushion(
        self,
        centre: npt.ArrayLike,
        size: npt.ArrayLike,
        material: Material,
        bevel: float,
        turn: Vector = NO_ROTATION,
    ) -> None:
        """A box, as above, whose edges and corners are cut off; bevel is how far, in metres."""
        middle, half = np.asarray(centre, float), np.asarray(size, float) / 2
        inner = half - min(bevel, half.min() * 0.7)
        for axis in range(3):
            across, along = (axis + 1) % 3, (axis + 2) % 3
            for sign in (1, -1):
                corners = _placed(box_side(axis, sign, half, inner), middle, turn)
                self.add_polygon(corners, material, turn @ unit(axis, sign), turn @ unit(across))
            for side, end in itertools.product((1, -1), repeat=2):
                corners = _placed(box_edge(axis, side, end, half, inner), middle, turn)
                normal = unit(across, side) + unit(along, end)
                self.add_polygon(corners, material, turn @ normal, turn @ unit(axis))
        for signs in itertools.product((1.0, -1.0), repeat=3):
            tips = np.where(np.eye(3, dtype=bool), half, inner) * signs
            self.add_polygon(_placed(tips, middle, turn), material, turn @ np.array(signs))

    def add_frustum(
        self,
        start: npt.ArrayLike,
        end: npt.ArrayLike,
        start_radius: float,
        end_radius: float,
        material: Material,
        sides: int = 10,
        caps: bool = True,
    ) -> None:
        """A slice of a cone between two points (3,): a cylinder if the radii are equal, a whole cone if one is 0.

        Up to six sides keep their edges; from seven on it is shaded as round.
        """
        first, second = np.asarray(start, float), np.asarray(end, float)
        direction = second - first
        length = norm(direction)
        direction /= length
        reference = unit(0) if abs(direction[0]) < 0.8 else unit(1)
        right = reference - direction * (reference @ direction)
        right /= norm(right)
        angles = np.arange(sides) * 2 * np.pi / sides
        ring = np.cos(angles)[:, None] * right + np.sin(angles)[:, None] * cross(direction, right)
        bottom, top = first + ring * start_radius, second + ring * end_radius
        smooth = sides >= _ROUND_FROM_SIDES
        for here in range(sides):
            there = (here + 1) % sides
            outward = ring[here] + ring[there]
            outward /= norm(outward)
            normal = outward + direction * (start_radius - end_radius) / length
            if end_radius <= _POINT:
                corners = [bottom[here], bottom[there], top[here]]
            elif start_radius <= _POINT:
                corners = [bottom[here], top[there], top[here]]
            else:
                corners = [bottom[here], bottom[there], top[there], top[here]]
            # Without the shift every facet of a wooden leg would show the same grain.
            self.add_polygon(corners, material, normal, direction, 0.0 if smooth else here * _FACET_SHIFT, smooth)
        if caps and start_radius > _POINT:
            self.add_polygon(bottom[::-1], material, -direction, right)
        if caps and end_radius > _POINT:
            self.add_polygon(top, material, direction, right)

    def add_sphere(self, centre: npt.ArrayLike, radius: float, material: Material, sides: int = 10) -> None:
        """A sphere of sides / 2 bands, at least three."""
        middle = np.asarray(centre, float)
        latitudes = np.linspace(-np.pi / 2, np.pi / 2, max(3, sides // 2) + 1)
        for south, north in itertools.pairwise(latitudes):
            low, high = middle + unit(2) * (np.sin(south) * radius), middle + unit(2) * (np.sin(north) * radius)
            low_radius, high_radius = max(np.cos(south) * radius, 0), max(np.cos(north) * radius, 0)
            self.add_frustum(low, high, low_radius, high_radius, material, sides, caps=False)

    def add_mesh(self, other: "Mesh", place: Vector, yaw: float) -> None:
        """Another mesh, turned by yaw radians about its own z axis and then moved to place (3,)."""
        turn = about_z(yaw)
        for face in other.faces:
            vertices = face.vertices @ turn.T + place
            normal, u_axis, v_axis = turn @ face.normal, turn @ face.u_axis, turn @ face.v_axis
            self.faces.append(face._replace(vertices=vertices, normal=normal, u_axis=u_axis, v_axis=v_axis))


def _placed(corners: Iterable[Vector], middle: Vector, turn: Vector) -> list[Vector]:
    return [middle + turn @ corner for corner in corners]

"""An interior around the furniture: floor, walls, and sometimes a skirting board, a rug, a picture and a window."""

import math

import numpy as np
import numpy.typing as npt

from etsy_assets.demo.furniture.arrays import Vector
from etsy_assets.demo.furniture.building import FurnitureMesh
from etsy_assets.demo.furniture.materials import Material, as_rgb
from etsy_assets.demo.furniture.mesh import Mesh
from etsy_assets.demo.furniture.palette import FABRIC_COLOURS, WOODS

_HALF_SIZE = 12.0
_WALL_HEIGHT = 4
_TILE_RGB = (205, 202, 196)
_FLOORS = ("plank", "tile", "carpet", "plank", "wood2")
_WALLS = ("plain", "plain", "brick", "stripe", "linen")
_WALL_AMPLITUDES = {"plain": 0.02, "brick": 0.07, "stripe": 0.035, "linen": 0.03}
_RUGS = ("carpet", "stripe", "check", "weave")
_PICTURES = ("velvet", "check", "marble", "stripe")
_X_AXIS = np.array([1.0, 0, 0])
_Y_AXIS = np.array([0, 1.0, 0])
_Z_AXIS = np.array([0, 0, 1.0])


def add_room(
    rng: np.random.Generator, mesh: Mesh, piece: FurnitureMesh, azimuth: float, wall_rgb: npt.ArrayLike
) -> float:
    """Add a room to the mesh around a piece that is seen from the given azimuth, in radians; walls stand behind it.

    Returns y of the back wall, in metres.
    """
    behind = side_behind(azimuth)
    beside = -1 if math.sin(azimuth) > 0 else 1
    lower, upper = piece.lower, piece.upper
    floor = _floor_material(rng)
    wall = _wall_material(rng, wall_rgb)
    half = _HALF_SIZE
    wall_y = float(behind * (max(abs(lower[1]), abs(upper[1])) + rng.uniform(0.05, 1.2)))
    wall_x = float(beside * (max(abs(lower[0]), abs(upper[0])) + rng.uniform(0.2, 2.0)))
    planks_along = _X_AXIS if rng.random() < 0.5 else _Y_AXIS
    add_ground(mesh, half, floor, planks_along)
    back_wall = [(-half, wall_y, 0), (half, wall_y, 0), (half, wall_y, _WALL_HEIGHT), (-half, wall_y, _WALL_HEIGHT)]
    mesh.add_polygon(back_wall, wall, normal=-behind * _Y_AXIS, u_axis=_X_AXIS)
    if rng.random() < 0.6:
        side_wall = [(wall_x, -half, 0), (wall_x, half, 0), (wall_x, half, _WALL_HEIGHT), (wall_x, -half, _WALL_HEIGHT)]
        mesh.add_polygon(side_wall, wall, normal=-beside * _X_AXIS, u_axis=_Y_AXIS)
    if rng.random() < 0.7:
        skirting = Material((240, 238, 234), "plain", 1, 0.01)
        mesh.add_box((0, wall_y - behind * 0.01, 0.05), (2 * half, 0.02, 0.1), skirting)
    if rng.random() < 0.45:
        _add_rug(rng, mesh, piece.extent)
    if rng.random() < 0.5:
        _add_picture(rng, mesh, wall_y, behind)
    if rng.random() < 0.3:
        _add_window(rng, mesh, wall_y, behind)
    return wall_y


def side_behind(azimuth: float) -> int:
    """1 if what is behind the piece, seen from the azimuth in radians, is at larger y, and -1 if it is at smaller y."""
    return -1 if math.cos(azimuth) < 0 else 1


def add_ground(mesh: Mesh, half_size: float, material: Material, u_axis: Vector | None = None) -> None:
    """A square of floor around the origin, its half size in metres."""
    half = half_size
    mesh.add_polygon(
        [(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)], material, _Z_AXIS, u_axis
    )


def _floor_material(rng: np.random.Generator) -> Material:
    texture = _FLOORS[rng.integers(len(_FLOORS))]
    woods = tuple(WOODS.values())
    # A colour is drawn for every kind of floor, so that the draws that follow do not depend on which one it is.
    colours = {
        "plank": woods[rng.integers(len(woods))],
        "wood2": woods[rng.integers(len(woods))],
        "tile": _TILE_RGB,
        "carpet": tuple(FABRIC_COLOURS.values())[rng.integers(len(FABRIC_COLOURS))],
    }
    colour = np.array(colours[texture])
    rgb = as_rgb(np.clip(colour * rng.uniform(0.85, 1.1), 0, 255))
    scale = rng.uniform(0.4, 0.9)
    offset_u, offset_v = rng.uniform(0, 1, 2).tolist()
    return Material(rgb, texture, scale, 0.07, 0.08, (offset_u, offset_v))


def _wall_material(rng: np.random.Generator, rgb: npt.ArrayLike) -> Material:
    texture = _WALLS[rng.integers(len(_WALLS))]
    return Material(as_rgb(np.clip(rgb, 0, 255)), texture, rng.uniform(0.5, 1.2), _WALL_AMPLITUDES[texture])


def _add_rug(rng: np.random.Generator, mesh: Mesh, extent: Vector) -> None:
    half_width, half_depth = extent[0] * rng.uniform(0.7, 1.4), extent[1] * rng.uniform(0.8, 1.8) + 0.3
    rgb = tuple(FABRIC_COLOURS.values())[rng.integers(len(FABRIC_COLOURS))]
    material = Material(rgb, str(rng.choice(_RUGS)), rng.uniform(0.6, 1.6), 0.1)
    corners = [
        (-half_width, -half_depth),
        (half_width, -half_depth),
        (half_width, half_depth),
        (-half_width, half_depth),
    ]
    mesh.add_polygon([(x, y, 0.004) for x, y in corners], material, _Z_AXIS)


def _add_picture(rng: np.random.Generator, mesh: Mesh, wall_y: float, behind: int) -> None:
    width, height = rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.8)
    x, z = rng.uniform(-1, 1), rng.uniform(1.1, 1.7)
    frame = Material((60, 50, 44) if rng.random() < 0.5 else (235, 235, 230), "plain")
    mesh.add_box((x, wall_y - behind * 0.015, z), (width, 0.03, height), frame)
    picture = Material(as_rgb(rng.uniform(60, 230, 3)), str(rng.choice(_PICTURES)), 0.6, 0.2)
    mesh.add_box((x, wall_y - behind * 0.03, z), (width * 0.85, 0.02, height * 0.82), picture)


def _add_window(rng: np.random.Generator, mesh: Mesh, wall_y: float, behind: int) -> None:
    x = rng.uniform(-1.5, 1.5)
    mesh.add_box((x, wall_y - behind * 0.01, 1.6), (1.1, 0.05, 1.3), Material((245, 245, 245), "plain"))
    sky = Material((190, 215, 240), "velvet", 0.3, 0.05, glow=0.5)
    mesh.add_box((x, wall_y - behind * 0.03, 1.6), (1.0, 0.03, 1.2), sky)

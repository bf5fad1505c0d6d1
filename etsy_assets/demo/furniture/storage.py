"""Builders of shelves and cabinets."""

from dataclasses import dataclass, replace

import numpy as np

from etsy_assets.demo.furniture.legs import add_legs
from etsy_assets.demo.furniture.materials import Material, as_rgb, shaded
from etsy_assets.demo.furniture.palette import PAINTS
from etsy_assets.demo.furniture.workpiece import CORNERS, SIDES, Workpiece, lerp

_CABINET_TYPES = ("sideboard", "drawer", "wardrobe")
_CABINET_WIDTHS = ((1.2, 1.9), (0.7, 1.1), (0.8, 1.2))
_CABINET_HEIGHTS = ((0.5, 0.7), (0.75, 1.15), (1.6, 2.0))
_LEG_HEIGHTS = ((0.1, 0.25), (0.05, 0.15), (0.05, 0.05))


def build_shelf(piece: Workpiece) -> None:
    """Two to five boards between side walls, or open on metal posts."""
    width, depth, height = piece.between(2, 0.5, 1.3), piece.between(3, 0.25, 0.38), piece.between(4, 0.9, 2.0)
    boards = 2 + piece.one_of(5, 4)
    thickness = piece.between(6, 0.018, 0.035)
    on_posts = piece.one_of(7, 3) == 2
    base = 0.08 if on_posts else 0.05
    for number in range(boards + 1):
        z = base + (height - base) * number / boards - (thickness / 2 if number == boards else 0)
        piece.mesh.add_box((0, 0, z), (width, depth, thickness), piece.body)
    if on_posts or piece.furniture.style == "industrial":
        _add_shelf_posts(piece, width, depth, height, base)
    else:
        _add_shelf_walls(piece, width, depth, height, thickness)


def _add_shelf_posts(piece: Workpiece, width: float, depth: float, height: float, base: float) -> None:
    piece.uses_metal = True
    piece.shape = "open"
    for side_x, side_y in CORNERS:
        centre = (side_x * (width / 2 - 0.012), side_y * (depth / 2 - 0.012), height / 2)
        piece.mesh.add_box(centre, (0.024, 0.024, height), piece.metal)
    if piece.gene(9) < 0.5:
        for x in (-width / 2, width / 2):
            start, end = (x, depth / 2, base), (-x, depth / 2, height)
            piece.mesh.add_frustum(start, end, 0.006, 0.006, piece.metal, sides=6)


def _add_shelf_walls(piece: Workpiece, width: float, depth: float, height: float, thickness: float) -> None:
    for side in SIDES:
        piece.mesh.add_box((side * (width / 2 - thickness / 2), 0, height / 2), (thickness, depth, height), piece.body)
    if piece.gene(8) < 0.7:
        piece.mesh.add_box((0, depth / 2 - 0.006, height / 2), (width, 0.012, height), _shelf_back(piece))
    dividers = piece.one_of(10, 3)
    for number in range(1, dividers + 1):
        x = lerp(-width / 2, width / 2, number / (dividers + 1))
        piece.mesh.add_box((x, 0, height / 2), (thickness, depth, height - 0.04), piece.body)


def _shelf_back(piece: Workpiece) -> Material:
    """Mostly darker than the body; sometimes lighter, unless the body is light already."""
    contrast = 1.15 if sum(piece.furniture.body_rgb) < 500 else 0.9
    factor = 0.75 if piece.gene(12) < 0.7 else contrast
    return shaded(replace(piece.body, gloss=0.05), factor)


@dataclass(frozen=True, slots=True)
class _Front:
    """One door or drawer: its middle, the y of the cabinet's front, and its cell's size, in metres; what it is on."""

    x: float
    y: float
    z: float
    width: float
    height: float
    column: int
    on_chest: bool
    handle_in_middle: bool


def build_cabinet(piece: Workpiece) -> None:
    """A sideboard, a chest of drawers or a wardrobe; some wooden ones have white fronts."""
    cabinet_type = piece.one_of(5, 3)
    piece.shape = _CABINET_TYPES[cabinet_type]
    width = piece.between(2, *_CABINET_WIDTHS[cabinet_type])
    height = piece.between(4, *_CABINET_HEIGHTS[cabinet_type])
    depth = piece.between(3, 0.38, 0.5)
    legs = piece.between(6, *_LEG_HEIGHTS[cabinet_type])
    add_legs(piece, width * 0.95, depth * 0.95, legs)
    body = height - legs
    piece.mesh.add_box((0, 0, legs + body / 2), (width, depth, body), piece.body)
    piece.mesh.add_box((0, 0, height), (width * 1.02, depth * 1.03, 0.022), piece.body)
    columns = (2 + piece.one_of(7, 3), 1 + piece.one_of(7, 2), 2 + piece.one_of(7, 2))[cabinet_type]
    rows = (1 + piece.one_of(8, 2), 3 + piece.one_of(8, 3), 1 + piece.one_of(8, 2))[cabinet_type]
    cell_width, cell_height = width * 0.97 / columns, body * 0.95 / rows
    on_chest = piece.shape == "drawer"
    material = _front_material(piece)
    for column in range(columns):
        for row in range(rows):
            x = -width * 0.97 / 2 + (column + 0.5) * cell_width
            z = legs + body * 0.025 + (row + 0.5) * cell_height
            front = _Front(x, -depth / 2, z, cell_width, cell_height, column, on_chest, on_chest or rows > 2)
            size = (cell_width - 0.018, 0.018, cell_height - 0.018)
            piece.mesh.add_box((x, front.y - 0.008, z), size, material, grain=0 if on_chest else 2)
            _add_handle(piece, front)


def _front_material(piece: Workpiece) -> Material:
    furniture = piece.furniture
    if piece.gene(14) < 0.3 and furniture.body_type == "wood":
        piece.extra = "white doors"
        return Material(PAINTS["white"], "plain", 1, 0.03, 0.2)
    offset_u, offset_v = furniture.texture_offset
    rgb = as_rgb(np.clip(np.array(furniture.body_rgb) * 1.06, 0, 250))
    return replace(piece.body, rgb=rgb, gloss=0.12, offset=(offset_v, offset_u))


def _add_handle(piece: Workpiece, front: _Front) -> None:
    """A knob, a bar, or a raised panel or nothing, the same on all fronts of a piece; doors open in pairs."""
    material = piece.metal if piece.gene(9) < 0.6 else piece.body
    towards_pair = 1 if front.column % 2 == 0 else -1
    x = front.x if front.handle_in_middle else front.x + (front.width * 0.38) * towards_pair
    make = piece.one_of(10, 3)
    if make == 0:
        piece.mesh.add_sphere((x, front.y - 0.03, front.z), 0.018, material, sides=8)
    elif make == 1:
        size = (0.12, 0.012, 0.016) if front.on_chest else (0.016, 0.012, 0.14)
        piece.mesh.add_box((x, front.y - 0.03, front.z), size, material)
    elif piece.gene(11) < 0.5:
        panel_height = front.height - 0.1 if front.height > 0.15 else front.height * 0.5
        piece.mesh.add_box((front.x, front.y - 0.02, front.z), (front.width - 0.1, 0.01, panel_height), piece.body)
